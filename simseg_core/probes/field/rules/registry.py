"""The rules by the kernel's name, and what a rule is given: a `Call`.

Below autograd every network is made of a small, closed set of kernels: a convolution is
`aten::convolution` whoever wrote it. A kernel without a rule is named in an error.
"""

from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils._pytree import tree_leaves

from simseg_core.probes.field.arithmetic.taps import IntArray, Window
from simseg_core.probes.field.arithmetic.terms import Axis, Term, unite
from simseg_core.probes.running.tensors import Shape

__all__ = [
    "NO_FIELD",
    "RULES",
    "Call",
    "Field",
    "Rule",
    "UnknownOperationError",
    "each",
    "kernel_name",
    "moved",
    "picked",
    "pointwise",
    "rule",
    "rule_for",
]

Field = tuple[Axis, Axis]  # along the image's rows, and along its columns
NO_FIELD: Field = ((), ())  # a constant's


class UnknownOperationError(NotImplementedError):
    """An operation whose receptive field has no rule here; never guessed."""


@dataclass(frozen=True)
class Call:
    """One kernel that ran, as its rule is given it.

    `call["dim"]` is an argument by its name in the kernel's schema
    (`torch.ops.aten.roll.default._schema` shows it), with defaults filled in. The
    methods make the result's field of those of the arguments.

    Attributes:
        name: "roll" for `aten::roll`; "mine::smooth" where the namespace is another.
        arguments: all of them, by name.
        out: the result: tensors with a shape and without numbers.
        field_of: the field of a tensor; None if it does not depend on the image.
        values: the numbers of a tensor; None if the image made them, or they are not
            known without running the network.
        is_circular: whether this is a part of a circular padding.
        pooled: the indices of a max pooling -> for each dimension the window that leads
            from the pooled map back.
    """

    name: str
    arguments: Mapping[str, Any]
    out: Any
    field_of: Callable[[Any], Field | None]
    values: Callable[[Tensor], NDArray[Any] | None]
    is_circular: bool
    pooled: MutableMapping[Tensor, dict[int, Window]]

    def __getitem__(self, name: str) -> Any:
        if name not in self.arguments:
            there = ", ".join(self.arguments)
            raise KeyError(f"{self.name} has no argument {name!r}; it has {there}")
        return self.arguments[name]

    @property
    def shape(self) -> Shape:
        """Shape of the (first) result."""
        first = self.out[0] if isinstance(self.out, tuple | list) else self.out
        return tuple(first.shape)

    def depends_on_image(self, value: Any) -> bool:
        """Whether an argument is a tensor that the image has a path to."""
        return bool(self.field_of(value))

    def field(self, value: Any) -> Field:
        """Field of an argument: nothing for a constant."""
        return self.field_of(value) or NO_FIELD

    @staticmethod
    def unite(*fields: Field) -> Field:
        """Field of what depends on several tensors of one shape, element by element."""
        return (
            unite(term for rows, _ in fields for term in rows),
            unite(term for _, columns in fields for term in columns),
        )

    def broadcast(self, value: Tensor, shape: Shape) -> Field:
        """Field of an argument broadcast to `shape`."""
        given = (1,) * (len(shape) - value.ndim) + tuple(value.shape)
        return each(
            self.field(value), lambda term: term.rank(len(shape)).widened(given, shape)
        )

    def move(self, value: Tensor, windows: Mapping[int, Window]) -> Field:
        """Field behind a window that moves along each of the given dimensions."""
        from_front = {dim % value.ndim: window for dim, window in windows.items()}
        return moved(self.field(value), from_front)

    def reduce(self, value: Tensor, dims: Iterable[int], *, keep: bool = True) -> Field:
        """Field of what reads a tensor all along `dims`: a sum, a norm, a product.

        Where no dimension that counts positions is left, the paths are global.

        Args:
            value: an argument.
            dims: of it; negative ones count from the end.
            keep: the dimensions stay, with size 1 or with the same field at every
                position; else they are dropped.
        """
        shape = tuple(value.shape)
        dims = [dim % max(value.ndim, 1) for dim in dims]
        kept = tuple(1 if d in dims else n for d, n in enumerate(shape))
        left = tuple(n for d, n in enumerate(shape) if d not in dims)

        def change(term: Term) -> Term:
            term = term.reduce(dims, shape)
            return term if keep else term.reshape(kept, left)

        return each(self.field(value), change)

    def pick(self, value: Tensor, dim: int, index: Sequence[int] | IntArray) -> Field:
        """Field of positions taken along one dimension, in any order."""
        return picked(self.field(value), dim % value.ndim, np.asarray(index))


