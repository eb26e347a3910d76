"""Rules that no network of the book meets: patches, other poolings."""

from collections.abc import Sequence

import numpy as np

from simseg_core.probes.field.arithmetic import taps
from simseg_core.probes.field.arithmetic.terms import join
from simseg_core.probes.field.rules.registry import (
    Call,
    Field,
    UnknownOperationError,
    each,
    moved,
    picked,
    rule,
)
from simseg_core.probes.field.rules.shared import (
    per_axis,
    viewed,
    wrap_dim,
)
from simseg_core.probes.running.tensors import Shape


@rule("_adaptive_avg_pool2d", "adaptive_max_pool2d", "_adaptive_avg_pool1d",
      "_adaptive_avg_pool3d", "adaptive_max_pool3d")  # fmt: skip
def adaptive_pool(call: Call) -> Field:
    """Move uneven windows; one output on an axis is a global pooling of it."""
    x = call["self"]
    axes = len(call["output_size"])
    dims = range(x.ndim - axes, x.ndim)
    whole = [dim for dim in dims if call.shape[dim] == 1]
    windows = {
        dim: taps.adaptive(x.shape[dim], call.shape[dim])
        for dim in dims
        if dim not in whole
    }
    shape = tuple(x.shape)
    return each(call.move(x, windows), lambda term: term.reduce(whole, shape))


@rule("max_unpool2d", "max_unpool3d")
def unpool(call: Call) -> Field:
    """Put each maximum back: a position may get that of any window it was in."""
    x, indices = call["self"], call["indices"]
    back = call.pooled.get(indices)
    if back is None or any(w.size_out != call.shape[d] for d, w in back.items()):
        raise UnknownOperationError("its indices come from no pooling of that size")
    return call.unite(call.move(x, back), call.move(indices, back))


@rule("unfold")
def unfold(call: Call) -> Field:
    """Cut one dimension into runs that may overlap: `x.unfold(2, 7, 4)`."""
    x, out = call["self"], call.shape
    dim = wrap_dim(call["dimension"], x)
    size, count = x.shape[dim], out[dim]
    parts = [
        call.move(x, {dim: taps.shift(size, count, first, call["step"])})
        for first in range(call["size"])
    ]
    return _stacked(parts, out[:-1], len(out) - 1)


@rule("pixel_unshuffle")
def pixel_unshuffle(call: Call) -> Field:
    """Move the r x r positions of a cell to channels."""
    x, r = call["self"], call["downscale_factor"]
    b, c, *size = x.shape
    small = [n // r for n in size]
    parts = []
    for place in np.ndindex(r, r):
        windows = {2 + i: taps.shift(size[i], small[i], place[i], r) for i in range(2)}
        parts.append(call.move(x, windows))
    field = _stacked(parts, (b, c, *small), 2)
    return viewed(field, (b, c, r * r, *small), call.shape)


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
        channels = np.arange(place[0] * r + place[1], c, r * r)
        parts.append(moved(call.pick(x, 1, channels), windows))
    return call.unite(*parts)


@rule("im2col")
def im2col(call: Call) -> Field:
    """Cut a map into patches, a column each: `F.unfold`."""
    x = call["self"]
    b, c, *size = x.shape
    kernel, stride, padding, dilation, counts = _patches(call, size)
    parts = []
    for place in np.ndindex(*kernel):
        firsts = [k * d - p for k, d, p in zip(place, dilation, padding)]
        windows = {
            2 + i: taps.shift(size[i], counts[i], firsts[i], stride[i])
            for i in range(2)
        }
        parts.append(call.move(x, windows))
    field = _stacked(parts, (b, c, *counts), 2)
    return viewed(field, (b, c, len(parts), *counts), call.shape)


@rule("col2im")
def col2im(call: Call) -> Field:
    """Add patches up where they overlap: `F.fold`."""
    x, size = call["self"], list(call["output_size"])
    kernel, stride, padding, dilation, counts = _patches(call, size)
    b, c = call.shape[:2]
    patches = viewed(call.field(x), tuple(x.shape), (b, c, *kernel, *counts))
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
        part = patches
        for dim, i in zip((2, 3), place):
            part = picked(part, dim, np.array([i]))
        part = viewed(part, (b, c, 1, 1, *counts), (b, c, *counts))
        parts.append(moved(part, windows))
    return call.unite(*parts)


def _stacked(parts: Sequence[Field], shape: Shape, dim: int) -> Field:
    """Lay fields of tensors of one shape side by side along a new dimension."""
    more = (*shape[:dim], 1, *shape[dim:])
    wide = [viewed(part, shape, more) for part in parts]
    return (
        join([(rows, 1) for rows, _ in wide], dim),
        join([(columns, 1) for _, columns in wide], dim),
    )


def _patches(call: Call, size: Sequence[int]) -> tuple[list[int], ...]:
    """Read kernel, stride, padding and dilation, and count the patches a side."""
    kernel = per_axis(call["kernel_size"], 2, 1)
    stride, padding = per_axis(call["stride"], 2, 1), per_axis(call["padding"], 2, 0)
    dilation = per_axis(call["dilation"], 2, 1)
    counts = [
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, p, d, k, s in zip(size, padding, dilation, kernel, stride)
    ]
    return kernel, stride, padding, dilation, counts
