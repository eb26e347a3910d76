"""Cityscapes: streets seen from a car, 19 classes.

Cordts and others 2016, "The Cityscapes Dataset for Semantic Urban Scene Understanding".
The masks ``*_labelIds.png`` hold more kinds of things than are scored. Names, colours
and which kinds become the 19 classes are those of the official table, which torchvision
carries; all others do not count.
"""

from pathlib import Path
from typing import Any

from simseg_core.data.files.mask_values import MaskValues
from simseg_core.data.folder import FolderDataset
from simseg_core.data.known.fetching import Part, choose_part, missing

__all__ = ["cityscapes"]

_PARTS = {"train": "train", "val": "val", None: "train val"}
_BY_HAND = (
    "Fetch leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip (11 GB) from "
    "https://www.cityscapes-dataset.com/downloads/, which asks for an account, and "
    "unpack both there, so that it holds leftImg8bit/ and gtFine/"
)


def cityscapes(
    root: str | Path,
    *,
    part: Part | None = None,
    download: bool = False,
    normalize: bool = False,
    **options: Any,
) -> FolderDataset:
    """Read Cityscapes with its fine labels, as its archives unpack.

    Args:
        root: the folder that holds ``leftImg8bit/`` and ``gtFine/``, or both archives,
            which are then unpacked there.
        part: ``"train"`` or ``"val"``; None takes both. The masks of *test* are empty.
        download: refused, since an account is needed.
        normalize: whether images are normalised.
        **options: `size` and `transform` of `FolderDataset`.

    Returns:
        Pairs of an image ``(3, H, W)`` float32 and a label ``(H, W)`` int64: the 19
        classes' *train ids*, and 255 for all else.

    Raises:
        FileNotFoundError: if the data set, or a file of it, is not there.
        ConnectionError: if a download is asked for.
        ValueError: if `part` is another.
    """
    from torchvision.datasets import Cityscapes  # seconds to import

    parts, root = choose_part(part, _PARTS).split(), Path(root).expanduser()
    if download:
        raise ConnectionError(f"Cityscapes cannot be downloaded from here. {_BY_HAND}")
    try:
        layouts = [Cityscapes(root, one, target_type="semantic") for one in parts]
    except (RuntimeError, FileNotFoundError) as error:
        raise missing("Cityscapes", root, _BY_HAND) from error
    scored = sorted(
        (kind for kind in Cityscapes.classes if not kind.ignore_in_eval),
        key=lambda kind: kind.train_id,
    )
    names = {kind.id: kind.name for kind in scored}
    return FolderDataset(
        root,
        files=[
            (Path(image), Path(mask))
            for layout in layouts
            for image, (mask,) in zip(layout.images, layout.targets)
        ],
        mask_values=MaskValues(
            {kind.id: names.get(kind.id) for kind in Cityscapes.classes},
            [kind.name for kind in scored],
        ),
        palette=[kind.color for kind in scored],
        normalize=normalize,
        **options,
    )
