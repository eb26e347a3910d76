"""A data set of a reader's own pictures: ``images/`` and ``masks/``, matched by stem.

A mask is one channel (or a palette PNG) whose values are class indices, 255 for
pixels that do not count. Every error names the file and says what to do about it.
"""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.nn import functional
from torch.utils.data import Dataset

from simseg_core.data.normalization import normalize as normalize_image
from simseg_core.data.palettes import Color, default_palette

IMAGES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp")
MASKS = (".bmp", ".gif", ".png", ".tif", ".tiff")  # formats that keep every value
LITTER = ("Thumbs.db", "desktop.ini")  # written by file managers
LAYOUT = (
    "The folder must look like root/images/NAME.jpg with root/masks/NAME.png "
    "(the same NAME, class indices as pixel values)"
)
Pair = tuple[Tensor, Tensor]


class FolderDataset(Dataset[Pair]):
    """Images and masks from a folder.

    Args:
        root: the folder that holds ``images/`` and ``masks/``. Masks without an image
            are left out.
        classes: the classes' names; value 0 in a mask is the first.
        size: ``(H, W)`` or one number for both: resize to it, labels by nearest
            neighbour. None keeps each file's own size (then use batches of 1).
        transform: a callable ``(image, label) -> (image, label)`` on images from 0 to
            1, applied after the resize; see `simseg_core.data.transforms.augment`.
        normalize: whether images are normalised, last of all.
        palette: one colour a class; None takes `palettes.default_palette`.
        ignore_index: the mask value of pixels that do not count.

    Raises:
        FileNotFoundError: if a folder or a mask is missing.
        ValueError: if two images share a stem, a file is no image, or classes and
            palette do not fit; on reading: sizes that differ, values out of range,
            files that are cut off or have more channels than they should.
        TypeError: if `classes` is not a sequence of names.

    >>> FolderDataset("no/such/folder", classes=["background", "cat"])
    Traceback (most recent call last):
    FileNotFoundError: no folder no/such/folder/images. The folder must look like ...
    """

    def __init__(
        self,
        root: str | Path,
        *,
        classes: Sequence[str],
        size: int | tuple[int, int] | None = None,
        transform: Callable[[Tensor, Tensor], Pair] | None = None,
        normalize: bool = True,
        palette: Sequence[Color] | None = None,
        ignore_index: int = 255,
    ) -> None:
        if isinstance(classes, str) or not isinstance(classes, Sequence):
            raise TypeError(
                f"classes={classes!r} must be a list of names, in the order of the "
                'mask values, such as ["background", "cat"]'
            )
        self.classes = tuple(classes)
        self.palette = tuple(palette or default_palette(len(classes)))
        if len(self.palette) != len(self.classes):
            raise ValueError(
                f"{len(self.classes)} classes but {len(self.palette)} colours in the "
                "palette: give one colour a class"
            )
        self.size = (size, size) if isinstance(size, int) else size
        self.transform, self.normalize = transform, normalize
        self.ignore_index = ignore_index
        self.files = _match(Path(root))

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Pair:
        """Read one pair.

        Returns:
            The image ``(3, H, W)`` float32 and the label ``(H, W)`` int64.
        """
        image_file, mask_file = self.files[index]
        image = _read_image(image_file)
        label = _read_mask(mask_file, len(self.classes), self.ignore_index)
        if image.shape[-2:] != label.shape:
            (h, w), (mask_h, mask_w) = image.shape[-2:], label.shape
            raise ValueError(
                f"{image_file} is {w} x {h} pixels but {mask_file} is {mask_w} x "
                f"{mask_h}: save the mask at the image's size (nearest neighbour)"
            )
        if self.size is not None:
            image = functional.interpolate(
                image[None], self.size, mode="bilinear", antialias=True
            )[0]
            label = functional.interpolate(
                label[None, None].float(), self.size, mode="nearest-exact"
            )[0, 0].long()
        if self.transform is not None:
            image, label = self.transform(image, label)
        return (normalize_image(image) if self.normalize else image), label

    def check(self) -> None:
        """Read every pair once, so that faults show before training starts.

        Raises:
            ValueError: if any pair is faulty; it lists all of them.
        """
        faults = []
        for index in range(len(self)):
            try:
                self[index]
            except ValueError as fault:
                faults.append(str(fault))
        if faults:
            raise ValueError(
                f"{len(faults)} of {len(self)} pairs are faulty:\n" + "\n".join(faults)
            )


