"""Rules for writing into a part of a tensor, and for cutting it into patches and back.

Importing this module adds them to `field_rules.RULES`.
"""

from collections.abc import Sequence

import numpy as np

from simseg_core.probes.field.arithmetic import taps
from simseg_core.probes.field.arithmetic.terms import Term, join, unite
from simseg_core.probes.field.rules.registry import (
    NO_FIELD,
    Call,
    Field,
    UnknownOperationError,
    both,
    fitted,
    moved,
    rule,
    wrap,
)
from simseg_core.probes.field.rules.views import numbers, reshaped
from simseg_core.probes.field.rules.windows import spread

Shape = tuple[int, ...]
Windows = dict[int, taps.Window]


# --- writing --------------------------------------------------------------------------


@rule("copy", "copy_")
def copy(call: Call) -> Field:
    """Overwrite all: what was there before is not read any more."""
    return fitted(call, call["src"], call.shape)


def overwritten(
    call: Call, dim: int, places: Sequence[int], new: Field, count: int
) -> Field:
    """Put `count` positions of the field `new` at these places along `dim`."""
    size = call.shape[dim]
    index = np.arange(size)
    index[list(places)] = size + np.arange(count)
    old = call.field(call["self"])

    def along(before: tuple[Term, ...], after: tuple[Term, ...]) -> tuple[Term, ...]:
        joined = join([(before, size), (after, count)], dim)
        return unite(term.pick(dim, index) for term in joined)

    return along(old[0], new[0]), along(old[1], new[1])


@rule("slice_scatter")
def slice_scatter(call: Call) -> Field:
    """Write into every n-th position: `x[:, :, 1:] = y`."""
    x, source = call["self"], call["src"]
    dim = wrap(call["dim"], x)
    size, count, step = x.shape[dim], source.shape[dim], call["step"]
    start = call["start"] or 0
    start = min(max(start + size if start < 0 else start, 0), size)
    if not call.fields(x):  # into a constant: a padding, with zeros between for a step
        window = taps.transposed(
            count, size, kernel=1, stride=step, padding=-start, dilation=1
        )
        return moved(call, source, {dim: window})
    places = range(start, start + step * count, step)
    return overwritten(call, dim, places, call.field(source), count)


@rule("select_scatter")
def select_scatter(call: Call) -> Field:
    """Write into one position: `x[:, 3] = y`."""
    x, source = call["self"], call["src"]
    dim = wrap(call["dim"], x)
    shape = tuple(source.shape)
    more = (*shape[:dim], 1, *shape[dim:])
    new = reshaped(call, source, [("view", more)])
    return overwritten(call, dim, [call["index"] % x.shape[dim]], new, 1)


@rule("index_put", "index_put_", "_index_put_impl_")
def index_put(call: Call) -> Field:
    """Write into a list of positions along one dimension: `x[:, [0, 2]] = y`."""
    x, values = call["self"], call["values"]
    given = [(d, i) for d, i in enumerate(call["indices"]) if i is not None]
    dim, chosen = given[0]
    if len(given) > 1 or chosen.ndim != 1 or str(chosen.dtype) == "torch.bool":
        raise UnknownOperationError("a write at several tensors' places or by a mask")
    places = [i % x.shape[dim] for i in numbers(call, chosen)]
    shape = (*x.shape[:dim], len(places), *x.shape[dim + 1 :])
    new = fitted(call, values, shape)
    field = overwritten(call, dim, places, new, len(places))
    return both(field, call.field(x)) if call["accumulate"] else field


# --- patches --------------------------------------------------------------------------


def stacked(parts: Sequence[Field], shape: Shape, dim: int) -> Field:
    """Lay fields of tensors of one shape side by side along a new dimension."""
    more = (*shape[:dim], 1, *shape[dim:])

    def along(axes: list[tuple[Term, ...]]) -> tuple[Term, ...]:
        return join([(tuple(t.reshape(shape, more) for t in a), 1) for a in axes], dim)

    return along([rows for rows, _ in parts]), along([columns for _, columns in parts])


def regrouped(field: Field, shape: Shape, new_shape: Shape) -> Field:
    """Follow `view` for a field that no tensor has yet."""
    rows, columns = field
    return (
        unite(term.reshape(shape, new_shape) for term in rows),
        unite(term.reshape(shape, new_shape) for term in columns),
    )


