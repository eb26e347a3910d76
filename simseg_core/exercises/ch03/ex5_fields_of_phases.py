"""Exercise 03.5: the sizes of receptive field that a U-Net's pixels have."""

from collections.abc import Callable
from typing import Any

from simseg_core.exercises.bench.help import Help
from simseg_core.exercises.bench.steps import NotYet, Steps
from simseg_core.models import create_model
from simseg_core.probes import receptive_field

HELP = Help(
    read="188 or 204, by hand",
    ask="Walk back from one output row, and note how many neighbouring rows of each "
    "map it reads. If a doubled map is read in a window of 7 rows, how many rows below "
    "are these? And a window of 8: does it matter where it begins?",
    idea="A toy: two poolings, and stages of one 3x3 convolution, which add 2 rows and "
    "not 4. One row reads 3 of the doubled map, whose rows come in pairs from one row "
    "below: 3 rows always touch 2. The next stage: 2 + 2 = 4 rows. These touch 2 below "
    "if they begin with a pair, and 3 if they begin within one: here the pixels part. "
    "The lowest stage adds 2: 4 or 5. Then on to the image: through a pooling each row "
    "is two, and its stage adds 2. From 4: 2 · 4 + 2 = 10, then 2 · 10 + 2 = 22. From "
    "5: 2 · 5 + 2 = 12, then 2 · 12 + 2 = 26. So 22 and 26; skips see less. Keep a set "
    "of sizes: an odd one has one outcome, an even one two.",
)


def fields_of_phases(answer: Callable[[int], Any], steps: Steps) -> None:
    """Find every receptive field of a U-Net."""

    def truth(depth: int) -> list[int]:
        model = create_model(
            "unet", preset="tiny", widths=(2,) * (depth + 1), num_classes=2
        )
        side = 2**depth * (8 + 8) - 4
        field = receptive_field(model, (1, 3, side, side)).rows
        return sorted(set(field.sizes.tolist()))

    def ask(depth: int) -> list[int]:
        call = f"field_sizes({depth})"
        got = steps.call(answer, depth, named=call)
        if isinstance(got, int | float):
            raise NotYet(
                "One number cannot do: pixels of different phase see fields of "
                "different size. Return a list."
            )
        sizes = sorted(steps.numbers(got, f"{call} should be a list of whole numbers."))
        if len(set(sizes)) < len(sizes):
            raise NotYet(f"{call} names a size twice: name each once.")
        return sizes

    bottom = {1: 14, 2: 32, 3: 68, 4: 140}
    for depth in (1, 2, 3, 4):
        steps.equal(
            ask(depth),
            truth(depth),
            f"{depth} pooling{'s' if depth > 1 else ''}",
            hint="Start at the output and walk back: a 3x3 convolution adds 2 pixels, "
            "a 2x2 transposed convolution maps 2 j and 2 j + 1 to the one pixel j.",
            mistakes={
                "That is what the lowest stage sees: the stages on the way up widen "
                "it.": [bottom[depth]],
                "Only one phase: what does its neighbour see?": truth(depth)[:1],
                "Only the widest phase: do all pixels see that much?": truth(depth)[
                    -1:
                ],
            },
        )
