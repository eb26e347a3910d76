"""What the readers of annotation files share: JSON, and where a picture lies."""

import json
from pathlib import Path
from typing import Any

from simseg_core.data.files.faults import Fault

__all__ = ["find_picture", "read_json"]


def read_json(file: Path) -> Any:
    """Read a JSON file.

    Raises:
        ValueError: if it is none.
    """
    try:
        return json.loads(file.read_text("utf-8"))
    except (ValueError, OSError) as error:
        raise Fault(
            f"is no JSON ({error})", "export it again, or take it away", place=file
        ) from error


def find_picture(name: str, beside: Path, images: Path | None) -> Path | None:
    """Find a picture by the name in an annotation; None if it is not there.

    Args:
        name: as the annotation writes it, with a folder or without.
        beside: the annotation's folder.
        images: where to look; None: in `beside`, and in ``images/`` there.
    """
    folders = [images] if images else [beside, beside / "images"]
    places = [folder / part for folder in folders for part in (name, Path(name).name)]
    return next((place for place in places if place.is_file()), None)
