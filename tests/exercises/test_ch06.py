"""The FC-HarDNet chapter's exercises: stub, solution, and typical wrong answers."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from simseg_core.exercises import check, list_exercises

# --- 06.1 ------------------------------------------------------------------------


def my_links(layer: int) -> list[int]:
    """By bits: clearing a number's lowest zeros from the right."""
    sources, step = [], 1
    while True:
        sources.append(layer - step)
        if layer & step:
            return sources
        step <<= 1


def links_dense(layer: int) -> list[int]:
    return list(range(layer))[::-1]


def links_every_power(layer: int) -> list[int]:
    return [layer - 2**i for i in range(20) if 2**i <= layer]


def links_every_divisor(layer: int) -> list[int]:
    return [layer - d for d in range(1, layer + 1) if layer % d == 0]


def links_without_the_input(layer: int) -> list[int]:
    return [source for source in my_links(layer) if source]


def links_far_first(layer: int) -> list[int]:
    return my_links(layer)[::-1]


def links_as_distances(layer: int) -> list[int]:
    return [layer - source for source in my_links(layer)]


def links_as_a_count(layer: int) -> int:
    return len(my_links(layer))


# --- 06.2 ------------------------------------------------------------------------


def my_width(layer: int, growth: int, multiplier: float) -> int:
    lowest = layer & -layer
    channels = growth * multiplier ** (lowest.bit_length() - 1)
    return 2 * int((int(channels) + 1) // 2)


def width_by_step(layer: int, growth: int, multiplier: float) -> int:
    width = growth
    while layer % 2 == 0:
        width, layer = int(int(width * multiplier + 1) / 2) * 2, layer // 2
    return width


def width_not_even(layer: int, growth: int, multiplier: float) -> int:
    return round(growth * multiplier ** (len(my_links(layer)) - 1))


def width_rounded_down(layer: int, growth: int, multiplier: float) -> int:
    return int(growth * multiplier ** (len(my_links(layer)) - 1)) // 2 * 2


def width_one_factor_too_many(layer: int, growth: int, multiplier: float) -> int:
    return int(int(growth * multiplier ** len(my_links(layer)) + 1) / 2) * 2


def width_unrounded(layer: int, growth: int, multiplier: float) -> float:
    return growth * multiplier ** (len(my_links(layer)) - 1)


# --- 06.3 ------------------------------------------------------------------------


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


class BlockWithItsInput(MyHarDBlock):
    def leave(self) -> list[int]:
        return [0, *super().leave()]


class BlockOfOddLayers(MyHarDBlock):
    def leave(self) -> list[int]:
        return list(range(1, self.count + 1, 2))


class BlockOfAllLayers(MyHarDBlock):
    def leave(self) -> list[int]:
        return list(range(1, self.count + 1))


class BlockOfEverything(MyHarDBlock):
    def leave(self) -> list[int]:
        return list(range(self.count + 1))


class BlockOfTheLastLayer(MyHarDBlock):
    def leave(self) -> list[int]:
        return [self.count]


class BlockRoundedByStep(MyHarDBlock):
    width = staticmethod(width_by_step)


class BlockFarFirst(MyHarDBlock):
    reads = staticmethod(links_far_first)


class DenseBlock(MyHarDBlock):
    reads = staticmethod(links_dense)


class BlockWithBias(MyHarDBlock):
    bias = True


class BlockWithoutRelu(MyHarDBlock):
    def step(self, n: int, x: Tensor) -> Tensor:
        normed: Tensor = getattr(self, f"norm{n}")(getattr(self, f"conv{n}")(x))
        return normed


class BlockLastFirst(MyHarDBlock):
    def leave(self) -> list[int]:
        return super().leave()[::-1]


# --- 06.4 ------------------------------------------------------------------------


def work_and_traffic(c_in: int, growth: int, m: float, layers: int) -> tuple[int, int]:
    """From the shapes of a built block's kernels."""
    block = MyHarDBlock(c_in, growth, layers)
    kernels = [p for p in block.parameters() if p.ndim == 4]
    return (
        sum(kernel.numel() for kernel in kernels),
        sum(kernel.shape[0] + kernel.shape[1] for kernel in kernels),
    )


def traffic_of_1x1(*args: Any) -> tuple[int, int]:
    macs, cio = work_and_traffic(*args)
    return macs // 9, cio


def traffic_in_flops(*args: Any) -> tuple[int, int]:
    macs, cio = work_and_traffic(*args)
    return 2 * macs, cio


def traffic_read_only(c_in: int, growth: int, m: float, layers: int) -> tuple[int, int]:
    macs, cio = work_and_traffic(c_in, growth, m, layers)
    written = sum(my_width(n, growth, m) for n in range(1, layers + 1))
    return macs, cio - written


def traffic_each_map_once(
    c_in: int, growth: int, m: float, layers: int
) -> tuple[int, int]:
    written = sum(my_width(n, growth, m) for n in range(1, layers + 1))
    return work_and_traffic(c_in, growth, m, layers)[0], c_in + 2 * written


def traffic_exchanged(*args: Any) -> tuple[int, int]:
    macs, cio = work_and_traffic(*args)
    return cio, macs


def traffic_alone(*args: Any) -> int:
    return work_and_traffic(*args)[1]


# --- 06.5 ------------------------------------------------------------------------


def my_wiring() -> list[list[int]]:
    reads = [[n - 1] for n in range(1, 17)]
    for layer, source in ((4, 0), (8, 0), (12, 4), (15, 8)):
        reads[layer - 1].append(source)
    return reads


def wiring_of_the_paper() -> list[list[int]]:
    return [my_links(n) for n in range(1, 17)]


def wiring_chain() -> list[list[int]]:
    return [[n - 1] for n in range(1, 17)]


def wiring_one_hub() -> list[list[int]]:
    return [[n - 1] if n % 4 != 1 or n == 1 else [n - 1, 0] for n in range(1, 17)]


def wiring_skips_the_predecessor() -> list[list[int]]:
    return [[n - 1] if n % 2 else [n - 2] for n in range(1, 17)]


def wiring_of_the_future() -> list[list[int]]:
    return [[n - 1, n] for n in range(1, 17)]


def wiring_with_the_input() -> list[list[int]]:
    return [[], *my_wiring()]


SOLUTIONS: dict[str, Any] = {
    "06.1": my_links,
    "06.2": my_width,
    "06.3": MyHarDBlock,
    "06.4": work_and_traffic,
    "06.5": my_wiring,
}

# (exercise, wrong answer, words that only the fitting hint has)
WRONG: list[tuple[str, Callable[..., Any], str]] = [
    ("06.1", links_dense, "every earlier layer"),
    ("06.1", links_every_power, "must also divide"),
    ("06.1", links_every_divisor, "not all of its divisors"),
    ("06.1", links_without_the_input, "counts as layer 0"),
    ("06.1", links_far_first, "nearest first"),
    ("06.1", links_as_distances, "subtract them"),
    ("06.1", links_as_a_count, "a list of layers"),
    ("06.2", width_by_step, "round at every multiplication"),
    ("06.2", width_not_even, "round to an even number at the end"),
    ("06.2", width_rounded_down, "Rounded down"),
    ("06.2", width_one_factor_too_many, "once too often"),
    ("06.2", width_unrounded, "before it is rounded"),
    ("06.3", BlockWithItsInput, "no place in the output"),
    ("06.3", BlockOfOddLayers, "last layer is missing"),
    ("06.3", BlockOfAllLayers, "Even layers stay inside"),
    ("06.3", BlockOfEverything, "Who leaves"),
    ("06.3", BlockOfTheLastLayer, "last layer alone"),
    ("06.3", BlockRoundedByStep, "rounded at every factor"),
    ("06.3", BlockFarFirst, "nearest layer comes first"),
    ("06.3", DenseBlock, "a dense block"),
    ("06.3", BlockWithBias, "no bias"),
    ("06.3", BlockWithoutRelu, "ends with a ReLU"),
    ("06.3", BlockLastFirst, "the last one last"),
    ("06.4", traffic_of_1x1, "nine taps"),
    ("06.4", traffic_in_flops, "FLOPs"),
    ("06.4", traffic_read_only, "what is written counts too"),
    ("06.4", traffic_each_map_once, "for every convolution that reads it"),
    ("06.4", traffic_exchanged, "MACs first"),
    ("06.4", traffic_alone, "two whole numbers"),
    ("06.5", wiring_of_the_paper, "more than 24"),
    ("06.5", wiring_chain, "convolutions from the block's input"),
    ("06.5", wiring_one_hub, "Map 0 is read 4 times"),
    ("06.5", wiring_skips_the_predecessor, "right before it"),
    ("06.5", wiring_of_the_future, "has not run yet"),
    ("06.5", wiring_with_the_input, "begin at 1"),
]


def test_every_exercise_of_the_chapter_is_tried() -> None:
    of_chapter = {number for number in list_exercises() if number.startswith("06")}
    assert of_chapter == SOLUTIONS.keys()
    for number in of_chapter:
        assert sum(number == tried for tried, _, _ in WRONG) >= 3, number


@pytest.mark.parametrize("number", SOLUTIONS)
def test_solution_is_right(number: str) -> None:
    result = check(number, SOLUTIONS[number])
    assert result.status == "right", result
    assert result.right


@pytest.mark.parametrize("number", SOLUTIONS)
def test_stub_is_not_attempted(number: str) -> None:
    def stub(*args: Any) -> None: ...

    assert check(number, stub).status == "not attempted"


@pytest.mark.parametrize(
    ("number", "answer", "words"), WRONG, ids=lambda x: getattr(x, "__name__", None)
)
def test_wrong_answer_gets_its_hint(
    number: str, answer: Callable[..., Any], words: str
) -> None:
    result = check(number, answer)
    assert result.status == "not yet", result
    assert result.hint is not None
    assert words in result.hint, result.hint
    others = {w for n, a, w in WRONG if n == number and w != words}
    assert not any(other in result.hint for other in others)
