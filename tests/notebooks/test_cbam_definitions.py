"""The classes that chapter 02 defines, held against the package once more.

The chapter compares them at one width and size; here other widths, kernels, odd sizes,
and their shape: they stand in the notebook and inherit nothing of the package.
"""

from typing import Any

import pytest
import torch
from torch import nn
from torchvision.ops import SqueezeExcitation

from simseg_core.models import CBAM, BasicUnit, ChannelAttention, SpatialAttention
from tests.notebooks.definitions import define, same

OWN = ("ChannelAttention", "SpatialAttention", "CBAM", "GatedUnit", "GateNet")
FAULTY = ("TwoMLPs", "NoSigmoid", "TwoSigmoids")
HELPERS = ("conv_bn", "conv_bn_relu", "is_dead", "squeeze_excite")


@pytest.fixture(scope="module")
def defined(chapters: dict[str, Any]) -> dict[str, Any]:
    return define(chapters["02_cbam"], only=OWN + FAULTY + HELPERS)


def test_nothing_is_inherited_from_the_package(defined: dict[str, Any]) -> None:
    for name in OWN:
        assert defined[name].__bases__ == (nn.Module,)


@pytest.mark.parametrize("size", [(5, 9), (1, 1), (16, 7)])
@pytest.mark.parametrize(("channels", "reduction"), [(48, 2), (50, 16), (7, 16)])
def test_the_gates(
    defined: dict[str, Any], channels: int, reduction: int, size: tuple[int, int]
) -> None:
    ours = defined["ChannelAttention"](channels, reduction)
    same(ours, ChannelAttention(channels, reduction=reduction), 2, channels, *size)
    for kernel_size in (3, 7):
        ours = defined["SpatialAttention"](kernel_size)
        same(ours, SpatialAttention(kernel_size=kernel_size), 2, channels, *size)


@pytest.mark.parametrize("hidden", [3, 6])
def test_the_ancestor_is_torchvisions_without_biases(
    defined: dict[str, Any], hidden: int
) -> None:
    theirs = SqueezeExcitation(12, hidden).double()
    weights = []
    for layer in (theirs.fc1, theirs.fc2):
        assert layer.bias is not None
        nn.init.zeros_(layer.bias)
        weights.append(layer.weight.flatten(1))
    x = torch.randn(2, 12, 5, 9, dtype=torch.float64)
    got = defined["squeeze_excite"](x, *weights)
    torch.testing.assert_close(got, theirs(x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("order", ["channel_first", "spatial_first", "parallel"])
def test_the_block(defined: dict[str, Any], order: Any) -> None:
    theirs = CBAM(24, reduction=4, order=order)
    ours = defined["CBAM"](24, 4, order)
    same(ours, theirs, 3, 24, 9, 5)
    x = torch.randn(2, 24, 7, 11, dtype=torch.float64)
    for mine, other in zip(ours.gates(x), theirs.gates(x), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("c_in", "stride"), [(20, 1), (12, 1), (12, 2)])
def test_the_unit(defined: dict[str, Any], c_in: int, stride: int) -> None:
    theirs = BasicUnit(c_in, 20, stride=stride, attention=CBAM)
    same(defined["GatedUnit"](c_in, 20, stride), theirs, 2, c_in, 11, 8)


def test_the_network_returns_its_inputs_size(defined: dict[str, Any]) -> None:
    net = defined["GateNet"](defined["CBAM"], num_classes=4, widths=(4, 6, 8)).eval()
    x = torch.randn(2, 3, 40, 72)
    assert net(x).shape == (2, 4, 40, 72)
    features = net.features(x)
    channel, spatial = net.gate.gates(features)
    torch.testing.assert_close(net.finish(channel * spatial * features), net(x))


def test_known_faults_are_seen(defined: dict[str, Any]) -> None:
    """The comparison can fail: each fault of the chapter makes another block."""
    with pytest.raises(AssertionError, match="not close"):
        same(defined["NoSigmoid"](), SpatialAttention(), 1, 8, 9, 7)
    with pytest.raises(AssertionError, match="not close"):
        same(defined["TwoSigmoids"](32), ChannelAttention(32), 1, 32, 9, 7)
    with pytest.raises(RuntimeError, match="Missing key"):
        same(defined["TwoMLPs"](32), ChannelAttention(32), 1, 32, 9, 7)


def test_a_spatial_gate_before_the_channel_gate_is_another_block(
    defined: dict[str, Any],
) -> None:
    ours = defined["CBAM"](24, 4, "spatial_first")
    with pytest.raises(AssertionError, match="not close"):
        same(ours, CBAM(24, reduction=4), 3, 24, 9, 5)
