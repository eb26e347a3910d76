"""Files that a teacher may have changed: what is there is never written over."""

from collections.abc import Mapping
from pathlib import Path

from simseg_core.atomic import replacing


def write_new(texts: Mapping[Path, str]) -> None:
    """Write files, all of them or none.

    Args:
        texts: Path -> what it is to hold; one that holds it already is left alone.

    Raises:
        ValueError: One is there and holds something else.
    """
    wanted = {path: text.encode() for path, text in texts.items()}
    for path, data in wanted.items():
        if path.exists() and not (path.is_file() and path.read_bytes() == data):
            raise ValueError(
                f"{path} is another than would be written now, and is kept. Remedy: "
                "move it away, or say OUT=another-folder."
            )
    for path, data in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as beside:
            beside.write_bytes(data)
