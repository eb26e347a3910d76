"""Oxford-IIIT Pets: cats and dogs, each cut out from its background.

Parkhi and others 2012, "Cats and Dogs". The trimaps hold, by the annotations' README,
1 for the pet, 2 for the background and 3 for what is "not classified": the border
between them, which does not count here.
"""

from pathlib import Path
from typing import Any

from simseg_core.data.files.mask_values import MaskValues
from simseg_core.data.folder import FolderDataset
from simseg_core.data.known.fetching import Part, choose_part, fetch, missing

__all__ = ["pets"]

_VALUES = MaskValues({1: "pet", 2: "background", 3: None}, ["background", "pet"])
_INSIDE = "oxford-iiit-pet"
_PARTS = {"train": "trainval", "val": "test", None: "trainval test"}
_BY_HAND = (
    "Fetch images.tar.gz and annotations.tar.gz (800 MB) from "
    "https://www.robots.ox.ac.uk/~vgg/data/pets/ and unpack both there, so that it "
    "holds images/ and annotations/; or simseg_core.data.pets(PATH, download=True)"
)


def pets(
    root: str | Path,
    *,
    part: Part | None = None,
    download: bool = False,
    normalize: bool = False,
    **options: Any,
) -> FolderDataset:
    """Read Oxford-IIIT Pets, as its archives unpack.

    Args:
        root: the folder that holds ``images/`` and ``annotations/``, or the one above
            it if it is called ``oxford-iiit-pet``, as torchvision calls it.
        part: ``"train"`` is the official list *trainval*; there is no list of its own
            for validation, so that ``"val"`` is *test*. None takes both.
        download: fetch what is missing, 800 MB, into ``root/oxford-iiit-pet``.
        normalize: whether images are normalised.
        **options: `size` and `transform` of `FolderDataset`.

    Returns:
        Pairs of an image ``(3, H, W)`` float32 and a label ``(H, W)`` int64: 0 for the
        background, 1 for the pet, and 255 for the border between them.

    Raises:
        FileNotFoundError: if the data set, or a file of it, is not there.
        ConnectionError: if the download fails.
        ValueError: if `part` is another.
    """
    lists, root = choose_part(part, _PARTS).split(), Path(root).expanduser()
    if download and not (root / "annotations").is_dir():
        from torchvision.datasets import OxfordIIITPet

        fetch(lambda: OxfordIIITPet(root, download=True), _BY_HAND)
    top = root / _INSIDE if (root / _INSIDE).is_dir() else root
    try:
        lines = [
            line
            for name in lists
            for line in (top / "annotations" / f"{name}.txt").read_text().splitlines()
        ]
    except OSError as error:
        raise missing("Oxford-IIIT Pets", root, _BY_HAND) from error
    # A line is: name, breed, species, number within the species.
    names = [line.split()[0] for line in lines if line.strip()]
    return FolderDataset(
        top,
        files=[
            (
                top / "images" / f"{name}.jpg",
                top / "annotations" / "trimaps" / f"{name}.png",
            )
            for name in names
        ],
        mask_values=_VALUES,
        normalize=normalize,
        **options,
    )
