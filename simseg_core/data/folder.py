"""A data set of a reader's own pictures: ``images/`` and ``masks/``, matched by stem.

A mask holds class indices, 255 for pixels that do not count, or whatever a table of
`mask_values` says. Every error names the file and says what to do about it.
"""

import json
import operator
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional
from torch.utils.data import Dataset

from simseg_core.data.files.faults import Fault, file_names, list_faults
from simseg_core.data.files.file_pairs import match_files, sort_files, stem
from simseg_core.data.files.mask_palettes import MaskPalettes
from simseg_core.data.files.mask_values import MaskValues
from simseg_core.data.files.picture_files import (
    MaskOrientation,
    match_orientation,
    open_mask,
    open_picture,
)
from simseg_core.data.files.values import Value
from simseg_core.data.normalization import normalize as normalize_image
from simseg_core.data.pairs import IGNORE_INDEX, Pair
from simseg_core.data.palettes import Color, default_palette
from simseg_core.data.sizes import sides
from simseg_core.data.transforms import as_pair_transform

__all__ = ["MASK_VALUES", "FolderDataset", "read_mask_values", "rgb_tensor"]

MASK_VALUES = "mask_values.json"


class FolderDataset(Dataset[Pair]):
    """Images and masks from a folder.

    Args:
        root: the folder that holds ``images/`` and ``masks/``. Masks without an image
            are left out; `check` tells them.
        classes: the classes' names; value 0 in a mask is the first. With `mask_values`
            they may be left out, or give the order. With neither, the folder's
            ``mask_values.json`` says both: what `MaskValues.to_json` gives, as a file.
        size: ``(H, W)`` or one number for both: resize to it, labels by nearest
            neighbour. None keeps each file's own size (then use batches of 1).
        transform: a callable ``(image, label) -> (image, label)`` on images from 0 to
            1, applied after the resize; see `simseg_core.data.transforms.augment`.
            One of ``torchvision.transforms.v2`` moves both alike.
        normalize: whether images are normalised, last of all.
        palette: one colour a class; None takes `palettes.default_palette`.
        ignore_index: the label of pixels that do not count, and without `mask_values`
            their value in a mask. None is 255, but see below.
        mask_values: which class each value or colour in a mask is, such as
            ``{0: "background", 255: "cell"}`` (None: does not count), or a
            `MaskValues`. None takes the values as class indices.
        mask_suffix: what a mask's name has more than its image's: ``"_mask"`` for
            ``cat_mask.png``.
        mask_orientation: whether masks without the EXIF orientation of their picture
            were drawn on it ``"upright"``, as it is shown, or as its pixels are
            ``"stored"``. None lets the sizes decide and refuses what they cannot.
        files: pairs of image and mask, where they lie in no ``images/`` and
            ``masks/``. None looks for them in `root`.

    Attributes:
        files: the pairs of image and mask, sorted by name.
        names: the stem of each image.
        unused: masks without an image.

    Masks of 0 and 255 alone are refused as long as nothing says what 255 is:
    `mask_values`, `ignore_index`, or another mask of the set that holds a class beside
    the first.

    Raises:
        FileNotFoundError: if a folder or a mask is missing.
        NotADirectoryError: if `root` is a file.
        ValueError: if two images share a stem, a file is no image, pictures lie in a
            sub-folder, classes, palette and `mask_values` do not fit, or images would
            be normalised twice; on reading:
            sizes that differ, values without a class, files that are cut off or would
            be read in part, palettes or EXIF orientations that contradict each other.
        TypeError: if `classes` is not a sequence of names, or `size` no whole numbers;
            on reading: if `transform` returns no pair.

    >>> FolderDataset("no/such/folder", classes=["background", "cat"])
    Traceback (most recent call last):
    FileNotFoundError: no folder no/such/folder/images. The folder must look like ...
    """

    def __init__(
        self,
        root: str | Path,
        *,
        classes: Sequence[str] | None = None,
        size: int | tuple[int, int] | None = None,
        transform: Callable[[Tensor, Tensor], Pair] | None = None,
        normalize: bool = True,
        palette: Sequence[Color] | None = None,
        ignore_index: int | None = None,
        mask_values: MaskValues | Mapping[Value, str | None] | None = None,
        mask_suffix: str = "",
        mask_orientation: MaskOrientation | None = None,
        files: Sequence[tuple[Path, Path]] | None = None,
    ) -> None:
        root = Path(root).expanduser()
        if mask_values is None:
            mask_values = read_mask_values(root)
        self.mask_values = _mask_values(mask_values, classes, ignore_index)
        self.classes = self.mask_values.classes
        self.ignore_index = self.mask_values.ignore_index
        self.palette = tuple(palette or default_palette(len(self.classes)))
        if len(self.palette) != len(self.classes):
            raise ValueError(
                f"{len(self.classes)} classes but {len(self.palette)} colours in the "
                "palette: give one colour a class"
            )
        if mask_orientation not in (None, *get_args(MaskOrientation)):
            raise ValueError(
                f"mask_orientation={mask_orientation!r} is not 'upright' or 'stored'"
            )
        self.mask_orientation = mask_orientation
        self.size = None if size is None else sides(size)
        self.transform, self.normalize = as_pair_transform(transform), normalize
        if normalize and getattr(self.transform, "normalize", False):
            raise ValueError(
                "images would be normalised twice: say normalize=True to the transform "
                "or to the data set, and normalize=False to the other"
            )
        self.unused: list[Path] = []
        if files is None:
            self.files, self.unused = match_files(root, mask_suffix)
        else:
            self.files = sort_files(files)
        self.names = [stem(image) for image, _ in self.files]
        self._palettes = MaskPalettes(self.mask_values)
        # Whether 255 may be void in masks that hold only 0 beside it; None: not known.
        said = mask_values is not None or ignore_index is not None
        self._void_said, self._void_seen = said, True if said else None

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Pair:
        """Read one pair.

        Returns:
            The image ``(3, H, W)`` float32 and the label ``(H, W)`` int64.
        """
        try:
            number = operator.index(index)
        except TypeError:
            raise TypeError(
                f"pairs are read one by one, data[0], not by {index!r}: for a part of "
                "the set take torch.utils.data.Subset(data, range(8))"
            ) from None
        return self._prepare(*self._read(number))

    def check(self) -> None:
        """Read every pair once, so that faults show before training starts.

        What is no fault but worth knowing is told as one warning: classes that no mask
        holds, masks in which no pixel counts, masks without an image, and 255 that
        stands for no pixels that count beside 0 alone.

        Raises:
            ValueError: if any pair is faulty; it lists all of them, each kind of fault
                with its remedy and up to 20 files.
        """
        self._palettes = MaskPalettes(self.mask_values)  # files may have been mended
        self._void_seen = True if self._void_said else None
        faults: list[ValueError] = []
        seen = _Seen()
        for index in range(len(self)):
            try:
                image, label = self._read(index)
                self._prepare(image, label)
            except ValueError as fault:
                faults.append(fault)
            else:
                seen.add(self.files[index][1], label, self.ignore_index)
        if faults:
            raise ValueError(
                f"{len(faults)} of {len(self)} pairs are faulty:\n"
                + list_faults(faults, self.mask_values.remedy)
            )
        notes = self._notes(seen)
        if notes:
            warnings.warn("\n".join(notes), stacklevel=2)

    def _read(self, index: int) -> Pair:
        """Read a pair at its own size: the image from 0 to 1, and its label."""
        image_file, mask_file = self.files[index]
        picture, mask = open_picture(image_file), open_mask(mask_file)
        self._palettes.add(mask_file, mask.upright)
        upright = match_orientation(picture, mask, self.mask_orientation)
        label = self._label(mask_file, upright)
        if self._is_doubtful(label) and not self._another_class_is_seen():
            raise self._doubt(mask_file, label)
        return rgb_tensor(picture.upright), label

    def _label(self, file: Path, mask: Image.Image) -> Tensor:
        try:
            return torch.from_numpy(self.mask_values(mask))
        except Fault as fault:
            raise fault.at(file) from None

    def _prepare(self, image: Tensor, label: Tensor) -> Pair:
        """Resize, transform and normalise a pair."""
        if self.size is not None:
            image = functional.interpolate(
                image[None], self.size, mode="bilinear", antialias=True
            )[0].clamp(max=1)  # white rounds up to 1.0000001
            label = functional.interpolate(
                label[None, None].float(), self.size, mode="nearest-exact"
            )[0, 0].long()
        if self.transform is not None:
            pair = self.transform(image, label)
            if not isinstance(pair, tuple | list) or len(pair) != 2:
                raise TypeError(
                    "the transform must return the pair (image, label), and gave "
                    f"{type(pair).__name__}: wrap it in a function that does"
                )
            image, label = pair
        return (normalize_image(image) if self.normalize else image), label

    def _is_doubtful(self, label: Tensor) -> bool:
        """Whether a mask holds 255, and no class beside the first."""
        if self._void_said:
            return False
        ignored = label == IGNORE_INDEX
        return bool(ignored.any() and (ignored | (label == 0)).all())

    def _doubt(self, file: Path, label: Tensor) -> Fault:
        first, *others = map(repr, self.classes)
        second = others[0] if len(others) == 1 else "..."
        values = " and ".join(map(str, label.unique().tolist()))
        return Fault(
            f"holds only {values}, and no mask of the set holds a class beside the "
            "first, so that 255 may be one",
            f"if 255 is a class, say mask_values={{0: {first}, 255: {second}}}; if it "
            "marks pixels that do not count, say ignore_index=255",
            place=file,
        )

    def _another_class_is_seen(self) -> bool:
        """Whether a mask of the set holds a class beside the first; read once."""
        if self._void_seen is None:
            self._void_seen = any(map(self._holds_a_class, range(len(self))))
        return self._void_seen

    def _holds_a_class(self, index: int) -> bool:
        file = self.files[index][1]
        try:
            mask = open_mask(file).upright
            label = self._label(file, mask)
        except Fault:
            return False  # it is told when its own turn comes
        if mask.mode == "1":
            return False  # its white may be another program's 255
        return bool(((label > 0) & (label != IGNORE_INDEX)).any())

    def _notes(self, seen: "_Seen") -> list[str]:
        """Say what is no fault but worth knowing."""
        notes = []
        absent = [n for i, n in enumerate(self.classes) if i not in seen.classes]
        if absent:
            notes.append(f"No mask holds {' or '.join(map(repr, absent))}.")
        if seen.void:
            notes.append(f"No pixel counts in {file_names(seen.void)}.")
        if not self._void_said and seen.beside_first and not seen.beside_others:
            first, *others = self.classes
            table = {0: first, **dict(enumerate(others, 1)), 255: others[0]}
            notes.append(
                "255 is read as pixels that do not count, but stands beside 0 alone, "
                f"in {file_names(seen.beside_first)}. If it is a class there, say "
                f"which: mask_values={table}."
            )
        if self.unused:
            notes.append(
                f"No image has the name of {file_names(self.unused)}: left out."
            )
        return notes


