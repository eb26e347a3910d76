"""Rules for views and for joining."""

from simseg_core.probes.field.arithmetic.terms import join
from simseg_core.probes.field.rules.registry import Call, Field, rule
from simseg_core.probes.field.rules.shared import (
    permuted,
    viewed,
    wrap_dim,
    wrap_dims,
)


@rule("view", "_unsafe_view", "reshape", "_reshape_alias", "squeeze", "unsqueeze",
      "flatten", "unflatten", "view_as")  # fmt: skip
def view(call: Call) -> Field:
    """Regroup the dimensions."""
    x = call["self"]
    return viewed(call.field(x), tuple(x.shape), call.shape)


@rule("permute", "transpose", "t", "numpy_T")
def permute(call: Call) -> Field:
    """Reorder the dimensions."""
    x = call["self"]
    order = list(range(x.ndim))
    if call.name == "permute":
        order = wrap_dims(call["dims"], x)
    elif call.name == "transpose":
        a, b = wrap_dim(call["dim0"], x), wrap_dim(call["dim1"], x)
        order[a], order[b] = b, a
    else:
        order.reverse()
    return permuted(call.field(x), order)


@rule("expand")
def expand(call: Call) -> Field:
    """Repeat dimensions of size 1."""
    return call.broadcast(call["self"], call.shape)


@rule("cat", "stack")
def concatenate(call: Call) -> Field:
    """Put side by side: every part keeps its own field."""
    dim = call["dim"] % len(call.shape)
    parts = []
    for tensor in call["tensors"]:
        field, shape = call.field(tensor), tuple(tensor.shape)
        if call.name == "stack":
            more = (*shape[:dim], 1, *shape[dim:])
            parts.append((viewed(field, shape, more), 1))
        elif shape != (0,) or len(call.shape) == 1:
            # (torch allows an empty list of tensors to start with.)
            parts.append((field, shape[dim]))
    return (
        join([(rows, size) for (rows, _), size in parts], dim),
        join([(columns, size) for (_, columns), size in parts], dim),
    )
