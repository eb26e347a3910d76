"""Run a network on a fake image, with what `carry.py` needs around it.

In goes a network and the shape of an image; out come the fields of what ran and of the
outputs, as `LayerRecord`s. Fake tensors have a shape and no values, so a large network
at 513 x 513 takes a second and no memory. `FieldMode` is given each ATen kernel, module
hooks tell it where that ran. Above it `torch.func.functionalize` turns writes in place
into new tensors.
"""

import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch._subclasses.fake_tensor import UnsupportedOperatorException
from torch.autograd.function import Function, FunctionCtx
from torch.nn.modules.module import (
    register_module_forward_hook,
    register_module_forward_pre_hook,
)
from torch.overrides import TorchFunctionMode

from simseg_core.probes.field.arithmetic.endless import MarginTooSmallError
from simseg_core.probes.field.arithmetic.terms import image_axis
from simseg_core.probes.field.carry import FieldMode, LayerRecord, united_channels
from simseg_core.probes.field.rules.registry import Field, UnknownOperationError
from simseg_core.probes.running.fake import fake_tensors, home
from simseg_core.probes.running.refusal import no_tensor, refused_image
from simseg_core.probes.running.tensors import Shape
from simseg_core.probes.running.unchanged import unchanged

__all__ = ["run_with_fields"]


class _CircularPadding(TorchFunctionMode):
    """Run circular padding as one kernel: torch makes it of writes into views."""

    def __init__(self, mode: FieldMode) -> None:
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


_EXPORTS = {"numpy", "__array__", "tolist", "__dlpack__", "to_dlpack", "_to_dlpack"}


class _NoExport(TorchFunctionMode):
    """Refuse to hand numbers of the image to numpy and others: no kernel shows them."""

    def __init__(self, mode: FieldMode) -> None:
        super().__init__()
        self.mode = mode

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        exports = getattr(func, "__name__", "") in _EXPORTS
        if exports and any(self.mode.field(x) for _, x in self.mode.unwrapped(args)):
            raise self.mode.unknown(
                func,
                "it hands the image's numbers to what is not torch",
                "write it with torch's operations, or probe the part of the network "
                "before it",
            )
        return func(*args, **(kwargs or {}))


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
        fitting = (remedy for part, remedy in _REFUSED.items() if part in str(error))
        remedy = next(fitting, None)
        if remedy is None:
            raise
        raise UnknownOperationError(remedy) from error
    finally:
        if before is None:
            del Function.apply
        else:
            Function.apply = before


def run_with_fields(
    model: nn.Module, shape: Shape, margin: int, title: str
) -> tuple[list[LayerRecord], list[LayerRecord]]:
    """Run `model` on a fake image and carry the fields of its tensors along.

    Args:
        model: takes the image; is left as it was.
        shape: of the image, (1, C, H, W).
        margin: positions to list around a map that has no cycle: see `Endless`.
        title: what errors call the network.

    Returns:
        What module calls and functional operations returned, in the order of
        completion; and each output that depends on the image, named by its label.

    Raises:
        UnknownOperationError: for an operation without a rule.
        MarginTooSmallError: if the field reaches beyond the margin.
        RefusedInputError: if the network cannot run on the image.
        ValueError: if it returns no tensor.
    """
    paths = {id(module): path for path, module in model.named_modules()}
    mode = FieldMode(paths)
    device, kind = home(model)
    with ExitStack() as stack:
        stack.enter_context(unchanged(model))
        stack.enter_context(torch.no_grad())
        stack.enter_context(fake_tensors())
        stack.callback(mode.writes.put_back)
        stack.enter_context(_functions_without_gradient())
        image = torch.empty(shape, dtype=kind, device=device)
        mode.fields[image] = (
            image_axis(shape[2], dim=2, rank=4, margin=margin),
            image_axis(shape[3], dim=3, rank=4, margin=margin),
        )
        for handle in (
            register_module_forward_pre_hook(mode.enter_module),
            register_module_forward_hook(mode.leave_module),
        ):
            stack.callback(handle.remove)
        fused = torch.backends.mha.get_fastpath_enabled()
        stack.callback(torch.backends.mha.set_fastpath_enabled, fused)
        torch.backends.mha.set_fastpath_enabled(False)  # one kernel for a whole layer
        stack.enter_context(mode)
        stack.enter_context(_CircularPadding(mode))
        stack.enter_context(_NoExport(mode))
        returned: Any = None
        outputs: list[tuple[str, Shape, Field | None]] = []

        def run(x: Tensor) -> Tensor:
            nonlocal returned
            returned = model(x.clone())
            outputs.extend(
                (label, tuple(tensor.shape), mode.field(tensor))
                for label, tensor in mode.unwrapped(returned)
            )
            return x

        try:
            # A write in place becomes a new tensor, its views are made again from it.
            torch.func.functionalize(run)(image)
        except (UnknownOperationError, MarginTooSmallError):
            raise
        except Exception as error:
            raise _refused(error, mode, model, title, shape) from error
    if not outputs:
        raise ValueError(no_tensor(returned))
    return mode.records, [
        LayerRecord(
            name=label,
            operation="output",
            shape=size,
            field=united_channels(field),
            depth=0,
            is_module=True,
            is_leaf=False,
        )
        for label, size, field in outputs
        if field
    ]


def _refused(
    error: Exception, mode: FieldMode, model: nn.Module, title: str, shape: Shape
) -> Exception:
    """Tell why a network did not come to its end, by what torch raised."""
    if isinstance(error, UnsupportedOperatorException):
        return mode.unknown(error.func, "it cannot run without numbers")
    frames = traceback.extract_tb(error.__traceback__)
    if any("nested" in Path(frame.filename).parts for frame in frames):
        return mode.unknown(torch.nested.nested_tensor, "its parts differ in size")
    return refused_image(model, title, shape, error)
