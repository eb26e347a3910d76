"""Files that are written whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["replacing"]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a file beside `path` to write, and move it there once it is whole.

    Raises:
        OSError: if it cannot be written; what stood there before still does.

    >>> with replacing(Path("no/such/folder/file")) as beside:
    ...     beside.write_text("half")
    Traceback (most recent call last):
    FileNotFoundError: ...
    """
    beside = path.with_name(f".{path.name}.part")  # what a kill leaves is replaced
    try:
        yield beside
        with beside.open("rb") as file:  # on the disk, before it takes the old place
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise
