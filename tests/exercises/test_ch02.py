"""The CBAM chapter's exercises: right and wrong answers."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from simseg_core.exercises import check
from simseg_core.models.cbam import CBAM
from tests.exercises.bench import Answers, AnswersOfAChapter

given = Answers("02")

# --- 02.1 ---------------------------------------------------------------------


@given("02.1")
def cbam_weights(channels: int, reduction: int) -> int:
    """Count on real layers instead of a formula."""
    hidden = max(channels // reduction, 1)
    layers = [
        nn.Linear(channels, hidden),
        nn.Linear(hidden, channels),
        nn.Conv2d(2, 1, 7, bias=False),
        nn.BatchNorm2d(1),
    ]
    return sum(p.numel() for layer in layers for p in layer.parameters())


@given("02.1", "weights count once", mlps=2)
@given("02.1", "one for each unit", bias=False)
@given("02.1", "a scale and a shift", gate=7 * 7 * 2)
@given("02.1", "has no bias: the BatchNorm behind it", gate=7 * 7 * 2 + 3)
@given("02.1", "are measured", gate=7 * 7 * 2 + 4)
@given("02.1", "two maps, maximum and mean", gate=7 * 7 + 2)
@given("02.1", "channel gate alone", gate=0)
@given("02.1", "up or to the nearest", rounded=round)
@given("02.1", "keeps one unit", least=0)
def counted(
    channels: int,
    reduction: int,
    *,
    mlps: int = 1,
    bias: bool = True,
    gate: int = 7 * 7 * 2 + 2,
    rounded: Callable[[float], int] = int,
    least: int = 1,
) -> int:
    hidden = max(rounded(channels / reduction), least)
    biases = hidden + channels if bias else 0
    return mlps * (2 * channels * hidden + biases) + gate


@given("02.1", "not all channels")
def counts_a_kernel_over_all_channels(channels: int, reduction: int) -> int:
    return counted(channels, reduction, gate=7 * 7 * channels + 2)


@given("02.1", "need not be 16")
def counts_with_reduction_16(channels: int, reduction: int) -> int:
    return counted(channels, 16)


@given("02.1", "whole units")
def counts_fractions(channels: int, reduction: int) -> float:
    hidden = channels / reduction
    return 2 * channels * hidden + hidden + channels + 100


@given("02.1")
@given("02.1", "each hidden unit is missing", hidden_bias=0)
@given("02.1", "each output unit is missing", output_bias=0)
@given("02.1", "a BatchNorm follows it", after=1)
@given("02.1", "49 weights for each map", kernel=7)
@given("02.1", "two layers, down and up", layers=1, output_bias=0)
@given("02.1", "up or to the nearest", rounded=math.ceil)
def cbam_weights_with(
    channels: int,
    reduction: int,
    *,
    hidden_bias: int = 1,
    output_bias: int = 1,
    after: int = 2,
    kernel: int = 49,
    layers: int = 2,
    rounded: Callable[[float], int] = math.floor,
) -> Any:
    hidden = max(1, rounded(channels / reduction))
    biases = hidden_bias * hidden + output_bias * channels
    return np.int64(layers * channels * hidden + biases + 2 * kernel + after)


# --- 02.2 ---------------------------------------------------------------------


def mlp(v: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    return F.relu(v @ w1.T + b1) @ w2.T + b2


@given("02.2")
def channel_gate(x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    """The layers as 1x1 convolutions, the poolings stacked into one batch."""
    pooled = torch.cat([F.adaptive_max_pool2d(x, 1), F.adaptive_avg_pool2d(x, 1)])
    inner = F.conv2d(pooled, w1[:, :, None, None], b1).clamp(min=0)
    most, mean = F.conv2d(inner, w2[:, :, None, None], b2).chunk(2)
    return 1 / (1 + torch.exp(-most - mean))


@given("02.2", "Only the mean is read")
def gate_mean_only(x: Tensor, *weights: Tensor) -> Tensor:
    return mlp(x.mean((2, 3)), *weights).sigmoid()[..., None, None]


@given("02.2", "Only the maximum is read")
def gate_max_only(x: Tensor, *weights: Tensor) -> Tensor:
    return mlp(x.amax((2, 3)), *weights).sigmoid()[..., None, None]


@given("02.2", "mean is added twice")
def gate_mean_twice(x: Tensor, *weights: Tensor) -> Tensor:
    score = mlp(x.mean((2, 3)), *weights)
    return (score + score).sigmoid()[..., None, None]


@given("02.2", "may exceed 1: add the scores first, then one sigmoid")
def gate_two_sigmoids(x: Tensor, *weights: Tensor) -> Tensor:
    return gate_mean_only(x, *weights) + gate_max_only(x, *weights)


@given("02.2", "squash them")
def gate_unsquashed(x: Tensor, *weights: Tensor) -> Tensor:
    low, high = mlp(x.mean((2, 3)), *weights), mlp(x.amax((2, 3)), *weights)
    return (low + high)[..., None, None]


@given("02.2", "passes through it alone")
def gate_pools_added_first(x: Tensor, *weights: Tensor) -> Tensor:
    return mlp(x.mean((2, 3)) + x.amax((2, 3)), *weights).sigmoid()[..., None, None]


@given("02.2", "no ReLU")
def gate_without_relu(
    x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor
) -> Tensor:
    def linear(v: Tensor) -> Tensor:
        return (v @ w1.T + b1) @ w2.T + b2

    score = linear(x.mean((2, 3))) + linear(x.amax((2, 3)))
    return score.sigmoid()[..., None, None]


@given("02.2", "channels compete")
def gate_softmax(x: Tensor, *weights: Tensor) -> Tensor:
    return gate_unsquashed(x, *weights).softmax(dim=1)


@given("02.2", "unmultiplied")
def gate_applied(x: Tensor, *weights: Tensor) -> Tensor:
    return channel_gate(x, *weights) * x


@given("02.2", "two more axes")
def gate_flat(x: Tensor, *weights: Tensor) -> Tensor:
    return channel_gate(x, *weights).flatten(1)


@given("02.2", "b2 is added for both", form="one b2")
@given("02.2", "Both layers add a bias", form="no bias")
@given("02.2", "A sum over positions", form="sum")
@given("02.2", "two gates are averaged", form="averaged")
@given("02.2", "two gates are multiplied", form="multiplied")
@given("02.2", "tanh reaches from -1", form="tanh")
def channel_gate_with(
    x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor, form: str
) -> Tensor:
    def mlp(v: Tensor) -> Tensor:
        h = F.linear(v, w1, None if form == "no bias" else b1).relu()
        return F.linear(h, w2, None if form == "no bias" else b2)

    low = mlp(x.sum((2, 3)) if form == "sum" else x.mean((2, 3)))
    high = mlp(x.amax((2, 3)))
    gates = {
        "one b2": (low + high - b2).sigmoid(),
        "averaged": (low.sigmoid() + high.sigmoid()) / 2,
        "multiplied": low.sigmoid() * high.sigmoid(),
        "tanh": (low + high).tanh(),
    }
    return gates.get(form, (low + high).sigmoid())[:, :, None, None]


@given("02.2", "shape '[2, 6, 1, 1]' is invalid")
def gate_of_one_shape(
    x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor
) -> Tensor:
    return channel_gate(x, w1, b1, w2, b2).reshape(2, 6, 1, 1)


# --- 02.3 ---------------------------------------------------------------------


@given("02.3")
class SpatialGate(nn.Module):
    bias = False
    first = "maximum"

    def __init__(self, kernel_size: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(1)  # defined in another order than run
        self.squeeze = nn.Conv2d(
            2, 1, kernel_size, padding=kernel_size // 2, bias=self.bias
        )

    def forward(self, x: Tensor) -> Tensor:
        maps = torch.max(x, 1)[0], x.sum(1) / x.shape[1]
        return x.mul(self.gate(self.squeeze(self.stack(*maps))))

    def stack(self, maximum: Tensor, mean: Tensor) -> Tensor:
        return torch.stack((maximum, mean), dim=1)

    def gate(self, score: Tensor) -> Tensor:
        return torch.sigmoid(self.bn(score))


@given("02.3", "maximum is stacked first")
class MeanFirst(SpatialGate):
    def stack(self, maximum: Tensor, mean: Tensor) -> Tensor:
        return torch.stack((mean, maximum), dim=1)


@given("02.3", "Nothing is squashed")
class NoSigmoid(SpatialGate):
    def gate(self, score: Tensor) -> Tensor:
        return self.bn(score)


@given("02.3", "two learned numbers are too few")
class NoNorm(SpatialGate):
    def __init__(self, kernel_size: int) -> None:
        super().__init__(kernel_size)
        del self.bn

    def gate(self, score: Tensor) -> Tensor:
        return score.sigmoid()


@given("02.3", "does not pass through it")
class NormUnused(SpatialGate):
    def gate(self, score: Tensor) -> Tensor:
        return score.sigmoid()


@given("02.3", "may leave 0 to 1")
class NormAfterSigmoid(SpatialGate):
    def gate(self, score: Tensor) -> Tensor:
        return self.bn(score.sigmoid())


@given("02.3", "needs no bias")
class BiasedConvolution(SpatialGate):
    bias = True


@given("02.3", "multiplied by it")
class ReturnsTheGate(SpatialGate):
    def forward(self, x: Tensor) -> Tensor:
        maps = self.stack(x.amax(1), x.mean(1))
        return self.gate(self.squeeze(maps))


@given("02.3", "use the argument")
class AlwaysSeven(SpatialGate):
    def __init__(self, kernel_size: int) -> None:
        super().__init__(7)


@given("02.3", "Does the padding follow the kernel")
class Unpadded(SpatialGate):
    def __init__(self, kernel_size: int) -> None:
        super().__init__(kernel_size)
        self.squeeze.padding = (0, 0)


@given("02.3", "product alone")
class AddsItsInput(SpatialGate):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + x


@given("02.3")
@given("02.3", "Both maps are the maximum", form="maximum twice")
@given("02.3", "spread over the channels", form="spread")
@given("02.3", "Does the padding follow the kernel", form="padded by 3")
@given("02.3", "Not a bias but a BatchNorm", form="biased")
class SpatialGateWith(nn.Module):
    """The kernel is a bare parameter, under a name of its own."""

    def __init__(self, kernel_size: int, form: str = "") -> None:
        super().__init__()
        self.form = form
        self.pad = 3 if form == "padded by 3" else kernel_size // 2
        self.kernel = nn.Parameter(torch.rand(1, 2, kernel_size, kernel_size))
        self.norm = nn.BatchNorm2d(1) if form != "biased" else nn.Identity()
        if form == "biased":
            self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        most, mean = x.amax(1), x.mean(1)
        maps = torch.stack([most, most if self.form == "maximum twice" else mean], 1)
        gate = self.norm(F.conv2d(maps, self.kernel, padding=self.pad)).sigmoid()
        return gate.expand_as(x) if self.form == "spread" else x * gate


# --- 02.4 ---------------------------------------------------------------------


Gate = Callable[[Tensor], Tensor]


@given("02.4")
def shares_its_mlp(gate: Gate, channels: int) -> bool:
    """In single precision, on several maps at once."""
    x = torch.randn(6, channels, 3, 4)
    mean = x.mean((2, 3), keepdim=True).expand_as(x)
    most = x.amax((2, 3), keepdim=True).expand_as(x)
    scores = [torch.special.logit(gate(v)) for v in (x, mean, most)]
    return bool((2 * scores[0] - scores[1] - scores[2]).abs().max() < 1e-3)


@given("02.4", "Undo the sigmoid")
def averages_the_gates(gate: Gate, channels: int) -> bool:
    x = torch.randn(6, channels, 3, 4)
    mean = x.mean((2, 3), keepdim=True).expand_as(x)
    most = x.amax((2, 3), keepdim=True).expand_as(x)
    return torch.allclose(gate(x), (gate(mean) + gate(most)) / 2, atol=1e-4)


@given("02.4", "with a tolerance")
def compares_exactly(gate: Gate, channels: int) -> bool:
    x = torch.randn(6, channels, 3, 4)
    mean = x.mean((2, 3), keepdim=True).expand_as(x)
    most = x.amax((2, 3), keepdim=True).expand_as(x)
    return torch.equal(gate(x).logit(), (gate(mean).logit() + gate(most).logit()) / 2)


@given("02.4", "a map that varies")
def feeds_constant_maps_only(gate: Gate, channels: int) -> bool:
    x = torch.randn(1, channels, 1, 1).expand(1, channels, 5, 5)
    whole = gate(x).logit()
    return torch.allclose(whole, gate(x[..., :3, :3]).logit(), atol=1e-4)


@given("02.4", "where they differ")
def checks_the_range_only(gate: Gate, channels: int) -> bool:
    x = torch.randn(2, channels, 5, 5)
    return bool((gate(x) > 0).all() and (gate(x) < 1).all())


@given("02.4", "was never called")
def never_calls(gate: Gate, channels: int) -> bool:
    return callable(gate)


@given("02.4", "never answer True")
def always_false(gate: Gate, channels: int) -> bool:
    return channels < 0


@given("02.4", "True or False is wanted")
def returns_a_difference(gate: Gate, channels: int) -> float:
    return gate(torch.randn(1, channels, 3, 3)).sum().item()


@given("02.4", "ValueError")
def feeds_an_image(gate: Gate, channels: int) -> bool:
    return bool(gate(torch.randn(1, 3, 5, 5)).all())


# --- 02.5 ---------------------------------------------------------------------


@given("02.5")
class NarrowGate(nn.Module):
    """One hidden unit that is never off, and a small window."""

    hidden, kernel = 1, 5

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.down = nn.Conv2d(channels, self.hidden, 1)
        self.up = nn.Conv2d(self.hidden, channels, 1)
        pad = self.kernel // 2
        self.where = nn.Conv2d(1, 1, self.kernel, padding=pad, padding_mode="reflect")

    def rectify(self, v: Tensor) -> Tensor:
        return F.silu(v)

    def what(self, x: Tensor) -> Tensor:
        pooled = x.amax((2, 3), keepdim=True), x.mean((2, 3), keepdim=True)
        scores = [self.up(self.rectify(self.down(v))) for v in pooled]
        return torch.sigmoid(scores[0] + scores[1])

    def forward(self, x: Tensor) -> Tensor:
        spot = torch.sigmoid(self.where(x.mean(1, keepdim=True)))
        return self.what(x) * spot * x


@given("02.5", "never off")
class DyingUnit(NarrowGate):
    def rectify(self, v: Tensor) -> Tensor:
        return F.relu(v)


@given("02.5", "are allowed. Which grow")
class TooManyUnits(DyingUnit):
    hidden = 16


@given("02.5", "spatial gate is missing")
class ChannelsOnly(NarrowGate):
    def forward(self, x: Tensor) -> Tensor:
        return self.what(x) * x


@given("02.5", "channel gate is missing")
class PositionsOnly(NarrowGate):
    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.where(x.mean(1, keepdim=True))) * x


@given("02.5", "lies between")
class AddsShortcut(NarrowGate):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + x


@given("02.5", "no product")
class AveragesTheGates(NarrowGate):
    def forward(self, x: Tensor) -> Tensor:
        spot = torch.sigmoid(self.where(x.mean(1, keepdim=True)))
        return (self.what(x) + spot) / 2 * x


@pytest.mark.parametrize("reduction", [4, 8, 16])
def test_the_papers_form_is_too_dear_or_too_often_blind(reduction: int) -> None:
    """Exercise 02.5 asks for a choice: no reduction alone solves it."""
    result = check("02.5", lambda C: CBAM(C, reduction=reduction))
    assert result.hint is not None
    assert ("are allowed. Which grow" if reduction == 4 else "never off") in result.hint


class TestAnswers(AnswersOfAChapter):
    given = given
