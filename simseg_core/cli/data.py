"""`data`: what is in a folder of pictures, a sheet of them, another form of it."""

import argparse
import itertools
import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from simseg_core.cli import values
from simseg_core.cli.runs import announce
from simseg_core.cli.sources import (
    SOURCES,
    add_source,
    add_split,
    mask_values,
    open_data,
    source,
    split_data,
)
from simseg_core.cli.telling import telling, with_options
from simseg_core.cli.values import Incomplete, Mistake

if TYPE_CHECKING:
    from torch import Tensor

    from simseg_core.data.sources import RawPairs

__all__ = ["EPILOG", "EXAMPLES", "SUMMARY", "add_options", "run"]

SUMMARY = "what is in a folder of pictures and masks"
EXAMPLES = """\
%(prog)s my-pictures --classes background,cat --sheet sheet.png
%(prog)s voc:downloads --part val --json
%(prog)s drawn --from labelme --classes background,cat --convert-to my-pictures"""
EPILOG = SOURCES
_FORMS = ("colours", "labelme", "coco")
_ON_A_SHEET = 8
_MOST = 256  # values without names that are counted one by one
_DRAWN = 480  # pixels a side of a picture on a sheet, at most


def add_options(one: argparse.ArgumentParser) -> None:
    """Add the options of `data`."""
    one.add_argument(
        "source", type=source, metavar="SOURCE",
        help="see below; if some of its pairs are faulty, the exit code is 1",
    )  # fmt: skip
    add_source(one)
    one.add_argument(
        "--part", choices=("train", "val"), help="of a source that has both"
    )
    add_split(one)
    one.add_argument(
        "--sheet", type=values.figure, metavar="FILE",
        help=f"""draw {_ON_A_SHEET} samples with their masks laid over: .svg, .png or
        .pdf; replaces the file""",
    )  # fmt: skip
    one.add_argument(
        "--convert-to", metavar="NEW",
        help="make a new folder with images/, masks/ and mask_values.json",
    )  # fmt: skip
    one.add_argument(
        "--from", dest="form", choices=_FORMS,
        help="""what SOURCE then is: a folder whose masks have other values or colours
        (--mask-values), a folder of LabelMe's JSON files, or COCO's JSON file""",
    )  # fmt: skip
    one.add_argument(
        "--images", metavar="FOLDER",
        help="where the pictures of labelme or coco lie, if not beside the JSON",
    )  # fmt: skip
    one.add_argument(
        "--crowd", choices=("ignore", "class"), default="ignore",
        help="whether COCO's crowds do not count (ignore) or get their class",
    )  # fmt: skip
    one.add_argument("--json", action="store_true", help="print JSON alone")
    one.add_argument("--traceback", action="store_true", help="for a bug")


def run(given: Namespace) -> str:
    """Carry out the command: its arguments -> what to print.

    Raises:
        Mistake: if the data set cannot be opened.
        Incomplete: with the report, if some pairs cannot be read.
    """
    _check(given)
    announce(f"reading {given.source}")
    from simseg_core.data import describe

    if given.convert_to:
        return _convert(given)
    with telling():
        data, question = _open(given)
        split = _split(given, data)
        found = describe(data, split=split, progress=sys.stderr.isatty())
        if given.sheet:
            _draw(data, given.sheet)
    if given.json:
        plain = {"source": given.source, **found.to_dict()}
        answer = json.dumps({**plain, "question": question}, indent=2)
    else:
        lines = [f"{given.source}: {found}", *_places(given, data), question or ""]
        answer = with_options("\n".join(line for line in lines if line))
    if found.faults:
        raise Incomplete(
            f"{len(found.faults)} of {found.pairs} pairs cannot be read, as told above",
            answer,
        )
    return answer


def _places(given: Namespace, data: "RawPairs") -> list[str]:
    """Say that names look like several places, unless a split goes by them."""
    from simseg_core.data.description import PLACE, of_one_place

    if given.group or given.lists or not hasattr(data, "files"):
        return []
    alike = of_one_place(data.names)
    if alike is None:
        return []
    return [
        f"names that start alike, such as {' and '.join(alike)}: if they show one "
        f"place, --group '{PLACE}' keeps them on one side of a split"
    ]


