"""`check`: find an exercise, walk through its steps, say how far an answer is right."""

import difflib
import inspect
import re
from dataclasses import dataclass
from importlib import import_module
from importlib.resources import files
from typing import Any

from simseg_core.exercises.bench import patience, reader
from simseg_core.exercises.bench.steps import Exercise, NotYet, Steps

# Numbers of the chapters that have exercises: the folders ch01, ch02, ...
CHAPTERS = sorted(
    folder.name[2:]
    for folder in files("simseg_core.exercises").iterdir()
    if re.fullmatch(r"ch\d\d", folder.name)
)


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
    if not isinstance(exercise, str | int | float):
        raise ValueError(
            'the exercise\'s number comes first, then the answer: check("03.2", answer)'
        )
    number = str(exercise)
    walk = _exercises(number[:2]).get(number)
    if walk is None:
        known = list_exercises()
        near = difflib.get_close_matches(number, known, n=1, cutoff=0.0)
        raise ValueError(
            f"no exercise is called {exercise!r}: did you mean {near[0]!r}? "
            f"There are {', '.join(known)}."
        )
    steps, title = Steps(), f"{number} {_title(walk)}"
    if reader.is_untouched(answer):
        return Result(title, "not attempted")
    hint = None
    try:
        with reader.nothing_changed():
            patience.run(lambda: walk(answer, steps), steps.watch, reader.SECONDS)
    except NotYet as missing:
        hint = str(missing)
    except patience.TooLong as late:
        hint = reader.describe_delay(late)
    except (Exception, SystemExit) as error:  # what no step foresaw is a hint as well
        hint = f"What came back cannot be compared: {reader.describe(error)}"
    return Result(title, "not yet" if hint else "right", tuple(steps.right), hint)


def list_exercises() -> dict[str, str]:
    """Give every exercise's title by its number.

    >>> list_exercises()["03.2"]
    'Crop the centre'
    """
    return {
        number: _title(exercise)
        for chapter in CHAPTERS
        for number, exercise in _exercises(chapter).items()
    }


def _exercises(chapter: str) -> dict[str, Exercise]:
    """Import the exercises of one chapter alone; none if there is no such chapter."""
    if chapter not in CHAPTERS:
        return {}
    module = import_module(f"simseg_core.exercises.ch{chapter}")
    return module.EXERCISES


def _title(exercise: Exercise) -> str:
    return str(inspect.getdoc(exercise)).splitlines()[0].rstrip(".")
