"""Rules for views, for taking parts and for joining.

Importing this module adds them to `field_rules.RULES`.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from simseg_core.probes.field.arithmetic.terms import Term, join, unite
from simseg_core.probes.field.rules.registry import (
    NO_FIELD,
    Call,
    Field,
    UnknownOperationError,
    fitted,
    rule,
    wrap,
    wrapped,
)

Shape = tuple[int, ...]

# --- views ----------------------------------------------------------------------------


def reshaped(call: Call, value: Any, steps: Sequence[tuple[str, Any]]) -> Field:
    """Apply reshapes and permutations one after the other."""
    rows, columns = call.field(value)
    shape = tuple(value.shape)
    for kind, to in steps:
        if kind == "permute":
            rows, columns = (tuple(t.permute(to) for t in a) for a in (rows, columns))
            shape = tuple(shape[d] for d in to)
            continue
        over = [frozenset(d for t in a for d in t.over) for a in (columns, rows)]
        rows, columns = (
            tuple(t.reshape(shape, tuple(to), beside) for t in axis)
            for axis, beside in zip((rows, columns), over)
        )
        shape = tuple(to)
    return unite(rows), unite(columns)


@rule("view", "_unsafe_view", "reshape", "_reshape_alias", "squeeze", "unsqueeze",
      "flatten", "unflatten", "view_as")  # fmt: skip
def view(call: Call) -> Field:
    """Regroup the dimensions."""
    return reshaped(call, call["self"], [("view", call.shape)])


@rule("permute", "transpose", "t", "numpy_T")
def permute(call: Call) -> Field:
    """Reorder the dimensions."""
    x = call["self"]
    order = list(range(x.ndim))
    if call.name == "permute":
        order = wrapped(call["dims"], x)
    elif call.name == "transpose":
        a, b = wrap(call["dim0"], x), wrap(call["dim1"], x)
        order[a], order[b] = b, a
    else:
        order.reverse()
    return reshaped(call, x, [("permute", order)])


@rule("expand")
def expand(call: Call) -> Field:
    """Repeat dimensions of size 1."""
    return fitted(call, call["self"], call.shape)


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
    order = (0, 2, 1, *range(3, 3 + len(rest)))
    views = [("view", (b, g, c // g, *rest)), ("permute", order), ("view", call.shape)]
    return reshaped(call, x, views)


@rule("zeros_like", "ones_like", "full_like", "empty_like", "rand_like", "new_zeros",
      "new_ones", "new_full", "new_empty", "new_empty_strided", "zero_", "fill_",
      "empty_strided", "randn_like", "bernoulli_", "zero", "fill")  # fmt: skip
def constant(call: Call) -> Field:
    """Take the shape only, whatever the values are."""
    value = call.arguments.get("value")
    if isinstance(value, Tensor) and call.fields(value):
        return fitted(call, value, call.shape)
    return NO_FIELD


# --- taking parts, joining ------------------------------------------------------------


def picked(call: Call, value: Any, dim: int, index: Any) -> Field:
    """Take positions along one dimension, in any order."""

    def change(term: Term) -> Term:
        return term.pick(dim, np.asarray(index))

    return call.each(value, change)


def selected(call: Call, dim: int, index: int) -> Field:
    """Take one position and drop the dimension."""
    x = call["self"]
    kept = tuple(1 if d == dim else n for d, n in enumerate(x.shape))
    left = tuple(n for d, n in enumerate(x.shape) if d != dim)

    def change(term: Term) -> Term:
        term = term.pick(dim, np.array([index]))
        term = replace(term, over=term.over - {dim})
        return term.reshape(kept, left)

    return call.each(x, change)


@rule("select")
def select(call: Call) -> Field:
    """Take one position."""
    x = call["self"]
    dim = wrap(call["dim"], x)
    return selected(call, dim, call["index"] % x.shape[dim])


@rule("unbind")
def unbind(call: Call) -> list[Field]:
    """Take every position, one by one."""
    x = call["self"]
    dim = wrap(call["dim"], x)
    return [selected(call, dim, index) for index in range(x.shape[dim])]


@rule("flip")
def flip(call: Call) -> Field:
    """Reverse the order."""
    x, field = call["self"], None
    for dim in wrapped(call["dims"], x):
        size = x.shape[dim]
        field = _chain(call, field, dim, np.arange(size)[::-1])
    return field or call.field(x)


@rule("roll")
def roll(call: Call) -> Field:
    """Shift in a circle."""
    x, field = call["self"], None
    if not call["dims"]:
        raise UnknownOperationError("roll without dims")
    for dim, by in zip(wrapped(call["dims"], x), call["shifts"]):
        size = x.shape[dim]
        field = _chain(call, field, dim, (np.arange(size) - by) % size)
    return field or call.field(x)


def _chain(call: Call, field: Field | None, dim: int, index: Any) -> Field:
    if field is None:
        return picked(call, call["self"], dim, index)
    rows, columns = field
    return (
        tuple(term.pick(dim, index) for term in rows),
        tuple(term.pick(dim, index) for term in columns),
    )


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

    return call.each(x, change)


@rule("cat", "stack")
def concatenate(call: Call) -> Field:
    """Put side by side: every part keeps its own field."""
    tensors, dim = call["tensors"], call["dim"] % len(call.shape)
    parts = []
    for tensor in tensors:
        if call.name == "stack":
            shape = tuple(tensor.shape)
            more = (*shape[:dim], 1, *shape[dim:])
            field, size = reshaped(call, tensor, [("view", more)]), 1
        elif tensor.ndim == 1 and tensor.shape[0] == 0 and len(call.shape) > 1:
            continue  # torch allows an empty list of tensors to start with
        else:
            field, size = call.field(tensor), tensor.shape[dim]
        parts.append((field, size))
    return (
        join([(rows, size) for (rows, _), size in parts], dim),
        join([(columns, size) for (_, columns), size in parts], dim),
    )


@rule("index_select", "index")
def index(call: Call) -> Field:
    """Take positions by one list of numbers that does not come from the image."""
    x = call["self"]
    if call.name == "index_select":
        dim, chosen = wrap(call["dim"], x), call["index"]
    else:
        given = [(d, i) for d, i in enumerate(call["indices"]) if i is not None]
        dim, chosen = given[0]
        if len(given) > 1 or chosen.ndim != 1 or chosen.dtype == torch.bool:
            raise UnknownOperationError("index by several tensors or by a mask")
    return picked(call, x, dim, numbers(call, chosen))


def numbers(call: Call, chosen: Tensor) -> list[int]:
    """Read an index; one that the image or an unknown value made is refused."""
    known: list[int] | None = call["numbers"](chosen)
    if call.fields(chosen) or known is None:
        raise UnknownOperationError(f"{call.name}: positions chosen by a tensor")
    return known
