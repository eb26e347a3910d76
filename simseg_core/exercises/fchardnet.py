"""Exercises of chapter 06, FC-HarDNet, on links and widths.

`fchardnet_build` has the block, `fchardnet_analysis` those on traffic and wirings.
"""

from collections.abc import Callable, Sequence

from simseg_core.exercises import fchardnet_analysis, fchardnet_build
from simseg_core.exercises.fchardnet_build import MULTIPLIER, rounded_by_step
from simseg_core.exercises.steps import Exercise, NotYet, Steps
from simseg_core.models.hardblock import layer_width, links


def name_links(answer: Callable[[int], Sequence[int]], steps: Steps) -> None:
    """Name the layers that a layer reads."""

    def ask(layer: int, what: str) -> None:
        told = f"my_links({layer})"
        got = steps.numbers(
            steps.call(answer, layer, told=told),
            f"{told} should return a list of layers' numbers.",
        )
        wanted = links(layer)
        powers = [2**i for i in range(layer.bit_length())]
        mistakes: dict[str, object] = {
            "That is every earlier layer: a dense block.": [*range(layer - 1, -1, -1)],
            "That is every distance 2^i. Here 2^i must also divide the layer's own "
            "number.": [layer - power for power in powers],
            "Those are the distances: subtract them from the layer's number.": [
                power for power in powers if layer % power == 0
            ],
            "The distances are the powers of 2 that divide the number, not all of its "
            "divisors.": [layer - d for d in range(1, layer + 1) if layer % d == 0],
            "Those are the exponents i: the distance is 2^i.": [
                i for i, power in enumerate(powers) if layer % power == 0
            ],
            "One number too high each: 2^0 = 1 leads to the layer before.": [
                i + 1 for i in wanted
            ],
            "That is the layer before alone: which other powers of 2 divide the "
            "number?": wanted[:1],
            "The block's input is missing: it counts as layer 0, and a power of 2 "
            "reads it.": [i for i in wanted if i > 0],
            "The layer right before is missing: 2^0 = 1 divides every number.": (
                wanted[1:]
            ),
        }
        if got == [*range(layer)] != wanted:
            raise NotYet("That is every earlier layer: a dense block.")
        if got != wanted and sorted(got) == sorted(wanted):
            raise NotYet("The layers are right; name the nearest first.")
        steps.equal(
            got,
            wanted,
            what,
            hint=f"{told}: for which i does 2^i divide {layer}? Go back 2^i for each.",
            mistakes=mistakes,
        )

    ask(7, "an odd number")
    ask(6, "an even number that is no power of 2")
    ask(4, "a power of 2")
    ask(1, "the first layer")
    for layer in (12, 40, 64, 1536):
        ask(layer, f"layer {layer}")


def width_of(answer: Callable[[int, int, float], int], steps: Steps) -> None:
    """Give a layer's width."""

    def ask(layer: int, growth: int, multiplier: float, what: str) -> None:
        told = f"my_width({layer}, {growth}, {multiplier})"
        got = steps.call(answer, layer, growth, multiplier, told=told)
        times = len(links(layer)) - 1
        product = growth * multiplier**times
        by_step = rounded_by_step(layer, growth, multiplier)
        reads_one_more = growth * multiplier ** (times + 1)
        mistakes: dict[str, object] = {
            "You round at every multiplication. Multiply first, all of it, and round "
            "once at the end.": by_step,
            "The width is even: round to an even number at the end.": round(product),
            "Rounded down to an even number: add 1 before you cut off, so that 49.1 "
            "gives 50.": int(product) // 2 * 2,
            "Rounded up to an even number: round to the nearest.": (
                -(-product // 2) * 2
            ),
            "Cut off at every multiplication: multiply first, and round once.": (
                _cut_by_step(layer, growth, multiplier)
            ),
            "You multiply once, however many powers of 2 divide the layer's number.": (
                int(int(growth * multiplier + 1) / 2) * 2 if times else growth
            ),
            "The multiplier is an argument: it need not be 1.7.": layer_width(
                layer, growth=growth, multiplier=MULTIPLIER
            ),
            "You multiply once too often. An odd layer, which 2^0 alone divides, has "
            "the growth itself.": int(int(reads_one_more + 1) / 2) * 2,
            "That is the width before it is rounded.": product,
            "The factor multiplies for each further link; it is not added up.": (
                int(int(growth * (1 + times * (multiplier - 1)) + 1) / 2) * 2
            ),
        }
        steps.equal(
            got,
            layer_width(layer, growth=growth, multiplier=multiplier),
            what,
            hint=f"{told}: layer {layer} reads {times + 1} "
            f"map{'s' if times else ''}, and the growth has a factor for each beyond "
            "the first; then round to an even number.",
            mistakes=mistakes,
        )

    ask(1, 10, 1.7, "an odd layer")
    ask(2, 24, 1.7, "an even layer")
    ask(8, 10, 1.7, "a layer that 8 divides")
    ask(12, 24, 1.7, "a layer that 4 divides and 8 does not")
    for layer, growth, multiplier in ((16, 14, 1.6), (4, 24, 1.7), (8, 18, 1.7)):
        ask(layer, growth, multiplier, f"layer {layer} of growth {growth}")


def _cut_by_step(layer: int, growth: int, multiplier: float) -> int:
    """Give the width with the fault of cutting off after each factor."""
    channels = growth
    for _ in links(layer)[1:]:
        channels = int(channels * multiplier)
    return channels


_RULES: dict[str, Exercise] = {
    "06.1": name_links,
    "06.2": width_of,
}
EXERCISES: dict[str, Exercise] = (
    _RULES | fchardnet_build.EXERCISES | fchardnet_analysis.EXERCISES
)