@dataclass
class _Seen:
    """What the labels of a set hold.

    Attributes:
        classes: labels that occur.
        void: masks in which no pixel counts.
        beside_first: masks of pixels that do not count and the first class alone.
        beside_others: whether such pixels stand in a mask of another class, too.
    """

    classes: set[int] = field(default_factory=set)
    void: list[Path] = field(default_factory=list)
    beside_first: list[Path] = field(default_factory=list)
    beside_others: bool = False

    def add(self, file: Path, label: Tensor, ignore_index: int) -> None:
        present = set(label.unique().tolist())
        self.classes |= present
        if present == {ignore_index}:
            self.void.append(file)
        elif present == {0, ignore_index}:
            self.beside_first.append(file)
        elif ignore_index in present:
            self.beside_others = True


def read_mask_values(root: Path) -> MaskValues | None:
    """Read the ``mask_values.json`` of a folder, None if it has none.

    Raises:
        ValueError: if the file is no JSON, or not what `MaskValues.to_json` gives.
    """
    file = root / MASK_VALUES
    if not file.is_file():
        return None
    try:
        return MaskValues.from_json(json.loads(file.read_text("utf-8")))
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{file} cannot be read ({error}): mend it, or take it away and say "
            "classes or mask_values"
        ) from error


def _mask_values(
    values: MaskValues | Mapping[Value, str | None] | None,
    classes: Sequence[str] | None,
    ignore_index: int | None,
) -> MaskValues:
    if values is None:
        if classes is None:
            raise TypeError(
                'name the classes: classes=["background", "cat"], or with what stands '
                'for each in a mask: mask_values={0: "background", 255: "cat"}'
            )
        return MaskValues.indices(classes, ignore_index=ignore_index)
    if not isinstance(values, MaskValues):
        return MaskValues(values, classes, ignore_index=ignore_index)
    for name, given, own in (
        ("classes", None if classes is None else tuple(classes), values.classes),
        ("ignore_index", ignore_index, values.ignore_index),
    ):
        if given is not None and given != own:
            raise ValueError(
                f"{name}={given!r} is not that of mask_values, {own!r}: leave it out"
            )
    return values


def rgb_tensor(image: Image.Image) -> Tensor:
    """Return RGB from 0 to 1; greyscale is repeated, transparency laid on white."""
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
    pixels = np.array(image.convert("RGB"), dtype=np.float32) / 255
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()
