"""The DeepLabV3+ chapter's exercises: stub, solution, and typical wrong answers."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from simseg_core import create_model
from simseg_core.exercises import check, list_exercises

# --- 05.1 ------------------------------------------------------------------------


def separable_count(c_in: int, c_out: int, height: int, width: int) -> tuple[int, int]:
    """Ask PyTorch."""
    halves = nn.Sequential(
        nn.Conv2d(c_in, c_in, 3, groups=c_in, bias=False),
        nn.Conv2d(c_in, c_out, 1, bias=False),
    )
    weights = sum(p.numel() for p in halves.parameters())
    return weights, weights * height * width


def count_by_hand(c_in: int, c_out: int, height: int, width: int) -> list[int]:
    return [c_in * (9 + c_out), height * width * c_in * (9 + c_out)]


def count_full(c_in, c_out, height, width):
    return 9 * c_in * c_out, 9 * c_in * c_out * height * width


def count_groups_forgotten(c_in, c_out, height, width):
    weights = 9 * c_in * c_out + c_in * c_out
    return weights, weights * height * width


def count_kernels_of_outputs(c_in, c_out, height, width):
    weights = 9 * c_out + c_in * c_out
    return weights, weights * height * width


def count_with_biases(c_in, c_out, height, width):
    weights = 9 * c_in + c_in + c_in * c_out + c_out
    return weights, weights * height * width


def count_swapped(c_in, c_out, height, width):
    return separable_count(c_in, c_out, height, width)[::-1]


def count_two_operations(c_in, c_out, height, width):
    weights, macs = separable_count(c_in, c_out, height, width)
    return weights, 2 * macs


def count_square_maps(c_in, c_out, height, width):
    weights, _ = separable_count(c_in, c_out, height, width)
    return weights, weights * height * height


def count_weights_alone(c_in, c_out, height, width):
    return separable_count(c_in, c_out, height, width)[0]


# --- 05.2 ------------------------------------------------------------------------


class MySeparable(nn.Module):
    def __init__(self, c_in: int, c_out: int, rate: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(
            c_in, c_in, 3, padding=rate, dilation=rate, groups=c_in, bias=False
        )
        self.first = nn.BatchNorm2d(c_in)
        self.pointwise = nn.Conv2d(c_in, c_out, 1, bias=False)
        self.second = nn.BatchNorm2d(c_out)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.first(self.depthwise(x)))
        return torch.relu(self.second(self.pointwise(x)))


class SeparableByPadding(nn.Module):
    """Zeros around the map, a 1x1 convolution as a matrix product."""

    def __init__(self, c_in: int, c_out: int, rate: int) -> None:
        super().__init__()
        self.rate = rate
        self.norms = nn.ModuleList([nn.BatchNorm2d(c_in), nn.BatchNorm2d(c_out)])
        self.mix = nn.Conv2d(c_in, c_out, 1, bias=False)
        self.look = nn.Conv2d(c_in, c_in, 3, dilation=rate, groups=c_in, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norms[0](self.look(F.pad(x, [self.rate] * 4))).clamp(min=0)
        x = torch.einsum("dc,bchw->bdhw", self.mix.weight[..., 0, 0], x)
        return self.norms[1](x).clamp(min=0)


class SeparableWithoutMiddle(nn.Sequential):
    """As some libraries ship it: nothing between the halves."""

    def __init__(self, c_in: int, c_out: int, rate: int) -> None:
        whole = MySeparable(c_in, c_out, rate)
        super().__init__(whole.depthwise, whole.pointwise, whole.second, nn.ReLU())


class SeparableWithoutMiddleReLU(MySeparable):
    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.pointwise(self.first(self.depthwise(x)))).relu()


class SeparableReLUFirst(MySeparable):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(torch.relu(x))


class SeparableWithoutGroups(MySeparable):
    def __init__(self, c_in: int, c_out: int, rate: int) -> None:
        super().__init__(c_in, c_out, rate)
        self.depthwise = nn.Conv2d(
            c_in, c_in, 3, padding=rate, dilation=rate, bias=False
        )


class SeparablePointwiseFirst(MySeparable):
    def __init__(self, c_in: int, c_out: int, rate: int) -> None:
        super().__init__(c_out, c_out, rate)
        self.pointwise = nn.Conv2d(c_in, c_out, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.second(self.pointwise(x)))
        return torch.relu(self.first(self.depthwise(x)))


class SeparableWithoutRate(MySeparable):
    def __init__(self, c_in: int, c_out: int, rate: int) -> None:
        super().__init__(c_in, c_out, 1)


class SeparablePaddedByOne(MySeparable):
    def __init__(self, c_in: int, c_out: int, rate: int) -> None:
        super().__init__(c_in, c_out, rate)
        self.depthwise.padding = (1, 1)


class SeparableWithBias(MySeparable):
    def __init__(self, c_in: int, c_out: int, rate: int) -> None:
        super().__init__(c_in, c_out, rate)
        self.depthwise.bias = nn.Parameter(torch.zeros(c_in))
        self.pointwise.bias = nn.Parameter(torch.zeros(c_out))


# --- 05.3 ------------------------------------------------------------------------


def step(c_in: int, c_out: int, size: int) -> nn.Sequential:
    conv = nn.Conv2d(c_in, c_out, size, padding=size // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(c_out), nn.ReLU())


class MyDecoder(nn.Module):
    def __init__(self, c: int, c_low: int, narrow: int) -> None:
        super().__init__()
        self.convs = nn.Sequential(step(c + narrow, c, 3), step(c, c, 3))
        self.narrow = step(c_low, narrow, 1)

    def resize(self, x: Tensor, low: Tensor) -> Tensor:
        return F.interpolate(x, low.shape[-2:], mode="bilinear")

    def forward(self, x: Tensor, low: Tensor) -> Tensor:
        return self.convs(torch.cat([self.resize(x, low), self.narrow(low)], dim=1))


class DecoderByUpsample(MyDecoder):
    def resize(self, x: Tensor, low: Tensor) -> Tensor:
        size = (low.size(2), low.size(3))
        return nn.Upsample(size=size, mode="bilinear", align_corners=False)(x)


class DecoderByFour(MyDecoder):
    def resize(self, x: Tensor, low: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=4, mode="bilinear")


class DecoderNearest(MyDecoder):
    def resize(self, x: Tensor, low: Tensor) -> Tensor:
        return F.interpolate(x, low.shape[-2:])


class DecoderAligned(MyDecoder):
    def resize(self, x: Tensor, low: Tensor) -> Tensor:
        return F.interpolate(x, low.shape[-2:], mode="bilinear", align_corners=True)


class DecoderLowFirst(MyDecoder):
    def forward(self, x: Tensor, low: Tensor) -> Tensor:
        return self.convs(torch.cat([self.narrow(low), self.resize(x, low)], dim=1))


class DecoderOneConv(MyDecoder):
    def __init__(self, c: int, c_low: int, narrow: int) -> None:
        super().__init__(c, c_low, narrow)
        self.convs = step(c + narrow, c, 3)


class DecoderNotNarrowed(MyDecoder):
    def __init__(self, c: int, c_low: int, narrow: int) -> None:
        super().__init__(c, c_low, c_low)
        self.narrow = nn.Identity()


class DecoderWithoutNarrowReLU(MyDecoder):
    def __init__(self, c: int, c_low: int, narrow: int) -> None:
        super().__init__(c, c_low, narrow)
        self.narrow = self.narrow[:2]


# --- 05.4 ------------------------------------------------------------------------


def least_time(macs: float, moved: float, peak: float, bandwidth: float) -> float:
    """By the roof: operations over the rate that is attainable."""
    return 2 * macs / min(peak, bandwidth * 2 * macs / moved)


def time_of_the_slower(macs, moved, peak, bandwidth):
    return torch.tensor([2 * macs / peak, moved / bandwidth], dtype=float).max()


def time_macs_not_doubled(macs, moved, peak, bandwidth):
    return max(macs / peak, moved / bandwidth)


def time_summed(macs, moved, peak, bandwidth):
    return 2 * macs / peak + moved / bandwidth


def time_of_the_faster(macs, moved, peak, bandwidth):
    return min(2 * macs / peak, moved / bandwidth)


def time_without_memory(macs, moved, peak, bandwidth):
    return 2 * macs / peak


def time_without_arithmetic(macs, moved, peak, bandwidth):
    return moved / bandwidth


def rate_and_not_time(macs, moved, peak, bandwidth):
    return min(peak, bandwidth * 2 * macs / moved)


# --- 05.5 ------------------------------------------------------------------------


def light_network() -> nn.Module:
    return create_model("deeplabv3plus_mobilenetv2", preset="tiny", num_classes=6)


class Own(nn.Module):
    """Separable stages down to stride 16, resized and joined with those at 4."""

    def __init__(self, context: bool = True, detail: bool = True) -> None:
        super().__init__()
        self.context, self.detail = context, detail
        self.start = nn.Sequential(
            nn.Conv2d(3, 12, 3, 2, 1), nn.ReLU(), nn.Conv2d(12, 24, 3, 2, 1), nn.ReLU()
        )
        self.deep = nn.Sequential(
            nn.MaxPool2d(4), *(MySeparable(24, 24, rate) for rate in (1, 2))
        )
        self.logits = nn.Conv2d(48, 6, 1)

    def forward(self, x: Tensor) -> Tensor:
        low = self.start(x)
        size = low.shape[-2:]
        deep = F.interpolate(self.deep(low), size) if self.context else low
        if not self.detail:
            low = deep
        return F.interpolate(self.logits(torch.cat([deep, low], 1)), x.shape[-2:])


SOLUTIONS: dict[str, Callable[..., Any]] = {
    "05.1": separable_count,
    "05.2": MySeparable,
    "05.3": MyDecoder,
    "05.4": least_time,
    "05.5": light_network,
}
RIGHT: list[tuple[str, Callable[..., Any]]] = [
    ("05.1", count_by_hand),
    ("05.2", SeparableByPadding),
    ("05.3", DecoderByUpsample),
    ("05.4", time_of_the_slower),
    ("05.5", Own),
]
small = partial(create_model, num_classes=6)
WRONG: list[tuple[str, Callable[..., Any], str]] = [
    ("05.1", count_full, "the full 3x3 convolution"),
    ("05.1", count_groups_forgotten, "one kernel of its own"),
    ("05.1", count_kernels_of_outputs, "each channel of its *input*"),
    ("05.1", count_with_biases, "No biases"),
    ("05.1", count_swapped, "Weights first"),
    ("05.1", count_two_operations, "not two operations"),
    ("05.1", count_square_maps, "need not be square"),
    ("05.1", count_weights_alone, "two whole numbers"),
    ("05.2", SeparableWithoutMiddle, "3x3 half has no BatchNorm"),
    ("05.2", SeparableWithoutMiddleReLU, "A ReLU is missing between"),
    ("05.2", SeparableReLUFirst, "A ReLU at the start"),
    ("05.2", SeparableWithoutGroups, "`groups`"),
    ("05.2", SeparablePointwiseFirst, "1x1 half comes second"),
    ("05.2", SeparableWithoutRate, "dilation is 1"),
    ("05.2", SeparablePaddedByOne, "keep the size"),
    ("05.2", SeparableWithBias, "need no bias"),
    ("05.3", DecoderByFour, "not by a factor"),
    ("05.3", DecoderNearest, "not to the nearest"),
    ("05.3", DecoderAligned, "align_corners=True"),
    ("05.3", DecoderLowFirst, "come second"),
    ("05.3", DecoderOneConv, "One 3x3 convolution is missing"),
    ("05.3", DecoderNotNarrowed, "as wide as they are"),
    ("05.3", DecoderWithoutNarrowReLU, "after the 1x1 that narrows"),
    ("05.4", time_macs_not_doubled, "a MAC is two"),
    ("05.4", time_summed, "not their sum"),
    ("05.4", time_of_the_faster, "arithmetic has to be done"),
    ("05.4", time_without_memory, "bytes have to be moved"),
    ("05.4", time_without_arithmetic, "arithmetic has to be done"),
    ("05.4", rate_and_not_time, "operations a second"),
    ("05.5", partial(small, "deeplabv3_resnet50", preset="tiny"), "narrow place"),
    ("05.5", partial(Own, detail=False), "narrow place"),
    ("05.5", partial(small, "deeplabv3plus_resnet50", preset="small"), "weights are"),
    ("05.5", partial(small, "unet_residual", preset="tiny"), "MACs are more"),
    ("05.5", partial(Own, context=False), "Some output pixel sees"),
    ("05.5", partial(create_model, "unet_residual", preset="tiny"), "six classes"),
]


def test_every_exercise_of_the_chapter_is_tried() -> None:
    chapter = [number for number in list_exercises() if number.startswith("05")]
    assert list(SOLUTIONS) == chapter
    for number in chapter:
        assert sum(number == tried for tried, _, _ in WRONG) >= 3, number


@pytest.mark.parametrize("number", SOLUTIONS)
def test_solution_is_right(number: str) -> None:
    result = check(number, SOLUTIONS[number])
    assert result.status == "right", result
    assert result.right


@pytest.mark.parametrize(("number", "answer"), RIGHT)
def test_other_right_answers(number: str, answer: Callable[..., Any]) -> None:
    result = check(number, answer)
    assert result.status == "right", result


@pytest.mark.parametrize(
    ("number", "answer", "words"), WRONG, ids=lambda x: getattr(x, "__name__", None)
)
def test_wrong_answer_gets_its_hint(
    number: str, answer: Callable[..., Any], words: str
) -> None:
    result = check(number, answer)
    assert result.status == "not yet", result
    assert result.hint is not None
    assert words in result.hint
    others = {w for n, _, w in WRONG if n == number and w != words}
    assert not any(other in result.hint for other in others)


def stub_function(*_: Any) -> Any: ...


class StubModule(nn.Module):
    def __init__(self, *_: Any) -> None:
        super().__init__()

    def forward(self, *_: Any) -> Any: ...


@pytest.mark.parametrize("number", SOLUTIONS)
def test_stub_is_not_attempted(number: str) -> None:
    stub = StubModule if number in ("05.2", "05.3") else stub_function
    assert check(number, stub).status == "not attempted"
