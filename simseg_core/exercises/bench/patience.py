"""How long a check waits for the reader's code, and what it does after that.

A check runs in a thread of its own while the thread that asked for it watches. So code
that never ends is stopped on every system and in every thread, where a signal reaches
the main thread only; and code that cannot be stopped (a sleep of a year is one call
into C) is left behind. What counts is the processor's time: on a busy computer a right
answer takes long by the clock on the wall.
"""

import ctypes
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context

WAITING = 10  # so many times longer, by the wall, may code take that waits or sleeps
_TICK = 0.02  # seconds between two looks
_LAST = 1.0  # seconds for code to stop in, before it is left behind


class TooLong(Exception):
    """The reader's code did not come back in time.

    Attributes:
        doing: What ran, as `Stopwatch.start` was called with.
        waited: Whether it waited, rather than computed.
        stack: Where it was when its time was up, outermost first.
    """

    def __init__(
        self, doing: str, waited: bool, stack: list[traceback.FrameSummary]
    ) -> None:
        super().__init__(doing)
        self.doing, self.waited, self.stack = doing, waited, stack


class Stopwatch:
    """How long the piece of work in hand has computed, and how long it has taken."""

    def __init__(self) -> None:
        self._clock: Callable[[], float] = time.process_time
        self.start()

    def follow_this_thread(self) -> None:
        """Count the processor's time of this thread alone, where the system tells it.

        Elsewhere (macOS, Windows) the whole process counts, as without this call.
        """
        if hasattr(time, "pthread_getcpuclockid"):
            clock = time.pthread_getcpuclockid(threading.get_ident())
            self._clock = lambda: time.clock_gettime(clock)
        self.start()

    def start(self, doing: str = "Your code") -> None:
        """Begin another piece of work: from here on, time counts for this one."""
        self._piece = doing, self._clock(), time.monotonic()

    def overdue(self, seconds: float) -> tuple[str, bool] | None:
        """Name the piece of work that is over its time, and say whether it waited."""
        doing, computed, began = self._piece
        if self._clock() - computed > seconds:
            return doing, False
        if time.monotonic() - began > WAITING * seconds:
            return doing, True
        return None


def run(work: Callable[[], object], watch: Stopwatch, seconds: float) -> None:
    """Run `work` in a thread of its own, and raise what it raises.

    Torch's modes that belong to a thread (gradients, inference, autocast, the default
    device, dispatch modes) are as in a fresh program there. A check inside an answer is
    part of that answer, in its thread and its time.

    Args:
        work: What to run.
        watch: Started anew by `work` for each of its pieces.
        seconds: What a piece may compute; by the wall it may take `WAITING` times that.

    Raises:
        TooLong: A piece took longer.
    """
    if isinstance(threading.current_thread(), _Worker):
        work()
        return
    worker = _Worker(work, watch)
    try:
        worker.start()
        while worker.is_alive():
            worker.join(_TICK)
            with suppress(OSError):  # the thread has ended, and its clock with it
                late = watch.overdue(seconds)
                if late and worker.works:
                    raise TooLong(*late, worker.stack())
    except BaseException:  # Ctrl-C as well
        worker.stop()
        _arrive()  # the worker may be left behind with what was thrown at it
        raise
    if worker.error is not None:
        raise worker.error


class _Stop(BaseException):
    """Ends the reader's code; no `except Exception` of theirs keeps it going."""


class _Worker(threading.Thread):
    """A thread that works until it has finished, or is stopped.

    Attributes:
        works: Whether it is at its work, where it may be stopped.
        error: What its work raised; None if nothing.
    """

    def __init__(self, work: Callable[[], object], watch: Stopwatch) -> None:
        super().__init__(daemon=True)
        self._work, self._watch, self._context = work, watch, copy_context()
        self._lock = threading.Lock()
        self._thrown = False
        self.works = False
        self.error: BaseException | None = None

    def run(self) -> None:
        """Do the work and keep its error."""
        try:
            try:
                self._watch.follow_this_thread()
                self.works = True
                self._context.run(self._work)
            except BaseException as error:
                self.error = error
        except _Stop:  # a second one, while the first is being handled
            pass
        while self.works:
            with suppress(_Stop):
                self._finish()

    def _finish(self) -> None:
        with self._lock:
            self.works = False
            if self._thrown:
                _arrive()

    def stop(self) -> None:
        """Stop the work where it next runs Python code, if that is soon.

        A bare `except:` may catch what is thrown, so it is thrown again and again.
        """
        end = time.monotonic() + _LAST
        while self.is_alive() and time.monotonic() < end:
            with self._lock:
                if self.works:
                    self._thrown = True
                    _throw(self.ident or 0)
            self.join(_TICK)

    def stack(self) -> list[traceback.FrameSummary]:
        """Tell where the thread is, outermost first."""
        frame = sys._current_frames().get(self.ident or 0)
        return list(traceback.extract_stack(frame)) if frame else []


def _throw(thread: int) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread), ctypes.py_object(_Stop)
    )


def _arrive() -> None:
    """Let what was thrown at this thread, or at one that cannot take it, have arrived.

    The interpreter keeps one note for all threads that something was thrown, and
    strikes it out where something arrives. A note that stays slows all Python code that
    follows; under a profiler, a debugger or coverage Python 3.11 then waits forever.
    """
    interrupted = None
    while True:
        try:
            _throw(threading.get_ident())
            while True:
                pass
        except _Stop:
            break
        except BaseException as error:  # Ctrl-C: it goes on its way afterwards
            interrupted = error
    if interrupted is not None:
        raise interrupted
