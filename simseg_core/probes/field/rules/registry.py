"""What each operation of torch does to a field: rules by the name of the ATen kernel.

Below autograd every network is made of a small, closed set of kernels: a convolution is
`aten::convolution` whoever wrote it. A kernel without a rule is named in an error.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from simseg_core.probes.field.arithmetic.taps import Window
from simseg_core.probes.field.arithmetic.terms import Axis, Term, unite

__all__ = [
    "NO_FIELD",
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
NO_FIELD: Field = ((), ())  # a constant's
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
        return self.fields(value) or NO_FIELD

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
    "_to_copy", "alias", "clone", "contiguous", "detach", "detach_",
    "lift_fresh", "lift_fresh_copy", "complex",
    # Elementwise too, though torch's own tag is missing.
    "hardswish", "hardswish_", "relu6_", "gelu_", "mish_", "_prelu_kernel", "rsub",
    "log_sigmoid_forward", "floor_divide", "native_dropout", "rrelu_with_noise",
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


def moved(call: Call, value: Any, windows: dict[int, Window]) -> Field:
    """Apply a window along each of the given dimensions."""

    def move(term: Term) -> Term:
        for dim, window in windows.items():
            term = term.move(dim, window)
        return term

    return call.each(value, move)


def reduced(call: Call, value: Any, dims: Iterable[int], keep: bool = True) -> Field:
    """Unite along dimensions; keep them with size 1 or drop them."""
    shape, dims = tuple(value.shape), list(dims)
    kept = tuple(1 if d in dims else n for d, n in enumerate(shape))
    left = tuple(n for d, n in enumerate(shape) if d not in dims)

    def change(term: Term) -> Term:
        term = term.reduce(dims, shape)
        return term if keep else term.reshape(kept, left)

    return call.each(value, change)
