"""The terminal's door to probes and runs: `python -m simseg_core trace unet`.

A mistake gets one line on the error stream that says how to mend it, and exit code 2.
Only what a command was asked for goes to the output, so that it can be piped. Nothing
heavy is imported before the arguments are read.

`arguments.py` has the commands and their options, `values.py` reads the value of each,
`network.py` finds the network and its image's size, `commands.py` probes it; what
concerns pictures and whole runs is a module a command, `data.py`, `train.py` and so on;
they share `sources.py` (which pictures), `runs.py` (which run) and `telling.py`.
"""

import contextlib
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from simseg_core.cli.arguments import RUN_COMMANDS, list_names, make_parser
from simseg_core.cli.values import Incomplete, Mistake

__all__ = ["main"]

_WRONG, _INTERRUPTED, _PIPE_CLOSED = 2, 130, 141  # as a shell counts: 128 + signal
_LONGEST = 600  # characters of an error: torch can fill a screen


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command: arguments -> exit code.

    Args:
        argv: the words after the program's name; None takes them from the terminal.

    Returns:
        0, 1 if it was done in part, 2 after a mistake, 130 after Ctrl-C, 141 if the
        reader of a pipe left.

    >>> main(["list", "--task", "classification"])
    resnet18
    ...
    hardnet85
    0
    """
    words = list(sys.argv[1:] if argv is None else argv)
    program = Path(sys.argv[0]).name if argv is None else ""
    name = program if program.startswith("simseg") else "python -m simseg_core"
    with contextlib.suppress(AttributeError, ValueError):
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    incomplete: Incomplete | None = None
    try:
        try:
            text = _run(words, name)
        except Incomplete as part:
            text, incomplete = part.answer, part
        if text:
            print(text, flush=True)
    except KeyboardInterrupt as stop:
        print(f"\nsimseg: {stop}" if str(stop) else "", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:
        # What Python would still flush at its end has nowhere to go either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return _PIPE_CLOSED
    except Exception as error:
        if "--traceback" in words:
            traceback.print_exc()
        if isinstance(error, Mistake):
            return _complain(str(error), error.code)
        return _complain(f"{type(error).__name__}: {error} (--traceback shows where)")
    return _complain(str(incomplete), incomplete.code) if incomplete else 0


def _run(words: list[str], name: str) -> str:
    arguments = make_parser(name).parse_args(words)
    if arguments.command == "list":
        return list_names(arguments)
    if arguments.command in RUN_COMMANDS:
        run = RUN_COMMANDS[arguments.command].run
    else:
        from simseg_core.cli.commands import run

    # What the reader's own code prints is no part of the answer.
    with contextlib.redirect_stdout(sys.stderr):
        return run(arguments)


def _complain(message: str, code: int = _WRONG) -> int:
    line = " ".join(message.split())
    if len(line) > _LONGEST:
        line = line[:_LONGEST] + "…"
    print(f"simseg: {line}", file=sys.stderr)
    return code
