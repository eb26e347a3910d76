"""The FC-HarDNet chapter's exercises: right and wrong answers."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tests.exercises.bench import Answers, AnswersOfAChapter

given = Answers("06")

# --- 06.1 ---------------------------------------------------------------------


@given("06.1")
def my_links(layer: int) -> list[int]:
    """By bits: clearing a number's lowest zeros from the right."""
    sources, step = [], 1
    while True:
        sources.append(layer - step)
        if layer & step:
            return sources
        step <<= 1


@given("06.1", "every earlier layer: a dense block")
def links_dense(layer: int) -> list[int]:
    return list(range(layer))[::-1]


@given("06.1", "must also divide")
def links_every_power(layer: int) -> list[int]:
    return [layer - 2**i for i in range(20) if 2**i <= layer]


@given("06.1", "not all of its divisors")
def links_every_divisor(layer: int) -> list[int]:
    return [layer - d for d in range(1, layer + 1) if layer % d == 0]


@given("06.1", "counts as layer 0")
def links_without_the_input(layer: int) -> list[int]:
    return [source for source in my_links(layer) if source]


@given("06.1", "nearest first")
def links_far_first(layer: int) -> list[int]:
    return my_links(layer)[::-1]


@given("06.1", "subtract them")
def links_as_distances(layer: int) -> list[int]:
    return [layer - source for source in my_links(layer)]


@given("06.1", "a list of layers")
def links_as_a_count(layer: int) -> int:
    return len(my_links(layer))


def powers(layer: int) -> list[int]:
    return [i for i in range(layer.bit_length()) if layer % 2**i == 0]


given("06.1", "layer right before is missing")(
    lambda layer: [layer - 2**i for i in powers(layer)[1:]]
)
given("06.1", "the exponents i")(powers)
given("06.1", "One number too high")(
    lambda layer: [layer - 2**i + 1 for i in powers(layer)]
)
given("06.1", "the layer before alone")(lambda layer: [layer - 1])
given("06.1", "every earlier layer: a dense block")(lambda layer: range(layer))


# --- 06.2 ---------------------------------------------------------------------