def _match(root: Path) -> list[tuple[Path, Path]]:
    """Pair the images with the masks of the same stem, sorted by stem."""
    images, masks = (_by_stem(root / "images", IMAGES), _by_stem(root / "masks", MASKS))
    if not images:
        raise FileNotFoundError(f"no image in {root / 'images'}. {LAYOUT}")
    missing = [file for stem, file in images.items() if stem not in masks]
    if missing:
        shown = ", ".join(f"{file.name}" for file in missing[:5])
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        raise FileNotFoundError(
            f"no mask for {shown}{more}: put {root / 'masks' / missing[0].stem}.png "
            "beside the others or take the image away"
        )
    return [(images[stem], masks[stem]) for stem in sorted(images)]


def _by_stem(folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder}. {LAYOUT}")
    found: dict[str, Path] = {}
    for file in sorted(folder.iterdir()):
        if file.name.startswith(".") or file.name in LITTER or file.is_dir():
            continue
        if file.suffix.lower() not in suffixes:
            raise ValueError(
                f"{file} is not one of {', '.join(suffixes)}: save it as one of "
                "them (masks as PNG, since JPEG changes values) or take it away"
            )
        if file.stem in found:
            raise ValueError(
                f"{found[file.stem]} and {file} share the name {file.stem!r}, so the "
                "mask could belong to either: rename one"
            )
        found[file.stem] = file
    return found


def _open(file: Path) -> Image.Image:
    """Decode a file completely, so that a cut-off one fails here."""
    try:
        with Image.open(file) as image:
            image.load()
            return image
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(
            f"{file} cannot be read ({error}): it is cut off or no image; "
            "copy or save it again"
        ) from error


def _read_image(file: Path) -> Tensor:
    """Read RGB from 0 to 1; greyscale is repeated, transparency laid on white."""
    image = ImageOps.exif_transpose(_open(file))  # as the camera was held
    if image.mode.startswith(("I", "F")):
        raise ValueError(
            f"{file} has more than 8 bits a channel (mode {image.mode}), whose range "
            "is not known: scale it to 0..255 and save it as 8-bit PNG"
        )
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
    pixels = np.array(image.convert("RGB"), dtype=np.float32) / 255
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()


def _read_mask(file: Path, classes: int, ignore_index: int) -> Tensor:
    """Read class indices; a palette image's indices are its labels, not its colours."""
    mask = _open(file)
    if len(mask.getbands()) != 1 or mask.mode == "F":
        raise ValueError(
            f"{file} has channels {'/'.join(mask.getbands())} (mode {mask.mode}); a "
            "mask has one, of whole class indices: replace its colours by 0, 1, 2, ... "
            "and save it as 8-bit PNG"
        )
    values = np.array(mask).astype(np.int64)
    present = np.unique(values)
    wrong = [v for v in present.tolist() if v != ignore_index and not 0 <= v < classes]
    if wrong:
        raise ValueError(
            f"{file} holds the values {wrong}, but {classes} classes are 0 to "
            f"{classes - 1} ({ignore_index} = ignore): renumber the mask or name "
            "more classes"
        )
    if ignore_index == 255 and set(present.tolist()) == {0, 255}:
        warnings.warn(
            f"{file} holds only 0 and 255, and 255 means ignore. If 255 is your "
            "object, save it as 1 (mask // 255)",
            stacklevel=3,
        )
    return torch.from_numpy(values)
