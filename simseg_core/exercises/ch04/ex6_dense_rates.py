"""Exercise 04.6: rates of a cascade that sees far and leaves no holes."""

from collections.abc import Callable, Sequence

from simseg_core.exercises.bench.steps import Steps


def dense_rates(answer: Callable[[], Sequence[int]], steps: Steps) -> None:
    """Design a wide stack without holes."""
    got = steps.call(answer, named="dense_rates()")
    rates = steps.numbers(
        got, "Return a list of whole numbers, one rate a convolution."
    )
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
