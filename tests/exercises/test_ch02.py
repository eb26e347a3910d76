"""The CBAM chapter's exercises: stub, solution, and typical wrong answers."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from simseg_core.exercises import check, list_exercises
from simseg_core.models.cbam import CBAM

# --- 02.1 ------------------------------------------------------------------------


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


def counted(
    channels: int,
    hidden: float,
    *,
    mlps: int = 1,
    bias: bool = True,
    gate: int = 7 * 7 * 2 + 2,
) -> int:
    biases = hidden + channels if bias else 0
    return int(mlps * (2 * channels * hidden + biases) + gate)


def counts_two_mlps(channels: int, reduction: int) -> int:
    return counted(channels, max(channels // reduction, 1), mlps=2)


def counts_no_biases(channels: int, reduction: int) -> int:
    return counted(channels, max(channels // reduction, 1), bias=False)


def counts_no_norm(channels: int, reduction: int) -> int:
    return counted(channels, max(channels // reduction, 1), gate=98)


def counts_a_bias_in_the_convolution(channels: int, reduction: int) -> int:
    return counted(channels, max(channels // reduction, 1), gate=101)


def counts_running_statistics(channels: int, reduction: int) -> int:
    return counted(channels, max(channels // reduction, 1), gate=102)


def counts_one_map(channels: int, reduction: int) -> int:
    return counted(channels, max(channels // reduction, 1), gate=51)


def counts_a_kernel_over_all_channels(channels: int, reduction: int) -> int:
    return counted(channels, max(channels // reduction, 1), gate=49 * channels + 2)


def counts_channel_gate_only(channels: int, reduction: int) -> int:
    return counted(channels, max(channels // reduction, 1), gate=0)


def counts_with_reduction_16(channels: int, reduction: int) -> int:
    return counted(channels, max(channels // 16, 1))


def counts_fractions(channels: int, reduction: int) -> float:
    hidden = channels / reduction
    return 2 * channels * hidden + hidden + channels + 100


def counts_rounded_to_nearest(channels: int, reduction: int) -> int:
    return counted(channels, round(channels / reduction))


def counts_no_hidden_unit(channels: int, reduction: int) -> int:
    return counted(channels, channels // reduction)


# --- 02.2 ------------------------------------------------------------------------


def mlp(v: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    return F.relu(v @ w1.T + b1) @ w2.T + b2


def channel_gate(x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    """The layers as 1x1 convolutions, the poolings stacked into one batch."""
    pooled = torch.cat([F.adaptive_max_pool2d(x, 1), F.adaptive_avg_pool2d(x, 1)])
    inner = F.conv2d(pooled, w1[:, :, None, None], b1).clamp(min=0)
    most, mean = F.conv2d(inner, w2[:, :, None, None], b2).chunk(2)
    return 1 / (1 + torch.exp(-most - mean))


def gate_mean_only(x: Tensor, *weights: Tensor) -> Tensor:
    return mlp(x.mean((2, 3)), *weights).sigmoid()[..., None, None]


def gate_max_only(x: Tensor, *weights: Tensor) -> Tensor:
    return mlp(x.amax((2, 3)), *weights).sigmoid()[..., None, None]


def gate_mean_twice(x: Tensor, *weights: Tensor) -> Tensor:
    score = mlp(x.mean((2, 3)), *weights)
    return (score + score).sigmoid()[..., None, None]


def gate_two_sigmoids(x: Tensor, *weights: Tensor) -> Tensor:
    return gate_mean_only(x, *weights) + gate_max_only(x, *weights)


def gate_unsquashed(x: Tensor, *weights: Tensor) -> Tensor:
    low, high = mlp(x.mean((2, 3)), *weights), mlp(x.amax((2, 3)), *weights)
    return (low + high)[..., None, None]


def gate_pools_added_first(x: Tensor, *weights: Tensor) -> Tensor:
    return mlp(x.mean((2, 3)) + x.amax((2, 3)), *weights).sigmoid()[..., None, None]


def gate_without_relu(
    x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor
) -> Tensor:
    def linear(v: Tensor) -> Tensor:
        return (v @ w1.T + b1) @ w2.T + b2

    score = linear(x.mean((2, 3))) + linear(x.amax((2, 3)))
    return score.sigmoid()[..., None, None]


def gate_softmax(x: Tensor, *weights: Tensor) -> Tensor:
    return gate_unsquashed(x, *weights).softmax(dim=1)


def gate_applied(x: Tensor, *weights: Tensor) -> Tensor:
    return channel_gate(x, *weights) * x


def gate_flat(x: Tensor, *weights: Tensor) -> Tensor:
    return channel_gate(x, *weights).flatten(1)


# --- 02.3 ------------------------------------------------------------------------


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


class MeanFirst(SpatialGate):
    def stack(self, maximum: Tensor, mean: Tensor) -> Tensor:
        return torch.stack((mean, maximum), dim=1)


class NoSigmoid(SpatialGate):
    def gate(self, score: Tensor) -> Tensor:
        return self.bn(score)


class NoNorm(SpatialGate):
    def __init__(self, kernel_size: int) -> None:
        super().__init__(kernel_size)
        del self.bn

    def gate(self, score: Tensor) -> Tensor:
        return score.sigmoid()


class NormUnused(SpatialGate):
    def gate(self, score: Tensor) -> Tensor:
        return score.sigmoid()


class NormAfterSigmoid(SpatialGate):
    def gate(self, score: Tensor) -> Tensor:
        return self.bn(score.sigmoid())


class BiasedConvolution(SpatialGate):
    bias = True


class ReturnsTheGate(SpatialGate):
    def forward(self, x: Tensor) -> Tensor:
        maps = self.stack(x.amax(1), x.mean(1))
        return self.gate(self.squeeze(maps))


class AlwaysSeven(SpatialGate):
    def __init__(self, kernel_size: int) -> None:
        super().__init__(7)


class Unpadded(SpatialGate):
    def __init__(self, kernel_size: int) -> None:
        super().__init__(kernel_size)
        self.squeeze.padding = (0, 0)


class AddsItsInput(SpatialGate):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + x


# --- 02.4 ------------------------------------------------------------------------

Gate = Callable[[Tensor], Tensor]


def shares_its_mlp(gate: Gate, channels: int) -> bool:
    """In single precision, on several maps at once."""
    x = torch.randn(6, channels, 3, 4)
    mean = x.mean((2, 3), keepdim=True).expand_as(x)
    most = x.amax((2, 3), keepdim=True).expand_as(x)
    scores = [torch.special.logit(gate(v)) for v in (x, mean, most)]
    return bool((2 * scores[0] - scores[1] - scores[2]).abs().max() < 1e-3)


def averages_the_gates(gate: Gate, channels: int) -> bool:
    x = torch.randn(6, channels, 3, 4)
    mean = x.mean((2, 3), keepdim=True).expand_as(x)
    most = x.amax((2, 3), keepdim=True).expand_as(x)
    return torch.allclose(gate(x), (gate(mean) + gate(most)) / 2, atol=1e-4)


def compares_exactly(gate: Gate, channels: int) -> bool:
    x = torch.randn(6, channels, 3, 4)
    mean = x.mean((2, 3), keepdim=True).expand_as(x)
    most = x.amax((2, 3), keepdim=True).expand_as(x)
    return torch.equal(gate(x).logit(), (gate(mean).logit() + gate(most).logit()) / 2)


def feeds_constant_maps_only(gate: Gate, channels: int) -> bool:
    x = torch.randn(1, channels, 1, 1).expand(1, channels, 5, 5)
    whole = gate(x).logit()
    return torch.allclose(whole, gate(x[..., :3, :3]).logit(), atol=1e-4)


def checks_the_range_only(gate: Gate, channels: int) -> bool:
    x = torch.randn(2, channels, 5, 5)
    return bool((gate(x) > 0).all() and (gate(x) < 1).all())


def never_calls(gate: Gate, channels: int) -> bool:
    return callable(gate)


def always_false(gate: Gate, channels: int) -> bool:
    return channels < 0


def returns_a_difference(gate: Gate, channels: int) -> float:
    return gate(torch.randn(1, channels, 3, 3)).sum().item()


def feeds_an_image(gate: Gate, channels: int) -> bool:
    return bool(gate(torch.randn(1, 3, 5, 5)).all())


# --- 02.5 ------------------------------------------------------------------------


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


class DyingUnit(NarrowGate):
    def rectify(self, v: Tensor) -> Tensor:
        return F.relu(v)


class TooManyUnits(DyingUnit):
    hidden = 16


class ChannelsOnly(NarrowGate):
    def forward(self, x: Tensor) -> Tensor:
        return self.what(x) * x


class PositionsOnly(NarrowGate):
    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.where(x.mean(1, keepdim=True))) * x


class AddsShortcut(NarrowGate):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + x


class AveragesTheGates(NarrowGate):
    def forward(self, x: Tensor) -> Tensor:
        spot = torch.sigmoid(self.where(x.mean(1, keepdim=True)))
        return (self.what(x) + spot) / 2 * x


SOLUTIONS: dict[str, Any] = {
    "02.1": cbam_weights,
    "02.2": channel_gate,
    "02.3": SpatialGate,
    "02.4": shares_its_mlp,
    "02.5": NarrowGate,
}

# (exercise, wrong answer, words that only the fitting hint has)
WRONG: list[tuple[str, Callable[..., Any], str]] = [
    ("02.1", counts_two_mlps, "weights count once"),
    ("02.1", counts_no_biases, "one for each unit"),
    ("02.1", counts_no_norm, "a scale and a shift"),
    ("02.1", counts_a_bias_in_the_convolution, "has no bias"),
    ("02.1", counts_running_statistics, "are measured"),
    ("02.1", counts_one_map, "two maps, maximum and mean"),
    ("02.1", counts_a_kernel_over_all_channels, "not all channels"),
    ("02.1", counts_channel_gate_only, "channel gate alone"),
    ("02.1", counts_with_reduction_16, "need not be 16"),
    ("02.1", counts_fractions, "whole units"),
    ("02.1", counts_rounded_to_nearest, "to the nearest"),
    ("02.1", counts_no_hidden_unit, "keeps one unit"),
    ("02.2", gate_mean_only, "Only the mean is read"),
    ("02.2", gate_max_only, "Only the maximum is read"),
    ("02.2", gate_mean_twice, "mean is added twice"),
    ("02.2", gate_two_sigmoids, "then one sigmoid"),
    ("02.2", gate_unsquashed, "squash them"),
    ("02.2", gate_pools_added_first, "passes through it alone"),
    ("02.2", gate_without_relu, "no ReLU"),
    ("02.2", gate_softmax, "channels compete"),
    ("02.2", gate_applied, "unmultiplied"),
    ("02.2", gate_flat, "two more axes"),
    ("02.3", MeanFirst, "maximum is stacked first"),
    ("02.3", NoSigmoid, "Nothing is squashed"),
    ("02.3", NoNorm, "two learned numbers are too few"),
    ("02.3", NormUnused, "does not pass through it"),
    ("02.3", NormAfterSigmoid, "may leave 0 to 1"),
    ("02.3", BiasedConvolution, "needs no bias"),
    ("02.3", ReturnsTheGate, "multiplied by it"),
    ("02.3", AlwaysSeven, "use the argument"),
    ("02.3", Unpadded, "RuntimeError"),
    ("02.3", AddsItsInput, "product alone"),
    ("02.4", averages_the_gates, "Undo the sigmoid"),
    ("02.4", compares_exactly, "with a tolerance"),
    ("02.4", feeds_constant_maps_only, "a map that varies"),
    ("02.4", checks_the_range_only, "where they differ"),
    ("02.4", never_calls, "was never called"),
    ("02.4", always_false, "never answer True"),
    ("02.4", returns_a_difference, "True or False is wanted"),
    ("02.4", feeds_an_image, "ValueError"),
    ("02.5", DyingUnit, "never off"),
    ("02.5", TooManyUnits, "are allowed. Which grow"),
    ("02.5", ChannelsOnly, "spatial gate is missing"),
    ("02.5", PositionsOnly, "channel gate is missing"),
    ("02.5", AddsShortcut, "lies between"),
    ("02.5", AveragesTheGates, "no product"),
]


def test_every_exercise_of_the_chapter_is_tried() -> None:
    of_chapter = {number for number in list_exercises() if number.startswith("02")}
    assert of_chapter == SOLUTIONS.keys()
    for number in of_chapter:
        assert sum(number == tried for tried, _, _ in WRONG) >= 3, number


@pytest.mark.parametrize("number", SOLUTIONS)
def test_solution_is_right(number: str) -> None:
    result = check(number, SOLUTIONS[number])
    assert result.status == "right", result
    assert result.right
    assert "right" in str(result)


@pytest.mark.parametrize("reduction", [4, 8, 16])
def test_the_papers_form_is_too_dear_or_too_often_blind(reduction: int) -> None:
    """Exercise 02.5 asks for a choice: no reduction alone solves it."""
    result = check("02.5", lambda C: CBAM(C, reduction=reduction))
    assert result.status == "not yet"
    assert ("are allowed. Which grow" if reduction == 4 else "never off") in str(result)


@pytest.mark.parametrize(
    ("number", "answer", "words"), WRONG, ids=lambda x: getattr(x, "__name__", None)
)
def test_wrong_answer_gets_its_hint(
    number: str, answer: Callable[..., Any], words: str
) -> None:
    result = check(number, answer)
    assert result.status == "not yet"
    assert result.hint is not None
    assert words in result.hint, result
    others = {w for n, a, w in WRONG if n == number and w != words}
    assert not any(other in result.hint for other in others)
