"""What several files of rules use."""

from collections.abc import Iterable, Sequence
from typing import Any

from torch import Tensor

from simseg_core.probes.field.arithmetic.terms import unite
from simseg_core.probes.field.rules.registry import (
    Call,
    Field,
    UnknownOperationError,
    each,
)
from simseg_core.probes.running.tensors import Shape

__all__ = [
    "listed",
    "normalised",
    "per_axis",
    "permuted",
    "refuse_hidden_keys",
    "slice_start",
    "united_along",
    "viewed",
    "wrap_dim",
    "wrap_dims",
]

_HIDDEN = -1e30  # softmax turns a score below this into exactly 0


def wrap_dim(dim: int, tensor: Tensor) -> int:
    """Count a dimension from the front."""
    return dim % max(tensor.ndim, 1)


def wrap_dims(dims: Any, tensor: Tensor) -> list[int]:
    """Count dimensions from the front; none given means all."""
    if dims is None or (isinstance(dims, list | tuple) and not dims):
        return list(range(tensor.ndim))
    dims = [dims] if isinstance(dims, int) else dims
    return [wrap_dim(dim, tensor) for dim in dims]


def per_axis(values: Any, count: int, default: int) -> list[int]:
    """Give one number an axis: torch accepts one for all, or none."""
    values = [values] if isinstance(values, int) else list(values or [default])
    return values * count if len(values) == 1 else values


def slice_start(start: int | None, size: int) -> int:
    """Count the start of a slice from the front, and keep it on the map."""
    start = start or 0
    return min(max(start + size if start < 0 else start, 0), size)


def viewed(field: Field, shape: Shape, new_shape: Shape) -> Field:
    """Field of a tensor of `shape` seen as one of `new_shape`."""
    rows, columns = field
    row_dims, column_dims = (frozenset(d for t in a for d in t.over) for a in field)
    return (
        unite(term.reshape(shape, new_shape, column_dims) for term in rows),
        unite(term.reshape(shape, new_shape, row_dims) for term in columns),
    )


def permuted(field: Field, order: Sequence[int]) -> Field:
    """Field of a tensor whose dimensions are reordered."""
    return each(field, lambda term: term.permute(order))


def listed(call: Call, index: Tensor) -> list[int]:
    """List the positions that an index names.

    Raises:
        UnknownOperationError: if the image made it, or its values are not known.
    """
    values = None if call.depends_on_image(index) else call.values(index)
    if values is None:
        raise UnknownOperationError(f"{call.name}: positions chosen by a tensor")
    return [int(i) for i in values.tolist()]


def refuse_hidden_keys(call: Call, *values: Any) -> None:
    """Refuse constants with scores so low that softmax leaves their keys out.

    Raises:
        UnknownOperationError: if one of the values holds such scores.
    """
    if any(_hides_keys(call, value) for value in values):
        raise UnknownOperationError("it leaves keys out of an attention")


def _hides_keys(call: Call, value: Any) -> bool:
    if isinstance(value, Tensor):
        scores = call.values(value) if value.is_floating_point() else None
        return scores is not None and bool((scores < _HIDDEN).any())
    return isinstance(value, int | float) and value < _HIDDEN


def normalised(call: Call, x: Tensor, dims: Iterable[int]) -> Field:
    """Each entry depends on itself and on a statistic along `dims`."""
    return call.unite(call.field(x), call.reduce(x, dims))


def united_along(field: Field, dim: int, shape: Shape) -> Field:
    """Unite a field along a dimension, kept with size 1."""
    return each(field, lambda term: term.reduce([dim], shape))
