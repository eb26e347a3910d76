"""The receptive field by brute force: which input pixels have a gradient?

This is the independent check of `receptive_field`. It knows no index rule: it runs the
network and asks autograd. What could hide a path is first taken out of the way, on a
copy of the network in float64:

- weights become positive and sum to about one, biases zero, BatchNorm the identity, so
  that no two paths cancel;
- activations become the identity, a sigmoid x / (1 + abs(x)): none is off or saturates;
- a maximum or minimum becomes a mean over the same window, softmax a mean that keeps
  each entry, so that every candidate counts and not the winner alone;
- of a result above a million the roots are taken, so that nothing overflows;
- a resize loses the weights below 1e-9 that rounding leaves where the weight is zero.

A choice that numbers make (`torch.where(x > 0, a, b)`) is followed as it falls.
"""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from simseg_core.probes.field_input import as_module, image_shape, named_tensors
from simseg_core.probes.open_operations import OpenOperations

__all__ = ["gradient_support", "open_paths"]


def gradient_support(
    model: nn.Module | Callable[[Tensor], Any],
    input_size: Sequence[int] | int,
    output_index: Sequence[int],
    *,
    dims: Sequence[int] | None = None,
) -> Tensor:
    """Find the pixels on which one output position depends, by their gradient.

    The model is copied: its weights, buffers and mode stay as they are.

    Args:
        model: takes (1, C, H, W); its first output tensor is probed.
        input_size: (C, H, W), (B, C, H, W) or (H, W), as for `receptive_field`.
        output_index: (row, column) of a map (B, C, h, w); (token,) of (B, N, C); () of
            (B, C). All channels are read.
        dims: the output's dimensions that the index counts, where they are others:
            (1, 2) of (B, h, w, C).

    Returns:
        A bool mask (H, W): True where some channel of the pixel has a path.

    Raises:
        IndexError: if there is no such output position.
        ValueError: if the output has no gradient at all.
        FloatingPointError: if the copy overflows, so that nothing can be told.

    >>> dilated = nn.Conv2d(1, 1, 3, padding=2, dilation=2)
    >>> int(gradient_support(dilated, (1, 9, 9), (4, 4)).sum())
    9
    """
    module = as_module(model)
    shape = image_shape(module, input_size)
    generator = torch.Generator().manual_seed(0)
    module = open_paths(module, generator)
    image = 0.5 + torch.rand(shape, generator=generator, dtype=torch.float64)
    image.requires_grad_()
    with torch.enable_grad(), OpenOperations():
        _, output = next(named_tensors(module(image)))
    if dims is None:
        dims = {4: (2, 3), 3: (1,), 2: ()}.get(output.ndim)
    sizes = [output.shape[d] for d in dims or ()]
    index = [int(i) for i in output_index]
    within = all(-n <= i < n for i, n in zip(index, sizes))
    if dims is None or len(index) != len(sizes) or not within:
        raise IndexError(
            f"output_index {tuple(index)} is no position of an output of shape "
            f"{tuple(output.shape)}"
        )
    place: list[Any] = [slice(None)] * output.ndim
    for dim, i in zip(dims, index):
        place[dim] = i
    read = output[tuple(place)]
    readout = 0.5 + torch.rand(read.shape, generator=generator, dtype=read.dtype)
    if not read.requires_grad:
        raise ValueError(
            "no gradient reaches the image from this output: it does not depend on "
            "the image, or the network detaches it"
        )
    (gradient,) = torch.autograd.grad((read * readout).sum(), image)
    if not gradient.isfinite().all():
        raise FloatingPointError("the gradient overflows float64: probe a smaller part")
    return (gradient[0] != 0).any(dim=0)


def open_paths(model: nn.Module, generator: torch.Generator) -> nn.Module:
    """Copy a network to float64 with positive weights and BatchNorm as the identity."""
    model = copy.deepcopy(model).double().cpu().eval()
    with torch.no_grad():
        for name, value in [*model.named_parameters(), *model.named_buffers()]:
            leaf = name.rsplit(".", maxsplit=1)[-1]
            if not value.is_floating_point():
                continue
            if leaf == "running_var" or (value.ndim < 2 and leaf == "weight"):
                value.fill_(1.0)
            elif leaf == "running_mean" or leaf.endswith("bias"):
                value.zero_()
            elif isinstance(value, nn.Parameter):
                fan_in = max(value.numel() // max(value.shape[:1].numel(), 1), 1)
                noise = torch.rand(value.shape, generator=generator, dtype=value.dtype)
                value.copy_((0.5 + noise) / fan_in)
    return model.requires_grad_(False)
