"""Rules that no network of the book meets: masks, scans, norms, other products."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from simseg_core.probes.field.arithmetic.taps import EMPTY
from simseg_core.probes.field.arithmetic.terms import Term
from simseg_core.probes.field.rules.registry import (
    NO_FIELD,
    Call,
    Field,
    UnknownOperationError,
    each,
    pointwise,
    rule,
)
from simseg_core.probes.field.rules.shared import (
    normalised,
    refuse_hidden_keys,
    united_along,
    viewed,
    wrap_dim,
)

# --- masks ----------------------------------------------------------------------------


@rule("where")
def where(call: Call) -> Field:
    """Choose by a mask; one that the image makes is read, too."""
    return _chosen(call, call["condition"], call["self"], call["other"])


@rule("masked_fill", "masked_fill_")
def masked_fill(call: Call) -> Field:
    """Overwrite where the mask is true."""
    return _chosen(call, call["mask"], call["value"], call["self"])


def _chosen(call: Call, condition: Any, yes: Any, no: Any) -> Field:
    """Take `yes` where the condition holds and `no` elsewhere."""
    if call.depends_on_image(condition):
        return pointwise(call)
    values = call.values(condition)
    if values is None:
        raise UnknownOperationError("the mask's values are not known here")
    mask = values.astype(bool)
    used = ((yes, mask.any()), (no, not mask.all()))
    refuse_hidden_keys(call, *(value for value, is_used in used if is_used))
    return call.unite(_kept(call, yes, mask), _kept(call, no, ~mask))


def _kept(call: Call, value: Any, mask: NDArray[np.bool_]) -> Field:
    """Field of an argument where `mask` is true; nothing is read elsewhere."""
    if not call.depends_on_image(value):
        return NO_FIELD
    field = call.broadcast(value, call.shape)
    if mask.all():
        return field
    mask = mask.reshape((1,) * (len(call.shape) - mask.ndim) + mask.shape)

    def change(term: Term) -> Term:
        data = np.where(mask, term.whole().data, EMPTY)
        return Term(data, term.over, None)

    return each(field, change)


@rule("tril", "triu")
def triangle(call: Call) -> Field:
    """Keep what is on or below (above) a diagonal of the last two dimensions."""
    cut = np.tril if call.name == "tril" else np.triu
    ones = np.ones(call.shape[-2:], dtype=bool)
    return _kept(call, call["self"], cut(ones, call["diagonal"]))


# --- scans ----------------------------------------------------------------------------


@rule("cumsum", "cumprod", "logcumsumexp")
def cumulative(call: Call) -> Field:
    """Each entry depends on itself and on all before it."""
    x = call["self"]
    return call.unite(call.field(x), _accumulated(call, x, wrap_dim(call["dim"], x)))


def _accumulated(call: Call, x: Tensor, dim: int, *, backwards: bool = False) -> Field:
    """Unite with all entries before (or behind); global where positions are passed."""
    shape = tuple(x.shape)
    order = slice(None, None, -1 if backwards else 1)

    def change(term: Term) -> Term:
        data = term.whole().data
        turned = np.moveaxis(data, dim + 1, 0)[order]
        data = np.moveaxis(np.minimum.accumulate(turned)[order], 0, dim + 1)
        scanned = Term(data, term.over, None)
        if dim not in term.over or any(shape[d] > 1 for d in term.over - {dim}):
            return scanned
        return scanned.without_local_paths()

    return each(call.field(x), change)


@rule("mkldnn_rnn_layer")
def recurrent(call: Call) -> list[Field]:
    """One direction of an LSTM: a step sees itself and the steps before it."""
    x = call["input"]
    steps = call.reduce(x, [2])
    before = _accumulated(call, x, 0, backwards=call["reverse"])
    before = united_along(before, 2, tuple(x.shape))
    first = [call.reduce(call[name], [-1]) for name in ("hx_", "cx_")]
    n = x.shape[1]
    start = viewed(call.unite(*first), (*call["hx_"].shape[:-1], 1), (1, n, 1))
    output = call.unite(steps, before, start)
    state = call.unite(call.reduce(x, [0, 2]), start)
    state = viewed(state, (1, n, 1), (*call.out[1].shape[:-1], 1))
    return [output, state, state, NO_FIELD]


# --- norms and products ---------------------------------------------------------------


@rule("_softmax", "_log_softmax", "_safe_softmax", "softmax", "log_softmax")
def softmax(call: Call) -> Field:
    """Each entry depends on all along the dimension."""
    return normalised(call, call["self"], [call["dim"]])


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
        data = np.broadcast_to(term.data, (len(term.data), *kept))
        data = data.reshape(-1, b, groups, *[1] * len(rest))
        return Term(data.repeat(c // groups, axis=2), term.over, term.endless)

    return call.unite(call.field(x), each(call.field(x), change))


@rule("mv", "addmv")
def matrix_vector(call: Call) -> Field:
    """Multiply a matrix and a vector: the shared dimension is reduced."""
    matrix = call["mat" if call.name == "addmv" else "self"]
    field = call.reduce(matrix, [1], keep=False)
    # The vector's own positions are all read by every entry.
    field = call.unite(field, call.reduce(call["vec"], [0]))
    if call.name == "mv":
        return field
    return call.unite(field, call.broadcast(call["self"], call.shape))


@rule("dot", "vdot")
def dot(call: Call) -> Field:
    """Multiply two vectors."""
    other = "other" if "other" in call.arguments else "tensor"
    vectors = (call["self"], call[other])
    return call.unite(*(call.reduce(vector, [0], keep=False) for vector in vectors))
