"""What each operation of torch does to a field: rules by the name of the ATen kernel.

Below autograd every network is made of a small, closed set of kernels: a convolution is
`aten::convolution` whoever wrote it. A kernel without a rule is named in an error.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from simseg_core.probes import intervals
from simseg_core.probes.field_terms import Axis, Term, unite
from simseg_core.probes.intervals import Window

__all__ = [
    "RULES",
    "Call",
    "Field",
    "UnknownOperationError",
    "both",
    "fitted",
    "is_pointwise",
    "moved",
    "pointwise",
    "reduced",
    "rule",
    "wrap",
    "wrapped",
]

Field = tuple[Axis, Axis]  # along the image's rows, and along its columns
Shape = tuple[int, ...]


class UnknownOperationError(NotImplementedError):
    """An operation whose receptive field has no rule here; never guessed."""


@dataclass
class Call:
    """One kernel that ran: its arguments by name, its result, the fields of both."""

    name: str
    arguments: dict[str, Any]
    out: Any
    fields: Callable[[Any], Field | None]

    def __getitem__(self, name: str) -> Any:
        return self.arguments[name]

    @property
    def shape(self) -> Shape:
        """Shape of the (first) result."""
        first = self.out[0] if isinstance(self.out, tuple | list) else self.out
        return tuple(first.shape)

    def field(self, value: Any) -> Field:
        """Field of an argument: nothing for a constant."""
        return self.fields(value) or ((), ())

    def each(self, value: Any, change: Callable[[Term], Term]) -> Field:
        """Apply `change` to every term of an argument's field, on both axes."""
        rows, columns = self.field(value)
        return unite(map(change, rows)), unite(map(change, columns))


