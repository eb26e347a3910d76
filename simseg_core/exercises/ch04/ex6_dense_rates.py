"""Exercise 04.6: rates of a cascade that sees far and leaves no holes."""

from collections.abc import Callable, Sequence

from simseg_core.exercises.bench.help import Help
from simseg_core.exercises.bench.steps import Steps

HELP = Help(
    read="Version 2: what a stack of them reads",
    ask="If the convolutions so far read every one of n neighbouring pixels, how far "
    "apart may the next three taps lie before a gap opens? Begin with n of 1. And what "
    "must the rates add up to?",
    idea="A first convolution of rate 1 reads 3 neighbours, the places -1, 0 and 1. "
    "Each of the next one's three taps brings such a group of three with it. At rate 3 "
    "the groups are -4 to -2, -1 to 1 and 2 to 4: 9 neighbours, and no gap. At rate 4 "
    "they are -5 to -3, -1 to 1 and 3 to 5: the places -2 and 2 are read by nobody. So "
    "a rate may be as large as the number of neighbours read so far, and no larger: at "
    "most each convolution triples that number. A smaller rate leaves no gap either; "
    "the groups then overlap. The field is 1 plus twice the sum of the rates, so for "
    "55 pixels they must add up to (55 - 1) / 2 = 27 or more.",
)


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
