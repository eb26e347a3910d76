"""COCO: one JSON file for a whole set, with outlines or run lengths of each object.

The format of https://cocodataset.org/#format-data, "object detection". A mask of
classes knows no objects: later annotations lie over earlier ones, and all that is not
annotated is background. ``iscrowd`` marks a crowd whose objects were not told apart.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import numpy as np

from simseg_core.data.annotations.reading import find_picture, read_json
from simseg_core.data.annotations.shapes import decode_runs, fill_polygon
from simseg_core.data.annotations.writing import Annotated
from simseg_core.data.files.faults import Fault
from simseg_core.data.files.picture_files import MaskOrientation
from simseg_core.data.pairs import IGNORE_INDEX

__all__ = ["Crowd", "category_names", "read_coco"]

Crowd = Literal["ignore", "class"]


def category_names(file: Path) -> list[str]:
    """List the categories of a file, in the order of their numbers.

    Raises:
        ValueError: if it is no JSON of COCO.
    """
    categories = sorted(_read(file)["categories"], key=lambda one: one["id"])
    return [str(one["name"]) for one in categories]


def read_coco(
    file: Path,
    classes: Sequence[str],
    *,
    images: Path | None,
    crowd: Crowd,
    drawn: MaskOrientation | None,
) -> tuple[list[Annotated], list[ValueError]]:
    """Read a JSON file: its pictures, and what is wrong with some.

    Args:
        file: the JSON.
        classes: the names, the first for all that is not annotated.
        images: where pictures lie; None: beside the JSON, or in ``images/`` there.
        crowd: whether a crowd gets its class, or does not count.
        drawn: as `mask_orientation` of `simseg_core.data.FolderDataset`.

    Raises:
        ValueError: if it is no JSON of COCO, or its parts do not fit together.
    """
    data = _read(file)
    names = {one["id"]: str(one["name"]) for one in data["categories"]}
    unknown = sorted(set(names.values()) - set(classes))
    if unknown:
        raise Fault(
            f"has the categories {unknown}, and the classes are {list(classes)}",
            "name them in --classes, the first for all that is not annotated",
            place=file,
        )
    labels = {number: classes.index(name) for number, name in names.items()}
    of_picture: dict[Any, list[Mapping[str, Any]]] = {
        picture["id"]: [] for picture in data["images"]
    }
    for one in data["annotations"]:
        if one["image_id"] not in of_picture or one["category_id"] not in labels:
            raise Fault(
                f"has annotation {one.get('id')} of image {one['image_id']} and "
                f"category {one['category_id']}, which it does not list",
                "export it again, whole",
                place=file,
            )
        of_picture[one["image_id"]].append(one)
    items: list[Annotated] = []
    faults: list[ValueError] = []
    for picture in data["images"]:
        name = str(picture["file_name"])
        found = find_picture(name, file.parent, images)
        if found is None:
            faults.append(
                Fault(
                    f"is not there, and {file.name} lists it",
                    "say where pictures lie: --images FOLDER",
                    place=name,
                )
            )
            continue
        items.append(
            Annotated(
                place=found,
                name=PurePosixPath(name).stem,
                picture=found,
                suffix=found.suffix.lower(),
                draw=partial(
                    _draw, found, picture, of_picture[picture["id"]], labels, crowd
                ),
                drawn=drawn,
            )
        )
    return items, faults


def _read(file: Path) -> Mapping[str, Any]:
    """Read a file that has what is needed of COCO's entries."""
    data = read_json(file)
    needed = {
        "images": ("id", "file_name", "height", "width"),
        "annotations": ("image_id", "category_id"),
        "categories": ("id", "name"),
    }
    for part, entries in needed.items():
        listed = data.get(part) if isinstance(data, Mapping) else None
        whole = isinstance(listed, list) and all(
            isinstance(one, Mapping) and set(entries) <= set(one) for one in listed
        )
        if not whole:
            raise Fault(
                f"is no JSON of COCO: it needs the list {part!r}, each with "
                f"{', '.join(entries)}",
                "export it as COCO instances; JSONs of LabelMe are converted by "
                "--from labelme",
                place=file,
            )
    return data


def _draw(
    place: Path,
    picture: Mapping[str, Any],
    annotations: Sequence[Mapping[str, Any]],
    labels: Mapping[Any, int],
    crowd: Crowd,
    _: tuple[int, int],
) -> np.ndarray:
    """Draw the objects of a picture, one over the other."""
    size = (int(picture["height"]), int(picture["width"]))
    label = np.zeros(size, dtype=np.int64)
    for one in annotations:
        try:
            inside = _fill(one.get("segmentation"), size)
        except Fault as fault:
            raise Fault(
                f"has annotation {one.get('id')}, {fault.what}",
                fault.remedy,
                place=place,
            ) from None
        is_void = one.get("iscrowd") and crowd == "ignore"
        label[inside] = IGNORE_INDEX if is_void else labels[one["category_id"]]
    return label


def _fill(segmentation: Any, size: tuple[int, int]) -> np.ndarray:
    if isinstance(segmentation, Mapping):
        return _decoded(segmentation, size)
    if not isinstance(segmentation, list) or not segmentation:
        raise Fault(
            "which has no outline (a box alone is none)",
            "take it out, or export segmentations",
        )
    inside = np.zeros(size, dtype=bool)
    for outline in segmentation:
        try:
            numbers = np.array(outline, dtype=float)
            if numbers.ndim != 1 or len(numbers) < 6 or len(numbers) % 2:
                raise ValueError
        except (TypeError, ValueError):
            raise Fault(
                "whose outline is no list of at least 3 points, x, y, x, y ...",
                "take it out, or export it again",
            ) from None
        inside |= fill_polygon(numbers.reshape(-1, 2), size)
    return inside


def _decoded(runs: Mapping[str, Any], size: tuple[int, int]) -> np.ndarray:
    counts, own = runs.get("counts"), runs.get("size")
    if not isinstance(own, list) or tuple(own) != size:
        raise Fault(
            f"whose run lengths are for the size {own}, but the image is {list(size)}",
            "export it again",
        )
    if isinstance(counts, list):
        try:
            return decode_runs(counts, size)
        except (TypeError, ValueError) as error:
            raise Fault(f"whose {error}", "export it again") from None
    try:
        from pycocotools import mask
    except ImportError:
        raise Fault(
            "whose run lengths are compressed",
            "install what reads them: pip install pycocotools",
        ) from None
    return mask.decode({"size": own, "counts": counts}).astype(bool)
