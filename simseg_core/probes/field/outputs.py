"""Trace the fields of a network: of everything on the way, and of each output."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from simseg_core.probes.field.arithmetic.endless import MarginTooSmallError
from simseg_core.probes.field.report import LayerField
from simseg_core.probes.field.rules.registry import UnknownOperationError
from simseg_core.probes.field.run import listen
from simseg_core.probes.running.inputs import named_tensors
from simseg_core.probes.running.refusal import no_tensor, title_of

__all__ = ["chosen_output", "place_of", "told", "trace_fields", "trace_outputs"]

FIRST_MARGIN, LAST_MARGIN = 2048, 65536  # positions listed beyond a map: `Endless`


def trace_fields(
    model: nn.Module, shape: tuple[int, ...], title: str
) -> tuple[list[LayerField], dict[str, LayerField]]:
    """Trace what runs, and the outputs that depend on the image, by their labels.

    Args:
        model: takes one image batch.
        shape: (1, C, H, W).
        title: what an error calls the network.

    Raises:
        UnknownOperationError: for an operation without a rule, or fields that reach
            ever further and do not repeat.
    """
    margin = FIRST_MARGIN
    while True:
        try:
            heard, ends = listen(model, shape, margin, title)
            break
        except MarginTooSmallError:
            margin *= 4
            if margin > LAST_MARGIN:
                raise UnknownOperationError(
                    f"behind its resizes the field reaches {LAST_MARGIN} positions and "
                    "more beyond the map, and does not repeat: it is not known here; "
                    "use gradient_support"
                ) from None
    outputs = {end.name: LayerField(end) for end in ends}
    return [LayerField(one) for one in heard], outputs


def trace_outputs(model: nn.Module, shape: tuple[int, ...]) -> dict[str, LayerField]:
    """Trace the outputs alone; none where the network cannot be traced."""
    try:
        return trace_fields(model, shape, title_of(model))[1]
    except Exception:  # no rule, or it needs numbers: whoever runs it next will say so
        return {}


def chosen_output(
    made: Any, label: str | int | None, traced: dict[str, LayerField]
) -> tuple[str, Tensor]:
    """Find the output that is asked for, else the first that depends on the image.

    Raises:
        KeyError: if there is no such output.
        ValueError: if there is none at all.
    """
    found = dict(named_tensors(made))
    if not found:
        raise ValueError(no_tensor(made))
    if label is None:
        moved = (name for name, tensor in found.items() if tensor.requires_grad)
        label = next(iter(traced), None) or next(moved, None) or next(iter(found), "")
    if str(label) not in found:
        raise KeyError(
            f"the network returns no tensor {str(label)!r}; there are: "
            f"{', '.join(map(repr, found))}"
        )
    return str(label), found[str(label)]


def told(dims: Sequence[int] | None, shape: Sequence[int]) -> Sequence[int]:
    """Refuse to guess which dimensions count positions.

    Raises:
        ValueError: if nothing tells.
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


def place_of(dims: Sequence[int], index: Sequence[int], rank: int) -> tuple[Any, ...]:
    """Turn a position into an index of the tensor: all of what `dims` do not count."""
    place: list[Any] = [slice(None)] * rank
    for dim, i in zip(dims, index):
        place[dim] = i
    return tuple(place)
