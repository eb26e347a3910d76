"""Rules for operations that do not move a window: views, joins, reductions, products.

Importing this module adds them to `field_rules.RULES`.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor

from simseg_core.probes import intervals
from simseg_core.probes.field_rules import (
    Call,
    Field,
    UnknownOperationError,
    both,
    fitted,
    moved,
    reduced,
    rule,
    wrap,
    wrapped,
)
from simseg_core.probes.field_terms import Term, join

Shape = tuple[int, ...]

# --- views ----------------------------------------------------------------------------


def reshaped(call: Call, value: Any, steps: Sequence[tuple[str, Any]]) -> Field:
    """Apply reshapes and permutations one after the other."""

    def change(term: Term) -> Term:
        shape = tuple(value.shape)
        for kind, to in steps:
            if kind == "permute":
                term, shape = term.permute(to), tuple(shape[d] for d in to)
            else:
                term, shape = term.reshape(shape, tuple(to)), tuple(to)
        return term

    return call.each(value, change)


@rule("view", "_unsafe_view", "reshape", "_reshape_alias", "squeeze", "unsqueeze",
      "flatten", "unflatten", "view_as")  # fmt: skip
def view(call: Call) -> Field:
    """Regroup the dimensions."""
    return reshaped(call, call["self"], [("view", call.shape)])


@rule("permute", "transpose", "t", "numpy_T")
def permute(call: Call) -> Field:
    """Reorder the dimensions."""
    x = call["self"]
    order = list(range(x.ndim))
    if call.name == "permute":
        order = wrapped(call["dims"], x)
    elif call.name == "transpose":
        a, b = wrap(call["dim0"], x), wrap(call["dim1"], x)
        order[a], order[b] = b, a
    else:
        order.reverse()
    return reshaped(call, x, [("permute", order)])


@rule("expand")
def expand(call: Call) -> Field:
    """Repeat dimensions of size 1."""
    return fitted(call, call["self"], call.shape)


@rule("as_strided", "as_strided_")
def as_strided(call: Call) -> Field:
    """Only a change of memory order is understood."""
    x = call["self"]
    if call.shape != tuple(call["size"]) or call.shape != tuple(x.shape):
        raise UnknownOperationError("as_strided with another shape")
    return call.field(x)


@rule("pixel_shuffle", "pixel_unshuffle")
def pixel_shuffle(call: Call) -> Field:
    """Move channels to positions, or positions to channels."""
    x = call["self"]
    b, c, h, w = x.shape
    if call.name == "pixel_shuffle":
        r = call["upscale_factor"]
        views: list[tuple[str, Any]] = [
            ("view", (b, c // r**2, r, r, h, w)),
            ("permute", (0, 1, 4, 2, 5, 3)),
        ]
    else:
        r = call["downscale_factor"]
        views = [
            ("view", (b, c, h // r, r, w // r, r)),
            ("permute", (0, 1, 3, 5, 2, 4)),
        ]
    return reshaped(call, x, [*views, ("view", call.shape)])


@rule("channel_shuffle", "native_channel_shuffle")
def channel_shuffle(call: Call) -> Field:
    """Interleave the groups of channels."""
    x, g = call["self"], call["groups"]
    b, c, *rest = x.shape
    order = (0, 2, 1, *range(3, 3 + len(rest)))
    views = [("view", (b, g, c // g, *rest)), ("permute", order), ("view", call.shape)]
    return reshaped(call, x, views)


# --- taking parts, joining ------------------------------------------------------------


def picked(call: Call, value: Any, dim: int, index: Any) -> Field:
    """Take positions along one dimension, in any order."""

    def change(term: Term) -> Term:
        return term.pick(dim, np.asarray(index))

    return call.each(value, change)


def piece(call: Call, dim: int, start: int, length: int) -> Field:
    """Take a run of positions."""
    x = call["self"]
    return moved(call, x, {dim: intervals.shift(x.shape[dim], length, start)})


@rule("slice")
def cut(call: Call) -> Field:
    """Crop, or take every n-th; along channels their fields are taken."""
    x = call["self"]
    dim = wrap(call["dim"], x)
    size, start, step = x.shape[dim], call["start"] or 0, call["step"]
    start = min(max(start + size if start < 0 else start, 0), size)
    return moved(call, x, {dim: intervals.shift(size, call.shape[dim], start, step)})


@rule("split", "split_with_sizes", "chunk", "unsafe_split", "tensor_split")
def split(call: Call) -> list[Field]:
    """Cut into runs."""
    dim, fields, start = wrap(call["dim"], call["self"]), [], 0
    for part in call.out:
        fields.append(piece(call, dim, start, part.shape[dim]))
        start += part.shape[dim]
    return fields


def selected(call: Call, dim: int, index: int) -> Field:
    """Take one position and drop the dimension."""
    x = call["self"]
    kept = tuple(1 if d == dim else n for d, n in enumerate(x.shape))
    left = tuple(n for d, n in enumerate(x.shape) if d != dim)

    def change(term: Term) -> Term:
        term = term.pick(dim, np.array([index]))
        term = Term(term.data, term.over - {dim}, term.endless)
        return term.reshape(kept, left)

    return call.each(x, change)


@rule("select")
def select(call: Call) -> Field:
    """Take one position."""
    x = call["self"]
    dim = wrap(call["dim"], x)
    return selected(call, dim, call["index"] % x.shape[dim])


@rule("unbind")
def unbind(call: Call) -> list[Field]:
    """Take every position, one by one."""
    x = call["self"]
    dim = wrap(call["dim"], x)
    return [selected(call, dim, index) for index in range(x.shape[dim])]


@rule("flip")
def flip(call: Call) -> Field:
    """Reverse the order."""
    x, field = call["self"], None
    for dim in wrapped(call["dims"], x):
        size = x.shape[dim]
        field = _chain(call, field, dim, np.arange(size)[::-1])
    return field or call.field(x)


@rule("roll")
def roll(call: Call) -> Field:
    """Shift in a circle."""
    x, field = call["self"], None
    if not call["dims"]:
        raise UnknownOperationError("roll without dims")
    for dim, by in zip(wrapped(call["dims"], x), call["shifts"]):
        size = x.shape[dim]
        field = _chain(call, field, dim, (np.arange(size) - by) % size)
    return field or call.field(x)


def _chain(call: Call, field: Field | None, dim: int, index: Any) -> Field:
    if field is None:
        return picked(call, call["self"], dim, index)
    rows, columns = field
    return (
        tuple(term.pick(dim, index) for term in rows),
        tuple(term.pick(dim, index) for term in columns),
    )


@rule("repeat")
def repeat(call: Call) -> Field:
    """Lay copies side by side."""
    x, shape = call["self"], call.shape
    given = (1,) * (len(shape) - x.ndim) + tuple(x.shape)

    def change(term: Term) -> Term:
        term = term.rank(len(shape))
        for dim, (size, total) in enumerate(zip(given, shape)):
            if size > 1 and total != size:
                term = term.pick(dim, np.arange(total) % size)
        return term.widened(given, shape)

    return call.each(x, change)


@rule("cat", "stack")
def concatenate(call: Call) -> Field:
    """Put side by side: every part keeps its own field."""
    tensors, dim = call["tensors"], call["dim"] % len(call.shape)
    parts = []
    for tensor in tensors:
        if call.name == "stack":
            shape = tuple(tensor.shape)
            more = (*shape[:dim], 1, *shape[dim:])
            field, size = reshaped(call, tensor, [("view", more)]), 1
        elif tensor.ndim == 1 and tensor.shape[0] == 0 and len(call.shape) > 1:
            continue  # torch allows an empty list of tensors to start with
        else:
            field, size = call.field(tensor), tensor.shape[dim]
        parts.append((field, size))
    return (
        join([(rows, size) for (rows, _), size in parts], dim),
        join([(columns, size) for (_, columns), size in parts], dim),
    )


@rule("index_select", "index")
def index(call: Call) -> Field:
    """Take positions by one list of numbers that does not come from the image."""
    x = call["self"]
    if call.name == "index_select":
        dim, chosen = wrap(call["dim"], x), call["index"]
    else:
        given = [(d, i) for d, i in enumerate(call["indices"]) if i is not None]
        dim, chosen = given[0]
        if len(given) > 1 or chosen.ndim != 1 or chosen.dtype == torch.bool:
            raise UnknownOperationError("index by several tensors or by a mask")
    if call.fields(chosen) or isinstance(chosen, FakeTensor):
        raise UnknownOperationError(f"{call.name}: positions chosen by a tensor")
    return picked(call, x, dim, chosen.tolist())


# --- reductions and products ----------------------------------------------------------


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


@rule("_softmax", "_log_softmax", "_safe_softmax", "cumsum", "softmax", "log_softmax")
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
        term = term.reshape(shape, split).reduce(range(2, len(split)), split)
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
    return both(fitted(call, call["self"], call.shape), product(call, left, right))


@rule("_scaled_dot_product_flash_attention_for_cpu", "scaled_dot_product_attention",
      "_scaled_dot_product_flash_attention", "_scaled_dot_product_efficient_attention",
      "_scaled_dot_product_cudnn_attention", "_scaled_dot_product_attention_math",
      "_scaled_dot_product_fused_attention_overrideable")  # fmt: skip
def attention(call: Call) -> Field:
    """Local in the query, reduced over keys and values (and an image-made mask)."""
    query, last = call["query"], call["query"].ndim - 1
    fields = [reduced(call, query, [last])]
    fields += [reduced(call, call["key"], [last - 1, last])]
    fields += [reduced(call, call["value"], [last - 1])]
    for name in ("attn_mask", "attn_bias"):
        mask = call.arguments.get(name)
        if mask is not None and call.fields(mask):
            raise UnknownOperationError("attention with a mask made from the image")
    return both(*fields)
