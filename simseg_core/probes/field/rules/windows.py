"""Rules for operations that move a window: convolution, pooling, resizing, cropping."""

from simseg_core.probes.field.arithmetic import taps
from simseg_core.probes.field.rules.registry import Call, Field, each, moved, rule
from simseg_core.probes.field.rules.shared import per_axis, slice_start, wrap_dim


@rule("convolution", "_convolution", "conv2d", "conv1d", "mkldnn_convolution")
def convolution(call: Call) -> Field:
    """Mix channels by group, then move the kernel."""
    x, weight = call["input"], call["weight"]
    axes = weight.ndim - 2
    first = x.ndim - axes  # of the position dimensions
    make = taps.transposed if call["transposed"] else taps.convolution
    stride, padding, dilation = (
        per_axis(call[name], axes, default)
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

    mixed = each(
        call.field(x), lambda term: term.mix(first - 1, shape, groups, channels)
    )
    field = moved(mixed, windows)
    if not call.depends_on_image(weight):
        return field
    # A kernel made from the image: its own field, at every position.
    kernel = call.reduce(weight, range(weight.ndim))
    return call.unite(field, _everywhere(kernel, len(shape)))


def _everywhere(field: Field, rank: int) -> Field:
    """Give a field without positions to every element of a tensor of this rank."""
    return each(
        field, lambda term: term.reshape((1,) * (term.data.ndim - 1), (1,) * rank)
    )


@rule("max_pool2d_with_indices", "max_pool2d", "avg_pool2d",
      "max_pool3d_with_indices", "avg_pool3d")  # fmt: skip
def pool(call: Call) -> Field:
    """Move the window; max and average read the same positions."""
    x, axes = call["self"], 3 if "pool3d" in call.name else 2
    kernel = per_axis(call["kernel_size"], axes, 1)
    stride = per_axis(call["stride"] or kernel, axes, 1)
    padding = per_axis(call["padding"], axes, 0)
    dilation = per_axis(call.arguments.get("dilation"), axes, 1)
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
        call.pooled[call.out[1]] = back
    return call.move(x, there)


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
    return call.move(x, windows)


@rule("constant_pad_nd", "reflection_pad1d", "reflection_pad2d",
      "reflection_pad3d", "replication_pad1d", "replication_pad2d",
      "replication_pad3d")  # fmt: skip
def pad(call: Call) -> Field:
    """Shift by the padding in front; a negative padding crops."""
    x = call["self"]
    amounts = call["pad" if "pad" in call.arguments else "padding"]
    kind = call.name.split("_", maxsplit=1)[0]
    edges: dict[str, taps.Edge] = {"reflection": "reflect", "replication": "clamp"}
    edge = "wrap" if call.is_circular else edges.get(kind, "drop")
    windows = {}
    for pair in range(len(amounts) // 2):
        dim = x.ndim - 1 - pair
        if amounts[2 * pair] or amounts[2 * pair + 1]:
            sizes = x.shape[dim], call.shape[dim]
            windows[dim] = taps.shift(*sizes, -amounts[2 * pair], 1, edge)
    return call.move(x, windows)


@rule("slice")
def cut(call: Call) -> Field:
    """Crop, or take every n-th; along channels their fields are taken."""
    x = call["self"]
    dim = wrap_dim(call["dim"], x)
    size = x.shape[dim]
    start = slice_start(call["start"], size)
    return call.move(x, {dim: taps.shift(size, call.shape[dim], start, call["step"])})
