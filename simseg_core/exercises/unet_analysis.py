"""Exercises of chapter 03 that predict, analyse and design; `unet` has the others."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from simseg_core import create_model
from simseg_core.exercises.modules import (
    make_network,
    require_logits,
    sees_without_small_maps,
)
from simseg_core.exercises.steps import Exercise, NotYet, Steps
from simseg_core.probes import receptive_field


def output_size(answer: Callable[[int], int], steps: Steps) -> None:
    """Predict the output's size."""

    def walk(side: int, *, up_trims: bool = True) -> int:
        for _ in range(4):
            side -= 4
            if side <= 0 or side % 2:
                return 0
            side //= 2
        side -= 4
        for _ in range(4):
            side = 2 * side - (4 if up_trims else 0)
        return max(side, 0)

    def ask(side: int) -> float:
        told = f"output_size({side})"
        should = f"{told} should return one number."
        got = [steps.call(answer, side, told=told)]
        return steps.numbers(got, should, whole=False)[0]

    steps.equal(
        ask(572),
        walk(572),
        "the paper's size",
        hint="Follow 572 down: two convolutions take 4 pixels off, a pooling halves.",
        mistakes={
            "The two convolutions of each stage on the way up trim too.": walk(
                572, up_trims=False
            ),
            "Each stage has two 3x3 convolutions, and each takes 2 pixels off.": 480,
        },
    )
    fitting = [side for side in range(188, 800) if walk(side)]
    for side in fitting:
        steps_hint = f"{side} fits as well: which part of your sum holds for 572 only?"
        if ask(side) != walk(side):
            raise NotYet(steps_hint)
    steps.right.append("every other size that fits")
    steps.require(
        ask(140) == 0,
        "a size that reaches the bottleneck and not the output",
        hint="140 survives the four poolings. Follow it up again: what is left?",
    )
    for side in (200, 190, 576, 573):
        steps.require(
            ask(side) == 0,
            f"{side} does not fit",
            hint=f"{side} does not fit: some pooling meets an odd size (or the size "
            "before a pooling is not what you think). A map is trimmed before it is "
            "halved.",
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
        told = f"field_sizes({depth})"
        got = steps.call(answer, depth, told=told)
        if isinstance(got, int | float):
            raise NotYet(
                "One number cannot do: pixels of different phase see fields of "
                "different size. Return a list."
            )
        sizes = sorted(steps.numbers(got, f"{told} should be a list of whole numbers."))
        if len(set(sizes)) < len(sizes):
            raise NotYet(f"{told} names a size twice: name each once.")
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


def lean_unet(answer: Callable[[], nn.Module], steps: Steps) -> None:
    """Design a lean U-Net."""
    model = make_network(answer, steps, "lean_unet()")
    x = torch.randn(1, 3, 96, 96)
    with torch.no_grad():
        logits = steps.call(model, x, told="the network on a 1x3x96x96 image")
    require_logits(logits, (1, 6, 96, 96), steps)
    count = sum(p.numel() for p in model.parameters())
    steps.require(
        count <= 60_000,
        f"{count:,} parameters, within 60,000",
        hint=f"{count:,} parameters: more than 60,000. Where do most of them sit, "
        "and do they need to be that wide?",
    )
    steps.require(
        sees_without_small_maps(model, x, area=96 * 96 // 2 + 1),
        "a path at full resolution, from the image to the logits",
        hint="Every path passes a map smaller than 96x96: take it away and the logits "
        "no longer depend on the image. What then tells the decoder where a 1-pixel "
        "pole stands?",
    )
    field: Any = steps.call(
        lambda: receptive_field(model, (1, 3, 96, 96)),
        told="the receptive field's probe",
    )
    sizes = field.rows.sizes
    steps.require(
        min(sizes) >= 60,
        f"receptive fields of {min(sizes)} to {max(sizes)} pixels",
        hint=f"Some output pixel sees only {min(sizes)} of 96 rows; 60 are wanted. "
        "What widens a field cheaply: one more pooling, or one more convolution?",
    )


EXERCISES: dict[str, Exercise] = {
    "03.1": output_size,
    "03.5": fields_of_phases,
    "03.6": lean_unet,
}
