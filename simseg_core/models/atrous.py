"""Atrous convolution written out, and output strides.

Chen et al. 2017, *Rethinking Atrous Convolution for Semantic Image Segmentation*, arXiv
1706.05587, equation 1 and figure 1: y[i] = sum over k of x[i + r k] w[k]. The kernel
keeps its weights and r - 1 holes open between them; r = 1 is ordinary convolution.

`atrous_conv2d` is for reading. The networks use `nn.Conv2d(..., dilation=r)`, and the
tests hold both equal.

Differs from the paper:
    - As in deep learning everywhere, the kernel's centre has index 0 (k = -1, 0, 1),
      and zeros surround the map, as many as keep its size.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from simseg_core.models.layers import check_counts


def atrous_conv2d(x: Tensor, weight: Tensor, *, rate: int = 1) -> Tensor:
    """Convolve with holes: shift, weigh, add up (equation 1).

    (B, C, H, W), (D, C, k, k) -> (B, D, H, W). One term a kernel tap: the map, shifted
    by `rate` times the tap's distance from the centre, times that tap's weights.

    Args:
        x: The map.
        weight: A kernel whose height and width are odd, laid out as `nn.Conv2d`'s.
        rate: Distance between neighbouring taps, in pixels.

    Raises:
        TypeError: The rate is not an int.
        ValueError: The rate is below 1, or the shapes do not fit.

    >>> x = torch.arange(5.0).view(1, 1, 1, 5)
    >>> atrous_conv2d(x, torch.tensor([1.0, 0.0, 1.0]).view(1, 1, 1, 3), rate=2)
    tensor([[[[2., 3., 4., 1., 2.]]]])
    """
    check_atrous(x, weight, rate)
    H, W = x.shape[-2:]
    height, width = weight.shape[-2:]
    border_h, border_w = rate * (height // 2), rate * (width // 2)
    padded = F.pad(x, (border_w, border_w, border_h, border_h))
    y = x.new_zeros(x.shape[0], weight.shape[0], H, W)
    for i in range(height):
        for j in range(width):
            shifted = padded[:, :, i * rate : i * rate + H, j * rate : j * rate + W]
            y = y + torch.einsum("dc,bchw->bdhw", weight[:, :, i, j], shifted)
    return y


def check_atrous(x: Tensor, weight: Tensor, rate: int) -> None:
    """Require a map, a kernel with a centre, and a rate.

    Args:
        x: (B, C, H, W).
        weight: (D, C, k, k), k odd; height and width may differ.
        rate: 1 or more.

    Raises:
        TypeError: The rate is not an int.
        ValueError: The rate is below 1, or the shapes do not fit.
    """
    check_counts(rate=rate)
    if x.ndim != 4 or weight.ndim != 4 or x.shape[1] != weight.shape[1]:
        raise ValueError(
            "expected a map (B, C, H, W) and a kernel (D, C, k, k) of the same C, got "
            f"{tuple(x.shape)} and {tuple(weight.shape)}"
        )
    if weight.shape[-2] % 2 == 0 or weight.shape[-1] % 2 == 0:
        raise ValueError(
            "the kernel's height and width must be odd, so that it has a centre, got "
            f"{weight.shape[-2]}x{weight.shape[-1]}"
        )


def replace_strides(
    strides: Sequence[int], *, output_stride: int
) -> list[tuple[int, int]]:
    """Trade the strides beyond an output stride for rates (section 3.1).

    The unit that would have strided keeps the rate it has, and later ones multiply it
    by that stride: every value is then computed from the same pixels as before.

    Args:
        strides: Of a network's units, in order, the stem's included.
        output_stride: What the last map is to be smaller by: 8, 16 or 32.

    Returns:
        For each unit, its stride and its rate.

    Raises:
        ValueError: The output stride is none of the three.

    >>> replace_strides((2, 2, 2, 2, 1), output_stride=8)
    [(2, 1), (2, 1), (2, 1), (1, 1), (1, 2)]
    """
    if output_stride not in (8, 16, 32):
        raise ValueError(f"output_stride must be 8, 16 or 32, got {output_stride}")
    plan = []
    reached, rate = 1, 1
    for stride in strides:
        if reached * stride > output_stride:
            plan.append((1, rate))
            rate *= stride
        else:
            plan.append((stride, rate))
            reached *= stride
    return plan
