"""Exercise 03.5: the sizes of receptive field that a U-Net's pixels have."""

from collections.abc import Callable
from typing import Any

from simseg_core.exercises.bench.steps import NotYet, Steps
from simseg_core.models import create_model
from simseg_core.probes import receptive_field


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
