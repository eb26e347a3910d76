"""`check`: find an exercise, walk through its steps, say how far an answer is right."""

import difflib
import inspect
import re
import textwrap
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from simseg_core.exercises.bench import patience, reader
from simseg_core.exercises.bench.help import LEVELS, Help
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
        read: Where in the book the idea stands; from level 2 on, as `ask`.
        ask: The question to ask oneself.
        idea: The idea worked by hand; at level 3.
        more: How to be told more; None where nothing more is to be told.
    """

    exercise: str
    status: str
    right: tuple[str, ...] = ()
    hint: str | None = None
    read: str | None = None
    ask: str | None = None
    idea: str | None = None
    more: str | None = None

    def __str__(self) -> str:
        ending = " yet" if self.status == "not attempted" else ""
        lines = [f"{self.exercise}: {self.status}{ending}."]
        lines += [_block("right", step) for step in self.right]
        for label in ("hint", "read", "ask", "idea", "more"):
            if text := getattr(self, label):
                lines.append(_block(label, text))
        return "\n".join(lines)

    __repr__ = __str__


def check(exercise: str, answer: Any, *, hint: int = 1) -> Result:
    """Check an answer and say how far it is right.

    Args:
        exercise: The exercise's number, such as `"03.2"`.
        answer: What the exercise asks for: a function, a class or a value.
        hint: How much help to give with an answer that is not right, or not there
            yet. 1: the hint of the first step that does not hold. 2: also where in
            the chapter the idea stands, and a question to ask oneself. 3: also the
            idea, worked by hand on an example. No level shows code.

    Returns:
        A `Result`, which a notebook shows as text.

    Raises:
        ValueError: No exercise has this number, and the message says which have; or
            `hint` is not 1, 2 or 3.

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
    if type(hint) is not int or hint not in LEVELS:  # True == 1, and is no level
        raise ValueError(
            f"hint={hint!r} is no level of help: choose 1 (what the check noticed), "
            "2 (where to look as well) or 3 (an example by hand as well)"
        )
    return _with_help(_compare(number, answer), number, hint)


def _compare(number: str, answer: Any) -> Result:
    """Walk through the exercise's steps, up to the first that does not hold."""
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


def _with_help(result: Result, number: str, level: int) -> Result:
    """Add what the levels above 1 say, and how to ask for the next one."""
    if result.status == "right":
        return result
    if level == 1:
        more = f'check("{number}", answer, hint=2) says where to look.'
        return replace(result, more=more if result.hint else None)
    told: Help = _module(number).HELP
    read = f'chapter {number[:2]}, "{told.read}".'
    if level == 2:
        more = f'check("{number}", answer, hint=3) works an example by hand.'
        return replace(result, read=read, ask=told.ask, more=more)
    return replace(result, read=read, ask=told.ask, idea=told.idea)


def list_exercises() -> dict[str, str]:
    """Give every exercise's title by its number.

    >>> list_exercises()["03.2"]
    'Crop the centre'
    """
    return {number: _title(_exercise(number)) for number in _FILES}


def _module(number: str) -> ModuleType:
    """Import one exercise alone."""
    file = _FILES[number]
    return import_module(f"simseg_core.exercises.{file.parent.name}.{file.stem}")


def _exercise(number: str) -> Exercise:
    return getattr(_module(number), _FILES[number].stem.partition("_")[2])


def _title(exercise: Exercise) -> str:
    return str(inspect.getdoc(exercise)).splitlines()[0].rstrip(".")


def _block(label: str, text: str) -> str:
    """Lay out a text behind its label, no wider than a notebook shows it.

    Each question and each step of a worked example begins a line of its own.
    """
    ends = r"(?<=[.?]) |(?<=[.?]\)) "  # of sentences
    parts = re.split(ends, text) if label in ("ask", "idea") else [text]
    fold = textwrap.TextWrapper(79, break_long_words=False, break_on_hyphens=False)
    lines = [line for part in parts for line in fold.wrap(part)]
    return f"  {label + ':':<7}" + f"\n{'':9}".join(lines)
