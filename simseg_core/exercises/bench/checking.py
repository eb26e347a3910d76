"""`check`: find an exercise, walk through its steps, say how far an answer is right."""

import difflib
import inspect
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from simseg_core.exercises.bench import patience, reader
from simseg_core.exercises.bench.steps import Exercise, NotYet, Steps

# Where each exercise is checked: 04.3 by the function `move_strides` of
# `ch04/ex3_move_strides.py`.
_FILES = {
    f"{file.parent.name[2:]}.{file.stem[2]}": file
    for file in sorted(Path(__file__).resolve().parents[1].glob("ch??/ex?_*.py"))
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
    if not isinstance(exercise, str | int | float):
        raise ValueError(
            'the exercise\'s number comes first, then the answer: check("03.2", answer)'
        )
    number = str(exercise)
    if number not in _FILES:
        known = list(_FILES)
        near = difflib.get_close_matches(number, known, n=1, cutoff=0.0)
        raise ValueError(
            f"no exercise is called {exercise!r}: did you mean {near[0]!r}? "
            f"There are {', '.join(known)}."
        )
    walk = _exercise(number)
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
    return {number: _title(_exercise(number)) for number in _FILES}


def _exercise(number: str) -> Exercise:
    """Import one exercise alone."""
    file = _FILES[number]
    module = import_module(f"simseg_core.exercises.{file.parent.name}.{file.stem}")
    return getattr(module, file.stem.partition("_")[2])


def _title(exercise: Exercise) -> str:
    return str(inspect.getdoc(exercise)).splitlines()[0].rstrip(".")
