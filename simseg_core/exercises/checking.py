"""How an answer is checked: the exercise is found, walked through, and told."""

import difflib
import inspect
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from simseg_core.exercises.reader import describe, is_untouched, nothing_changed
from simseg_core.exercises.steps import Exercise, NotYet, Steps

# Chapter number -> the module here that holds its exercises.
CHAPTERS = {
    "01": "self_attention",
    "02": "cbam",
    "03": "unet",
    "04": "atrous",
    "05": "deeplabv3plus",
    "06": "fchardnet",
}


@dataclass(frozen=True)
class Result:
    """What a check found.

    Attributes:
        exercise: Number and title.
        status: `"right"`, `"not yet"` or `"not attempted"`.
        right: What holds so far, in the order of the steps.
        hint: What to look at next; None unless the status is `"not yet"`.
    """

    exercise: str
    status: str
    right: tuple[str, ...] = ()
    hint: str | None = None

    def __str__(self) -> str:
        if self.status == "not attempted":
            return f"{self.exercise}: not attempted yet."
        lines = [f"{self.exercise}: {self.status}."]
        lines += [f"  right: {step}" for step in self.right]
        if self.hint:
            lines.append(f"  hint:  {self.hint}")
        return "\n".join(lines)

    __repr__ = __str__


def check(exercise: str, answer: Any) -> Result:
    """Check an answer and say how far it is right.

    Args:
        exercise: The exercise's number, such as `"03.2"`.
        answer: What the exercise asks for: a function, a class or a value.

    Returns:
        A `Result`, which a notebook shows as text.

    Raises:
        ValueError: No exercise has this number; the message says which have.

    >>> check("03.1", None)
    03.1 Predict the output's size: not attempted yet.
    """
    known = list_exercises()
    if not isinstance(exercise, str | int | float):
        raise ValueError(
            'the exercise\'s number comes first, then the answer: check("03.2", answer)'
        )
    if exercise not in known:
        near = difflib.get_close_matches(str(exercise), known, n=1, cutoff=0.0)
        raise ValueError(
            f"no exercise is called {exercise!r}: did you mean {near[0]!r}? "
            f"There are {', '.join(known)}."
        )
    steps, title = Steps(), f"{exercise} {known[exercise]}"
    if is_untouched(answer):
        return Result(title, "not attempted")
    try:
        with nothing_changed():
            _exercises(exercise[:2])[exercise](answer, steps)
    except NotYet as missing:
        return Result(title, "not yet", tuple(steps.right), str(missing))
    except Exception as error:  # what no step foresaw is told as well
        hint = f"What came back cannot be compared: {describe(error)}"
        return Result(title, "not yet", tuple(steps.right), hint)
    return Result(title, "right", tuple(steps.right))


def list_exercises() -> dict[str, str]:
    """Give every exercise's title by its number.

    >>> list_exercises()["03.2"]
    'Crop the centre'
    """
    return {
        number: str(inspect.getdoc(exercise)).splitlines()[0].rstrip(".")
        for chapter in CHAPTERS
        for number, exercise in _exercises(chapter).items()
    }


def _exercises(chapter: str) -> dict[str, Exercise]:
    module = import_module(f"simseg_core.exercises.{CHAPTERS[chapter]}")
    return module.EXERCISES
