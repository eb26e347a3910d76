"""The spatial and channel pair of `unet_attention` equals a slow rewrite of it.

The rewrite takes plain tensors and knows nothing of simseg_core.
"""

import math

import pytest
import torch
from torch import Tensor

from simseg_core.models.unet_attention import SpatialChannelAttention
from tests.parity.compare import assert_same_function, gradients, shaken


def slow_spatial(x: Tensor, w: dict[str, Tensor]) -> Tensor:
    """One image (C, H, W): each position adds a mean of all, weighted by likeness."""
    C, H, W = x.shape
    places = [(i, j) for i in range(H) for j in range(W)]
    out = torch.empty_like(x)
    for i, j in places:
        query = w["q"] @ x[:, i, j] + w["q_bias"]
        scores = [query @ (w["k"] @ x[:, a, b] + w["k_bias"]) for a, b in places]
        top = max(score.item() for score in scores)
        strengths = [torch.exp(score - top) for score in scores]
        total = sum(strengths)
        mean = torch.zeros(C, dtype=x.dtype)
        for strength, (a, b) in zip(strengths, places):
            mean = mean + strength / total * x[:, a, b]
        out[:, i, j] = w["gamma"] * mean + x[:, i, j]
    return out


def slow_channel(x: Tensor, w: dict[str, Tensor]) -> Tensor:
    """One image (C, H, W): each channel times a number between 0 and 1."""
    values = x.flatten(1)
    score = torch.zeros(x.shape[0], dtype=x.dtype)
    for pooled in (values.sum(1) / values.shape[1], values.max(1).values):
        hidden = w["first"] @ pooled
        score = score + w["second"] @ (hidden * (hidden > 0))
    return torch.stack([x[c] / (1 + math.e ** (-score[c])) for c in range(x.shape[0])])


def named(block: SpatialChannelAttention) -> dict[str, Tensor]:
    """The block's parameters by the rewrite's names; the MLP has no biases."""
    names = ("gamma", "q", "q_bias", "k", "k_bias", "first", "second")
    parameters = list(block.parameters())
    assert len(parameters) == len(names)
    return {name: p.squeeze() for name, p in zip(names, parameters)}


@pytest.mark.parametrize("size", [(4, 7), (5, 3)])
def test_pair_equals_the_slow_rewrite(size: tuple[int, int]) -> None:
    block = shaken(SpatialChannelAttention(16))
    held = named(block)

    def slow(x: Tensor) -> Tensor:
        return torch.stack(
            [slow_channel(slow_spatial(image, held), held) for image in x]
        )

    x = torch.randn(2, 16, *size, dtype=torch.float64)
    # All but the keys' bias: it drops out of the softmax, its gradient is rounding.
    weights = [p for name, p in block.named_parameters() if name != "0.key.bias"]
    assert len(weights) == len(held) - 1
    assert_same_function(gradients(block, x, weights), gradients(slow, x, weights))
