"""Run without numbers: torch's fake tensors carry shapes alone."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn.parameter import is_lazy

from simseg_core.probes.running.reach import modules_in
from simseg_core.probes.running.writes import written_back

__all__ = ["fake_tensors", "home", "refuse_lazy"]


@contextmanager
def fake_tensors() -> Iterator[FakeTensorMode]:
    """Make tensors without numbers, and let torch's log keep quiet about them.

    It would print a page for every size that a network refuses, beside the error.
    """
    log = logging.getLogger("torch._subclasses.fake_tensor")
    before, log.disabled = log.disabled, True
    try:
        # (A constant of few numbers keeps them, and would be written.)
        with FakeTensorMode(allow_non_fake_inputs=True) as mode, written_back():
            yield mode
    finally:
        log.disabled = before


def home(
    model: Any, other: torch.Tensor | None = None
) -> tuple[torch.device, torch.dtype]:
    """Tell device and type of the model's parameters; without any, those of `other`.

    Complex ones tell only where no other does: most of them weigh a Fourier transform
    within a network of real images.
    """
    parameters = [p for m in modules_in(model) for p in m.parameters(recurse=False)]
    for kind in (torch.Tensor.is_floating_point, torch.is_complex):
        first = next(filter(kind, parameters), None)
        if first is not None:
            return first.device, first.dtype
    if other is not None and other.is_floating_point():
        return other.device, other.dtype
    # Before 2.10 get_default_device fails after set_default_device(None).
    return torch.empty(0).device, torch.get_default_dtype()


def refuse_lazy(model: Any) -> None:
    """Refuse a network whose weights have no shape yet: run so, torch may crash.

    Raises:
        ValueError: if a parameter or buffer waits for the first input.
    """
    for module in modules_in(model):
        tensors = [*module.parameters(recurse=False), *module.buffers(recurse=False)]
        if any(map(is_lazy, tensors)):
            raise ValueError(
                "the model is lazy: call it once, so that its weights get their "
                "shapes, then probe it"
            )
