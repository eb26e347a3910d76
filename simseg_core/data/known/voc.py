"""PASCAL VOC 2012: 20 classes of objects and the background.

Everingham and others 2010, "The PASCAL Visual Object Classes (VOC) Challenge", and the
development kit of 2012: class names in section 2, colours by its `VOClabelcolormap`.
A border about five pixels wide around objects is void, 255: it does not count.
"""

from pathlib import Path
from typing import Any

from simseg_core.data.files.mask_values import MaskValues
from simseg_core.data.folder import FolderDataset
from simseg_core.data.known.fetching import Part, choose_part, fetch, missing
from simseg_core.data.palettes import Color

__all__ = ["CLASSES", "color_map", "voc"]

CLASSES = (
    "background",
    *("aeroplane", "bicycle", "bird", "boat", "bottle"),
    *("bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person"),
    *("pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)
_INSIDE = Path("VOCdevkit", "VOC2012")
_PARTS = {"train": "train", "val": "val", None: "trainval"}
_BY_HAND = (
    "Fetch VOCtrainval_11-May-2012.tar (2 GB) from "
    "http://host.robots.ox.ac.uk/pascal/VOC/voc2012/ and unpack it there, so that it "
    "holds VOCdevkit/VOC2012; or simseg_core.data.voc(PATH, download=True)"
)


def voc(
    root: str | Path,
    *,
    part: Part | None = None,
    download: bool = False,
    normalize: bool = False,
    **options: Any,
) -> FolderDataset:
    """Read PASCAL VOC 2012, as its archive unpacks.

    Args:
        root: the folder that holds ``VOCdevkit/VOC2012``, or either of these two.
        part: ``"train"`` or ``"val"``, by the official lists; None takes both.
        download: fetch what is missing, 2 GB, into `root`.
        normalize: whether images are normalised.
        **options: `size` and `transform` of `FolderDataset`.

    Returns:
        Pairs of an image ``(3, H, W)`` float32 and a label ``(H, W)`` int64: 0 for the
        background, 1 to 20, and 255 for void.

    Raises:
        FileNotFoundError: if the data set, or a file of it, is not there.
        ConnectionError: if the download fails.
        ValueError: if `part` is another.
    """
    from torchvision.datasets import VOCSegmentation  # seconds to import

    image_set, root = choose_part(part, _PARTS), Path(root).expanduser()
    tops = (root, *root.absolute().parents[:2])
    top = next((top for top in tops if (top / _INSIDE).is_dir()), root)
    if download and not (top / _INSIDE).is_dir():
        fetch(lambda: VOCSegmentation(top, download=True), _BY_HAND)
    try:
        layout = VOCSegmentation(top, image_set=image_set)
    except (RuntimeError, FileNotFoundError) as error:
        raise missing("VOC 2012", root, _BY_HAND) from error
    return FolderDataset(
        top,
        files=list(zip(map(Path, layout.images), map(Path, layout.targets))),
        mask_values=MaskValues.indices(CLASSES),
        palette=color_map(len(CLASSES)),
        normalize=normalize,
        **options,
    )


def color_map(count: int) -> tuple[Color, ...]:
    """Compute the official colours: the bits of a number, dealt out in threes.

    >>> color_map(3), color_map(256)[255]
    (((0, 0, 0), (128, 0, 0), (0, 128, 0)), (224, 224, 192))
    """
    colors = []
    for index in range(count):
        channels = [0, 0, 0]
        for bit in range(8):
            channels[bit % 3] |= (index >> bit & 1) << (7 - bit // 3)
        colors.append((channels[0], channels[1], channels[2]))
    return tuple(colors)