Rule = Callable[[Call], Field | list[Field]]
RULES: dict[str, Rule] = {}


def each(field: Field, change: Callable[[Term], Term]) -> Field:
    """Apply `change` to every term of a field, on both axes."""
    rows, columns = field
    return unite(map(change, rows)), unite(map(change, columns))


def moved(field: Field, windows: Mapping[int, Window]) -> Field:
    """Move a window along each of the given dimensions."""

    def change(term: Term) -> Term:
        for dim, window in windows.items():
            term = term.move(dim, window)
        return term

    return each(field, change)


def picked(field: Field, dim: int, index: IntArray) -> Field:
    """Take positions along one dimension, in any order."""
    return each(field, lambda term: term.pick(dim, index))


def rule(*names: str, replace: bool = False) -> Callable[[Rule], Rule]:
    """Register what kernels of these names read, for `receptive_field`: a decorator.

    The function below it takes a `Call` and returns the field of the kernel's result,
    or a list of them, one for each tensor of the result. It holds for all overloads.

    Args:
        names: "roll" for `aten::roll`; with the namespace where that is another:
            "mine::smooth" for a `torch.library.custom_op("mine::smooth", ...)`.
        replace: put it in the place of another rule.

    Returns:
        A decorator that leaves the function as it is.

    Raises:
        ValueError: if there is no name, or a name has another rule already. (To define
            the same function again, as a notebook's cell does, is no other rule.)

    >>> @rule("mine::mean_of_rows")
    ... def mean_of_rows(call):
    ...     return call.reduce(call["image"], [-1])
    """
    if not names or not all(isinstance(name, str) for name in names):
        raise ValueError('give the kernel\'s name: @rule("roll")')
    kernels = [name.removeprefix("aten::") for name in names]

    def register(function: Rule) -> Rule:
        for kernel in kernels:
            there = RULES.get(kernel)
            if there and not replace and _origin(there) != _origin(function):
                raise ValueError(
                    f"{kernel!r} has a rule already, {'.'.join(_origin(there))}: "
                    f'@rule("{kernel}", replace=True) puts yours in its place'
                )
        RULES.update(dict.fromkeys(kernels, function))
        return function

    return register


def _origin(function: Rule) -> tuple[str, str]:
    """Module and name: alike for a function that is defined again."""
    name = getattr(function, "__qualname__", repr(function))
    return str(function.__module__), name


def kernel_name(func: Any) -> str:
    """Name a kernel of torch as `rule` does; a copy of a view has the view's name."""
    name = str(func._overloadpacket.__name__)
    if func.namespace != "aten":
        return f"{func.namespace}::{name}"
    return name if name in RULES else name.removesuffix("_copy")


def rule_for(func: Any) -> Rule | None:
    """Find a kernel's rule; None if it has none."""
    registered = RULES.get(kernel_name(func))
    return pointwise if registered is None and _is_pointwise(func) else registered


def _is_pointwise(func: Any) -> bool:
    """Whether every output element reads one element of each operand."""
    if torch.Tag.pointwise in func.tags:
        return True
    return func.namespace == "aten" and func._overloadpacket.__name__ in _POINTWISE


_POINTWISE = {
    "_to_copy", "alias", "clone", "contiguous", "detach", "detach_",
    "lift_fresh", "lift_fresh_copy", "complex",
    # Elementwise too, though torch's own tag is missing.
    "hardswish", "hardswish_", "relu6_", "gelu_", "mish_", "_prelu_kernel", "rsub",
    "log_sigmoid_forward", "floor_divide", "native_dropout", "rrelu_with_noise",
}  # fmt: skip


def pointwise(call: Call) -> Field:
    """Unite the fields of all tensor arguments."""
    tensors = filter(call.depends_on_image, tree_leaves(dict(call.arguments)))
    return call.unite(*(call.broadcast(tensor, call.shape) for tensor in tensors))
