"""The receptive field by brute force: which input pixels have a gradient?

This is the independent check of `receptive_field`. It knows no index rule: it runs the
network and asks autograd. What could hide a path is first taken out of the way, and all
is computed in float64, whatever the network's tensors are of:

- weights become positive and sum to about one, biases zero, BatchNorm the identity, so
  that no two paths cancel;
- activations become the identity, a sigmoid x / (1 + abs(x)): none is off or saturates;
- a maximum or minimum becomes a mean over the same window, softmax a mean that keeps
  each entry, so that every candidate counts and not the winner alone;
- of a result above a million the roots are taken, so that nothing overflows;
- a resize loses the weights below 1e-9 that rounding leaves where the weight is zero.

A choice that numbers make (`torch.where(x > 0, a, b)`) is followed as it falls.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from simseg_core.probes.field.open_operations import OpenOperations
from simseg_core.probes.field.open_tensors import OpenTensors
from simseg_core.probes.field.outputs import (
    checked_dims,
    chosen_output,
    index_of,
    trace_outputs,
)
from simseg_core.probes.running.fake import home
from simseg_core.probes.running.inputs import as_module, image_shape
from simseg_core.probes.running.reach import modules_in
from simseg_core.probes.running.refusal import refusing, title_of
from simseg_core.probes.running.unchanged import unchanged

__all__ = ["gradient_support"]


def gradient_support(
    model: nn.Module | Callable[[Tensor], Any],
    input_size: Sequence[int] | int,
    output_index: Sequence[int],
    *,
    dims: Sequence[int] | None = None,
    output: str | int | None = None,
) -> Tensor:
    """Find the pixels on which one output position depends, by their gradient.

    The model runs in float64 on the CPU, whatever it is of, and is left as it was.

    Args:
        model: takes (1, C, H, W).
        input_size: (C, H, W), (B, C, H, W) or (H, W), as for `receptive_field`.
        output_index: (row, column) of a map (B, C, h, w); (token,) of (B, N, C); () of
            (B, C). All channels are read.
        dims: the output's dimensions that the index counts: (1, 2) of (B, h, w, C).
            None asks `receptive_field`; needed where that has no rule.
        output: the output's place, such as "aux" or 1; else the first that depends on
            the image.

    Returns:
        A bool mask (H, W): True where some channel of the pixel has a path.

    Raises:
        KeyError: if there is no such output.
        IndexError: if there is no such output position.
        RefusedInputError: if the network cannot run on the image.
        ValueError: if the output has no gradient at all, or `dims` must be given.
        FloatingPointError: if the copy overflows, so that nothing is known.

    >>> dilated = nn.Conv2d(1, 1, 3, padding=2, dilation=2)
    >>> int(gradient_support(dilated, (1, 9, 9), (4, 4)).sum())
    9
    """
    title = title_of(model)
    module = as_module(model)
    shape = image_shape(module, input_size)
    modules = modules_in(module)
    if any(isinstance(one, torch.jit.ScriptModule) for one in modules):
        raise ValueError(
            "TorchScript hides its operations from the gradient's path: probe the "
            "module that was scripted or traced"
        )
    traced = trace_outputs(module, shape) if dims is None else {}
    generator = torch.Generator().manual_seed(0)
    is_complex = home(module)[1].is_complex
    with ExitStack() as stack:
        stack.enter_context(unchanged(module))
        stack.enter_context(torch.enable_grad())
        kind = torch.complex128 if is_complex else torch.float64
        image = 0.5 + torch.rand(shape, generator=generator, dtype=kind)
        image.requires_grad_()
        stack.enter_context(OpenOperations())
        tensors = stack.enter_context(OpenTensors(modules, generator))
        # A copy: a network may begin with an operation in place.
        with refusing(module, title, shape):
            returned = module(tensors.make(image).clone())
        label, made = chosen_output(returned, output, traced)
        if dims is None and label in traced:
            dims = traced[label].position_dims
        if not made.requires_grad:
            raise ValueError(
                "no gradient reaches the image from this output: it does not depend on "
                "the image, or the network detaches it"
            )
        dims = checked_dims(dims, made.shape)
        sizes = [made.shape[d] for d in dims]
        index = [int(i) for i in output_index]
        if len(index) != len(sizes) or any(
            not -n <= i < n for i, n in zip(index, sizes)
        ):
            raise IndexError(
                f"output_index {tuple(index)} is no position of an output of shape "
                f"{tuple(made.shape)}, whose dimensions {tuple(dims)} count positions"
            )
        read = made[index_of(index, dims, made.ndim)]
        read = torch.view_as_real(read) if read.is_complex() else read
        readout = 0.5 + torch.rand(read.shape, generator=generator, dtype=read.dtype)
        gradient = _gradient((read * readout).sum(), image)
    if not gradient.isfinite().all():
        raise FloatingPointError("the gradient overflows float64: probe a smaller part")
    return (gradient[0] != 0).any(dim=0)


def _gradient(total: Tensor, image: Tensor) -> Tensor:
    """Take the gradient with the function modes still on.

    Within `autograd.grad` they are off, but a checkpoint runs its part of the network
    again there, and a function's own backward pass reads its weights.
    """
    engine: Any = torch.autograd.Variable._execution_engine
    given = (total,), (torch.ones_like(total),), False, False, (image,)
    (gradient,) = engine.run_backward(
        *given, allow_unreachable=True, accumulate_grad=False
    )
    return torch.zeros_like(image) if gradient is None else gradient
