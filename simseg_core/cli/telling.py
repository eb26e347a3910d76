"""How a command tells what went wrong: one line, in the words of the terminal."""

import ast
import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from simseg_core.cli.values import Mistake

__all__ = ["telling", "with_options"]

_EXTRA = ("accelerate", "safetensors", "tensorboard")
# Arguments as errors of data and runs name them: name=value.
_ARGUMENT = re.compile(
    r"(?<![\w-])(mask_suffix|mask_orientation|ignore_index|data|resume|model|preset|lists|"
    r"group|steps|batch_size|max_lr|loss|crop|scale|augment|seed|val_share|"
    r"validate_every|patience|precision|options)="
    r"('[^']*'|\"[^\"]*\"|[^\s,;()]+)"
)


@contextmanager
def telling() -> Iterator[None]:
    """Make a mistake of every error whose message is meant for the user.

    Lines after the first go to the error stream as they are.

    Raises:
        Mistake: with the error's words; for a missing package, how to install it.
    """
    try:
        yield
    except (OSError, ValueError, TypeError, FloatingPointError, ImportError) as error:
        name = (getattr(error, "name", None) or "").partition(".")[0]
        if isinstance(error, ImportError) and name in _EXTRA:
            raise Mistake(
                f'{name} is not installed: pip install "simseg-core[train]"'
            ) from error
        first, _, rest = with_options(str(error)).partition("\n")
        print(rest, end="\n" if rest else "", file=sys.stderr)
        raise Mistake(first) from error


def with_options(text: str) -> str:
    """Write the arguments that a text names as the options of a terminal.

    >>> print(with_options("max_lr=0.0 is no rate; say mask_values={0: 'a'}"))
    --max-lr 0.0 is no rate; say --mask-values '{"0": "a"}'
    """
    text = re.sub(r" \(in Python [^()]*\)", "", text)
    text = _ARGUMENT.sub(_option, text)
    return re.sub(r"mask_values=(\{[^{}]*\})", lambda found: _table(found[1]), text)


def _option(found: re.Match[str]) -> str:
    word, value = found[1].replace("_", "-"), found[2]
    if value == "True":
        return f"--{word}"
    plain = re.fullmatch(r"(['\"])([\w./:+-]+)\1", value)  # no quotes in a terminal
    return f"--{word} {plain[2] if plain else value}"


def _table(text: str) -> str:
    """Write a table in Python's words as the option of a terminal."""
    try:
        found = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return f"mask_values={text}"
    written = {
        ",".join(map(str, value)) if isinstance(value, tuple) else str(value): (
            "..." if name is ... else name
        )
        for value, name in found.items()
    }
    return f"--mask-values '{json.dumps(written, ensure_ascii=False)}'"
