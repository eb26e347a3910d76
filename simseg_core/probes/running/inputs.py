"""What a field probe is given and gets back: networks, image sizes, nested outputs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from numbers import Integral
from typing import Any

from torch import Tensor, nn

from simseg_core.probes.running.fake import refuse_lazy
from simseg_core.probes.running.reach import modules_in
from simseg_core.probes.running.refusal import TENSOR_AS_SIZE

__all__ = ["as_module", "image_shape", "named_tensors"]


def image_shape(model: nn.Module, input_size: Sequence[int] | int) -> tuple[int, ...]:
    """Complete an input size to (1, C, H, W)."""
    if isinstance(input_size, Tensor):
        raise ValueError(TENSOR_AS_SIZE)
    given: Any = input_size
    given = [given] * 2 if isinstance(given, Integral) else list(given)
    whole = all(isinstance(n, Integral) and int(n) > 0 for n in given)
    if not whole or len(given) not in (2, 3, 4):
        raise ValueError(
            f"input_size {input_size!r} is not an image's size: give positive whole "
            "numbers as (C, H, W), (B, C, H, W) or (H, W)"
        )
    if len(given) == 2:
        convolutions = (m for m in modules_in(model) if isinstance(m, nn.Conv2d))
        first = next(convolutions, None)
        given = [first.in_channels if first else 3, *given]
    return (1, *map(int, given[-3:]))


def as_module(model: nn.Module | Callable[[Tensor], Any]) -> nn.Module:
    """Wrap a plain callable, so that it can be probed as a module."""
    model = getattr(model, "_orig_mod", model)  # what torch.compile wraps
    refuse_lazy(model)
    if isinstance(model, nn.Module):
        return model
    if not callable(model):
        raise TypeError(
            f"model is a {type(model).__name__}: give a network or a function"
        )
    return _Function(model)


class _Function(nn.Module):
    def __init__(self, function: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Any:
        return self.function(x)


def named_tensors(value: Any, label: str = "") -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors of nested lists, mappings and dataclasses with their place."""
    if isinstance(value, Tensor):
        yield label, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from named_tensors(item, f"{label}.{key}".lstrip("."))
    elif isinstance(value, list | tuple):
        for place, item in enumerate(value):
            yield from named_tensors(item, f"{label}.{place}".lstrip("."))
    elif is_dataclass(value) and not isinstance(value, type):
        for entry in fields(value):
            item = getattr(value, entry.name)
            yield from named_tensors(item, f"{label}.{entry.name}".lstrip("."))
