"""Exercise 06.2: the width of a layer of a HarD block, rounded to even."""

from collections.abc import Callable

from simseg_core.exercises.bench.help import Help
from simseg_core.exercises.bench.steps import Steps
from simseg_core.exercises.ch06.mistakes import MULTIPLIER, rounded_by_step
from simseg_core.models.hardblock import layer_width, links

HELP = Help(
    read="Version 4: a width for each layer",
    ask="How many links has the layer beyond its first, and how often is the "
    "multiplier in the product? Do you round after each multiplication, or multiply "
    "all of it and then round?",
    idea="Layer 24 with a growth of 20 and a multiplier of 1.5. The powers 1, 2, 4 and "
    "8 divide 24: four links, three beyond the first, so three factors: 20 · 1.5 · 1.5 "
    "· 1.5 = 67.5. Now to an even number, once: add 1, which makes 68.5, cut off to "
    "68, halve to 34, cut off, double: 68. An odd layer has no factor: 20. If you made "
    "it even after each factor, 20 · 1.5 = 30 would stay, 30 · 1.5 = 45 would become "
    "46, and 46 · 1.5 = 69 would become 70: wrong.",
)


def width_of(answer: Callable[[int, int, float], int], steps: Steps) -> None:
    """Give a layer's width."""

    def ask(layer: int, growth: int, multiplier: float, what: str) -> None:
        call = f"my_width({layer}, {growth}, {multiplier})"
        got = steps.call(answer, layer, growth, multiplier, named=call)
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
            hint=f"{call}: layer {layer} reads {times + 1} "
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
