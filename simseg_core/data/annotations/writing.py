"""A new folder of ``images/`` and ``masks/``: all of it, or nothing.

It is made under another name beside its place and gets its own at the end, so that a
fault, or a computer that is switched off, leaves no half folder behind.
"""

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from simseg_core.data.files.faults import Fault, list_faults
from simseg_core.data.files.mask_values import MaskValues
from simseg_core.data.files.picture_files import (
    MaskOrientation,
    Picture,
    match_orientation,
    open_picture,
)
from simseg_core.data.files.values import Value
from simseg_core.data.folder import MASK_VALUES
from simseg_core.data.pairs import IGNORE_INDEX
from simseg_core.data.palettes import Color, default_palette

__all__ = ["Annotated", "check_new", "write_folder"]

_VOID: Color = (224, 224, 192)  # as PASCAL VOC shows what does not count


@dataclass(frozen=True)
class Annotated:
    """A picture and how its label is made.

    Attributes:
        place: the file that the annotation is from, for errors.
        name: of the new files, without ending.
        picture: the file, or its bytes where the annotation holds them.
        suffix: the new picture's ending.
        draw: the picture's size, upright ``(H, W)`` -> label ``(H, W)``, of the size
            that the annotation gives; its errors are told with those of other files.
        drawn: how the annotation lies on a photograph that its EXIF tag turns, as
            `mask_orientation` of `FolderDataset`.
    """

    place: Path
    name: str
    picture: Path | bytes
    suffix: str
    draw: Callable[[tuple[int, int]], np.ndarray]
    drawn: MaskOrientation | None = None


def check_new(new: Path) -> None:
    """Refuse a folder that holds something, or that cannot be made.

    Raises:
        FileExistsError: if there is a file, or a folder that is not empty.
        FileNotFoundError: if the folder above it is missing.
        PermissionError: if nothing can be written there.
    """
    if new.exists() and (not new.is_dir() or any(new.iterdir())):
        raise FileExistsError(
            f"{new} is there and not empty: name a new folder, since nothing is "
            "changed in place"
        )
    if not new.parent.is_dir():
        raise FileNotFoundError(f"no folder {new.parent}: make it first (mkdir)")
    if not os.access(new.parent, os.W_OK):
        raise PermissionError(
            f"nothing can be written in {new.parent}: name another folder"
        )


def write_folder(
    new: Path,
    items: Sequence[Annotated],
    classes: Sequence[str],
    *,
    palette: Sequence[Color] | None = None,
    faults: Sequence[ValueError] = (),
    remedy_for: Callable[[Mapping[Value, int]], str] | None = None,
) -> None:
    """Write pictures and masks of class indices, 255 for what does not count.

    Pictures are copied; one that its EXIF tag turns is saved upright, as PNG.

    Args:
        new: the folder to make.
        items: what goes into it.
        classes: the classes' names, 255 at most.
        palette: colours that show the classes; None takes `default_palette`.
        faults: of pictures that are not among the items, to be told with the others.
        remedy_for: as `list_faults` takes it, for values without a class.

    Raises:
        ValueError: if there is nothing to write, two pictures have one name, there are
            too many classes, or something is wrong with any picture or label: all are
            told together, and nothing is written.
        OSError: as `check_new`.
    """
    check_new(new)
    count = len(items) + len(faults)
    if not count:
        raise ValueError("there is no annotated picture to convert")
    if len(classes) > IGNORE_INDEX:
        raise ValueError(
            f"{len(classes)} classes do not fit a mask of 8 bits: 255 at most"
        )
    colors = [*(palette or default_palette(len(classes)))]
    colors += [(0, 0, 0)] * (IGNORE_INDEX - len(colors)) + [_VOID]
    beside = new.with_name(f".{new.name}.{os.getpid()}")
    try:
        for kind in ("images", "masks"):
            (beside / kind).mkdir(parents=True)
        told = [*faults, *_write_all(beside, items, colors)]
        if told:
            raise ValueError(
                f"{len(told)} of {count} pictures cannot be converted, and nothing was "
                f"written:\n{list_faults(told, remedy_for or (lambda _: ''))}"
            )
        table = MaskValues.indices(classes).to_json()
        (beside / MASK_VALUES).write_text(json.dumps(table, indent=2) + "\n", "utf-8")
        if new.exists():
            new.rmdir()  # it is empty
        beside.rename(new)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _write_all(
    folder: Path, items: Sequence[Annotated], colors: Sequence[Color]
) -> list[ValueError]:
    faults: list[ValueError] = []
    first: dict[str, Path] = {}
    for item in items:
        try:
            other = first.setdefault(item.name, item.place)
            if other is not item.place:
                raise Fault(
                    f"and {other} share the name {item.name!r}",
                    "rename one of the pictures",
                    place=item.place,
                )
            _write(folder, item, colors)
        except ValueError as fault:
            faults.append(fault)
    return faults


def _write(folder: Path, item: Annotated, colors: Sequence[Color]) -> None:
    file = folder / "images" / f"{item.name}{item.suffix}"
    if isinstance(item.picture, bytes):
        file.write_bytes(item.picture)
    else:
        shutil.copyfile(item.picture, file)
    source = item.place if isinstance(item.picture, bytes) else item.picture
    try:
        picture = open_picture(file)._replace(file=source)
    except Fault as fault:
        raise fault.at(source) from None
    width, height = picture.upright.size
    label = item.draw((height, width))
    size = (label.shape[1], label.shape[0])
    if size not in (picture.upright.size, picture.stored.size):
        raise Fault(
            f"is for a picture of {size[0]} x {size[1]} pixels, but {source} has "
            f"{width} x {height}",
            "take the very picture that was annotated, not a scaled copy",
            place=item.place,
        )
    drawn = Picture(item.place, Image.fromarray(label.astype(np.uint8)), None)
    mask = match_orientation(picture, drawn, item.drawn)
    mask.putpalette([channel for color in colors for channel in color])
    mask.save(folder / "masks" / f"{item.name}.png")
    if picture.orientation not in (None, 1):
        file.unlink()
        picture.upright.save(file.with_suffix(".png"), exif=b"")
