"""Exercise 04.1: the receptive field of a stack of strided and atrous convolutions."""

from collections.abc import Callable
from math import prod

from simseg_core.exercises.bench.help import Help
from simseg_core.exercises.bench.steps import Steps

HELP = Help(
    read="Its receptive field",
    ask="Of the map that a layer reads, how many places more than one does its kernel "
    "span? How many pixels of the image is one place of that map? Go from the first "
    "layer to the last and carry both numbers along.",
    idea="Three layers: kernel 5 with stride 3, then kernel 3 with stride 2 and rate "
    "2, then kernel 3. At first one value sees 1 pixel, and one place is 1 pixel. "
    "Kernel 5 reaches 5 - 1 = 4 places further: 1 + 4 = 5 pixels. Behind its stride a "
    "place is 3 pixels. Kernel 3 at rate 2 has two gaps of 2, so 2 · 2 = 4 places of 3 "
    "pixels: 5 + 4 · 3 = 17. Behind its stride a place is 3 · 2 = 6 pixels. The last "
    "one reaches 2 places: 17 + 2 · 6 = 29. A layer's own stride counts only for those "
    "behind it, and a rate for its own layer alone.",
)

Layer = tuple[int, int, int]  # kernel, stride, rate


def field_of_stack(answer: Callable[[list[Layer]], int], steps: Steps) -> None:
    """Predict the field of a stack."""

    def walk(
        layers: list[Layer],
        *,
        rated: bool = True,
        jumps: bool = True,
        own: bool = False,
    ) -> int:
        field = step = 1
        for kernel, stride, rate in layers:
            grown = step * stride if own else step
            field += (kernel - 1) * (rate if rated else 1) * (grown if jumps else 1)
            step *= stride
        return field

    def one_step(layers: list[Layer]) -> int:
        before = [1] + [stride for _, stride, _ in layers]
        return 1 + sum((k - 1) * r * step for (k, _, r), step in zip(layers, before))

    def holes_outside(layers: list[Layer]) -> int:
        strides = [stride for _, stride, _ in layers]
        return 1 + sum(
            (kernel * rate - 1) * prod(strides[:place])
            for place, (kernel, _, rate) in enumerate(layers)
        )

    def ask(layers: list[Layer], what: str) -> None:
        got = steps.call(answer, list(layers), named=f"stack_field({layers})")
        truth = walk(layers)
        mistakes = {
            "You walk from the last layer to the first, by a rule for the other "
            "way.": walk(layers[::-1]),
            "A stride holds for all layers behind it: the steps multiply.": one_step(
                layers
            ),
            "Rates do not add up over the layers, strides do.": walk(
                [(k, s * r, r) for k, s, r in layers]
            ),
            "A tap lies `rate` pixels from the next: the rate widens the kernel.": walk(
                layers, rated=False
            ),
            "Behind a stride, one step of the map is several pixels of the image.": (
                walk(layers, jumps=False)
            ),
            "A layer's own stride spreads the layers after it, not its own taps.": walk(
                layers, own=True
            ),
            "k taps have k - 1 gaps between them, not k: the kernel spans "
            "(k - 1) rate + 1 pixels.": holes_outside(layers),
            "That is the distance from the first pixel to the last: count both "
            "ends.": truth - 1,
        }
        steps.equal(
            got,
            truth,
            what,
            hint=f"{layers} is the list of (kernel, stride, rate). Each layer widens "
            "the field by its span less one, in steps of the map that it reads.",
            mistakes=mistakes,
        )

    ask([(3, 1, 1), (3, 1, 1)], "two plain 3x3 convolutions")
    ask([(3, 1, 6)], "one convolution with holes")
    ask([(3, 1, 1), (3, 1, 2), (3, 1, 5)], "a cascade of rates")
    ask([(3, 2, 1), (3, 2, 1), (3, 2, 1)], "three strides")
    ask([(7, 2, 1), (3, 2, 1), (3, 1, 2), (1, 1, 1), (3, 2, 3), (5, 1, 4)], "all of it")
