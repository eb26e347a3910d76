"""Exercise 08.1: split by place."""

from collections.abc import Callable
from typing import Any

from simseg_core.exercises.bench.help import Help
from simseg_core.exercises.bench.steps import NotYet, Steps

HELP = Help(
    read="Split it",
    ask="What is the place of a name that has two underscores or more? Is a place held "
    "out whose name only begins like one that is?",
    idea="The names north_shore_a, north_b and shore_a, and north is held out. Cut "
    "each name once, at its last underscore, and keep what stands before: north_shore, "
    "north and shore. Compare these as wholes with the places of the list. north_shore "
    "begins with north and is another place, so its tile trains; north_b is held out; "
    "shore_a trains. Go through the names in the order in which they come and put each "
    "into one of two lists: to train on, north_shore_a and shore_a; held out, north_b. "
    "Each name is in exactly one of them.",
)

Split = Callable[[list[str], list[str]], Any]


def split_by_place(answer: Split, steps: Steps) -> None:
    """Split by place."""
    for names, held_out, what in (
        (["a_0", "b_0", "a_1", "b_1", "b_2"], ["b"], "two places"),
        (["p1_0", "p10_0", "p1_1", "p2_0", "p10_1"], ["p1"], "p1 is not p10"),
        (["bay_1_a", "bay_2_a", "bay_1_b", "cape_1_a"], ["bay_1"], "names with more _"),
        (["c_1", "a_1", "b_1", "a_0", "c_0"], ["c", "a"], "two places held out"),
    ):
        call = f"split_by_place({names}, {held_out})"
        got = steps.call(answer, names, held_out, named=call)
        train, val = _two_lists(got, call)
        _compare(steps, (train, val), (names, held_out), call)
        steps.right.append(what)


def _compare(
    steps: Steps, got: tuple[Any, Any], asked: tuple[list[str], list[str]], call: str
) -> None:
    names, held_out = asked
    train, val = got
    wanted_val = [n for n in names if n.rpartition("_")[0] in held_out]
    wanted_train = [n for n in names if n not in wanted_val]
    if (train, val) == (wanted_train, wanted_val):
        return
    if (val, train) == (wanted_train, wanted_val):
        raise NotYet("The two lists have changed places: the one to train on is first.")
    lost = [n for n in names if n not in train and n not in val]
    if lost:
        raise NotYet(f"{call} leaves {lost[0]!r} out: every name is on one side.")
    both = sorted(set(train) & set(val))
    if both:
        raise NotYet(f"{both[0]!r} is on both sides of {call}: that is the worst leak.")
    if sorted(train) == sorted(wanted_train) and sorted(val) == sorted(wanted_val):
        raise NotYet("The right names, in another order: keep that of `names`.")
    place = next(n.rpartition("_")[0] for n in names if (n in val) != (n in wanted_val))
    raise NotYet(
        f"A tile of {place!r} is on the wrong side of {call}: the place is all that "
        "stands before the last _, and it is compared as a whole."
    )


def _two_lists(got: Any, call: str) -> tuple[list[str], list[str]]:
    if not isinstance(got, tuple | list) or len(got) != 2:
        raise NotYet(f"{call} should return two lists, to train on and held out.")
    if any(isinstance(side, str) or not hasattr(side, "__iter__") for side in got):
        raise NotYet(f"{call} should return two lists of names.")
    if any(isinstance(side, set | frozenset) for side in got):
        raise NotYet("A set forgets the order of the names: return lists.")
    train, val = (list(side) for side in got)
    if any(not isinstance(name, str) for name in (*train, *val)):
        raise NotYet(f"{call} should return names, not their numbers.")
    return train, val
