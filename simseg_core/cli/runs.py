"""What the commands on a trained run share: its name, where it computes, its notes."""

import sys
import warnings
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from simseg_core.cli import values
from simseg_core.cli.telling import telling

__all__ = ["add_device", "add_run", "announce", "load", "noting"]


def add_run(one: ArgumentParser) -> None:
    """Give a parser the run that a command is about."""
    one.add_argument("run", metavar="RUN", help="the folder that `train --out` wrote")
    one.add_argument(
        "--last",
        action="store_true",
        default=False,
        help="the weights after the last step, not the best",
    )
    one.add_argument("--traceback", action="store_true", help="for a bug")


def add_device(one: ArgumentParser) -> None:
    """Give a parser where and how a network computes."""
    one.add_argument(
        "--device", default=None, help="cpu, cuda, cuda:1, mps; the accelerator if none"
    )
    one.add_argument(
        "--tile",
        type=values.count_or_none,
        default=1024,
        metavar="N",
        help="larger pictures run in overlapping tiles of N pixels (1024), or none",
    )
    one.add_argument(
        "--amp",
        action="store_true",
        default=False,
        help="mixed precision: quicker on a GPU, a little less exact",
    )


def announce(text: str) -> None:
    """Say what begins, on a terminal alone: torch takes seconds to come."""
    if sys.stderr.isatty():
        print(f"{text} ...", file=sys.stderr, flush=True)


def load(run: str, given: Namespace) -> Any:
    """Load a run's predictor as the arguments say.

    Raises:
        Mistake: if there is no such run or device.
    """
    announce(f"reading {run}")
    with telling():
        from simseg_core.cli.commands import device_of
        from simseg_core.runs import Predictor

        return Predictor.load(
            run,
            "last" if given.last else "best",
            device=given.device and device_of(given.device),
            tile=given.tile,
            amp=given.amp,
        )


@contextmanager
def noting() -> Iterator[None]:
    """Tell each warning once, in a line."""

    def show(message: Any, *_: Any, **__: Any) -> None:
        text = " ".join(str(message).split())
        if text not in told:
            told.add(text)
            print(f"note: {text}", file=sys.stderr)

    told: set[str] = set()
    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = show
        yield
