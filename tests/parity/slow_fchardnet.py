"""FC-HarDNet-70 again, from plain tensors and a written-out table: nothing of ours.

Weights come by name in a dictionary, as a state_dict has them.
"""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from tests.parity.slow_deeplab import norm_relu, resize

# What each of a block's layers reads, from layer 1; 0 is the block's input.
READS = [[0], [1, 0], [2], [3, 2, 0], [4], [5, 4], [6], [7, 6, 4, 0]]
LEAVES = {4: [1, 3, 4], 8: [1, 3, 5, 7, 8]}


def unit(x: Tensor, weights: Mapping[str, Tensor], at: str, stride: int = 1) -> Tensor:
    kernel = weights[f"{at}.0.weight"]
    x = F.conv2d(x, kernel, stride=stride, padding=kernel.shape[-1] // 2)
    return norm_relu(x, weights, f"{at}.1")


def block(x: Tensor, weights: Mapping[str, Tensor], at: str, layers: int) -> Tensor:
    maps = [x]
    for index, read in enumerate(READS[:layers]):
        both = torch.cat([maps[i] for i in read], dim=1)
        maps.append(unit(both, weights, f"{at}.layers.{index}"))
    return torch.cat([maps[i] for i in LEAVES[layers]], dim=1)


def halve(x: Tensor) -> Tensor:
    """Mean of each 2x2; an odd last row or column is dropped."""
    H, W = x.shape[2] // 2 * 2, x.shape[3] // 2 * 2
    x = x[:, :, :H, :W]
    rows = x[:, :, ::2] + x[:, :, 1::2]
    return (rows[..., ::2] + rows[..., 1::2]) / 4


def fchardnet70(x: Tensor, weights: Mapping[str, Tensor]) -> Tensor:
    size = x.shape[2:]
    for index, stride in enumerate((2, 1, 2, 1)):
        x = unit(x, weights, f"stem.{index}", stride)
    skip0 = block(x, weights, "down.0", 4)
    x = halve(unit(skip0, weights, "mix.0"))
    skip1 = block(x, weights, "down.1", 4)
    x = halve(unit(skip1, weights, "mix.1"))
    skip2 = block(x, weights, "down.2", 8)
    x = halve(unit(skip2, weights, "mix.2"))
    skip3 = block(x, weights, "down.3", 8)
    x = halve(unit(skip3, weights, "mix.3"))
    x = unit(block(x, weights, "down.4", 8), weights, "mix.4")
    for index, (skip, layers) in enumerate(
        [(skip3, 8), (skip2, 8), (skip1, 4), (skip0, 4)]
    ):
        x = torch.cat([resize(x, skip.shape[2:], align_corners=True), skip], dim=1)
        x = unit(x, weights, f"narrow.{index}")
        x = block(x, weights, f"up.{index}", layers)
    logits = torch.einsum("dc,bchw->bdhw", weights["classify.weight"][:, :, 0, 0], x)
    logits = logits + weights["classify.bias"].view(-1, 1, 1)
    return resize(logits, size, align_corners=True)