def _check(given: Namespace) -> None:
    """Refuse options that would be left out of account."""
    if bool(given.convert_to) != bool(given.form):
        raise Mistake(
            "--convert-to NEW and --from FORM belong together; FORM is "
            f"{', '.join(_FORMS)}"
        )
    only_for = {
        "--images": (given.images, ("labelme", "coco")),
        "--crowd class": (given.crowd == "class", ("coco",)),
    }
    if given.form:
        only_for |= {
            "--mask-values": (given.mask_values, ("colours",)),
            "--mask-suffix": (given.mask_suffix, ("colours",)),
            "--mask-orientation": (given.mask_orientation, ("colours", "coco")),
            "--ignore-index": (given.ignore_index, ()),
            "--part": (given.part, ()),
            "--sheet": (given.sheet, ()),
            "--val-share, --group and --lists": (
                given.val_share or given.group or given.lists, (),
            ),
        }  # fmt: skip
    for name, (value, forms) in only_for.items():
        if value and given.form not in forms:
            where = " or ".join(f"--from {form}" for form in forms)
            raise Mistake(
                f"{name} is for {where}: leave it out"
                if where
                else f"{name} is of no use with --convert-to: convert first, then run "
                f"data {given.convert_to}"
            )


def _convert(given: Namespace) -> str:
    from simseg_core.data import convert_annotations

    with telling():
        data = convert_annotations(
            given.source.removeprefix("folder:"),
            given.convert_to,
            given.form,
            classes=given.classes,
            mask_values=mask_values(given),
            mask_suffix=given.mask_suffix or "",
            mask_orientation=given.mask_orientation,
            images=given.images,
            crowd=given.crowd,
        )
    if given.json:
        plain = {
            "folder": given.convert_to,
            "pairs": len(data),
            "classes": list(data.classes),
        }
        return json.dumps(plain, indent=2)
    pairs = f"{len(data)} pair{'s' * (len(data) != 1)}"
    return (
        f"{given.convert_to}: {pairs} of {', '.join(data.classes)}\n"
        f"Look at them: data {given.convert_to} --sheet sheet.png"
    )


def _open(given: Namespace) -> tuple["RawPairs", str | None]:
    """Open the data; where nothing names the classes, take each value for one."""
    from simseg_core.data import open_source
    from simseg_core.data.sources import UnnamedClasses, find_values

    try:
        return open_data(given), None
    except UnnamedClasses as question:
        found = find_values(question.masks)
        if not 0 < len(found) <= _MOST:
            raise
        data = open_source(
            given.source,
            mask_values={value: str(value) for value in found},
            ignore_index=-1,  # not known yet
            mask_suffix=given.mask_suffix or "",
            mask_orientation=given.mask_orientation,
            part=given.part,
        )
        return data, str(question)


def _split(
    given: Namespace, data: "RawPairs"
) -> tuple[Sequence[int], Sequence[int]] | None:
    """Split as asked, or as a source of files does itself."""
    from simseg_core.data import has_parts

    asked = split_data(given, data)
    if asked or given.part or not has_parts(given.source) or not hasattr(data, "files"):
        return asked
    val = set(open_data(Namespace(**{**vars(given), "part": "val"})).names)
    sides: tuple[list[int], list[int]] = ([], [])
    for index, name in enumerate(data.names):
        sides[name in val].append(index)
    return sides


def _draw(data: "RawPairs", file: Path) -> None:
    from simseg_core.cli.commands import save_figure
    from simseg_core.figures import draw_samples

    overlaid = _Overlaid(data)
    figure = draw_samples(overlaid, len(overlaid))
    save_figure(figure, f"{len(overlaid)} of {len(data)} samples", file)


class _Overlaid:
    """Some samples, spread over a data set: each image with its label laid over."""

    normalize = False

    def __init__(self, data: "RawPairs") -> None:
        self.classes, self.palette = data.classes, data.palette
        self.ignore_index = data.ignore_index
        count = min(_ON_A_SHEET, len(data))
        starts = [i * len(data) // count for i in range(count + 1)]
        found = (_first(data, *window) for window in itertools.pairwise(starts))
        self.pairs = [self._overlay(*pair) for pair in found if pair]
        if not self.pairs:
            raise ValueError("--sheet has nothing to draw: no pair can be read")

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple["Tensor", "Tensor"]:
        return self.pairs[index]

    def _overlay(self, image: "Tensor", label: "Tensor") -> tuple["Tensor", "Tensor"]:
        import torch

        from simseg_core.data import as_tensors, colorize

        height, width = label.shape
        scale = _DRAWN / max(height, width)
        if scale < 1:
            size = max(round(height * scale), 1), max(round(width * scale), 1)
            image, label = as_tensors(size)(image, label)
        painted = colorize(label, self.palette, ignore_index=self.ignore_index)
        over = torch.from_numpy(painted).permute(2, 0, 1) / 255
        return (image + over) / 2, label


def _first(data: "RawPairs", start: int, stop: int) -> tuple["Tensor", "Tensor"] | None:
    """Read the first pair from `start` on that can be read."""
    for index in range(start, stop):
        with suppress(ValueError):
            return data[index]
    return None
