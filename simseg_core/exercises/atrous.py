"""Exercises of chapter 04, atrous convolution, on stacks of layers.

`atrous_build` has those that build, `atrous_reach` those on what a kernel reaches.
"""

from collections.abc import Callable, Iterable, Sequence
from math import prod
from typing import Any

import numpy as np
from torch import Tensor

from simseg_core.exercises import atrous_build, atrous_reach
from simseg_core.exercises.steps import Exercise, NotYet, Steps
from simseg_core.models.atrous import replace_strides

Layer = tuple[int, int, int]  # kernel, stride, rate
Plan = list[tuple[int, int]]  # stride and rate of each unit


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
        got = steps.call(answer, list(layers), told=f"stack_field({layers})")
        truth = walk(layers)
        names = {
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
            mistakes=names,
        )

    ask([(3, 1, 1), (3, 1, 1)], "two plain 3x3 convolutions")
    ask([(3, 1, 6)], "one convolution with holes")
    ask([(3, 1, 1), (3, 1, 2), (3, 1, 5)], "a cascade of rates")
    ask([(3, 2, 1), (3, 2, 1), (3, 2, 1)], "three strides")
    ask([(7, 2, 1), (3, 2, 1), (3, 1, 2), (1, 1, 1), (3, 2, 3), (5, 1, 4)], "all of it")


def move_strides(
    answer: Callable[[Sequence[int], int], Sequence[Any]], steps: Steps
) -> None:
    """Trade strides for rates."""

    def dilated_early(strides: Sequence[int], output_stride: int) -> Plan:
        plan, reached, rate = [], 1, 1
        for stride in strides:
            if reached * stride > output_stride:
                rate, stride = rate * stride, 1
            reached *= stride
            plan.append((stride, rate))
        return plan

    def traded_too_soon(strides: Sequence[int], output_stride: int) -> Plan:
        plan, reached, rate = [], 1, 1
        for stride in strides:
            if reached * stride >= output_stride:
                plan.append((1, rate))
                rate *= stride
            else:
                plan.append((stride, rate))
                reached *= stride
        return plan

    def never_multiplied(plan: Plan) -> Plan:
        return [(stride, min(rate, 2)) for stride, rate in plan]

    def ask(strides: tuple[int, ...], output_stride: int, what: str) -> None:
        told = f"surgery({strides}, {output_stride})"
        got = steps.call(answer, strides, output_stride, told=told)
        should = (
            f"{told} should return one pair (stride, rate) for each of the "
            f"{len(strides)} units."
        )
        if isinstance(got, Tensor | np.ndarray):
            got = got.tolist()
        if isinstance(got, str) or not isinstance(got, Iterable):
            raise NotYet(should)
        plan = [(s, r) for s, r in (steps.numbers(p, should, count=2) for p in got)]
        wanted = replace_strides(strides, output_stride=output_stride)
        kept = [(s, rate) for s, (_, rate) in zip(strides, wanted)]
        flat = [(stride, 1) for stride, _ in wanted]
        mistakes = {
            "The unit that would have strided is dilated already. It still reads the "
            "map at its old density, so it keeps the rate it has; only the units after "
            "it see a map that is too dense.": dilated_early(strides, output_stride),
            "Rates multiply: where two strides of 2 are gone, taps must lie 4 "
            "apart.": never_multiplied(wanted),
            "You set the rates and left the strides in: the map shrinks as before.": (
                kept
            ),
            "The strides are gone and no rate has replaced them: from there on the "
            "units see too little of the image.": flat,
            "Nothing is traded yet.": [(stride, 1) for stride in strides],
            "Each pair has its stride first, its rate second.": [
                (rate, stride) for stride, rate in wanted
            ],
            "A stride goes only when it would lead beyond the output stride: up to it, "
            "and at it, nothing is traded.": traded_too_soon(strides, output_stride),
            "A rate stays for all units after the stride it replaces.": [
                (new, old if new != old else 1)
                for old, (new, _) in zip(strides, wanted)
            ],
        }
        steps.equal(
            plan,
            wanted,
            what,
            hint=f"For {told}: walk through the units with the stride reached so far "
            f"and the rate so far, which start at 1.",
            mistakes=mistakes,
        )

    ask((2, 2, 2, 2, 2), 32, "nothing to trade at output stride 32")
    ask((2, 2, 1, 2, 1, 2, 1), 16, "one stride traded")
    ask((2, 2, 1, 2, 1, 2, 1, 2, 1), 8, "two strides traded")
    ask((4, 1, 2, 4, 1), 8, "a stride of 4 traded")


_STACKS: dict[str, Exercise] = {"04.1": field_of_stack, "04.3": move_strides}
EXERCISES: dict[str, Exercise] = dict(
    sorted((_STACKS | atrous_build.EXERCISES | atrous_reach.EXERCISES).items())
)
