"""Rules for operations that move a window: convolution, pooling, resizing, cropping.

Importing this module adds them to `field_rules.RULES`.
"""

from typing import Any

from simseg_core.probes.field.arithmetic import taps
from simseg_core.probes.field.arithmetic.terms import Term, unite
from simseg_core.probes.field.rules.registry import (
    Call,
    Field,
    UnknownOperationError,
    both,
    moved,
    reduced,
    rule,
    wrap,
)


def spread(values: Any, count: int, default: int) -> list[int]:
    """Give one number an axis: torch accepts one for all, or none."""
    values = [values] if isinstance(values, int) else list(values or [default])
    return values * count if len(values) == 1 else values


@rule("convolution", "_convolution", "conv2d", "conv1d", "mkldnn_convolution")
def convolution(call: Call) -> Field:
    """Mix channels by group, then move the kernel."""
    x, weight = call["input"], call["weight"]
    axes = weight.ndim - 2
    first = x.ndim - axes  # of the position dimensions
    make = taps.transposed if call["transposed"] else taps.convolution
    stride, padding, dilation = (
        spread(call[name], axes, default)
        for name, default in (("stride", 1), ("padding", 0), ("dilation", 1))
    )
    windows = {
        first + axis: make(
            x.shape[first + axis],
            call.shape[first + axis],
            kernel=weight.shape[2 + axis],
            stride=stride[axis],
            padding=padding[axis],
            dilation=dilation[axis],
        )
        for axis in range(axes)
    }
    shape, groups, channels = tuple(x.shape), call["groups"], call.shape[first - 1]

    def change(term: Term) -> Term:
        term = term.mix(first - 1, shape, groups, channels)
        for dim, window in windows.items():
            term = term.move(dim, window)
        return term

    # A kernel made from the image: its own field, at every position.
    kernel = reduced(call, weight, range(weight.ndim)) if call.fields(weight) else None
    local = call.each(x, change)
    return local if kernel is None else both(local, spread_out(kernel, len(shape)))


def spread_out(field: Field, rank: int) -> Field:
    """Give a field without positions to every element of a tensor of this rank."""

    def change(term: Term) -> Term:
        return term.reshape((1,) * (term.data.ndim - 1), (1,) * rank)

    rows, columns = field
    return unite(map(change, rows)), unite(map(change, columns))


@rule("max_pool2d_with_indices", "max_pool2d", "avg_pool2d",
      "max_pool3d_with_indices", "avg_pool3d")  # fmt: skip
def pool(call: Call) -> Field:
    """Move the window; max and average read the same positions."""
    x, axes = call["self"], 3 if "pool3d" in call.name else 2
    kernel = spread(call["kernel_size"], axes, 1)
    stride = spread(call["stride"] or kernel, axes, 1)
    padding = spread(call["padding"], axes, 0)
    dilation = spread(call.arguments.get("dilation"), axes, 1)
    there, back = {}, {}
    for axis in range(axes):
        dim = x.ndim - axes + axis
        shape = {
            "kernel": kernel[axis],
            "stride": stride[axis],
            "padding": padding[axis],
            "dilation": dilation[axis],
        }
        sizes = x.shape[dim], call.shape[dim]
        there[dim] = taps.convolution(*sizes, **shape)
        back[dim] = taps.transposed(*reversed(sizes), **shape)
    if isinstance(call.out, tuple | list):
        call["pooled"][call.out[1]] = back
    return moved(call, x, there)


@rule("max_unpool2d", "max_unpool3d")
def unpool(call: Call) -> Field:
    """Put each maximum back: a position may get that of any window it was in."""
    x, indices = call["self"], call["indices"]
    back = call["pooled"].get(indices)
    if back is None or any(w.size_out != call.shape[d] for d, w in back.items()):
        raise UnknownOperationError("its indices come from no pooling of that size")
    return both(moved(call, x, back), moved(call, indices, back))


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

    def change(term: Term) -> Term:
        for dim, window in windows.items():
            term = term.move(dim, window)
        return term.reduce(whole, shape)

    return call.each(x, change)


@rule(
    "upsample_nearest1d", "upsample_nearest2d", "_upsample_nearest_exact1d",
    "_upsample_nearest_exact2d", "upsample_linear1d", "upsample_bilinear2d",
    "upsample_bicubic2d", "upsample_nearest3d", "_upsample_nearest_exact3d",
    "upsample_trilinear3d",
)  # fmt: skip
def upsample(call: Call) -> Field:
    """Resize, with the very positions that torch reads."""
    x = call["self" if "self" in call.arguments else "input"]
    axes = x.ndim - 2
    scales = call.arguments.get("scale_factors")
    if scales is None:
        names = ["scales_d", "scales_h", "scales_w"][-axes:]
        names = ["scales"] if axes == 1 else names
        scales = [call.arguments.get(name) for name in names]
    windows = {}
    for dim, scale in zip(range(2, x.ndim), scales):
        sizes = x.shape[dim], call.shape[dim]
        if call.name.startswith(("upsample_nearest", "_upsample_nearest")):
            exact = "exact" in call.name
            windows[dim] = taps.nearest(*sizes, scale=scale, exact=exact)
            continue
        make = taps.cubic if "cubic" in call.name else taps.linear
        corners = call["align_corners"]
        windows[dim] = make(*sizes, align_corners=corners, scale=scale)
    return moved(call, x, windows)


@rule("constant_pad_nd", "reflection_pad1d", "reflection_pad2d",
      "reflection_pad3d", "replication_pad1d", "replication_pad2d",
      "replication_pad3d")  # fmt: skip
def pad(call: Call) -> Field:
    """Shift by the padding in front; a negative padding crops."""
    x, arguments = call["self"], call.arguments
    amounts = arguments["pad" if "pad" in arguments else "padding"]
    kind = call.name.split("_", maxsplit=1)[0]
    edges: dict[str, taps.Edge] = {"reflection": "reflect", "replication": "clamp"}
    edge = "wrap" if arguments["is_circular"] else edges.get(kind, "drop")
    windows = {}
    for pair in range(len(amounts) // 2):
        dim = x.ndim - 1 - pair
        if amounts[2 * pair] or amounts[2 * pair + 1]:
            sizes = x.shape[dim], call.shape[dim]
            windows[dim] = taps.shift(*sizes, -amounts[2 * pair], 1, edge)
    return moved(call, x, windows)


def piece(call: Call, dim: int, start: int, length: int) -> Field:
    """Take a run of positions."""
    x = call["self"]
    return moved(call, x, {dim: taps.shift(x.shape[dim], length, start)})


@rule("slice")
def cut(call: Call) -> Field:
    """Crop, or take every n-th; along channels their fields are taken."""
    x = call["self"]
    dim = wrap(call["dim"], x)
    size, start, step = x.shape[dim], call["start"] or 0, call["step"]
    start = min(max(start + size if start < 0 else start, 0), size)
    return moved(call, x, {dim: taps.shift(size, call.shape[dim], start, step)})


@rule("split", "split_with_sizes", "chunk", "unsafe_split", "tensor_split")
def split(call: Call) -> list[Field]:
    """Cut into runs."""
    dim, fields, start = wrap(call["dim"], call["self"]), [], 0
    for part in call.out:
        fields.append(piece(call, dim, start, part.shape[dim]))
        start += part.shape[dim]
    return fields


@rule("glu")
def glu(call: Call) -> Field:
    """Gate one half of the channels by the other."""
    x = call["self"]
    dim = wrap(call["dim"], x)
    half = call.shape[dim]
    return both(piece(call, dim, 0, half), piece(call, dim, half, half))
