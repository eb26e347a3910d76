"""Exercises of chapter 04, atrous convolution; `atrous_build` has those that build."""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from simseg_core.exercises import atrous_build
from simseg_core.exercises.checking import Exercise, NotYet, Steps
from simseg_core.models.atrous import pixels_read, replace_strides

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

    def never_multiplied(plan: Plan) -> Plan:
        return [(stride, min(rate, 2)) for stride, rate in plan]

    def ask(strides: tuple[int, ...], output_stride: int, what: str) -> None:
        told = f"surgery({strides}, {output_stride})"
        got = steps.call(answer, strides, output_stride, told=told)
        try:
            plan = [(int(stride), int(rate)) for stride, rate in got]
        except (TypeError, ValueError):
            raise NotYet(
                f"{told} should return one pair (stride, rate) for each of the "
                f"{len(strides)} units."
            ) from None
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
        }
        steps.equal(
            plan,
            wanted,
            what,
            hint=f"For {told}: walk through the units with the stride reached so far "
            f"and the rate so far, which start at 1. Yours is {plan}.",
            mistakes=mistakes,
        )

    ask((2, 2, 2, 2, 2), 32, "nothing to trade at output stride 32")
    ask((2, 2, 1, 2, 1, 2, 1), 16, "one stride traded")
    ask((2, 2, 1, 2, 1, 2, 1, 2, 1), 8, "two strides traded")
    ask((4, 1, 2, 4, 1), 8, "a stride of 4 traded")


def share_read(answer: Callable[[Sequence[int]], float], steps: Steps) -> None:
    """Measure gridding."""

    def ask(rates: tuple[int, ...], what: str) -> None:
        paths = pixels_read(rates)
        truth = (paths > 0).double().mean().item()
        told = f"share_read({rates})"
        got = steps.call(answer, rates, told=told)
        try:
            share = float(got)
        except (TypeError, ValueError):
            raise NotYet(f"{told} should return one number between 0 and 1.") from None
        mistakes = {
            "That is a percentage: return a number between 0 and 1.": 100 * truth,
            "That is a number of pixels: divide by those of the whole square.": float(
                (paths > 0).sum()
            ),
            "That is the share along one row. A square has rows and columns.": (
                truth**0.5
            ),
            "Paths are counted, not pixels: several paths end at the same pixel.": (
                9.0 ** len(rates) / paths.numel()
            ),
            "You divide by the square of the largest rate's kernel alone: the stack "
            "reaches 1 + 2 sum(rates) pixels.": (paths > 0).sum().item()
            / (1 + 2 * max(rates)) ** 2,
        }
        for hint, wrong in mistakes.items():
            if abs(wrong - truth) > 1e-6 and abs(share - wrong) < 1e-6:
                raise NotYet(hint)
        steps.require(
            abs(share - truth) < 1e-6,
            what,
            hint=f"{told}: start with the one pixel of the output. Each convolution "
            "moves every marked pixel to nine places, 0 or `rate` away along each "
            "axis. How many different places are there in the end?",
        )

    ask((1,), "one plain convolution reads all of its square")
    ask((2, 2, 2), "equal rates leave a grid")
    ask((1, 2, 5), "rates 1, 2, 5 leave nothing out")
    ask((6, 12, 18), "ASPP's rates in cascade")
    ask((1, 4, 3, 2), "any other stack")


def dense_rates(answer: Callable[[], Sequence[int]], steps: Steps) -> None:
    """Design a wide stack without holes."""
    got = steps.call(answer, told="dense_rates()")
    try:
        rates = [int(rate) for rate in got]
    except (TypeError, ValueError):
        raise NotYet(
            "Return a list of whole numbers, one rate a convolution."
        ) from None
    steps.require(
        bool(rates) and min(rates) >= 1,
        "a list of rates",
        hint="Each rate is a whole number from 1 on, and there is at least one.",
    )
    steps.require(
        len(rates) <= 4,
        f"{len(rates)} convolutions, within 4",
        hint=f"{len(rates)} convolutions are more than four: each costs 9 C² weights.",
    )
    side = 1 + 2 * sum(rates)
    steps.require(
        side >= 55,
        f"a field of {side} pixels a side",
        hint=f"The field of {rates} is {side} pixels a side, and 55 are wanted. What "
        "do the rates have to add up to?",
    )
    share = (pixels_read(rates) > 0).double().mean().item()
    steps.require(
        share == 1,
        f"all of {side}x{side} pixels read",
        hint=f"Of {side}x{side} pixels {share:.0%} are read: there are holes. If the "
        "convolutions so far read a whole interval of n pixels, how far apart may the "
        "next one's three taps lie?",
    )


_STACKS: dict[str, Exercise] = {
    "04.1": field_of_stack,
    "04.3": move_strides,
    "04.5": share_read,
    "04.6": dense_rates,
}
EXERCISES: dict[str, Exercise] = dict(
    sorted((_STACKS | atrous_build.EXERCISES).items())
)