Rule = Callable[[Call], Any]
RULES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Register a rule for the kernels of these names."""

    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function

    return register


def both(*fields: Field) -> Field:
    """Unite fields of tensors of the same shape."""
    return (
        unite(term for rows, _ in fields for term in rows),
        unite(term for _, columns in fields for term in columns),
    )


def fitted(call: Call, value: Any, shape: Shape) -> Field:
    """Field of an argument broadcast to `shape`."""
    given = (1,) * (len(shape) - value.ndim) + tuple(value.shape)

    def widen(term: Term) -> Term:
        return term.rank(len(shape)).widened(given, shape)

    return call.each(value, widen)


def is_pointwise(func: Any) -> bool:
    """Whether every output element reads one element of each operand."""
    return torch.Tag.pointwise in func.tags or func._overloadpacket.__name__ in _COPIES


_COPIES = {
    "_to_copy", "alias", "clone", "contiguous", "copy_", "detach", "detach_",
    "lift_fresh", "lift_fresh_copy", "bernoulli", "masked_fill", "masked_fill_",
    "native_dropout", "celu_", "rrelu", "rrelu_with_noise", "glu_jvp", "_fused_dropout",
}  # fmt: skip


def pointwise(call: Call) -> Field:
    """Unite the fields of all tensor arguments."""
    shape = call.shape
    values = torch.utils._pytree.tree_leaves(call.arguments)
    tensors = [v for v in values if isinstance(v, Tensor) and call.fields(v)]
    return both(*(fitted(call, tensor, shape) for tensor in tensors))


def wrap(dim: int, tensor: Tensor) -> int:
    """Count a dimension from the front."""
    return dim % max(tensor.ndim, 1)


def wrapped(dims: Any, tensor: Tensor) -> list[int]:
    """Count dimensions from the front; none given means all."""
    if dims is None or (isinstance(dims, list | tuple) and not dims):
        return list(range(tensor.ndim))
    dims = [dims] if isinstance(dims, int) else dims
    return [wrap(dim, tensor) for dim in dims]


def spread(values: Any, count: int, default: int) -> list[int]:
    """Give one number an axis: torch accepts one for all, or none."""
    values = [values] if isinstance(values, int) else list(values or [default])
    return values * count if len(values) == 1 else values


# --- operations that move along the axes ----------------------------------------------


def moved(call: Call, value: Any, windows: dict[int, Window]) -> Field:
    """Apply a window along each of the given dimensions."""

    def move(term: Term) -> Term:
        for dim, window in windows.items():
            term = term.move(dim, window)
        return term

    return call.each(value, move)


@rule("convolution", "_convolution", "conv2d", "conv1d", "mkldnn_convolution")
def convolution(call: Call) -> Field:
    """Mix channels by group, then move the kernel."""
    x, weight = call["input"], call["weight"]
    if call.fields(weight):
        raise UnknownOperationError("a convolution whose kernel depends on the image")
    axes = weight.ndim - 2
    first = x.ndim - axes  # of the position dimensions
    make = intervals.transposed if call["transposed"] else intervals.convolution
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

    return call.each(x, change)


@rule("max_pool2d_with_indices", "max_pool2d", "avg_pool2d", "max_pool1d_with_indices")
def pool(call: Call) -> Field:
    """Move the window; max and average read the same positions."""
    x = call["self"]
    kernel = spread(call["kernel_size"], 2, 1)
    stride = spread(call["stride"] or kernel, 2, 1)
    padding = spread(call["padding"], 2, 0)
    dilation = spread(call.arguments.get("dilation"), 2, 1)
    windows = {}
    for axis in range(2):
        dim = x.ndim - 2 + axis
        windows[dim] = intervals.convolution(
            x.shape[dim],
            call.shape[dim],
            kernel=kernel[axis],
            stride=stride[axis],
            padding=padding[axis],
            dilation=dilation[axis],
        )
    return moved(call, x, windows)


@rule("_adaptive_avg_pool2d", "adaptive_max_pool2d", "_adaptive_avg_pool1d")
def adaptive_pool(call: Call) -> Field:
    """Move uneven windows; one output on an axis is a global pooling of it."""
    x = call["self"]
    axes = len(call["output_size"])
    dims = range(x.ndim - axes, x.ndim)
    whole = [dim for dim in dims if call.shape[dim] == 1]
    windows = {
        dim: intervals.adaptive(x.shape[dim], call.shape[dim])
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
    "upsample_bicubic2d",
)  # fmt: skip
def upsample(call: Call) -> Field:
    """Resize, with the very positions that torch reads."""
    x = call["self" if "self" in call.arguments else "input"]
    axes = x.ndim - 2
    scales = call.arguments.get("scale_factors")
    if scales is None:
        names = ["scales"] if axes == 1 else ["scales_h", "scales_w"]
        scales = [call.arguments.get(name) for name in names]
    windows = {}
    for dim, scale in zip(range(2, x.ndim), scales):
        sizes = x.shape[dim], call.shape[dim]
        if call.name.startswith(("upsample_nearest", "_upsample_nearest")):
            exact = "exact" in call.name
            windows[dim] = intervals.nearest(*sizes, scale=scale, exact=exact)
            continue
        make = intervals.cubic if "cubic" in call.name else intervals.linear
        corners = call["align_corners"]
        windows[dim] = make(*sizes, align_corners=corners, scale=scale)
    return moved(call, x, windows)


@rule("constant_pad_nd", "reflection_pad1d", "reflection_pad2d",
      "replication_pad1d", "replication_pad2d")  # fmt: skip
def pad(call: Call) -> Field:
    """Shift by the padding in front; a negative padding crops."""
    x, arguments = call["self"], call.arguments
    amounts = arguments["pad" if "pad" in arguments else "padding"]
    kind = call.name.split("_", maxsplit=1)[0]
    edges: dict[str, intervals.Edge] = {"reflection": "reflect", "replication": "clamp"}
    edge = edges.get(kind, "drop")
    windows = {}
    for pair in range(len(amounts) // 2):
        dim = x.ndim - 1 - pair
        if amounts[2 * pair] or amounts[2 * pair + 1]:
            sizes = x.shape[dim], call.shape[dim]
            windows[dim] = intervals.shift(*sizes, -amounts[2 * pair], 1, edge)
    return moved(call, x, windows)


def reduced(call: Call, value: Any, dims: Iterable[int], keep: bool = True) -> Field:
    """Unite along dimensions; keep them with size 1 or drop them."""
    shape, dims = tuple(value.shape), list(dims)
    kept = tuple(1 if d in dims else n for d, n in enumerate(shape))
    left = tuple(n for d, n in enumerate(shape) if d not in dims)

    def change(term: Term) -> Term:
        term = term.reduce(dims, shape)
        return term if keep else term.reshape(kept, left)

    return call.each(value, change)