@rule("unfold")
def unfold(call: Call) -> Field:
    """Cut one dimension into runs that may overlap: `x.unfold(2, 7, 4)`."""
    x, out = call["self"], call.shape
    dim = wrap(call["dimension"], x)
    size, count = x.shape[dim], out[dim]
    parts = [
        moved(call, x, {dim: taps.shift(size, count, first, call["step"])})
        for first in range(call["size"])
    ]
    return stacked(parts, out[:-1], len(out) - 1)


def patches(call: Call, size: Sequence[int]) -> tuple[list[int], ...]:
    """Read kernel, stride, padding and dilation, and count the patches a side."""
    kernel = spread(call["kernel_size"], 2, 1)
    stride, padding = spread(call["stride"], 2, 1), spread(call["padding"], 2, 0)
    dilation = spread(call["dilation"], 2, 1)
    counts = [
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, p, d, k, s in zip(size, padding, dilation, kernel, stride)
    ]
    return kernel, stride, padding, dilation, counts


@rule("pixel_unshuffle")
def pixel_unshuffle(call: Call) -> Field:
    """Move the r x r positions of a cell to channels."""
    x, r = call["self"], call["downscale_factor"]
    b, c, *size = x.shape
    small = [n // r for n in size]
    parts = [
        moved(
            call,
            x,
            {2 + i: taps.shift(size[i], small[i], place[i], r) for i in range(2)},
        )
        for place in np.ndindex(r, r)
    ]
    field = stacked(parts, (b, c, *small), 2)
    return regrouped(field, (b, c, r * r, *small), call.shape)


@rule("pixel_shuffle")
def pixel_shuffle(call: Call) -> Field:
    """Move r * r channels to the positions of a cell."""
    x, r = call["self"], call["upscale_factor"]
    _, c, *size = x.shape
    parts = []
    for place in np.ndindex(r, r):
        windows = {
            2 + i: taps.transposed(
                size[i], size[i] * r, kernel=1, stride=r, padding=-place[i], dilation=1
            )
            for i in range(2)
        }

        def change(
            term: Term, first: int = place[0] * r + place[1], windows: Windows = windows
        ) -> Term:
            term = term.pick(1, np.arange(first, c, r * r))
            for dim, window in windows.items():
                term = term.move(dim, window)
            return term

        parts.append(call.each(x, change))
    return both(*parts)


@rule("im2col")
def im2col(call: Call) -> Field:
    """Cut a map into patches, a column each: `F.unfold`."""
    x = call["self"]
    b, c, *size = x.shape
    kernel, stride, padding, dilation, counts = patches(call, size)
    parts = []
    for place in np.ndindex(*kernel):
        firsts = [k * d - p for k, d, p in zip(place, dilation, padding)]
        windows = {
            2 + i: taps.shift(size[i], counts[i], firsts[i], stride[i])
            for i in range(2)
        }
        parts.append(moved(call, x, windows))
    field = stacked(parts, (b, c, *counts), 2)
    return regrouped(field, (b, c, len(parts), *counts), call.shape)


@rule("col2im")
def col2im(call: Call) -> Field:
    """Add patches up where they overlap: `F.fold`."""
    x, size = call["self"], list(call["output_size"])
    kernel, stride, padding, dilation, counts = patches(call, size)
    b, c = call.shape[:2]
    whole = (b, c, *kernel, *counts)
    rows, columns = reshaped(call, x, [("view", whole)])
    parts = []
    for place in np.ndindex(*kernel):
        windows = {
            2 + i: taps.transposed(
                counts[i],
                size[i],
                kernel=1,
                stride=stride[i],
                padding=padding[i] - place[i] * dilation[i],
                dilation=1,
            )
            for i in range(2)
        }

        def change(
            term: Term, place: Shape = place, windows: Windows = windows
        ) -> Term:
            for dim, i in zip((2, 3), place):
                term = term.pick(dim, np.array([i]))
            term = term.reshape((b, c, 1, 1, *counts), (b, c, *counts))
            for dim, window in windows.items():
                term = term.move(dim, window)
            return term

        parts.append((unite(map(change, rows)), unite(map(change, columns))))
    return both(*parts) if parts else NO_FIELD
