"""The atrous chapter's exercises: right and wrong answers."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.exercises.bench import Answers, AnswersOfAChapter

given = Answers("04")

Layers = list[tuple[int, int, int]]

# --- 04.1 ---------------------------------------------------------------------


@given("04.1")
def stack_field(layers: Layers) -> int:
    """Walk back from the output: an interval through each layer."""
    first = last = 0
    for kernel, stride, rate in reversed(layers):
        first, last = first * stride, last * stride + (kernel - 1) * rate
    return last - first + 1


@given("04.1", "the rate widens the kernel")
def field_without_rates(layers: Layers) -> int:
    return stack_field([(kernel, stride, 1) for kernel, stride, _ in layers])


@given("04.1", "several pixels of the image")
def field_without_strides(layers: Layers) -> int:
    return stack_field([(kernel, 1, rate) for kernel, _, rate in layers])


@given("04.1", "gaps between them")
def field_of_full_kernels(layers: Layers) -> int:
    return stack_field([(kernel * rate, stride, 1) for kernel, stride, rate in layers])


@given("04.1", "own stride spreads")
def field_own_stride_first(layers: Layers) -> int:
    field = step = 1
    for kernel, stride, rate in layers:
        step *= stride
        field += step * rate * (kernel - 1)
    return field


@given("04.1", "count both ends")
def field_ends_not_counted(layers: Layers) -> int:
    return stack_field(layers) - 1


def field_by(
    rule: Callable[[int, int, int, int, int], tuple[int, int]], order: int = 1
) -> Callable[[list[tuple[int, int, int]]], int]:
    def stack_field(layers: list[tuple[int, int, int]]) -> int:
        field = step = 1
        for layer in layers[::order]:
            field, step = rule(field, step, *layer)
        return field

    return stack_field


given("04.1", "from the last layer to the first")(
    field_by(lambda f, j, k, s, r: ((f - 1) * s + (k - 1) * r + 1, 1))
)
given("04.1", "the steps multiply")(
    field_by(lambda f, j, k, s, r: (f + (k - 1) * r * j, s))
)
given("04.1", "Rates do not add up")(
    field_by(lambda f, j, k, s, r: (f + (k - 1) * r * j, j * s * r))
)


# --- 04.2 ---------------------------------------------------------------------


@given("04.2")
def my_atrous(x: Tensor, weight: Tensor, rate: int) -> Tensor:
    """Open the kernel with zeros, then convolve as usual."""
    opened = weight.new_zeros(*weight.shape[:2], 2 * rate + 1, 2 * rate + 1)
    opened[..., ::rate, ::rate] = weight
    return F.conv2d(x, opened, padding="same")


@given("04.2", "without padding")
def atrous_unpadded(x: Tensor, weight: Tensor, rate: int) -> Tensor:
    return F.conv2d(x, weight, dilation=rate)


@given("04.2", "are not enough")
def atrous_padded_by_one(x: Tensor, weight: Tensor, rate: int) -> Tensor:
    return F.conv2d(x, weight, padding=1, dilation=rate)


@given("04.2", "The taps are neighbours")
def atrous_without_holes(x: Tensor, weight: Tensor, rate: int) -> Tensor:
    return F.conv2d(x, weight, padding=1)


@given("04.2", "neighbours still")
def atrous_padding_as_wide_as_the_rate(x: Tensor, weight: Tensor, rate: int) -> Tensor:
    return F.conv2d(x, weight, padding=rate)


@given("04.2", "is strided")
def atrous_strided(x: Tensor, weight: Tensor, rate: int) -> Tensor:
    return F.conv2d(x, weight, padding=rate, dilation=rate, stride=rate)


@given("04.2", "go round to the other side")
def atrous_by_rolling(x: Tensor, weight: Tensor, rate: int) -> Tensor:
    y = torch.zeros(x.shape[0], weight.shape[0], *x.shape[-2:])
    for i, j in itertools.product(range(3), repeat=2):
        moved = torch.roll(x, (rate * (1 - i), rate * (1 - j)), dims=(-2, -1))
        y += torch.einsum("dc,bchw->bdhw", weight[:, :, i, j], moved)
    return y


@given("04.2", "kernel is flipped. Here")
def atrous_flipped(x: Tensor, weight: Tensor, rate: int) -> Tensor:
    return my_atrous(x, weight.flip(-1, -2), rate)


@given("04.2")
def atrous_by_pytorch(x: Tensor, weight: Tensor, rate: int) -> Tensor:
    return F.conv2d(x, weight, padding=rate, dilation=rate)


def convolve_with(**options: Any) -> Callable[[Tensor, Tensor, int], Tensor]:
    def my_atrous(x: Tensor, weight: Tensor, rate: int) -> Tensor:
        mode = options.get("mode", "constant")
        x = F.pad(x, (rate, rate, rate, rate), mode=mode)
        taps = range(1, 2) if options.get("centre") else range(3)
        total = x.new_zeros(1)
        for i in taps:
            for j in taps:
                di, dj = (2 - i, 2 - j) if options.get("turned") else (i, j)
                size = [n - 2 * rate for n in x.shape[2:]]
                part = x.narrow(2, di * rate, size[0]).narrow(3, dj * rate, size[1])
                total = total + torch.einsum("bchw,dc->bdhw", part, weight[..., i, j])
        return total

    return my_atrous


given("04.2")(convolve_with())
given("04.2", "you mirror it")(convolve_with(mode="reflect"))
given("04.2", "the tap of the centre alone")(convolve_with(centre=True))
given("04.2", "flipped, and the other side")(
    convolve_with(turned=True, mode="circular")
)


@given("04.2", "(line ")
def atrous_of_one_batch(x: Tensor, weight: Tensor, rate: int) -> Tensor:
    total = torch.zeros(2, 4, *x.shape[2:])
    return total + F.conv2d(x, weight, padding=rate, dilation=rate).view_as(total)


# --- 04.3 ---------------------------------------------------------------------


@given("04.3")
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


@given("04.3", "is dilated already")
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


@given("04.3", "Rates multiply")
def surgery_rate_two_for_ever(strides, output_stride):
    return [(stride, min(rate, 2)) for stride, rate in surgery(strides, output_stride)]


@given("04.3", "left the strides in")
def surgery_keeps_strides(strides, output_stride):
    rates = [rate for _, rate in surgery(strides, output_stride)]
    return list(zip(strides, rates))


@given("04.3", "no rate has replaced them")
def surgery_without_rates(strides, output_stride):
    return [(stride, 1) for stride, _ in surgery(strides, output_stride)]


@given("04.3", "should return one pair (stride, rate)")
def surgery_gives_rates_alone(strides, output_stride):
    return [rate for _, rate in surgery(strides, output_stride)]


@given("04.3", "Nothing is traded")
def surgery_never_cuts(strides, output_stride):
    return [(stride, 1) for stride in strides]


@given("04.3")
def surgery_by_walking(strides: Sequence[int], output_stride: int) -> Any:
    plan = []
    left, rate = output_stride, 1
    for stride in strides:
        plan.append((stride if left >= stride else 1, rate))
        left, rate = (left // stride, rate) if left >= stride else (left, rate * stride)
    return tuple(plan)


def plan(strides: Sequence[int], output_stride: int, limit: int = 1) -> list[list[int]]:
    found, rate = [], 1
    for stride in strides:
        limit *= stride
        found.append([stride if limit <= output_stride else 1, rate])
        rate *= 1 if limit <= output_stride else stride
    return found


given("04.3")(lambda strides, stop: np.array(plan(strides, stop)))
given("04.3")(lambda strides, stop: torch.tensor(plan(strides, stop)))
given("04.3", "nothing is traded", limit=2)(plan)
given("04.3", "stride first, its rate second")(
    lambda strides, stop: [pair[::-1] for pair in plan(strides, stop)]
)
given("04.3", "A rate stays for all units")(
    lambda strides, stop: [
        (new, old if new != old else 1)
        for old, (new, _) in zip(strides, plan(strides, stop))
    ]
)
given("04.3", "should return one pair (stride, rate)")(
    lambda strides, stop: [f"{s}{r}" for s, r in plan(strides, stop)]
)


# --- 04.4 ---------------------------------------------------------------------


def conv(c_in: int, c_out: int, size: int, rate: int = 1) -> nn.Conv2d:
    return nn.Conv2d(
        c_in, c_out, size, padding=rate * (size // 2), dilation=rate, bias=False
    )


@given("04.4")
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


@given("04.4", "need no bias")
class AsppWithBias(MyASPP):
    bias = True


@given("04.4", "and yours has none")
class AsppWithoutNorm(MyASPP):
    norm = False


@given("04.4", "a 1x1 is missing")
class AsppWithoutPooling(MyASPP):
    pools = False


@given("04.4", "have no holes")
class AsppWithoutHoles(MyASPP):
    holes = False


@given("04.4", "of (2, 7, 9, 7) raises RuntimeError")
class AsppNotSpread(MyASPP):
    def pooled(self, x: Tensor) -> Tensor:
        return F.relu(self.top(F.adaptive_avg_pool2d(x, 1)))


@given("04.4", "branches are added")
class AsppAdds(MyASPP):
    def joined(self, rates: int, c_out: int) -> int:
        return c_out

    def end(self, maps: list[Tensor]) -> Tensor:
        return F.relu(self.last(sum(maps)))


@given("04.4", "pooled branch comes last")
class AsppPoolingFirst(MyASPP):
    def end(self, maps: list[Tensor]) -> Tensor:
        return super().end([maps[-1], *maps[:-1]])


@given("04.4", "in reverse")
class AsppReversed(MyASPP):
    def end(self, maps: list[Tensor]) -> Tensor:
        return super().end(maps[::-1])


@given("04.4", "averages first")
class AsppConvolvesThenPools(MyASPP):
    def pooled(self, x: Tensor) -> Tensor:
        y = F.relu(self.top(x)).mean(dim=(-2, -1), keepdim=True)
        return y.expand(-1, -1, *x.shape[-2:])


@given("04.4", "not the maximum")
class AsppTakesTheMaximum(MyASPP):
    def pooled(self, x: Tensor) -> Tensor:
        y = F.relu(self.top(F.adaptive_max_pool2d(x, 1)))
        return y.expand(-1, -1, *x.shape[-2:])


@given("04.4", "after the mixing convolution")
class AsppNoLastRelu(MyASPP):
    def end(self, maps: list[Tensor]) -> Tensor:
        return self.last(torch.cat(maps, 1))


@given("04.4", "of (2, 7, 9, 7) raises RuntimeError")
class AsppPaddedByOne(MyASPP):
    def __init__(self, c_in: int, c_out: int, rates: Sequence[int]) -> None:
        super().__init__(c_in, c_out, rates)
        for branch in self.wide:
            branch[0].padding = (1, 1)


@given("04.4")
@given("04.4", "a 3x3 branch for every rate", most=3)
@given("04.4", "The paper's rates 6, 12, 18", fixed=(6, 12, 18))
@given("04.4", "Your rates are doubled", times=2)
@given("04.4", "No ReLU stands in it", relu=nn.Identity)
class MyASPPWith(nn.Module):
    def __init__(
        self,
        c_in: int,
        c_out: int,
        rates: Sequence[int],
        most: int = 9,
        fixed: Sequence[int] = (),
        times: int = 1,
        relu: type[nn.Module] = nn.ReLU,
    ) -> None:
        super().__init__()
        rates = fixed if len(rates) == len(fixed) else rates

        def block(c: int, kernel: int, rate: int) -> nn.Module:
            layer = nn.Conv2d(
                c, c_out, kernel, padding="same", dilation=rate, bias=False
            )
            return nn.Sequential(layer, nn.BatchNorm2d(c_out), relu())

        rows = [block(c_in, 3, times * rate) for rate in rates[:most]]
        self.branches = nn.ModuleList([block(c_in, 1, 1), *rows, block(c_in, 1, 1)])
        self.mix = block(len(self.branches) * c_out, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        *maps, pooled = self.branches
        mean = pooled(x.mean((2, 3), keepdim=True))
        return self.mix(
            torch.cat([*(m(x) for m in maps), mean.expand(-1, -1, *x.shape[2:])], 1)
        )


@given("04.4", "Is a number written into the class")
class MyASPPOfOneBatch(MyASPPWith):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).reshape(2, 4, 9, 7)


# --- 04.5 ---------------------------------------------------------------------


@given("04.5")
def taps_left(side: int, rate: int) -> tuple[float, float]:
    """Count the places from which both neighbours, or neither, are inside."""
    before = max(side - rate, 0)  # places whose left neighbour is inside
    both = max(2 * before - side, 0)
    neither = max(side - 2 * before, 0)
    return both**2 / side**2, neither**2 / side**2


@given("04.5", "shares of a row")
def taps_of_a_row(side: int, rate: int) -> list[float]:
    return [share**0.5 for share in taps_left(side, rate)]


@given("04.5", "both edges cost")
def taps_one_edge(side: int, rate: int) -> tuple[float, float]:
    return max(1 - rate / side, 0) ** 2, taps_left(side, rate)[1]


@given("04.5", "may still have four or six")
def taps_all_or_one(side: int, rate: int) -> tuple[float, float]:
    whole = taps_left(side, rate)[0]
    return whole, 1 - whole


@given("04.5", "A negative number of positions, squared, looks like a share: where 2 *")
def taps_negative_squared(side: int, rate: int) -> tuple[float, float]:
    return ((side - 2 * rate) / side) ** 2, taps_left(side, rate)[1]


@given("04.5", "other order")
def taps_swapped(side: int, rate: int) -> tuple[float, float]:
    return taps_left(side, rate)[::-1]


@given("04.5", "nothing changes any more")
def taps_centre_grows_for_ever(side: int, rate: int) -> tuple[float, float]:
    return taps_left(side, rate)[0], (max(2 * rate - side, 0) / side) ** 2


@given("04.5", "should return two numbers")
def taps_one_number(side: int, rate: int) -> float:
    return taps_left(side, rate)[0]


@given("04.5")
def taps_left_counted(side: int, rate: int) -> Tensor:
    """From sorted places alone; a map of the larger sizes would not fit."""
    place = torch.arange(side)
    inside = (place >= rate).long() + (place < side - rate).long()
    shares = torch.stack([inside == 2, inside == 0]).double().mean(dim=1)
    return shares**2


@given("04.5")
@given("04.5", "numbers of positions", form="counted")
@given("04.5", "per cent", form="per cent")
@given("04.5", "Off by one", form="late")
@given("04.5", "nowhere alone", form="unbounded")
def taps_left_with(side: int, rate: int, form: str = "") -> Tensor:
    whole, alone = max(side - 2 * rate, 0), min(max(2 * rate - side, 0), side)
    if form == "late":
        whole = max(whole - 1, 0)
    if form == "unbounded":
        whole, alone = side - 2 * rate, 2 * rate - side
    scale = {"counted": side, "per cent": 10}.get(form, 1)
    return torch.tensor([whole, alone]).div(side).mul(scale).square()  # in float32


# --- 04.6 ---------------------------------------------------------------------


@given("04.6")
def dense_rates() -> tuple[int, ...]:
    return (9, 1, 14, 3)  # the order does not matter


@given("04.6", "31 pixels a side")
def doubled_rates() -> list[int]:
    return [1, 2, 4, 8]


@given("04.6", "there are holes")
def equal_rates() -> list[int]:
    return [7, 7, 7, 7]


@given("04.6", "there are holes")
def huge_rates() -> list[int]:
    return [10**6, 1, 10**9, 3]


@given("04.6", "more than four")
def five_rates() -> list[int]:
    return [1, 2, 4, 8, 13]


@given("04.6", "from 1 on")
def rate_zero() -> list[int]:
    return [0, 9, 9, 9]


@given("04.6", "a list of whole numbers")
def one_number() -> int:
    return 27


given("04.6")(lambda: [1, 3, 9, 27])
given("04.6")(lambda: torch.tensor([1, 3, 9, 14]))
given("04.6")(lambda: (3.0**i for i in range(4)))
given("04.6", "a list of whole numbers")(lambda: [1.5, 3, 9, 27])


class TestAnswers(AnswersOfAChapter):
    given = given
