"""What each word of a command line may be; a wrong one is told what is wanted."""

import argparse
import ast
import difflib
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NoReturn

from simseg_core.models.presets import TABLE

__all__ = [
    "Incomplete",
    "Mistake",
    "among",
    "count",
    "count_or_none",
    "figure",
    "model",
    "natural",
    "nearest",
    "option",
    "pixel",
    "refuse",
    "seconds",
    "size",
]

_SUFFIXES = (".svg", ".png", ".pdf")


class Mistake(Exception):
    """What the user can mend; the message says how, in one line.

    Attributes:
        code: the program's exit code.
    """

    code = 2


class Incomplete(Mistake):
    """What was asked for is done in part, and the message says how far.

    Args:
        message: says so.
        answer: what to print of it all the same.
    """

    code = 1

    def __init__(self, message: str, answer: str = "") -> None:
        super().__init__(message)
        self.answer = answer


def nearest(given: str, known: Iterable[str]) -> str:
    """Word the help for a wrong name: the nearest right one, or all of a few.

    >>> nearest("unett", ["unet", "resnet18"]), nearest("x", ["svg", "png"])
    ("did you mean 'unet'?", 'there is svg, png')
    """
    names = list(known)
    near = difflib.get_close_matches(given, names, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    shown = [*names[:8], "..."] if len(names) > 8 else names
    return f"there is {', '.join(shown)}" if names else "there is none"


def refuse(message: str) -> NoReturn:
    """Say what is wanted, to argparse, which tells the option's name, too."""
    raise argparse.ArgumentTypeError(message)


def model(text: str) -> str:
    """Take the name of a network of the book, or module:name."""
    is_file = ".py:" in text
    if text in TABLE or (re.fullmatch(r"[\w.]+:[\w.]+", text) and not is_file):
        return text
    if "/" in text or "\\" in text or ".py" in text:
        path = re.sub(r"\.py(?=:|$)", "", text).strip("./\\")
        dotted = re.sub(r"[/\\]+", ".", path)
        refuse(
            f"{text!r} is a path: write {dotted if ':' in dotted else dotted + ':NAME'}"
            " and run in the folder that it starts from"
        )
    if "." in text:
        module, _, name = text.rpartition(".")
        refuse(f"{text!r} is no network of the book: did you mean '{module}:{name}'?")
    refuse(
        f"unknown model {text!r}: {nearest(text, TABLE)} (`list` prints the names; "
        "your own network is package.module:function)"
    )


def size(text: str) -> tuple[int, ...]:
    """Read 3x512x512: channels, rows, columns; a batch may come before."""
    parts = re.split("[xX×]", text)
    if len(parts) not in (3, 4) or not all(
        re.fullmatch("0*[1-9][0-9]*", p) for p in parts
    ):
        refuse(
            f"{text!r} is no image's size: write channels x rows x columns, as "
            "3x512x512, or the batch before, as 1x3x512x512"
        )
    return tuple(map(int, parts))


def count(text: str) -> int:
    """Read a whole number of at least 1."""
    if not re.fullmatch("0*[1-9][0-9]*", text):
        refuse(f"{text!r} is no whole number of at least 1")
    return int(text)


def count_or_none(text: str) -> int | None:
    """Read a whole number of at least 1, or none."""
    return None if text == "none" else count(text)


def natural(text: str) -> int:
    """Read a whole number of at least 0."""
    return 0 if re.fullmatch("0+", text) else count(text)


def among(known: Iterable[str], kind: str) -> Callable[[str], str]:
    """Make a reader that takes one of some names."""
    known = list(known)

    def read(text: str) -> str:
        if text not in known:
            refuse(f"unknown {kind} {text!r}: {nearest(text, known)}")
        return text

    return read


def seconds(text: str) -> float:
    """Read a time above 0."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e6:
        refuse(f"{text!r} is no time: give seconds above 0, as 2.5")
    return seconds


def pixel(text: str) -> tuple[int, int]:
    """Read row,column."""
    if not re.fullmatch(r"-?\d+,-?\d+", text):
        refuse(f"{text!r} is no pixel: write row,column of the output, as 10,20")
    row, column = map(int, text.split(","))
    return row, column


def option(text: str) -> tuple[str, Any]:
    """Read key=value; the value as Python writes it, or else as text."""
    key, equals, value = text.partition("=")
    if not (equals and key.isidentifier()):
        refuse(f"{text!r} is no option: write key=value, as output_stride=8")
    try:
        return key, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return key, value


def figure(text: str) -> Path:
    """Take a path that a figure can be written to."""
    path = Path(text)
    if path.suffix.lower() not in _SUFFIXES:
        refuse(f"{text!r} is no figure: end its name with {' or '.join(_SUFFIXES)}")
    if path.is_dir():
        refuse(f"{text!r} is a folder: name a file in it")
    if not path.parent.is_dir():
        refuse(f"there is no folder '{path.parent}': make it first (mkdir)")
    if not os.access(path.parent, os.W_OK):
        refuse(f"nothing can be written in '{path.parent}': choose another folder")
    return path
