"""Run a network on fake tensors and carry the field of every tensor along.

Fake tensors have a shape and no values, so a large network at 513 x 513 takes a second
and no memory. A dispatch mode hears each ATen kernel; module hooks tell where it ran.
Above it `torch.func.functionalize` turns writes in place into new tensors.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import Function, FunctionCtx
from torch.nn.modules.module import (
    register_module_forward_hook,
    register_module_forward_pre_hook,
)
from torch.overrides import TorchFunctionMode

from simseg_core.probes._fake import fake_tensors, home
from simseg_core.probes._unchanged import unchanged
from simseg_core.probes.endless import Endless
from simseg_core.probes.field_kernels import Fields, Heard, told
from simseg_core.probes.field_rules import UnknownOperationError
from simseg_core.probes.field_terms import Axis, Term

__all__ = ["Heard", "listen"]

Shape = tuple[int, ...]


def _image(size: int, margin: int, dim: int, rank: int) -> Axis:
    """Give the field of the image itself: position i sees i."""
    shape = [size if d == dim else 1 for d in range(rank)]
    here = np.arange(size).reshape(shape)
    data = np.stack([here, -here, here, -here, np.ones_like(here)])
    endless = Endless.source(size, margin, dim, rank)
    return (Term(data, frozenset([dim]), endless),)


class _Padding(TorchFunctionMode):
    """Run circular padding as one kernel: torch makes it of writes into views."""

    def __init__(self, mode: Fields) -> None:
        super().__init__()
        self.mode = mode

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is not F.pad:
            return func(*args, **kwargs)
        named = dict(zip(("input", "pad", "mode"), args)) | kwargs
        if named.get("mode") != "circular":
            return func(*args, **kwargs)
        self.mode.is_circular = True
        try:
            return F.pad(named["input"], named["pad"])
        finally:
            self.mode.is_circular = False


_REFUSED = {  # what torch says -> what to do
    "autograd.Function with functorch": (
        "an autograd.Function was reached by a name taken from its `apply` before: "
        "write Name.apply(x) where it runs, or use gradient_support"
    ),
    "mutating a non-functional tensor with a functional tensor": (
        "what depends on the image is written into a tensor that the network had "
        "before, such as a buffer: write to a copy made in forward, buffer.clone(), or "
        "use gradient_support"
    ),
}


@contextmanager
def _functions_without_gradient() -> Iterator[None]:
    """Run what an `autograd.Function` computes; `functionalize` refuses its gradient.

    Checkpointing is one, and so are activations that save memory.
    """

    def forward(function: Any, *args: Any, **kwargs: Any) -> Any:
        if function.setup_context is not Function.setup_context:
            return function.forward(*args, **kwargs)
        context: Any = FunctionCtx()
        context.needs_input_grad = (False,) * len(args)
        return function.forward(context, *args, **kwargs)

    before = vars(Function).get("apply")
    Function.apply = classmethod(forward)
    try:
        yield
    except RuntimeError as error:
        told = (remedy for part, remedy in _REFUSED.items() if part in str(error))
        remedy = next(told, None)
        if remedy is None:
            raise
        raise UnknownOperationError(remedy) from error
    finally:
        if before is None:
            del Function.apply
        else:
            Function.apply = before


def listen(
    model: nn.Module, shape: Shape, margin: int
) -> tuple[list[Heard], list[Heard]]:
    """Run `model` on a fake image (1, C, H, W) that goes on for `margin` pixels.

    Returns:
        What ran, in the order of completion, and each output with its label.
    """
    names = {id(module): name for name, module in model.named_modules()}
    mode = Fields(names)
    device, kind = home(model)
    with ExitStack() as stack:
        stack.enter_context(unchanged(model))
        stack.enter_context(torch.no_grad())
        stack.enter_context(fake_tensors())
        stack.callback(mode.writes.put_back)
        stack.enter_context(_functions_without_gradient())
        image = torch.empty(shape, dtype=kind, device=device)
        mode.fields[image] = (
            _image(shape[2], margin, 2, 4),
            _image(shape[3], margin, 3, 4),
        )
        for handle in (
            register_module_forward_pre_hook(mode.enter),
            register_module_forward_hook(mode.leave),
        ):
            stack.callback(handle.remove)
        fused = torch.backends.mha.get_fastpath_enabled()
        stack.callback(torch.backends.mha.set_fastpath_enabled, fused)
        torch.backends.mha.set_fastpath_enabled(False)  # one kernel for a whole layer
        stack.enter_context(mode)
        stack.enter_context(_Padding(mode))
        outputs: list[Heard] = []

        def run(x: Tensor) -> Tensor:
            outputs.extend(
                Heard(label, "output", tuple(tensor.shape), told(field), 0, True, False)
                for label, tensor in mode.plain(model(x.clone()))
                if (field := mode.field(tensor))
            )
            return x

        # A write in place becomes a new tensor, and its views are made again from it.
        torch.func.functionalize(run)(image)
    return mode.heard, outputs
