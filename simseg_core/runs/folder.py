"""A run's folder: what it holds, how a file comes into it, who may write there.

| file | what it holds |
|---|---|
| `best.safetensors`, `last.safetensors` | weights, and the network's description |
| `state.pt` | weights, optimiser, schedule and score so far: all that going on needs |
| `run.json` | how the run was asked for, and with which versions |
| `pictures.json` | the pictures of both sides, with their bytes |
| `metrics.jsonl` | losses and scores, a line each |
| `curves.png`, `samples.png` | how it goes, drawn |
"""

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from simseg_core import atomic

__all__ = [
    "BEST",
    "CURVES",
    "LAST",
    "METRICS",
    "PICTURES",
    "RUN",
    "SAMPLES",
    "STATE",
    "alone_in",
    "check_free",
    "make_folder",
    "replacing",
]

BEST, LAST, STATE = "best.safetensors", "last.safetensors", "state.pt"
RUN, PICTURES, METRICS = "run.json", "pictures.json", "metrics.jsonl"
CURVES, SAMPLES = "curves.png", "samples.png"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a file beside `path` to write, and move it there once it is whole.

    Raises:
        OSError: saying what to do; nothing half-written stays.
    """
    try:
        with atomic.replacing(path) as beside:
            yield beside
    except Exception as error:
        # torch wraps the system's error in its own.
        cause = error if isinstance(error, OSError) else error.__cause__
        if not isinstance(cause, OSError) and "write" not in str(error):
            raise  # not of the file
        remedy = "choose another folder"
        if getattr(cause, "errno", errno.ENOSPC) == errno.ENOSPC:
            remedy = "make room, or choose another folder"
        whole = ". What was saved before is whole" if path.exists() else ""
        raise OSError(
            f"{path} cannot be written ({cause or error}): {remedy}{whole}"
        ) from error


def check_free(paths: Iterable[Path], *, or_else: str = "") -> None:
    """Refuse to replace files.

    Args:
        paths: that would be written.
        or_else: what else can be done, ending with a comma.

    Raises:
        FileExistsError: naming the first, and what to do.
    """
    there = [path for path in paths if path.exists()]
    if there:
        more = f" and {len(there) - 1} more" if len(there) > 1 else ""
        raise FileExistsError(
            f"{there[0]}{more} would be replaced: choose another folder (--out), "
            f"{or_else}or say that it may be replaced (--force)"
        )


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, unless it is there.

    Raises:
        OSError: if it is a file, or nothing can be written there; saying what to do.
    """
    remedy = "choose another folder (--out)"
    for path in (folder, *folder.parents):
        if path.exists() and not path.is_dir():
            raise NotADirectoryError(f"{path} is a file, and no folder: {remedy}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK | os.X_OK)
    except OSError:
        writable = False
    if not writable:
        raise PermissionError(f"nothing can be written in {folder}: {remedy}")


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Lock a folder against other runs; a kill gives it back.

    Raises:
        BlockingIOError: if another run is at work in it.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BlockingIOError(
                f"another run is at work in {folder}: wait for its end, or choose "
                "another folder"
            ) from error
        except OSError:
            pass  # a file system without locks
        _held.add(handle)
        yield
    finally:
        _held.discard(handle)
        os.close(handle)


_held: set[int] = set()


def _let_go() -> None:
    """Close what a fork inherits, or a worker would hold a killed run's lock."""
    while _held:
        os.close(_held.pop())


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_let_go)
