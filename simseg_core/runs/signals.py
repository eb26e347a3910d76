"""Ctrl-C and SIGTERM: they end a run between two steps, not amid one."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["leave_to_the_run", "stopping"]

_NUMBERS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stopping(tell: Callable[[str], None]) -> Iterator[list[int]]:
    """Let Ctrl-C and SIGTERM end the run between two steps; a second one ends at once.

    Args:
        tell: is told that the signal came.

    Yields:
        A list that holds the signal once it came.
    """
    came: list[int] = []

    def remember(number: int, frame: Any) -> None:
        if came:
            raise KeyboardInterrupt("stopped at once: what was saved before is whole")
        came.append(number)
        tell("stopping after this step; once more stops at once, without saving")

    before = {}
    try:
        for number in _NUMBERS:
            before[number] = signal.signal(number, remember)
    except ValueError:
        pass  # not the main thread: signals are another's business
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def leave_to_the_run(worker: int) -> None:
    """Let a signal to all processes end the run, which ends its workers itself."""
    for number in _NUMBERS:
        signal.signal(number, signal.SIG_IGN)
