"""Exercise 05.4: the least time of a layer on a device, by the roofline."""

from collections.abc import Callable

from simseg_core.exercises.bench.help import Help
from simseg_core.exercises.bench.steps import NotYet, Steps

HELP = Help(
    read="Where the time goes: the roofline",
    ask="How long would the arithmetic take if moving cost nothing? How long the "
    "moving, if arithmetic cost nothing? If both go on at the same time, when is the "
    "layer done?",
    idea="A layer of 6 million MACs on a device of 4000 million operations a second. A "
    "MAC is a product and a sum: 2 · 6 = 12 million operations, 12 / 4000 = 0.003 "
    "seconds. It moves 10 million bytes, at 2000 million a second: 10 / 2000 = 0.005 "
    "seconds. Both go on at once, so the layer is done when the longer of the two is: "
    "0.005 seconds, and faster arithmetic would not help. If it moved 1 million bytes "
    "only, that would take 1 / 2000 = 0.0005 seconds, and the arithmetic would decide: "
    "0.003.",
)


def least_time(
    answer: Callable[[float, float, float, float], float], steps: Steps
) -> None:
    """Say the least time that a layer can take."""

    def ask(macs: float, moved: float, peak: float, band: float, what: str) -> None:
        call = f"least_time({macs:g}, {moved:g}, {peak:g}, {band:g})"
        got = steps.call(answer, macs, moved, peak, band, named=call)
        should = f"{call} should return one number, of seconds."
        seconds = steps.numbers([got], should, whole=False)[0]
        compute, move = 2 * macs / peak, moved / band
        wanted = max(compute, move)
        mistakes = {
            "peak is in operations, and a MAC is two of them: a product and a sum.": (
                max(compute / 2, move)
            ),
            "Arithmetic and moving can overlap: the *least* time is the longer of the "
            "two, not their sum.": compute + move,
            "The bytes have to be moved too: that takes longer here.": compute,
            "The arithmetic has to be done too: that takes longer here.": move,
            "That is how many operations a second are attainable. How long does the "
            "layer take at that rate?": min(peak, band * 2 * macs / moved),
            "Those are milliseconds: return seconds.": 1000 * wanted,
            "The bytes are given: no number of bytes a value is wanted.": max(
                compute, 4 * move
            ),
            "You have bits where bytes are given.": max(compute, 8 * move),
        }
        for hint, wrong in mistakes.items():
            if not _near(wrong, wanted) and _near(seconds, wrong):
                raise NotYet(hint)
        steps.require(
            _near(seconds, wanted),
            what,
            hint=f"{call}: how long does the arithmetic take at the peak, how long the "
            f"moving at full bandwidth? {seconds:g} s is neither.",
        )

    ask(1e9, 4e6, 1e11, 1e10, "a layer limited by arithmetic")
    ask(1e7, 8e7, 1e11, 1e10, "a layer limited by memory")
    ask(3e9, 6e8, 2e12, 2e11, "another device")


def _near(one: float, other: float) -> bool:
    return abs(one - other) <= 1e-6 * abs(other)
