"""Rules that no network of the book meets: picking, shuffling, writing."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from simseg_core.probes.field.arithmetic import taps
from simseg_core.probes.field.arithmetic.terms import Axis, Term, join, unite
from simseg_core.probes.field.rules.registry import (
    NO_FIELD,
    Call,
    Field,
    UnknownOperationError,
    each,
    picked,
    rule,
)
from simseg_core.probes.field.rules.shared import (
    listed,
    permuted,
    slice_start,
    viewed,
    wrap_dim,
    wrap_dims,
)

# --- taking and reordering ------------------------------------------------------------


@rule("as_strided", "as_strided_")
def as_strided(call: Call) -> Field:
    """Only a change of memory order is understood."""
    x = call["self"]
    if call.shape != tuple(call["size"]) or call.shape != tuple(x.shape):
        raise UnknownOperationError("as_strided with another shape")
    return call.field(x)


@rule("channel_shuffle", "native_channel_shuffle")
def channel_shuffle(call: Call) -> Field:
    """Interleave the groups of channels."""
    x, g = call["self"], call["groups"]
    b, c, *rest = x.shape
    field = viewed(call.field(x), tuple(x.shape), (b, g, c // g, *rest))
    field = permuted(field, (0, 2, 1, *range(3, 3 + len(rest))))
    return viewed(field, (b, c // g, g, *rest), call.shape)


@rule("split", "split_with_sizes", "chunk", "unsafe_split", "tensor_split")
def split(call: Call) -> list[Field]:
    """Cut into runs."""
    x, fields, start = call["self"], [], 0
    dim = wrap_dim(call["dim"], x)
    for part in call.out:
        window = taps.shift(x.shape[dim], part.shape[dim], start)
        fields.append(call.move(x, {dim: window}))
        start += part.shape[dim]
    return fields


@rule("glu")
def glu(call: Call) -> Field:
    """Gate one half of the channels by the other."""
    x = call["self"]
    dim = wrap_dim(call["dim"], x)
    half = call.shape[dim]
    windows = (taps.shift(x.shape[dim], half, start) for start in (0, half))
    return call.unite(*(call.move(x, {dim: window}) for window in windows))


@rule("select")
def select(call: Call) -> Field:
    """Take one position."""
    x = call["self"]
    dim = wrap_dim(call["dim"], x)
    return _selected(call, dim, call["index"] % x.shape[dim])


@rule("unbind")
def unbind(call: Call) -> list[Field]:
    """Take every position, one by one."""
    x = call["self"]
    dim = wrap_dim(call["dim"], x)
    return [_selected(call, dim, index) for index in range(x.shape[dim])]


def _selected(call: Call, dim: int, index: int) -> Field:
    """Take one position and drop the dimension."""
    x = call["self"]
    kept = tuple(1 if d == dim else n for d, n in enumerate(x.shape))
    left = tuple(n for d, n in enumerate(x.shape) if d != dim)

    def change(term: Term) -> Term:
        term = term.pick(dim, np.array([index]))
        term = replace(term, over=term.over - {dim})
        return term.reshape(kept, left)

    return each(call.field(x), change)


@rule("index_select", "index")
def index(call: Call) -> Field:
    """Take positions by one list of numbers that does not come from the image."""
    x = call["self"]
    if call.name == "index_select":
        return call.pick(x, call["dim"], listed(call, call["index"]))
    given = [(d, i) for d, i in enumerate(call["indices"]) if i is not None]
    dim, chosen = given[0]
    if len(given) > 1 or chosen.ndim != 1 or chosen.dtype == torch.bool:
        raise UnknownOperationError("index by several tensors or by a mask")
    return call.pick(x, dim, listed(call, chosen))


@rule("flip")
def flip(call: Call) -> Field:
    """Reverse the order."""
    x, field = call["self"], call.field(call["self"])
    for dim in wrap_dims(call["dims"], x):
        field = picked(field, dim, np.arange(x.shape[dim])[::-1])
    return field


@rule("roll")
def roll(call: Call) -> Field:
    """Shift in a circle."""
    x, field = call["self"], call.field(call["self"])
    if not call["dims"]:
        raise UnknownOperationError("roll without dims")
    for dim, by in zip(wrap_dims(call["dims"], x), call["shifts"]):
        size = x.shape[dim]
        field = picked(field, dim, (np.arange(size) - by) % size)
    return field


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
        # A dimension whose positions stand there several times still counts them.
        kept = tuple(n if size > 1 else size for size, n in zip(given, shape))
        return term.widened(kept, shape)

    return each(call.field(x), change)


# --- writing --------------------------------------------------------------------------


@rule("zeros_like", "ones_like", "full_like", "empty_like", "rand_like", "new_zeros",
      "new_ones", "new_full", "new_empty", "new_empty_strided", "zero_", "fill_",
      "empty_strided", "randn_like", "bernoulli_", "zero", "fill")  # fmt: skip
def constant(call: Call) -> Field:
    """Take the shape only, whatever the values are."""
    if call.depends_on_image(call.arguments.get("value")):
        return call.broadcast(call["value"], call.shape)
    return NO_FIELD


@rule("copy", "copy_")
def copy(call: Call) -> Field:
    """Overwrite all: what was there before is not read any more."""
    return call.broadcast(call["src"], call.shape)


@rule("slice_scatter")
def slice_scatter(call: Call) -> Field:
    """Write into every n-th position: `x[:, :, 1:] = y`."""
    x, source = call["self"], call["src"]
    dim = wrap_dim(call["dim"], x)
    size, count, step = x.shape[dim], source.shape[dim], call["step"]
    start = slice_start(call["start"], size)
    if not call.depends_on_image(x):
        # Into a constant: a padding, with zeros between for a step.
        window = taps.transposed(
            count, size, kernel=1, stride=step, padding=-start, dilation=1
        )
        return call.move(source, {dim: window})
    places = range(start, start + step * count, step)
    return _overwritten(call, dim, places, call.field(source))


@rule("select_scatter")
def select_scatter(call: Call) -> Field:
    """Write into one position: `x[:, 3] = y`."""
    x, source = call["self"], call["src"]
    dim = wrap_dim(call["dim"], x)
    shape = tuple(source.shape)
    new = viewed(call.field(source), shape, (*shape[:dim], 1, *shape[dim:]))
    return _overwritten(call, dim, [call["index"] % x.shape[dim]], new)


@rule("index_put", "index_put_", "_index_put_impl_")
def index_put(call: Call) -> Field:
    """Write into a list of positions along one dimension: `x[:, [0, 2]] = y`."""
    x, values = call["self"], call["values"]
    given = [(d, i) for d, i in enumerate(call["indices"]) if i is not None]
    dim, chosen = given[0]
    if len(given) > 1 or chosen.ndim != 1 or chosen.dtype == torch.bool:
        raise UnknownOperationError("a write at several tensors' places or by a mask")
    places = [i % x.shape[dim] for i in listed(call, chosen)]
    shape = (*x.shape[:dim], len(places), *x.shape[dim + 1 :])
    field = _overwritten(call, dim, places, call.broadcast(values, shape))
    return call.unite(field, call.field(x)) if call["accumulate"] else field


def _overwritten(call: Call, dim: int, places: Sequence[int], new: Field) -> Field:
    """Put the positions of the field `new` at these places along `dim`."""
    size, count = call.shape[dim], len(places)
    index = np.arange(size)
    index[list(places)] = size + np.arange(count)

    def along(before: Axis, after: Axis) -> Axis:
        joined = join([(before, size), (after, count)], dim)
        return unite(term.pick(dim, index) for term in joined)

    (old_rows, old_columns), (new_rows, new_columns) = call.field(call["self"]), new
    return along(old_rows, new_rows), along(old_columns, new_columns)
