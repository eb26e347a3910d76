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

from simseg_core.probes.field.outputs import (
    checked_dims,
    chosen_output,
    index_of,
    trace_outputs,
)
from simseg_core.probes.field.report import Interval, LayerField
from simseg_core.probes.running.fake import home
from simseg_core.probes.running.inputs import as_module, image_shape
from simseg_core.probes.running.refusal import refusing, title_of
from simseg_core.probes.running.unchanged import unchanged
from simseg_core.probes.running.writes import written_back

__all__ = ["EffectiveField", "effective_receptive_field"]

INSIDE = 1 - 0.9545  # of the largest contribution; Luo et al. 2016, section 3


@dataclass(frozen=True)
class EffectiveField:
    """The share of each input pixel in one output pixel's gradient.

    Attributes:
        map: (H, W), sums to 1.
        output_index: (row, column) of the output pixel; (token,) of a token.
        box: the theoretical field within the image, ((first row, last), (first column,
            last)), without global paths; None if it is empty or not known.
        is_global: whether global paths add the whole image to it; None if not known.
        samples: inputs that were averaged.
    """

    map: Tensor
    output_index: tuple[int, ...]
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

        The square is cut at the image's edge, but its full side is given.
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
        sentence = f"effective size {self.size:.1f}"
        if self.area_share is not None and self.box is not None:
            (top, bottom), (left, right) = self.box
            sentence += (
                f", {self.area_share:.1%} of the {bottom - top + 1} x "
                f"{right - left + 1} theoretical box"
            )
        return (
            f"{sentence}; {self.side()} x {self.side()} holds 95.45 % of the gradient"
        )


def effective_receptive_field(
    model: nn.Module | Callable[[Tensor], Any],
    input_size: Sequence[int] | int | None = None,
    *,
    inputs: Tensor | None = None,
    output_index: Sequence[int] | None = None,
    samples: int = 16,
    seed: int = 0,
    dims: Sequence[int] | None = None,
    output: str | int | None = None,
) -> EffectiveField:
    """Average the absolute gradient of one output pixel over inputs.

    The model runs in evaluation mode and is left as it was: mode, weights, buffers,
    gradients and random states.

    Args:
        model: takes (B, C, H, W); returns tensors, lists or dicts.
        input_size: (C, H, W) or (H, W); not needed with `inputs`.
        inputs: images (N, C, H, W) to average over; else Gaussian noise.
        output_index: (row, column) of a map, in whatever dimensions they stand; of
            tokens (token,). None takes the middle of a map.
        samples: how many noise images.
        seed: of the noise and of the channels' weights.
        dims: the output's dimensions that the index counts: (1, 2) of (B, h, w, C).
            None asks the trace of `receptive_field`; needed where that has no rule.
        output: the output's place, such as "aux" or 1; else the first that depends on
            the image.

    Returns:
        The map (H, W), its size, and the theoretical box beside it.

    Raises:
        KeyError: if there is no such output.
        RefusedInputError: if the network cannot run on the image.
        ValueError: if the output is no map or has no such position, if `dims` must be
            given, or if no gradient reaches the image.

    Source: Luo et al. 2016, arXiv 1701.04128, sections 2 and 3.

    >>> field = effective_receptive_field(nn.Conv2d(1, 1, 3, padding=1), (1, 9, 9))
    >>> field.box, int((field.map > 0).sum())
    (((3, 5), (3, 5)), 9)
    """
    title = title_of(model)
    module = as_module(model)
    generator = torch.Generator().manual_seed(seed)
    if inputs is None:
        if input_size is None or samples < 1:
            raise ValueError("give input_size and at least one sample, or inputs")
        shape = (samples, *image_shape(module, input_size)[1:])
        inputs = torch.randn(shape, generator=generator)
    elif inputs.ndim != 4:
        raise ValueError(f"inputs has shape {tuple(inputs.shape)}: give (N, C, H, W)")
    traced = trace_outputs(module, (1, *inputs.shape[1:]))
    device, dtype = home(module, inputs)
    total = torch.zeros(tuple(inputs.shape[2:]), dtype=torch.float64)
    counted: tuple[int, ...] = ()
    index: tuple[int, ...] | None = None
    with unchanged(module), written_back(), torch.enable_grad():
        for image in inputs:  # one by one: a large network fits in memory
            image = image[None].detach().clone().to(device, dtype).requires_grad_()
            # A copy: a network may begin with an operation in place.
            with refusing(module, title, tuple(image.shape)):
                returned = module(image.clone())
            label, made = chosen_output(returned, output, traced)
            if not made.requires_grad:
                break
            if index is None:
                counted, index = _position(made, traced.get(label), dims, output_index)
            read = made[index_of(index, counted, made.ndim)].flatten()
            weights = torch.randn(read.shape, generator=generator).to(read)
            (gradient,) = torch.autograd.grad(
                (read * weights).sum().real, image, allow_unused=True
            )
            if gradient is not None:
                total = total + gradient[0].abs().sum(dim=0).cpu().double()
    if index is None or not total.isfinite().all() or total.sum() == 0:
        raise ValueError(
            "no finite gradient reaches the image from this output pixel: check that "
            "it depends on the image, undetached, and that no weight is zero or NaN"
        )
    box, is_global = None, None
    if label in traced:
        field = traced[label]
        is_global = field.is_global
        if sorted(counted) == sorted(field.position_dims):
            at = dict(zip(counted, index))
            box = field.box([at[d] for d in field.position_dims])
    return EffectiveField(total / total.sum(), index, box, is_global, len(inputs))


def _position(
    made: Tensor,
    field: LayerField | None,
    dims: Sequence[int] | None,
    given: Sequence[int] | None,
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Give the dimensions that count positions, and the position; else the middle."""
    shape = tuple(made.shape)
    if dims is None and field is not None:
        dims = field.map_dims
        if dims is None and given is not None and len(given) == len(field.counted):
            dims = field.counted
        elif dims is None and (field.counted or len(shape) < 4):
            raise ValueError(
                f"the output has shape {shape}, which is no map of rows and columns: "
                "probe the network up to its last feature map, or give output_index, "
                f"a number for each of its dimensions {field.counted}"
            )
    counted = tuple(d % len(shape) for d in checked_dims(dims, shape))
    if given is None:
        given = [shape[d] // 2 for d in counted]
    sizes = [shape[d] for d in counted]
    if len(given) != len(sizes):
        raise ValueError(
            f"output_index is {tuple(given)}: give "
            f"{'(row, column)' if len(sizes) == 2 else f'{len(sizes)} numbers'}"
        )
    if any(not -n <= i < n for i, n in zip(given, sizes)):
        raise ValueError(
            f"output_index {tuple(given)} is not on the {' x '.join(map(str, sizes))} "
            "map"
        )
    return counted, tuple(int(i) % n for i, n in zip(given, sizes))