@given("06.2")
def my_width(layer: int, growth: int, multiplier: float) -> int:
    lowest = layer & -layer
    channels = growth * multiplier ** (lowest.bit_length() - 1)
    return 2 * int((int(channels) + 1) // 2)


@given("06.2", "round at every multiplication")
def width_by_step(layer: int, growth: int, multiplier: float) -> int:
    width = growth
    while layer % 2 == 0:
        width, layer = int(int(width * multiplier + 1) / 2) * 2, layer // 2
    return width


@given("06.2", "round to an even number at the end")
def width_not_even(layer: int, growth: int, multiplier: float) -> int:
    return round(growth * multiplier ** (len(my_links(layer)) - 1))


@given("06.2", "Rounded down")
def width_rounded_down(layer: int, growth: int, multiplier: float) -> int:
    return int(growth * multiplier ** (len(my_links(layer)) - 1)) // 2 * 2


@given("06.2", "once too often")
def width_one_factor_too_many(layer: int, growth: int, multiplier: float) -> int:
    return int(int(growth * multiplier ** len(my_links(layer)) + 1) / 2) * 2


@given("06.2", "before it is rounded")
def width_unrounded(layer: int, growth: int, multiplier: float) -> float:
    return growth * multiplier ** (len(my_links(layer)) - 1)


@given("06.2")
@given("06.2", "Rounded up to an even", rounded=lambda c: math.ceil(c / 2) * 2)
@given("06.2", "Cut off at every multiplication", by_step=True, rounded=int)
@given("06.2", "You multiply once, however many", most=1)
@given("06.2", "it need not be 1.7", fixed=1.7)
def my_width_with(
    layer: int,
    growth: int,
    multiplier: float,
    rounded: Callable[[float], int] = lambda c: int(c + 1) // 2 * 2,
    by_step: bool = False,
    most: int = 99,
    fixed: float | None = None,
) -> int:
    width: float = growth
    for _ in powers(layer)[1 : most + 1]:
        width *= fixed or multiplier
        width = int(width) if by_step else width
    return rounded(width)


# --- 06.3 ---------------------------------------------------------------------


@given("06.3")
class MyHarDBlock(nn.Module):
    """Growing a dictionary of maps, layers under other names."""

    bias = False
    reads = staticmethod(my_links)
    width = staticmethod(my_width)

    def __init__(self, c_in: int, growth: int, layers: int) -> None:
        super().__init__()
        self.count = layers
        c = {0: c_in}
        for n in range(1, layers + 1):
            c[n] = self.width(n, growth, 1.7)
            read = sum(c[i] for i in self.reads(n))
            conv = nn.Conv2d(read, c[n], 3, padding="same", bias=self.bias)
            setattr(self, f"conv{n}", conv)
            setattr(self, f"norm{n}", nn.BatchNorm2d(c[n]))

    def step(self, n: int, x: Tensor) -> Tensor:
        normed: Tensor = getattr(self, f"norm{n}")(getattr(self, f"conv{n}")(x))
        return normed.clamp(min=0)

    def leave(self) -> list[int]:
        return sorted({*range(1, self.count + 1, 2), self.count})

    def forward(self, x: Tensor) -> Tensor:
        maps = {0: x}
        for n in range(1, self.count + 1):
            maps[n] = self.step(n, torch.cat([maps[i] for i in self.reads(n)], 1))
        return torch.cat([maps[n] for n in self.leave()], 1)


@given("06.3", "no place in the output")
class BlockWithItsInput(MyHarDBlock):
    def leave(self) -> list[int]:
        return [0, *super().leave()]


@given("06.3", "last layer is missing")
class BlockOfOddLayers(MyHarDBlock):
    def leave(self) -> list[int]:
        return list(range(1, self.count + 1, 2))


@given("06.3", "Even layers stay inside")
class BlockOfAllLayers(MyHarDBlock):
    def leave(self) -> list[int]:
        return list(range(1, self.count + 1))


@given("06.3", "Who leaves")
class BlockOfEverything(MyHarDBlock):
    def leave(self) -> list[int]:
        return list(range(self.count + 1))


@given("06.3", "last layer alone")
class BlockOfTheLastLayer(MyHarDBlock):
    def leave(self) -> list[int]:
        return [self.count]


@given("06.3", "rounded at every factor")
class BlockRoundedByStep(MyHarDBlock):
    width = staticmethod(width_by_step)


@given("06.3", "nearest layer comes first")
class BlockFarFirst(MyHarDBlock):
    reads = staticmethod(links_far_first)


@given("06.3", "a dense block")
class DenseBlock(MyHarDBlock):
    reads = staticmethod(links_dense)


@given("06.3", "no bias")
class BlockWithBias(MyHarDBlock):
    bias = True


@given("06.3", "ends with a ReLU")
class BlockWithoutRelu(MyHarDBlock):
    def step(self, n: int, x: Tensor) -> Tensor:
        normed: Tensor = getattr(self, f"norm{n}")(getattr(self, f"conv{n}")(x))
        return normed


@given("06.3", "the last one last")
class BlockLastFirst(MyHarDBlock):
    def leave(self) -> list[int]:
        return super().leave()[::-1]


@given("06.3")
@given("06.3", "the one before it alone", reads=lambda n: [n - 1])
@given(
    "06.3",
    "2^i must also divide",
    reads=lambda n: [n - 2**i for i in range(n.bit_length())],
)
@given("06.3", "Yours is list", as_list=True)
class MyHarDBlockWith(nn.Module):
    def __init__(
        self,
        c_in: int,
        growth: int,
        layers: int,
        reads: Callable[[int], list[int]] = lambda n: [n - 2**i for i in powers(n)],
        as_list: bool = False,
    ) -> None:
        super().__init__()
        self.reads, self.as_list = reads, as_list
        width = [c_in]
        for n in range(1, layers + 1):
            width.append(my_width_with(n, growth, 1.7))
            c = sum(width[i] for i in reads(n))
            conv = nn.Conv2d(c, width[n], 3, padding=1, bias=False)
            self.add_module(
                str(n), nn.Sequential(conv, nn.BatchNorm2d(width[n]), nn.ReLU())
            )

    def forward(self, x: Tensor) -> Any:
        maps = [x]
        for n, layer in enumerate(self.children(), 1):
            maps.append(layer(torch.cat([maps[i] for i in self.reads(n)], 1)))
        kept = [*maps[1:-1:2], maps[-1]] if len(maps) % 2 else maps[1::2]
        return kept if self.as_list else torch.cat(kept, 1)


# --- 06.4 ---------------------------------------------------------------------


@given("06.4")
def work_and_traffic(c_in: int, growth: int, m: float, layers: int) -> tuple[int, int]:
    """From the shapes of a built block's kernels."""
    block = MyHarDBlock(c_in, growth, layers)
    kernels = [p for p in block.parameters() if p.ndim == 4]
    return (
        sum(kernel.numel() for kernel in kernels),
        sum(kernel.shape[0] + kernel.shape[1] for kernel in kernels),
    )


@given("06.4", "nine taps")
def traffic_of_1x1(*args: Any) -> tuple[int, int]:
    macs, cio = work_and_traffic(*args)
    return macs // 9, cio


@given("06.4", "FLOPs")
def traffic_in_flops(*args: Any) -> tuple[int, int]:
    macs, cio = work_and_traffic(*args)
    return 2 * macs, cio


@given("06.4", "what is written counts too")
def traffic_read_only(c_in: int, growth: int, m: float, layers: int) -> tuple[int, int]:
    macs, cio = work_and_traffic(c_in, growth, m, layers)
    written = sum(my_width(n, growth, m) for n in range(1, layers + 1))
    return macs, cio - written


@given("06.4", "for every convolution that reads it")
def traffic_each_map_once(
    c_in: int, growth: int, m: float, layers: int
) -> tuple[int, int]:
    written = sum(my_width(n, growth, m) for n in range(1, layers + 1))
    return work_and_traffic(c_in, growth, m, layers)[0], c_in + 2 * written


@given("06.4", "MACs first")
def traffic_exchanged(*args: Any) -> tuple[int, int]:
    macs, cio = work_and_traffic(*args)
    return cio, macs


@given("06.4", "two whole numbers: MACs, then values. (A width is rounded")
def traffic_alone(*args: Any) -> int:
    return work_and_traffic(*args)[1]


@given("06.4")
@given("06.4", "the one before it alone", macs_read=lambda n: [n - 1])
@given("06.4", "the traffic of a dense block", cio_read=range)
@given("06.4", "Those are bytes", times=4)
@given("06.4", "and not once more", more=True)
@given(
    "06.4", "two whole numbers: MACs, then values. (A width is rounded", rounded=float
)
def work_and_traffic_with(
    c_in: int,
    growth: int,
    multiplier: float,
    layers: int,
    macs_read: Callable[[int], Sequence[int]] = lambda n: [n - 2**i for i in powers(n)],
    cio_read: Callable[[int], Sequence[int]] = lambda n: [n - 2**i for i in powers(n)],
    times: int = 1,
    more: bool = False,
    rounded: Callable[[float], float] = lambda c: int(c + 1) // 2 * 2,
) -> Any:
    numbers = range(1, layers + 1)
    width = [c_in] + [my_width_with(n, growth, multiplier, rounded) for n in numbers]
    macs = sum(9 * width[n] * sum(width[i] for i in macs_read(n)) for n in numbers)
    cio = sum(width[n] + sum(width[i] for i in cio_read(n)) for n in numbers)
    return np.array([macs, times * (cio + (c_in if more else 0))])


# --- 06.5 ---------------------------------------------------------------------


@given("06.5")
def my_wiring() -> list[list[int]]:
    reads = [[n - 1] for n in range(1, 17)]
    for layer, source in ((4, 0), (8, 0), (12, 4), (15, 8)):
        reads[layer - 1].append(source)
    return reads


@given("06.5", "more than 24")
def wiring_of_the_paper() -> list[list[int]]:
    return [my_links(n) for n in range(1, 17)]


@given("06.5", "convolutions from the block's input")
def wiring_chain() -> list[list[int]]:
    return [[n - 1] for n in range(1, 17)]


@given("06.5", "Map 0 is read 4 times")
def wiring_one_hub() -> list[list[int]]:
    return [[n - 1] if n % 4 != 1 or n == 1 else [n - 1, 0] for n in range(1, 17)]


@given("06.5", "right before it")
def wiring_skips_the_predecessor() -> list[list[int]]:
    return [[n - 1] if n % 2 else [n - 2] for n in range(1, 17)]


@given("06.5", "has not run yet")
def wiring_of_the_future() -> list[list[int]]:
    return [[n - 1, n] for n in range(1, 17)]


@given("06.5", "begin at 1")
def wiring_with_the_input() -> list[list[int]]:
    return [[], *my_wiring()]


given("06.5", "a list of lists")(lambda: [[n + 0.5] for n in range(16)])


class TestAnswers(AnswersOfAChapter):
    given = given
