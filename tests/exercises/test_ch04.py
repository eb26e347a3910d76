"""The atrous chapter's exercises: stub, solution, and typical wrong answers."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from simseg_core.exercises import check, list_exercises

Layers = list[tuple[int, int, int]]

# --- 04.1 ------------------------------------------------------------------------


def stack_field(layers: Layers) -> int:
    """Walk back from the output: an interval through each layer."""
    first = last = 0
    for kernel, stride, rate in reversed(layers):
        first, last = first * stride, last * stride + (kernel - 1) * rate
    return last - first + 1


def field_without_rates(layers: Layers) -> int:
    return stack_field([(kernel, stride, 1) for kernel, stride, _ in layers])


def field_without_strides(layers: Layers) -> int:
    return stack_field([(kernel, 1, rate) for kernel, _, rate in layers])


def field_of_full_kernels(layers: Layers) -> int:
    return stack_field([(kernel * rate, stride, 1) for kernel, stride, rate in layers])


def field_own_stride_first(layers: Layers) -> int:
    field = step = 1
    for kernel, stride, rate in layers:
        step *= stride
        field += step * rate * (kernel - 1)
    return field


def field_ends_not_counted(layers: Layers) -> int:
    return stack_field(layers) - 1


# --- 04.2 ------------------------------------------------------------------------


def my_atrous(x: Tensor, weight: Tensor, rate: int) -> Tensor:
    """Open the kernel with zeros, then convolve as usual."""
    opened = weight.new_zeros(*weight.shape[:2], 2 * rate + 1, 2 * rate + 1)
    opened[..., ::rate, ::rate] = weight
    return F.conv2d(x, opened, padding="same")


def atrous_unpadded(x: Tensor, weight: Tensor, rate: int) -> Tensor:
    return F.conv2d(x, weight, dilation=rate)


def atrous_padded_by_one(x: Tensor, weight: Tensor, rate: int) -> Tensor:
    return F.conv2d(x, weight, padding=1, dilation=rate)


def atrous_without_holes(x: Tensor, weight: Tensor, rate: int) -> Tensor:
    return F.conv2d(x, weight, padding=1)


def atrous_padding_as_wide_as_the_rate(x: Tensor, weight: Tensor, rate: int) -> Tensor:
    return F.conv2d(x, weight, padding=rate)


def atrous_strided(x: Tensor, weight: Tensor, rate: int) -> Tensor:
    return F.conv2d(x, weight, padding=rate, dilation=rate, stride=rate)


def atrous_by_rolling(x: Tensor, weight: Tensor, rate: int) -> Tensor:
    y = torch.zeros(x.shape[0], weight.shape[0], *x.shape[-2:])
    for i, j in itertools.product(range(3), repeat=2):
        moved = torch.roll(x, (rate * (1 - i), rate * (1 - j)), dims=(-2, -1))
        y += torch.einsum("dc,bchw->bdhw", weight[:, :, i, j], moved)
    return y


def atrous_flipped(x: Tensor, weight: Tensor, rate: int) -> Tensor:
    return my_atrous(x, weight.flip(-1, -2), rate)


# --- 04.3 ------------------------------------------------------------------------


def surgery(strides: Sequence[int], output_stride: int) -> list[list[int]]:
    """Say for each unit how dense its input would be without any trading."""
    plan = []
    for place, stride in enumerate(strides):
        before = 1
        for earlier in strides[:place]:
            before *= earlier
        held_back = max(before // output_stride, 1)
        plan.append([1 if before * stride > output_stride else stride, held_back])
    return plan


def surgery_dilates_the_first_unit(strides, output_stride):
    plan, reached, rate = [], 1, 1
    for stride in strides:
        if reached * stride > output_stride:
            rate *= stride
            plan.append((1, rate))
        else:
            reached *= stride
            plan.append((stride, rate))
    return plan


def surgery_rate_two_for_ever(strides, output_stride):
    return [(stride, min(rate, 2)) for stride, rate in surgery(strides, output_stride)]


def surgery_keeps_strides(strides, output_stride):
    rates = [rate for _, rate in surgery(strides, output_stride)]
    return list(zip(strides, rates))


def surgery_without_rates(strides, output_stride):
    return [(stride, 1) for stride, _ in surgery(strides, output_stride)]


def surgery_gives_rates_alone(strides, output_stride):
    return [rate for _, rate in surgery(strides, output_stride)]


def surgery_never_cuts(strides, output_stride):
    return [(stride, 1) for stride in strides]


# --- 04.4 ------------------------------------------------------------------------


def conv(c_in: int, c_out: int, size: int, rate: int = 1) -> nn.Conv2d:
    return nn.Conv2d(
        c_in, c_out, size, padding=rate * (size // 2), dilation=rate, bias=False
    )


class MyASPP(nn.Module):
    """Layers in another order and under other names; resizes the pooled map."""

    bias = False
    norm = True
    pools = True
    holes = True

    def __init__(self, c_in: int, c_out: int, rates: Sequence[int]) -> None:
        super().__init__()
        self.last = self.unit(self.joined(len(rates), c_out), c_out, 1)
        self.top = self.unit(c_in, c_out, 1) if self.pools else None
        self.wide = nn.ModuleList(
            self.unit(c_in, c_out, 3, rate if self.holes else 1) for rate in rates
        )
        self.one = self.unit(c_in, c_out, 1)

    def unit(self, c_in: int, c_out: int, size: int, rate: int = 1) -> nn.Sequential:
        layer = conv(c_in, c_out, size, rate)
        if self.bias:
            layer.bias = nn.Parameter(torch.zeros(c_out))
        return nn.Sequential(layer, nn.BatchNorm2d(c_out) if self.norm else nn.ReLU())

    def joined(self, rates: int, c_out: int) -> int:
        return (rates + 1 + self.pools) * c_out

    def pooled(self, x: Tensor) -> Tensor:
        y = F.relu(self.top(F.adaptive_avg_pool2d(x, 1)))
        return F.interpolate(y, x.shape[-2:], mode="bilinear", align_corners=False)

    def branches(self, x: Tensor) -> list[Tensor]:
        maps = [F.relu(branch(x)) for branch in (self.one, *self.wide)]
        return [*maps, self.pooled(x)] if self.pools else maps

    def end(self, maps: list[Tensor]) -> Tensor:
        return F.relu(self.last(torch.cat(maps, 1)))

    def forward(self, x: Tensor) -> Tensor:
        return self.end(self.branches(x))


class AsppWithBias(MyASPP):
    bias = True


class AsppWithoutNorm(MyASPP):
    norm = False


class AsppWithoutPooling(MyASPP):
    pools = False


class AsppWithoutHoles(MyASPP):
    holes = False


class AsppNotSpread(MyASPP):
    def pooled(self, x: Tensor) -> Tensor:
        return F.relu(self.top(F.adaptive_avg_pool2d(x, 1)))


class AsppAdds(MyASPP):
    def joined(self, rates: int, c_out: int) -> int:
        return c_out

    def end(self, maps: list[Tensor]) -> Tensor:
        return F.relu(self.last(sum(maps)))


class AsppPoolingFirst(MyASPP):
    def end(self, maps: list[Tensor]) -> Tensor:
        return super().end([maps[-1], *maps[:-1]])


class AsppReversed(MyASPP):
    def end(self, maps: list[Tensor]) -> Tensor:
        return super().end(maps[::-1])


class AsppConvolvesThenPools(MyASPP):
    def pooled(self, x: Tensor) -> Tensor:
        y = F.relu(self.top(x)).mean(dim=(-2, -1), keepdim=True)
        return y.expand(-1, -1, *x.shape[-2:])


class AsppTakesTheMaximum(MyASPP):
    def pooled(self, x: Tensor) -> Tensor:
        y = F.relu(self.top(F.adaptive_max_pool2d(x, 1)))
        return y.expand(-1, -1, *x.shape[-2:])


class AsppNoLastRelu(MyASPP):
    def end(self, maps: list[Tensor]) -> Tensor:
        return self.last(torch.cat(maps, 1))


class AsppPaddedByOne(MyASPP):
    def __init__(self, c_in: int, c_out: int, rates: Sequence[int]) -> None:
        super().__init__(c_in, c_out, rates)
        for branch in self.wide:
            branch[0].padding = (1, 1)


# --- 04.5 ------------------------------------------------------------------------


def taps_left(side: int, rate: int) -> tuple[float, float]:
    """Count the places from which both neighbours, or neither, are inside."""
    before = max(side - rate, 0)  # places whose left neighbour is inside
    both = max(2 * before - side, 0)
    neither = max(side - 2 * before, 0)
    return both**2 / side**2, neither**2 / side**2


def taps_of_a_row(side: int, rate: int) -> list[float]:
    return [share**0.5 for share in taps_left(side, rate)]


def taps_one_edge(side: int, rate: int) -> tuple[float, float]:
    return max(1 - rate / side, 0) ** 2, taps_left(side, rate)[1]


def taps_all_or_one(side: int, rate: int) -> tuple[float, float]:
    whole = taps_left(side, rate)[0]
    return whole, 1 - whole


def taps_negative_squared(side: int, rate: int) -> tuple[float, float]:
    return ((side - 2 * rate) / side) ** 2, taps_left(side, rate)[1]


def taps_swapped(side: int, rate: int) -> tuple[float, float]:
    return taps_left(side, rate)[::-1]


def taps_centre_grows_for_ever(side: int, rate: int) -> tuple[float, float]:
    return taps_left(side, rate)[0], (max(2 * rate - side, 0) / side) ** 2


def taps_one_number(side: int, rate: int) -> float:
    return taps_left(side, rate)[0]


# --- 04.6 ------------------------------------------------------------------------


def dense_rates() -> tuple[int, ...]:
    return (9, 1, 14, 3)  # the order does not matter


SOLUTIONS: dict[str, Any] = {
    "04.1": stack_field,
    "04.2": my_atrous,
    "04.3": surgery,
    "04.4": MyASPP,
    "04.5": taps_left,
    "04.6": dense_rates,
}


def doubled_rates() -> list[int]:
    return [1, 2, 4, 8]


def equal_rates() -> list[int]:
    return [7, 7, 7, 7]


def huge_rates() -> list[int]:
    return [10**6, 1, 10**9, 3]


def five_rates() -> list[int]:
    return [1, 2, 4, 8, 13]


def rate_zero() -> list[int]:
    return [0, 9, 9, 9]


def one_number() -> int:
    return 27


# (exercise, wrong answer, words that only the fitting hint has)
WRONG: list[tuple[str, Callable[..., Any], str]] = [
    ("04.1", field_without_rates, "the rate widens the kernel"),
    ("04.1", field_without_strides, "several pixels of the image"),
    ("04.1", field_of_full_kernels, "gaps between them"),
    ("04.1", field_own_stride_first, "own stride spreads"),
    ("04.1", field_ends_not_counted, "count both ends"),
    ("04.2", atrous_unpadded, "without padding"),
    ("04.2", atrous_padded_by_one, "are not enough"),
    ("04.2", atrous_without_holes, "The taps are neighbours"),
    ("04.2", atrous_padding_as_wide_as_the_rate, "neighbours still"),
    ("04.2", atrous_strided, "is strided"),
    ("04.2", atrous_by_rolling, "go round to the other side"),
    ("04.2", atrous_flipped, "kernel is flipped"),
    ("04.3", surgery_dilates_the_first_unit, "is dilated already"),
    ("04.3", surgery_rate_two_for_ever, "Rates multiply"),
    ("04.3", surgery_keeps_strides, "left the strides in"),
    ("04.3", surgery_without_rates, "no rate has replaced them"),
    ("04.3", surgery_gives_rates_alone, "one pair (stride, rate)"),
    ("04.3", surgery_never_cuts, "Nothing is traded"),
    ("04.4", AsppWithBias, "need no bias"),
    ("04.4", AsppWithoutNorm, "and yours has none"),
    ("04.4", AsppWithoutPooling, "a 1x1 is missing"),
    ("04.4", AsppWithoutHoles, "have no holes"),
    ("04.4", AsppNotSpread, "RuntimeError"),
    ("04.4", AsppAdds, "branches are added"),
    ("04.4", AsppPoolingFirst, "pooled branch comes last"),
    ("04.4", AsppReversed, "in reverse"),
    ("04.4", AsppConvolvesThenPools, "averages first"),
    ("04.4", AsppTakesTheMaximum, "not the maximum"),
    ("04.4", AsppNoLastRelu, "after the mixing convolution"),
    ("04.4", AsppPaddedByOne, "RuntimeError"),
    ("04.5", taps_of_a_row, "shares of a row"),
    ("04.5", taps_one_edge, "both edges cost"),
    ("04.5", taps_all_or_one, "may still have four or six"),
    ("04.5", taps_negative_squared, "A negative number"),
    ("04.5", taps_swapped, "other order"),
    ("04.5", taps_centre_grows_for_ever, "nothing changes any more"),
    ("04.5", taps_one_number, "should return two numbers"),
    ("04.6", doubled_rates, "31 pixels a side"),
    ("04.6", equal_rates, "there are holes"),
    ("04.6", huge_rates, "there are holes"),
    ("04.6", five_rates, "more than four"),
    ("04.6", rate_zero, "from 1 on"),
    ("04.6", one_number, "a list of whole numbers"),
]


def test_every_exercise_of_the_chapter_is_tried() -> None:
    of_chapter = {number for number in list_exercises() if number.startswith("04")}
    assert of_chapter == SOLUTIONS.keys()
    for number in of_chapter:
        assert sum(number == tried for tried, _, _ in WRONG) >= 3, number


@pytest.mark.parametrize("number", SOLUTIONS)
def test_solution_is_right(number: str) -> None:
    result = check(number, SOLUTIONS[number])
    assert result.status == "right", result
    assert result.right


def surgery_by_walking(strides: Sequence[int], output_stride: int) -> Any:
    plan = []
    left, rate = output_stride, 1
    for stride in strides:
        plan.append((stride if left >= stride else 1, rate))
        left, rate = (left // stride, rate) if left >= stride else (left, rate * stride)
    return tuple(plan)


def atrous_by_pytorch(x: Tensor, weight: Tensor, rate: int) -> Tensor:
    return F.conv2d(x, weight, padding=rate, dilation=rate)


def taps_left_counted(side: int, rate: int) -> Tensor:
    """From sorted places alone; a map of the larger sizes would not fit."""
    place = torch.arange(side)
    inside = (place >= rate).long() + (place < side - rate).long()
    shares = torch.stack([inside == 2, inside == 0]).double().mean(dim=1)
    return shares**2


@pytest.mark.parametrize(
    ("number", "answer"),
    [
        ("04.2", atrous_by_pytorch),
        ("04.3", surgery_by_walking),
        ("04.5", taps_left_counted),
        ("04.6", lambda: [1, 3, 9, 27]),
        ("04.6", lambda: torch.tensor([1, 3, 9, 14])),
    ],
)
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
    assert result.status == "not yet"
    assert result.hint is not None
    assert words in result.hint
    others = {w for n, a, w in WRONG if n == number and w != words}
    assert not any(other in result.hint for other in others)


def stub_function(*_: Any) -> Any: ...


class StubModule(nn.Module):
    def __init__(self, *_: Any) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Any: ...


@pytest.mark.parametrize("number", SOLUTIONS)
def test_stub_is_not_attempted(number: str) -> None:
    stub = StubModule if number == "04.4" else stub_function
    assert check(number, stub).status == "not attempted"
