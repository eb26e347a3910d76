"""The options that say which pictures a command reads, and what they open.

They stand here for all commands that read labelled pictures.
"""

import argparse
import json
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simseg_core.cli import values

if TYPE_CHECKING:
    from simseg_core.data.files.mask_values import MaskValues
    from simseg_core.data.sources import RawPairs

__all__ = [
    "SOURCES",
    "add_source",
    "add_split",
    "mask_values",
    "open_data",
    "source",
    "split_data",
]

SOURCES = """\
SOURCE is a folder with images/ and masks/, in which a mask has its image's name, or
voc:PATH, pets:PATH, cityscapes:PATH, ade20k:PATH for a public data set as it unpacks,
or street, signal, signs, blue-marble, which come with the book.
"""


def add_source(one: argparse._ActionsContainer) -> None:
    """Add what says how a folder is read."""
    one.add_argument(
        "--classes", type=names, metavar="A,B,...",
        help="the classes of values 0, 1, ... in the masks; 255 does not count",
    )  # fmt: skip
    one.add_argument(
        "--mask-values", type=table, metavar="JSON",
        help="""which class each value or colour is: '{"0": "background", "255": "cat",
        "9": null}'; null does not count, a colour is "255,0,0" """,
    )  # fmt: skip
    one.add_argument(
        "--ignore-index", type=values.count, metavar="N",
        help="the value that does not count, if not 255",
    )  # fmt: skip
    one.add_argument(
        "--mask-suffix", metavar="TEXT",
        help="what a mask's name has more than its image's: _mask",
    )  # fmt: skip
    one.add_argument(
        "--mask-orientation", choices=("upright", "stored"),
        help="how masks lie on photographs that their EXIF tag turns",
    )  # fmt: skip


def add_split(one: argparse._ActionsContainer) -> None:
    """Add what says which samples are held out."""
    one.add_argument(
        "--val-share", type=share, metavar="S",
        help="of the samples that are held out for validation (0.2)",
    )  # fmt: skip
    one.add_argument(
        "--group", metavar="REGEX",
        help="""names with the same match, or first group of it, stay together:
        '^[a-z]+' keeps paris_1 with paris_2""",
    )  # fmt: skip
    one.add_argument(
        "--lists", nargs=2, metavar=("TRAIN", "VAL"),
        help="two text files, a name a line, in place of a share",
    )  # fmt: skip
    one.add_argument("--split-seed", type=int, metavar="N", help="another split (0)")


def source(text: str) -> str:
    """Take a data set; a folder alone is meant as folder:PATH."""
    if ":" not in text and Path(text).expanduser().is_dir():
        return f"folder:{text}"
    return text


def names(text: str) -> list[str]:
    """Read the names of classes, with commas between them."""
    found = [name.strip() for name in text.split(",")]
    if not all(found) or len(set(found)) < len(found):
        values.refuse(
            f"{text!r} are no names: write each once, with commas between, as "
            "background,cat"
        )
    return found


def table(text: str) -> dict[str, Any]:
    """Read mask values as JSON, or the whole of a mask_values.json."""
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        values.refuse(
            f"{text!r} is no JSON ({error}): write "
            """'{"0": "background", "255": "cat"}', in single quotes"""
        )
    if not isinstance(found, dict) or not found:
        values.refuse(
            f"{text!r} is no table: write " """'{"0": "background", "255": "cat"}'"""
        )
    return found if isinstance(found.get("values"), dict) else {"values": found}


def share(text: str) -> float:
    """Read a part of 1."""
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found < 1:
        values.refuse(f"{text!r} is no part: give one above 0 and below 1, as 0.2")
    return found


# --- a data set from them ---------------------------------------------------------


def open_data(given: Namespace) -> "RawPairs":
    """Open the data set that the options say.

    Args:
        given: parsed options of `add_source`, with `source` and `part`.

    Raises:
        ValueError, FileNotFoundError and others, as `simseg_core.data.open_source`.
    """
    from simseg_core.data import open_source

    return open_source(
        given.source,
        classes=given.classes,
        mask_values=mask_values(given),
        ignore_index=given.ignore_index,
        mask_suffix=given.mask_suffix or "",
        mask_orientation=given.mask_orientation,
        part=given.part,
    )


def mask_values(given: Namespace) -> "MaskValues | None":
    """Read the table of --mask-values; --classes may give its order."""
    from simseg_core.data import MaskValues

    if given.mask_values is None:
        return None
    said = {name: getattr(given, name, None) for name in ("classes", "ignore_index")}
    said = {name: value for name, value in said.items() if value is not None}
    return MaskValues.from_json({**given.mask_values, **said})


def split_data(
    given: Namespace, data: "RawPairs"
) -> tuple[Sequence[int], Sequence[int]] | None:
    """Split a data set as the options of `add_split` say; None if they say nothing.

    Raises:
        ValueError, FileNotFoundError: as `simseg_core.data.split`.
    """
    if given.val_share is None and given.group is None and given.lists is None:
        return None
    from simseg_core.data import split

    return split(
        data.names,
        share=0.2 if given.val_share is None else given.val_share,
        seed=given.split_seed or 0,
        group=given.group,
        lists=given.lists and tuple(given.lists),
    )
