"""The spatial and channel pair of `unet_attention` equals a slow rewrite of it.

The rewrite takes plain tensors and knows nothing of simseg_core.
"""

import math

import pytest
import torch
from torch import Tensor

from simseg_core.models.unet_attention import SpatialChannelAttention


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
def test_pair_equals_the_slow_rewrite(size):
    block = SpatialChannelAttention(16).double()
    for parameter in block.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    x = torch.randn(2, 16, *size, dtype=torch.float64, requires_grad=True)
    weights = named(block)
    slow = torch.stack(
        [slow_channel(slow_spatial(image, weights), weights) for image in x]
    )
    fast = block(x)
    torch.testing.assert_close(fast, slow, rtol=1e-9, atol=1e-12)

    inputs, upstream = [x, *block.parameters()], torch.randn_like(x)
    got = torch.autograd.grad((fast * upstream).sum(), inputs)
    expected = torch.autograd.grad((slow * upstream).sum(), inputs)
    for ours, theirs in zip(got, expected):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-10)
