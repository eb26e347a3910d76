"""Exercises of chapter 04, atrous convolution; `atrous_build` has those that build."""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from simseg_core.exercises import atrous_build
from simseg_core.exercises.checking import Exercise, NotYet, Steps
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


def kernel_left(answer: Callable[[int, int], Sequence[float]], steps: Steps) -> None:
    """Follow a 3x3 kernel to 1x1."""

    def shares(side: int, rate: int) -> tuple[float, float]:
        whole = max(side - 2 * rate, 0)
        centre = side if rate >= side else max(2 * rate - side, 0)
        return (whole / side) ** 2, (centre / side) ** 2

    def ask(side: int, rate: int, what: str) -> None:
        told = f"taps_left({side}, {rate})"
        got = steps.call(answer, side, rate, told=told)
        try:
            whole, centre = (float(share) for share in got)
        except (TypeError, ValueError):
            raise NotYet(
                f"{told} should return two numbers: the share of positions with all "
                "nine taps inside, and with the centre alone."
            ) from None
        wanted = shares(side, rate)
        inside = 1 - rate / side if rate < side else 0.0
        mistakes: dict[str, tuple[float, float]] = {
            "Those are shares of a row. Rows and columns both have to fit.": (
                wanted[0] ** 0.5,
                wanted[1] ** 0.5,
            ),
            "The taps reach `rate` pixels to both sides, so both edges cost.": (
                inside**2,
                wanted[1],
            ),
            "Positions without all nine taps may still have four or six, not the "
            "centre alone.": (wanted[0], 1 - wanted[0]),
            "A negative number of positions, squared, looks like a share: where "
            f"2 * {rate} exceeds {side}, none is left.": (
                ((side - 2 * rate) / side) ** 2,
                wanted[1],
            ),
            "You have the two shares in the other order.": wanted[::-1],
            "Beyond a rate as large as the map nothing changes any more: 2 rate - side "
            "would count more positions than there are.": (
                wanted[0],
                (max(2 * rate - side, 0) / side) ** 2,
            ),
        }
        for hint, wrong in mistakes.items():
            if not _near(wrong, wanted) and _near((whole, centre), wrong):
                raise NotYet(hint)
        steps.require(
            _near((whole, centre), wanted),
            what,
            hint=f"{told}: along one axis, at how many of {side} places are the places "
            f"{rate} before and {rate} behind inside? At how many is neither?",
        )

    ask(33, 6, "rate 6 on a map of 33")
    ask(7, 3, "a single position with all nine taps")
    ask(33, 18, "rate 18, where no position has all nine taps")
    ask(33, 40, "a rate beyond the map")
    ask(1_000_003, 400_000, "a map too large to build")


def _near(one: Sequence[float], other: Sequence[float]) -> bool:
    return all(abs(a - b) < 1e-9 for a, b in zip(one, other))


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
    places = {0}  # along one axis; the other is alike
    for rate in rates:
        places = {place + step for place in places for step in (-rate, 0, rate)}
    share = (len(places) / side) ** 2
    steps.require(
        len(places) == side,
        f"all of {side}x{side} pixels read",
        hint=f"Of {side}x{side} pixels {share:.0%} are read: there are holes. If the "
        "convolutions so far read a whole interval of n pixels, how far apart may the "
        "next one's three taps lie?",
    )


_STACKS: dict[str, Exercise] = {
    "04.1": field_of_stack,
    "04.3": move_strides,
    "04.5": kernel_left,
    "04.6": dense_rates,
}
EXERCISES: dict[str, Exercise] = dict(
    sorted((_STACKS | atrous_build.EXERCISES).items())
)
