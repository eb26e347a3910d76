"""Exercise 04.5: what an atrous 3x3 kernel still reads at a large rate."""

from collections.abc import Callable, Sequence

from simseg_core.exercises.bench.help import Help
from simseg_core.exercises.bench.steps import NotYet, Steps

HELP = Help(
    read="Version 4: ASPP, several rates side by side",
    ask="Take one row. At which places is the place one rate before still inside, and "
    "at which the one behind? At how many are both inside, at how many neither? How do "
    "rows and columns then combine?",
    idea="A side of 10. At rate 3 the place before is inside from 3 on, the place "
    "behind up to 6: both from 3 to 6, which are 10 - 2 · 3 = 4 of 10. Rows and "
    "columns must both fit: 0.4 · 0.4 = 0.16 have all nine taps; neither is inside "
    "nowhere, so the centre is alone nowhere. At rate 7 the place before is inside "
    "from 7 on, the one behind up to 2: both nowhere, and that is 0 places, not 10 - 2 "
    "· 7 = -4. Neither is inside from 3 to 6, which are 2 · 7 - 10 = 4: 0.16 have the "
    "centre alone. At rate 12 neither is inside anywhere: all 10, a share of 1, and "
    "not 2 · 12 - 10 = 14. So each count has an end at which it stops.",
)


def kernel_left(answer: Callable[[int, int], Sequence[float]], steps: Steps) -> None:
    """Follow a 3x3 kernel to 1x1."""

    def shares(side: int, rate: int) -> tuple[float, float]:
        whole = max(side - 2 * rate, 0)
        centre = side if rate >= side else max(2 * rate - side, 0)
        return (whole / side) ** 2, (centre / side) ** 2

    def ask(side: int, rate: int, what: str) -> None:
        call = f"taps_left({side}, {rate})"
        got = steps.call(answer, side, rate, named=call)
        whole, centre = steps.numbers(
            got,
            f"{call} should return two numbers: the share of positions with all nine "
            "taps inside, and with the centre alone.",
            count=2,
            whole=False,
        )
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
            "A negative number of positions, squared, looks like a share: where "
            f"{side} exceeds 2 * {rate}, the centre is nowhere alone.": (
                ((side - 2 * rate) / side) ** 2,
                ((2 * rate - side) / side) ** 2,
            ),
            "You have the two shares in the other order.": wanted[::-1],
            "Those are numbers of positions: of how many?": (
                wanted[0] * side**2,
                wanted[1] * side**2,
            ),
            "Those are per cent: a share lies between 0 and 1.": (
                100 * wanted[0],
                100 * wanted[1],
            ),
            f"Off by one: the first place with the one {rate} before it inside is "
            f"{rate}, counted from 0.": (
                (max(side - 2 * rate - 1, 0) / side) ** 2,
                wanted[1],
            ),
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
            hint=f"{call}: along one axis, at how many of {side} places are the places "
            f"{rate} before and {rate} behind inside? At how many is neither?",
        )

    ask(33, 6, "rate 6 on a map of 33")
    ask(7, 3, "a single position with all nine taps")
    ask(33, 18, "rate 18, where no position has all nine taps")
    ask(33, 40, "a rate beyond the map")
    ask(1_000_003, 400_000, "a map too large to build")


def _near(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether numbers agree, as well as float32 tells them."""
    return all(abs(a - b) < 2e-7 * max(1, b) for a, b in zip(one, other))
