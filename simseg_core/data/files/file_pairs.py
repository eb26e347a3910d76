"""Which mask belongs to which picture: ``images/`` and ``masks/``, matched by stem."""

import os
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path

from simseg_core.data.files.faults import file_names

__all__ = ["IMAGES", "LITTER", "match_files", "sort_files", "stem"]

IMAGES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp")
_MASKS = (".bmp", ".png", ".tif", ".tiff")  # formats that keep every value
# Written by file managers, archives and notebooks beside the pictures.
LITTER = ("thumbs.db", "desktop.ini", "__macosx", "@eadir")  # in any capitals
_LAYOUT = (
    "The folder must look like root/images/NAME.jpg with root/masks/NAME.png "
    "(the same NAME, class indices as pixel values)"
)


def match_files(root: Path, suffix: str) -> tuple[list[tuple[Path, Path]], list[Path]]:
    """Pair the images of a folder with its masks, by the stems of their names.

    Args:
        root: the folder that holds ``images/`` and ``masks/``.
        suffix: what a mask's stem has more than its image's.

    Returns:
        The pairs of image and mask, sorted by stem, and the masks without an image.

    Raises:
        FileNotFoundError: if a folder or a mask is missing, or there is no image.
        NotADirectoryError: if `root` is a file.
        ValueError: if two files share a stem, one has another format, pictures lie in a
            sub-folder, or `suffix` holds the file's ending.
    """
    if root.is_file():
        raise NotADirectoryError(
            f"{root} is a file: give the folder that holds images/ and masks/ (unpack "
            "an archive first)"
        )
    if Path(suffix).suffix.lower() in IMAGES:
        raise ValueError(
            f"mask_suffix={suffix!r} stands before the file's ending: leave "
            f"{Path(suffix).suffix} out"
        )
    images = _by_stem(root / "images", IMAGES)
    found = _by_stem(root / "masks", _MASKS)
    if not images:
        raise FileNotFoundError(f"no image in {root / 'images'}. {_LAYOUT}")
    masks = {
        name.removesuffix(suffix): file
        for name, file in found.items()
        if name.endswith(suffix)
    }
    missing = [name for name in images if name not in masks]
    if missing:
        raise FileNotFoundError(
            f"no mask for {file_names([images[name] for name in missing])}: put "
            f"{root / 'masks' / (missing[0] + suffix)}.png beside the others or take "
            f"the image away{_hint(missing[0], found)}"
        )
    unused = [file for file in found.values() if file not in set(masks.values())]
    unused += [masks[name] for name in masks if name not in images]
    return [(images[name], masks[name]) for name in sorted(images)], sorted(unused)


def stem(file: Path) -> str:
    """Give a file's name without its ending, the same on every system.

    The same letter may be written as one sign or two, by the system: ä, a + ¨.
    """
    return unicodedata.normalize("NFC", file.stem)


def sort_files(files: Sequence[tuple[Path, Path]]) -> list[tuple[Path, Path]]:
    """Sort pairs of image and mask that were given, by the images' stems.

    Raises:
        FileNotFoundError: if there is no pair, or a file is missing.
        ValueError: if two images share a stem.
    """
    missing = [file for pair in files for file in pair if not file.is_file()]
    if missing or not files:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise FileNotFoundError(
            f"no file {missing[0]}{more}: is the data set unpacked completely?"
            if missing
            else "files=[] holds no pair of image and mask"
        )
    found: dict[str, tuple[Path, Path]] = {}
    for image, mask in files:
        other, _ = found.setdefault(stem(image), (image, mask))
        if other != image:
            raise ValueError(
                f"{other} and {image} share the name {stem(image)!r}: rename one, or "
                "make a data set of each folder (torch.utils.data.ConcatDataset joins "
                "them)"
            )
    return [found[name] for name in sorted(found)]


def _hint(name: str, masks: Mapping[str, Path]) -> str:
    """Say which mask was probably meant."""
    for other, file in masks.items():
        if other == name:
            return f". Is it {file.name}? Then leave mask_suffix out"
        if other.startswith(name):
            return f". Is it {file.name}? Then say mask_suffix={other[len(name) :]!r}"
        if other.casefold() == name.casefold():
            return f". Is it {file.name}? Names must agree in capitals: rename one"
    return ""


def _by_stem(folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    """Find the files of a folder by their stems."""
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder}. {_LAYOUT}")
    found: dict[str, Path] = {}
    for file in sorted(folder.iterdir()):
        if file.name.startswith(".") or file.name.lower() in LITTER:
            continue
        if file.is_dir():
            _refuse_pictures_below(file, suffixes)
            continue
        if file.suffix.lower() not in suffixes:
            raise ValueError(
                f"{file} is not one of {', '.join(suffixes)}: save it as one of "
                "them (masks as PNG, since JPEG changes values and GIF renumbers "
                "them) or take it away"
            )
        name = stem(file)
        if name in found:
            raise ValueError(
                f"{found[name]} and {file} share the name {name!r}, so the "
                "mask could belong to either: rename one"
            )
        found[name] = file
    return found


def _refuse_pictures_below(folder: Path, suffixes: tuple[str, ...]) -> None:
    """Refuse a sub-folder that holds pictures: they would be left out in silence."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(
            f for f in folders if not f.startswith(".") and f.lower() not in LITTER
        )
        for name in sorted(names):
            if Path(name).suffix.lower() in suffixes and not name.startswith("."):
                raise ValueError(
                    f"{Path(place) / name} lies in a sub-folder, and only files in "
                    f"{folder.parent} itself are read: move them up, or make a data "
                    "set of each folder (torch.utils.data.ConcatDataset joins them)"
                )
