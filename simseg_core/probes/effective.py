"""The effective receptive field: how much does each input pixel really count?

Luo, Li, Urtasun and Zemel 2016, "Understanding the Effective Receptive Field in Deep
Convolutional Neural Networks" (arXiv 1701.04128). Section 2: put a gradient of one on
one output pixel and zero on all others; the gradient that reaches the input, averaged
over inputs, says how much each pixel counts. Section 3: a pixel is *inside* if it
counts more than 1 - 95.45 % of the largest, and the field's size is the square root of
their number (95.45 % is what two standard deviations of a Gaussian hold).

Differs from the paper:

- the output pixel has many channels here: each input sees another random combination
  of them (Gaussian weights), so that classes neither cancel nor are chosen;
- the absolute value is averaged: signs that differ between inputs do not cancel.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from simseg_core.probes._unchanged import unchanged
from simseg_core.probes.field_input import as_module, image_shape, named_tensors
from simseg_core.probes.field_report import Interval
from simseg_core.probes.field_rules import UnknownOperationError
from simseg_core.probes.receptive_field import receptive_field

__all__ = ["EffectiveField", "effective_receptive_field"]

INSIDE = 1 - 0.9545  # of the largest contribution; Luo et al. 2016, section 3


@dataclass(frozen=True)
class EffectiveField:
    """The share of each input pixel in one output pixel's gradient.

    Attributes:
        map: (H, W), sums to 1.
        output_index: (row, column) of the output pixel.
        box: the theoretical field within the image, ((first row, last), (first column,
            last)), without global paths; None if it is empty or not known.
        is_global: whether global paths add the whole image to it; None if not known.
        samples: inputs that were averaged.
    """

    map: Tensor
    output_index: tuple[int, int]
    box: tuple[Interval, Interval] | None
    is_global: bool | None
    samples: int

    @property
    def inside(self) -> Tensor:
        """Pixels that count more than 4.55 % of the largest: a bool mask (H, W)."""
        return self.map > INSIDE * self.map.max()

    @property
    def size(self) -> float:
        """Square root of the number of pixels inside (Luo et al. 2016, section 3)."""
        return float(self.inside.sum()) ** 0.5

    @property
    def area_share(self) -> float | None:
        """Pixels inside, as a share of the theoretical box within the image."""
        if self.box is None:
            return None
        (top, bottom), (left, right) = self.box
        return float(self.inside.sum()) / ((bottom - top + 1) * (right - left + 1))

    @property
    def centre(self) -> tuple[float, float]:
        """Mean (row, column) of the map."""
        rows = torch.arange(self.map.shape[0], dtype=self.map.dtype)
        columns = torch.arange(self.map.shape[1], dtype=self.map.dtype)
        return float(self.map.sum(1) @ rows), float(self.map.sum(0) @ columns)

    def side(self, share: float = 0.9545) -> int:
        """Give the side of the smallest square about `centre` that holds `share`.

        The square is cut at the image's edge, but its full side is told.
        """
        if not 0 < share < 1:
            raise ValueError(f"share is {share}: give a number between 0 and 1")
        row, column = (round(c) for c in self.centre)
        for radius in range(max(self.map.shape)):
            top, left = max(row - radius, 0), max(column - radius, 0)
            held = self.map[top : row + radius + 1, left : column + radius + 1].sum()
            if held >= share:
                break
        return 2 * radius + 1

    def __str__(self) -> str:
        """Say it in a sentence."""
        told = f"effective size {self.size:.1f}"
        if self.area_share is not None and self.box is not None:
            (top, bottom), (left, right) = self.box
            told += (
                f", {self.area_share:.1%} of the {bottom - top + 1} x "
                f"{right - left + 1} theoretical box"
            )
        return f"{told}; {self.side()} x {self.side()} holds 95.45 % of the gradient"


def effective_receptive_field(
    model: nn.Module | Callable[[Tensor], Any],
    input_size: Sequence[int] | int | None = None,
    *,
    inputs: Tensor | None = None,
    output_index: Sequence[int] | None = None,
    samples: int = 16,
    seed: int = 0,
) -> EffectiveField:
    """Average the absolute gradient of one output pixel over inputs.

    The model runs in evaluation mode and is left as it was: mode, weights, buffers,
    gradients and torch's random state.

    Args:
        model: takes (B, C, H, W); its first output, a map (B, C, h, w), is probed.
        input_size: (C, H, W) or (H, W); not needed with `inputs`.
        inputs: images (N, C, H, W) to average over; else Gaussian noise.
        output_index: (row, column); else the middle.
        samples: how many noise images.
        seed: of the noise and of the channels' weights.

    Returns:
        The map (H, W), its size, and the theoretical box beside it.

    Raises:
        ValueError: if the output is no map, or no gradient reaches the image.

    Source: Luo et al. 2016, arXiv 1701.04128, sections 2 and 3.

    >>> field = effective_receptive_field(nn.Conv2d(1, 1, 3, padding=1), (1, 9, 9))
    >>> field.box, int((field.map > 0).sum())
    (((3, 5), (3, 5)), 9)
    """
    module = as_module(model)
    generator = torch.Generator().manual_seed(seed)
    if inputs is None:
        if input_size is None or samples < 1:
            raise ValueError("give input_size and at least one sample, or inputs")
        shape = (samples, *image_shape(module, input_size)[1:])
        inputs = torch.randn(shape, generator=generator)
    elif inputs.ndim != 4:
        raise ValueError(f"inputs has shape {tuple(inputs.shape)}: give (N, C, H, W)")
    floating = (p for p in module.parameters() if p.is_floating_point())
    like = next(floating, inputs)
    total = torch.zeros(tuple(inputs.shape[2:]), dtype=torch.float64)
    index: tuple[int, int] | None = None
    with unchanged(module), torch.enable_grad():
        for image in inputs:  # one by one: a large network fits in memory
            image = image[None].to(like.device, like.dtype).detach().requires_grad_()
            # A copy: a network may begin with an operation in place.
            _, output = next(named_tensors(module(image.clone())))
            index = _position(output, output_index)
            read = output[0, :, index[0], index[1]]
            weights = torch.randn(read.shape, generator=generator).to(read)
            if not read.requires_grad:
                break
            (gradient,) = torch.autograd.grad(read @ weights, image, allow_unused=True)
            if gradient is not None:
                total += gradient[0].abs().sum(dim=0).cpu().double()
    if index is None or not total.isfinite().all() or total.sum() == 0:
        raise ValueError(
            "no finite gradient reaches the image from this output pixel: check that "
            "it depends on the image, undetached, and that no weight is zero or NaN"
        )
    box, is_global = None, None
    try:
        field = receptive_field(module, tuple(inputs.shape[1:]))
        box, is_global = field.box(index), field.is_global
    except UnknownOperationError:
        pass  # the gradient needs no rule
    return EffectiveField(total / total.sum(), index, box, is_global, len(inputs))


def _position(output: Tensor, given: Sequence[int] | None) -> tuple[int, int]:
    if output.ndim != 4:
        raise ValueError(
            f"the output has shape {tuple(output.shape)}, which is no map "
            "(B, C, h, w): probe the network up to its last feature map"
        )
    height, width = output.shape[2:]
    if given is not None and len(given) != 2:
        raise ValueError(f"output_index is {tuple(given)}: give (row, column)")
    row, column = (height // 2, width // 2) if given is None else given
    if not (-height <= row < height and -width <= column < width):
        raise ValueError(
            f"output_index {(row, column)} is not on the {height} x {width} map"
        )
    return int(row) % height, int(column) % width
