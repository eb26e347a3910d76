"""Getting a public data set: where it lies, how it is fetched, what to do by hand."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

__all__ = ["Part", "choose_part", "fetch", "missing"]

Part = Literal["train", "val"]


def choose_part(part: str | None, parts: Mapping[str | None, str]) -> str:
    """Give a data set's own name for a part.

    Args:
        part: ``"train"``, ``"val"``, or None for all that has labels.
        parts: its own name for each.

    Raises:
        ValueError: if there is no such part.
    """
    if part not in parts:
        raise ValueError(f"part={part!r} is not 'train' or 'val', or None for both")
    return parts[part]


def fetch(download: Callable[[], object], by_hand: str) -> None:
    """Download, or say what to fetch by hand.

    Args:
        download: does it, and checks what came, by torchvision's own checksums.
        by_hand: what to fetch from where, and where to put it.

    Raises:
        ConnectionError: if it fails: the host is gone, the disk full, the file damaged.
    """
    try:
        download()
    # urllib's errors are OSErrors; torchvision's own on a wrong checksum RuntimeError.
    except (OSError, RuntimeError) as error:
        raise ConnectionError(f"the download failed ({error}). {by_hand}") from error


def missing(what: str, root: Path, by_hand: str) -> FileNotFoundError:
    """Say that a data set is not in a folder, and how it gets there."""
    return FileNotFoundError(f"no {what} in {root}. {by_hand}")
