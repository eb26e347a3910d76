"""The fields of a network's outputs, and the tensors that these outputs are.

The probes of this folder share it: a network is run with fields (`trace_fields`), or
with numbers, and then one output (`chosen_output`) and one position of it
(`checked_dims`, `index_of`) is looked at.
"""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from simseg_core.probes.field.arithmetic.endless import MarginTooSmallError
from simseg_core.probes.field.report import LayerField
from simseg_core.probes.field.rules.registry import UnknownOperationError
from simseg_core.probes.field.run import run_with_fields
from simseg_core.probes.running.inputs import named_tensors
from simseg_core.probes.running.refusal import no_tensor, title_of

__all__ = [
    "checked_dims",
    "chosen_output",
    "index_of",
    "trace_fields",
    "trace_outputs",
]

_FIRST_MARGIN, _LAST_MARGIN = 2048, 65536  # positions listed beyond a map: `Endless`


def trace_fields(
    model: nn.Module, shape: tuple[int, ...], title: str
) -> tuple[list[LayerField], dict[str, LayerField]]:
    """Run a network with fields, with as wide a margin as it takes.

    Args:
        model: takes one image batch.
        shape: (1, C, H, W).
        title: what an error calls the network.

    Returns:
        What module calls and functional operations returned, in the order of
        completion; and the outputs that depend on the image, by their labels.

    Raises:
        UnknownOperationError: for an operation without a rule, or fields that reach
            ever further and do not repeat.
    """
    margin = _FIRST_MARGIN
    while True:
        try:
            layers, outputs = run_with_fields(model, shape, margin, title)
            break
        except MarginTooSmallError:
            margin *= 4
            if margin > _LAST_MARGIN:
                raise UnknownOperationError(
                    f"behind its resizes the field reaches {_LAST_MARGIN} positions "
                    "and more beyond the map, and does not repeat: it is not known "
                    "here; use gradient_support"
                ) from None
    by_label = {output.name: LayerField(output) for output in outputs}
    return [LayerField(layer) for layer in layers], by_label


def trace_outputs(model: nn.Module, shape: tuple[int, ...]) -> dict[str, LayerField]:
    """Give the fields of the outputs alone; none where the network has none known.

    Args:
        model: takes one image batch.
        shape: (1, C, H, W).
    """
    try:
        return trace_fields(model, shape, title_of(model))[1]
    except Exception:  # no rule, or it needs numbers: whoever runs it next will say so
        return {}


def chosen_output(
    returned: Any, label: str | int | None, traced: dict[str, LayerField]
) -> tuple[str, Tensor]:
    """Find the output that is asked for, else the first that depends on the image.

    Args:
        returned: by the network: tensors, nested as they may be.
        label: of an output; None for the first.
        traced: fields by label, as `trace_outputs` gives them.

    Returns:
        The output's label and tensor.

    Raises:
        KeyError: if there is no such output.
        ValueError: if there is none at all.
    """
    tensors = dict(named_tensors(returned))
    if not tensors:
        raise ValueError(no_tensor(returned))
    if label is None:
        depending = (name for name, tensor in tensors.items() if tensor.requires_grad)
        label = next(iter(traced), None) or next(depending, None) or next(iter(tensors))
    if str(label) not in tensors:
        raise KeyError(
            f"the network returns no tensor {str(label)!r}; there are: "
            f"{', '.join(map(repr, tensors))}"
        )
    return str(label), tensors[str(label)]


def checked_dims(dims: Sequence[int] | None, shape: Sequence[int]) -> Sequence[int]:
    """Give back which dimensions of an output count positions; refuse to guess.

    Args:
        dims: as the trace or the caller says; None if neither does.
        shape: of the output.

    Raises:
        ValueError: if `dims` is None or not of that shape.
    """
    if dims is None:
        layouts = (
            "dims=(1,) if it is tokens (B, N, C), dims=(2,) if (B, C, N)"
            if len(shape) == 3
            else "dims=(2, 3) if it is a map (B, C, h, w), dims=(1, 2) if (B, h, w, C)"
        )
        raise ValueError(
            f"which dimensions of the output {tuple(shape)} count rows and columns is "
            "not known: its operations cannot be traced, or leave all positions alike. "
            f"Give {layouts}"
        )
    if any(not -len(shape) <= d < len(shape) for d in dims):
        raise ValueError(
            f"dims {tuple(dims)} are not those of an output {tuple(shape)}"
        )
    return dims


def index_of(
    position: Sequence[int], dims: Sequence[int], rank: int
) -> tuple[int | slice, ...]:
    """Turn a position into an index of the tensor: all of what `dims` do not count.

    >>> index_of((3, 5), dims=(2, 3), rank=4)
    (slice(None, None, None), slice(None, None, None), 3, 5)
    """
    index: list[int | slice] = [slice(None)] * rank
    for dim, i in zip(dims, position):
        index[dim] = i
    return tuple(index)
