"""Rules for operations that mix positions or channels: reductions, norms, products.

What reduces the last dimension that counts positions is global. Importing this module
adds the rules to `field_rules.RULES`.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from simseg_core.probes.field.arithmetic.taps import EMPTY
from simseg_core.probes.field.arithmetic.terms import Term
from simseg_core.probes.field.rules.masks import hides_keys
from simseg_core.probes.field.rules.patches import regrouped
from simseg_core.probes.field.rules.registry import (
    NO_FIELD,
    Call,
    Field,
    UnknownOperationError,
    both,
    fitted,
    reduced,
    rule,
    wrap,
    wrapped,
)


@rule("mean", "sum", "amax", "amin", "max", "min", "logsumexp", "std", "var", "norm",
      "linalg_vector_norm", "var_mean", "std_mean", "prod", "all", "any")  # fmt: skip
def reduction(call: Call) -> Any:
    """Unite along the reduced dimensions."""
    x = call["self"]
    if isinstance(call.arguments.get("other"), Tensor):
        return both(*(fitted(call, call[n], call.shape) for n in ("self", "other")))
    dims = call.arguments.get("dim")
    keep = bool(call.arguments.get("keepdim", False))
    field = reduced(call, x, wrapped(dims, x), keep)
    several = isinstance(call.out, tuple | list)
    return [field] * len(call.out) if several else field


@rule("cumsum", "cumprod", "logcumsumexp")
def cumulative(call: Call) -> Field:
    """Each entry depends on itself and on all before it."""
    x = call["self"]
    return both(call.field(x), accumulated(call, x, wrap(call["dim"], x)))


def accumulated(call: Call, x: Any, dim: int, *, backwards: bool = False) -> Field:
    """Unite with all entries before (or behind); global where positions are passed."""
    shape = tuple(x.shape)
    order = slice(None, None, -1 if backwards else 1)

    def change(term: Term) -> Term:
        data = term.whole().data
        turned = np.moveaxis(data, dim + 1, 0)[order]
        data = np.moveaxis(np.minimum.accumulate(turned)[order], 0, dim + 1)
        if dim not in term.over or any(shape[d] > 1 for d in term.over - {dim}):
            return Term(data, term.over, None)
        data = data.copy()
        data[2:4], data[4] = EMPTY, 0
        return Term(data, term.over, None)

    return call.each(x, change)


@rule("mkldnn_rnn_layer")
def recurrent(call: Call) -> list[Field]:
    """One direction of an LSTM: a step sees itself and the steps before it."""
    x = call["input"]
    steps = reduced(call, x, [2])
    before = accumulated(call, x, 0, backwards=call["reverse"])
    first = [reduced(call, call[n], [call[n].ndim - 1]) for n in ("hx_", "cx_")]
    n = x.shape[1]
    start = regrouped(both(*first), (*call["hx_"].shape[:-1], 1), (1, n, 1))
    output = both(steps, united(before, [2], tuple(x.shape)), start)
    state = both(reduced(call, x, [0, 2]), start)
    state = regrouped(state, (1, n, 1), (*call.out[1].shape[:-1], 1))
    return [output, state, state, NO_FIELD]


@rule("_softmax", "_log_softmax", "_safe_softmax", "softmax", "log_softmax")
def softmax(call: Call) -> Field:
    """Each entry depends on all along the dimension."""
    x = call["self"]
    return normalised(call, x, [wrap(call["dim"], x)])


def normalised(call: Call, x: Any, dims: Iterable[int]) -> Field:
    """Each entry depends on itself and on a statistic along `dims`."""
    return both(call.field(x), reduced(call, x, dims))


@rule("native_batch_norm", "_native_batch_norm_legit_no_training", "cudnn_batch_norm",
      "_native_batch_norm_legit", "_batch_norm_with_update",
      "_batch_norm_no_update", "miopen_batch_norm")  # fmt: skip
def batch_norm(call: Call) -> Field:
    """With stored statistics every element stands alone."""
    x = call["input"]
    if call.arguments.get("training") or call.arguments.get("train"):
        return normalised(call, x, [d for d in range(x.ndim) if d != 1])
    return call.field(x)


@rule("native_layer_norm", "_fused_rms_norm", "rms_norm")
def layer_norm(call: Call) -> Field:
    """Statistics along the last dimensions."""
    x = call["input"]
    count = len(call["normalized_shape"])
    return normalised(call, x, range(x.ndim - count, x.ndim))


@rule("native_group_norm")
def group_norm(call: Call) -> Field:
    """Statistics over all positions of a group of channels."""
    x, groups = call["input"], call["group"]
    b, c, *rest = x.shape
    shape = tuple(x.shape)
    split = (b, groups, c // groups, *rest)

    def change(term: Term) -> Term:
        term = term.reshape(shape, split).reduce(range(2, len(split)), split).whole()
        kept = (b, groups, 1, *[1] * len(rest))
        # The group's field, once for each of its channels.
        data = np.broadcast_to(term.data, (5, *kept))
        data = data.reshape(5, b, groups, *[1] * len(rest)).repeat(c // groups, axis=2)
        return Term(data, term.over, term.endless)

    return both(call.field(x), call.each(x, change))


def product(call: Call, left: Any, right: Any) -> Field:
    """Matrix product: the shared dimension is reduced on both sides."""
    a = reduced(call, left, [left.ndim - 1])
    b = reduced(call, right, [right.ndim - 2])
    return both(a, b)


@rule("mm", "bmm", "matmul")
def matrix_product(call: Call) -> Field:
    """Multiply matrices."""
    names = ("self", "other" if call.name == "matmul" else "mat2")
    left, right = (call[name] for name in names)
    if call.name == "matmul" and (left.ndim < 2 or right.ndim < 2):
        raise UnknownOperationError("matmul with a vector")
    return product(call, left, right)


def united(field: Field, dims: list[int], shape: tuple[int, ...]) -> Field:
    """Unite a field along dimensions, kept with size 1."""
    rows, columns = field
    return (
        tuple(term.reduce(dims, shape) for term in rows),
        tuple(term.reduce(dims, shape) for term in columns),
    )


@rule("mv", "addmv")
def matrix_vector(call: Call) -> Field:
    """Multiply a matrix and a vector: the shared dimension is reduced."""
    matrix = call["mat" if call.name == "addmv" else "self"]
    field = reduced(call, matrix, [1], keep=False)
    # The vector's own positions are all read by every entry.
    field = both(field, reduced(call, call["vec"], [0]))
    added = call.name == "addmv"
    return both(field, fitted(call, call["self"], call.shape)) if added else field


@rule("dot", "vdot")
def dot(call: Call) -> Field:
    """Multiply two vectors."""
    return both(
        *(
            reduced(call, call[n], [0], keep=False)
            for n in ("self", "other" if "other" in call.arguments else "tensor")
        )
    )


@rule("addmm", "baddbmm", "linear")
def affine(call: Call) -> Field:
    """Multiply matrices and add."""
    if call.name == "linear":
        x = call["input"]
        return reduced(call, x, [x.ndim - 1])
    left, right = (
        (call["mat1"], call["mat2"])
        if call.name == "addmm"
        else (call["batch1"], call["batch2"])
    )
    if hides_keys(call, call["self"]):
        raise UnknownOperationError("attention that leaves keys out")
    return both(fitted(call, call["self"], call.shape), product(call, left, right))


@rule("_scaled_dot_product_flash_attention_for_cpu", "scaled_dot_product_attention",
      "_scaled_dot_product_flash_attention", "_scaled_dot_product_efficient_attention",
      "_scaled_dot_product_cudnn_attention", "_scaled_dot_product_attention_math",
      "_scaled_dot_product_fused_attention_overrideable")  # fmt: skip
def attention(call: Call) -> Field:
    """Local in the query, reduced over keys and values (and an image-made mask).

    A mask of numbers weakens a key; one of yes and no, or of minus infinity, takes it
    away, which no rule here follows.
    """
    names = [n for n in ("attn_mask", "attn_bias") if n in call.arguments]
    masks = [call[n] for n in names if call[n] is not None]
    if call["is_causal"] or any(
        mask.dtype == torch.bool or hides_keys(call, mask) for mask in masks
    ):
        raise UnknownOperationError("attention that leaves keys out")
    query, last = call["query"], call["query"].ndim - 1
    fields = [reduced(call, query, [last])]
    fields += [reduced(call, call["key"], [last - 1, last])]
    fields += [reduced(call, call["value"], [last - 1])]
    for mask in masks:
        if call.fields(mask):
            scores = (*call.shape[:-1], call["key"].shape[-2])
            wide = fitted(call, mask, scores)
            fields += [united(wide, [len(scores) - 1], scores)]
    return both(*fields)
