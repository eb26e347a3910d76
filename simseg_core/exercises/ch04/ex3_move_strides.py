"""Exercise 04.3: strides and rates of a network's units for an output stride."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from simseg_core.exercises.bench.help import Help
from simseg_core.exercises.bench.steps import NotYet, Steps
from simseg_core.models.atrous import replace_strides

HELP = Help(
    read="Version 3: trade a stride for a rate",
    ask="Two numbers are carried from unit to unit: which? When a unit loses its "
    "stride, which of the two changes, and does the change concern this unit already "
    "or only those behind it?",
    idea="Strides 2, 2, 2, 1, 4 and 1, and an output stride of 4. Begin with a stride "
    "reached of 1 and a rate of 1. First unit: 1 · 2 = 2 is not beyond 4, so it stays: "
    "stride 2, rate 1. Second: 2 · 2 = 4, not beyond: stride 2, rate 1. Third: 4 · 2 = "
    "8 is beyond. It gets stride 1 and keeps rate 1, for the map that it reads is as "
    "dense as ever; behind it the rate is 1 · 2 = 2. Fourth: stride 1, rate 2. Fifth: "
    "4 · 4 = 16 is beyond: stride 1, still rate 2; behind it 2 · 4 = 8. Sixth: stride "
    "1, rate 8. So a unit's pair is noted before the rate is multiplied.",
)

Plan = list[tuple[int, int]]  # stride and rate of each unit


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
        call = f"surgery({strides}, {output_stride})"
        got = steps.call(answer, strides, output_stride, named=call)
        should = (
            f"{call} should return one pair (stride, rate) for each of the "
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
            hint=f"For {call}: walk through the units with the stride reached so far "
            f"and the rate so far, which start at 1.",
            mistakes=mistakes,
        )

    ask((2, 2, 2, 2, 2), 32, "nothing to trade at output stride 32")
    ask((2, 2, 1, 2, 1, 2, 1), 16, "one stride traded")
    ask((2, 2, 1, 2, 1, 2, 1, 2, 1), 8, "two strides traded")
    ask((4, 1, 2, 4, 1), 8, "a stride of 4 traded")
