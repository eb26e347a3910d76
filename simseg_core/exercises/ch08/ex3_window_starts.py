"""Exercise 08.3: windows over a long picture."""

from collections.abc import Callable
from itertools import pairwise
from math import ceil
from typing import Any

from simseg_core.exercises.bench.help import Help
from simseg_core.exercises.bench.steps import NotYet, Steps

HELP = Help(
    read="A larger picture than any seen",
    ask="How far apart may the starts of two neighbours lie at most? And where must "
    "the last window start, whatever the others do?",
    idea="A length of 250, windows of 100, an overlap of 20. A step is at most 100 - "
    "20 = 80. From 0 the starts would be 0, 80 and 160, and the third would end at 160 "
    "+ 100 = 260, beyond the picture. Pull it back until it ends with it: 250 - 100 = "
    "150. So 0, 80 and 150. The last two share 180 - 150 = 30 pixels, more than they "
    "must, and that is allowed. Fewer do not do: two windows reach 180 at most. For a "
    "length of 180 it is 0 and 80, and nothing needs pulling. A length of 90 fits into "
    "one window, at 0.",
)


def window_starts(answer: Callable[[int, int, int], Any], steps: Steps) -> None:
    """Windows over a long picture."""
    for length, window, overlap, what in (
        (64, 64, 16, "one window that fits"),
        (40, 64, 16, "a picture smaller than a window"),
        (112, 64, 16, "two windows that fit"),
        (160, 64, 16, "three windows that fit"),
        (150, 64, 16, "a rest at the end"),
        (65, 64, 0, "a rest of one pixel"),
        (1000, 96, 32, "many windows"),
    ):
        call = f"window_starts({length}, {window}, {overlap})"
        got = steps.call(answer, length, window, overlap, named=call)
        starts = steps.numbers(got, f"{call} should return a list of whole numbers.")
        _check(starts, length, window, overlap, call)
        steps.right.append(what)


def _check(
    starts: list[int], length: int, window: int, overlap: int, call: str
) -> None:
    if not starts:
        raise NotYet(f"{call} gives no window: a small picture needs one too, at 0.")
    if starts != sorted(set(starts)):
        raise NotYet(f"{call} should give starts that ascend, each once: {starts}.")
    if starts[0] != 0:
        raise NotYet(f"The first window of {call} starts at {starts[0]}, and not at 0.")
    if length <= window:
        if starts != [0]:
            raise NotYet(f"{call}: one window holds it all, so [0], not {starts}.")
        return
    end = starts[-1] + window
    if end > length:
        raise NotYet(
            f"The last window of {call} ends at {end}, beyond the picture: pull it "
            "back until it ends with it."
        )
    if end < length:
        raise NotYet(
            f"The last window of {call} ends at {end}: pixels {end} to {length - 1} "
            "are in none."
        )
    shared = min(a + window - b for a, b in pairwise(starts))
    if shared < overlap:
        raise NotYet(
            f"Two neighbours of {call} share {shared} pixels, and should share "
            f"{overlap} or more: a step is the window less the overlap."
        )
    fewest = ceil((length - overlap) / (window - overlap))
    if len(starts) > fewest:
        raise NotYet(
            f"{call} gives {len(starts)} windows, and {fewest} are enough: every one "
            "costs a run of the network."
        )
