"""Depthwise separable convolution: its two halves, and where its ReLUs stand."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from simseg_core.models.separable import SeparableConv2d
from tests.parity.compare import assert_close, shaken


def slow(x, weights, *, stride, rate, relu):
    """The operation from plain tensors: weights by name, no module of ours."""

    def norm(x, name):
        mean, var, scale, shift = (
            weights[f"{name}.{kind}"].view(1, -1, 1, 1)
            for kind in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / (var + 1e-5).sqrt() * scale + shift

    first = 1 if relu == "before" else 0
    inner = 0 if relu == "before" else 1
    if relu == "before":
        x = x.clamp(min=0)
    channels = []
    for c in range(x.shape[1]):  # one kernel a channel, no sum over channels
        kernel = weights[f"{first}.weight"][c : c + 1]
        channels.append(
            F.conv2d(x[:, c : c + 1], kernel, None, stride, rate, dilation=rate)
        )
    x = norm(torch.cat(channels, dim=1), str(first + 1))
    if relu == "after":
        x = x.clamp(min=0)
    at = first + 2 + inner
    pointwise = weights[f"{at}.weight"][:, :, 0, 0]
    x = norm(torch.einsum("dc,bchw->bdhw", pointwise, x), str(at + 1))
    return x.clamp(min=0) if relu == "after" else x


@pytest.mark.parametrize("relu", ["after", "before"])
@pytest.mark.parametrize(("stride", "rate"), [(1, 1), (2, 1), (1, 3)])
def test_batchnorm_and_relu_stand_in_both_halves(relu, stride, rate) -> None:
    conv = SeparableConv2d(5, 7, stride=stride, dilation=rate, relu=relu)
    conv = shaken(conv)
    x = torch.randn(2, 5, 9, 12, dtype=torch.float64)
    expected = slow(x, conv.state_dict(), stride=stride, rate=rate, relu=relu)
    assert_close(conv(x), expected)


def test_number_of_weights() -> None:
    conv = SeparableConv2d(64, 128)
    weights = sum(m.weight.numel() for m in conv if isinstance(m, nn.Conv2d))
    assert weights == 9 * 64 + 64 * 128


def test_the_input_is_left_alone() -> None:
    x = torch.randn(1, 4, 5, 5)
    before = x.clone()
    SeparableConv2d(4, 4, relu="before")(x)
    assert torch.equal(x, before)


def test_refuses_an_unknown_place() -> None:
    with pytest.raises(ValueError, match=r"relu must be one of \('after', 'before'\)"):
        SeparableConv2d(4, 4, relu="between")
