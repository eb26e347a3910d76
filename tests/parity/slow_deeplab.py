"""DeepLabV3+'s ASPP and decoder again, from plain tensors: nothing of ours in here.

Weights come by name in a dictionary, as a state_dict has them; `at` is the name of a
part. Resizing is a product with two matrices, from the definition of bilinear weights.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

Weights = Mapping[str, Tensor]


def norm_relu(x: Tensor, weights: Weights, at: str) -> Tensor:
    mean, var, scale, shift = (
        weights[f"{at}.{kind}"].view(-1, 1, 1)
        for kind in ("running_mean", "running_var", "weight", "bias")
    )
    return ((x - mean) / (var + 1e-5).sqrt() * scale + shift).clamp(min=0)


def conv1x1(x: Tensor, weight: Tensor) -> Tensor:
    return torch.einsum("dc,bchw->bdhw", weight[:, :, 0, 0], x)


def unit1x1(x: Tensor, weights: Weights, at: str) -> Tensor:
    return norm_relu(conv1x1(x, weights[f"{at}.0.weight"]), weights, f"{at}.1")


def unit3x3(x: Tensor, weights: Weights, at: str, rate: int, separable: bool) -> Tensor:
    """A full 3x3, BatchNorm, ReLU; or depthwise and pointwise, each with both."""
    kernel = weights[f"{at}.0.weight"]
    groups = x.shape[1] if separable else 1
    x = F.conv2d(x, kernel, padding=rate, dilation=rate, groups=groups)
    x = norm_relu(x, weights, f"{at}.1")
    if separable:  # .2 is a ReLU
        x = conv1x1(x, weights[f"{at}.3.weight"])
        x = norm_relu(x, weights, f"{at}.4")
    return x


def resize(x: Tensor, size: Sequence[int], align_corners: bool) -> Tensor:
    for axis, new in zip((2, 3), size):
        old = x.shape[axis]
        i = torch.arange(new, dtype=x.dtype)
        if align_corners:
            at = i * (old - 1) / max(new - 1, 1)
        else:
            at = (i + 0.5) * old / new - 0.5
        at = at.clamp(0, old - 1)
        matrix = (1 - (at[:, None] - torch.arange(old)).abs()).clamp(min=0)
        x = torch.tensordot(x, matrix, dims=([axis], [1])).movedim(-1, axis)
    return x


def head(
    low: Tensor,
    high: Tensor,
    weights: Weights,
    *,
    size: Sequence[int],
    rates: Sequence[int],
    separable: bool,
    align_corners: bool,
) -> Tensor:
    """From the encoder's two maps to logits at `size`."""
    at = "aspp.branches"
    branches = [unit1x1(high, weights, f"{at}.0")]
    for index, rate in enumerate(rates, start=1):
        branches.append(unit3x3(high, weights, f"{at}.{index}", rate, separable))
    mean = high.mean(dim=(2, 3), keepdim=True)
    pooled = unit1x1(mean, weights, f"{at}.{len(rates) + 1}.project")
    branches.append(resize(pooled, high.shape[2:], align_corners))
    x = unit1x1(torch.cat(branches, dim=1), weights, "aspp.project")

    x = resize(x, low.shape[2:], align_corners)
    x = torch.cat([x, unit1x1(low, weights, "decoder.narrow")], dim=1)
    for index in (0, 1):
        x = unit3x3(x, weights, f"decoder.refine.{index}", 1, separable)

    logits = conv1x1(x, weights["classify.weight"])
    logits = logits + weights["classify.bias"].view(-1, 1, 1)
    return resize(logits, size, align_corners)
