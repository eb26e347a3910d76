"""LabelMe: one JSON file a picture, with labelled outlines.

The format of https://github.com/wkentaro/labelme, versions 3 to 5: ``shapes`` with
``label``, ``points`` and ``shape_type``, ``imagePath``, and the picture itself in
``imageData`` by choice. As in its own converter, later shapes lie over earlier ones,
``_background_`` is the first class, and ``__ignore__`` does not count.
"""

import base64
import io
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np
from PIL import Image

from simseg_core.data.annotations.reading import find_picture, read_json
from simseg_core.data.annotations.shapes import (
    fill_circle,
    fill_polygon,
    fill_rectangle,
)
from simseg_core.data.annotations.writing import Annotated
from simseg_core.data.files.faults import Fault
from simseg_core.data.files.file_pairs import stem
from simseg_core.data.pairs import IGNORE_INDEX

__all__ = ["find_labels", "read_labelme"]

_BACKGROUND, _IGNORE = "_background_", "__ignore__"
# Shape -> how many points it needs, at least.
_LEAST = {"polygon": 3, "rectangle": 2, "circle": 2}


def read_labelme(file: Path, classes: Sequence[str], images: Path | None) -> Annotated:
    """Read one JSON file.

    Args:
        file: the JSON.
        classes: the names, the first for all that is not labelled.
        images: where pictures lie; None: beside the JSON, as it says.

    Raises:
        ValueError: if it is no JSON of LabelMe, or its picture is missing.
    """
    data = _read(file)
    said = str(data.get("imagePath") or f"{file.stem}.jpg")
    picture = find_picture(PureWindowsPath(said).as_posix(), file.parent, images)
    embedded = data.get("imageData")
    if picture is None and not embedded:
        raise Fault(
            f"has no imageData, and its picture {said} is not there",
            "put the picture beside it, or say where pictures lie: --images FOLDER",
            place=file,
        )
    content: Path | bytes
    if picture is not None:
        content, suffix = picture, picture.suffix.lower()
    else:
        content, suffix = _decoded(file, embedded)
    return Annotated(
        place=file,
        name=stem(file),
        picture=content,
        suffix=suffix,
        draw=partial(_draw, file, data, tuple(classes)),
        drawn="upright",  # LabelMe turns photographs as their tag says
    )


def find_labels(files: Sequence[Path]) -> list[str]:
    """List the labels of JSON files; those that cannot be read are left out."""
    found: dict[str, None] = {}
    for file in files:
        try:
            shapes = _read(file)["shapes"]
        except Fault:
            continue
        found |= dict.fromkeys(
            str(shape.get("label")) for shape in shapes if isinstance(shape, Mapping)
        )
    return sorted(found.keys() - {_BACKGROUND, _IGNORE})


def _read(file: Path) -> Mapping[str, Any]:
    data = read_json(file)
    if not isinstance(data, Mapping) or not isinstance(data.get("shapes"), list):
        raise Fault(
            "is no JSON of LabelMe, which has a list of shapes",
            "take it away; a JSON of COCO is converted by --from coco",
            place=file,
        )
    return data


def _draw(
    file: Path,
    data: Mapping[str, Any],
    classes: Sequence[str],
    size: tuple[int, int],
) -> np.ndarray:
    """Draw the shapes of a file, one over the other."""
    said = data.get("imageHeight"), data.get("imageWidth")
    if all(isinstance(side, int) and side > 0 for side in said):
        size = said  # type: ignore[assignment]
    known = {_BACKGROUND: 0, _IGNORE: IGNORE_INDEX}
    known |= {name: index for index, name in enumerate(classes)}
    unknown = {str(one.get("label")): None for one in data["shapes"]}.keys() - known
    if unknown:
        raise Fault(
            f"has the labels {sorted(unknown)}, and the classes are {list(classes)}",
            "name them in --classes, the first for all that is not labelled",
            place=file,
            kind="labels",
        )
    label = np.zeros(size, dtype=np.int64)
    for number, shape in enumerate(data["shapes"], start=1):
        try:
            label[_fill(shape, size)] = known[str(shape.get("label"))]
        except Fault as fault:
            raise Fault(
                f"has in shape {number} {fault.what}",
                fault.remedy,
                place=file,
            ) from None
    return label


def _fill(shape: Mapping[str, Any], size: tuple[int, int]) -> np.ndarray:
    kind = shape.get("shape_type") or "polygon"  # version 3 has no other
    if kind not in _LEAST:
        raise Fault(
            f"a {kind}, which outlines no area",
            f"delete it in LabelMe, or draw it as {', '.join(_LEAST)}",
        )
    try:
        points = np.array(shape["points"], dtype=float)
        if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
            raise ValueError
    except (KeyError, TypeError, ValueError):
        raise Fault(
            "points that are no pairs of numbers", "draw it again in LabelMe"
        ) from None
    if len(points) < _LEAST[kind]:
        raise Fault(
            f"a {kind} of {len(points)} points, which needs {_LEAST[kind]}",
            "draw it again in LabelMe",
        )
    if kind == "polygon":
        return fill_polygon(points, size)
    if kind == "circle":
        return fill_circle(points[0], points[1], size)
    # Two opposite corners, or, in later versions, all four.
    return fill_rectangle(points.min(axis=0), points.max(axis=0), size)


def _decoded(file: Path, embedded: Any) -> tuple[bytes, str]:
    """Decode the picture in a file, and give the ending that fits it."""
    try:
        content = base64.b64decode(embedded, validate=True)
        with Image.open(io.BytesIO(content)) as image:
            kind = str(image.format)
    # Wrong letters, no text at all, or no picture.
    except (ValueError, TypeError, OSError):
        raise Fault(
            "has imageData that is no picture",
            "put the picture beside it under the name in imagePath",
            place=file,
        ) from None
    return content, {"JPEG": ".jpg", "TIFF": ".tif"}.get(kind, f".{kind.lower()}")
