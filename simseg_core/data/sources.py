"""A data set by a text, as a terminal gives it: ``folder:PATH``, ``street``.

All give raw pairs: images from 0 to 1, not normalised, and of their own sizes.
"""

import contextlib
import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from simseg_core.data.blue_marble import BlueMarble
from simseg_core.data.compose.scenes import SeededDataset
from simseg_core.data.files.faults import Fault
from simseg_core.data.files.file_pairs import match_files
from simseg_core.data.files.mask_pixels import count_values
from simseg_core.data.files.mask_values import MaskValues
from simseg_core.data.files.picture_files import MaskOrientation, open_mask
from simseg_core.data.files.values import Value, as_text
from simseg_core.data.folder import MASK_VALUES, FolderDataset, read_mask_values
from simseg_core.data.known.ade20k import ade20k
from simseg_core.data.known.cityscapes import cityscapes
from simseg_core.data.known.fetching import Part
from simseg_core.data.known.pets import pets
from simseg_core.data.known.voc import voc
from simseg_core.data.pairs import IGNORE_INDEX
from simseg_core.data.palettes import Color
from simseg_core.data.signal import Signal
from simseg_core.data.signs import Signs
from simseg_core.data.street import Street

__all__ = [
    "COMPOSED",
    "KNOWN",
    "RawPairs",
    "UnnamedClasses",
    "find_values",
    "has_parts",
    "open_source",
]

COMPOSED: Mapping[str, Callable[..., SeededDataset]] = {
    "street": Street,
    "signal": Signal,
    "signs": Signs,
    "blue-marble": BlueMarble,
}
KNOWN: Mapping[str, Callable[..., FolderDataset]] = {
    "voc": voc,
    "pets": pets,
    "cityscapes": cityscapes,
    "ade20k": ade20k,
}
_FORMS = (
    f"{', '.join(f'{kind}:PATH' for kind in ('folder', *KNOWN))}, {', '.join(COMPOSED)}"
)
_PARTS: tuple[Part, ...] = ("train", "val")
_LOOKED_AT = 20  # masks, to see what values they hold
_MANY = 20  # values: more are hardly classes


class RawPairs(Protocol):
    """What `open_source` gives: pairs, and what they mean.

    Attributes:
        classes: their names, in the order of their labels.
        palette: one colour a class, red, green and blue from 0 to 255.
        ignore_index: the label of pixels that do not count.
        names: one a sample, each once, for splits, reports and output files. Data sets
            of files also have `files`, the pairs of image and mask.
    """

    classes: tuple[str, ...]
    palette: tuple[Color, ...]
    ignore_index: int
    names: list[str]

    @property
    def mask_values(self) -> MaskValues | None:
        """What each value in a mask file means; None for composed pictures."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> tuple[Tensor, Tensor]: ...


class _Composed:
    """A composed data set with what those of files have.

    Its attributes are those of `RawPairs`; `normalize` says that images are not.
    """

    mask_values = None
    normalize = False

    def __init__(self, pairs: SeededDataset) -> None:
        self.pairs = pairs
        self.classes, self.palette = pairs.classes, pairs.palette
        self.ignore_index = pairs.ignore_index
        self.names = [f"{pairs.split}_{i:05d}" for i in range(len(pairs))]

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.pairs[index]


class UnnamedClasses(ValueError):
    """Nothing says which classes the masks of a folder have.

    The message says what a sample of them holds and gives the option to paste.

    Args:
        root: the folder.
        masks: its mask files.

    Attributes:
        masks: as given.
    """

    def __init__(self, root: Path, masks: Sequence[Path]) -> None:
        self.masks = masks
        sample = masks[:: -(-len(masks) // _LOOKED_AT)]
        values = find_values(sample)
        all_or_some = (
            "they hold"
            if len(sample) == len(masks)
            else f"{len(sample)} of {len(masks)} masks hold"
        )
        start = f"nothing says which classes the masks in {root} have; {all_or_some}"
        if len(values) > _MANY:
            super().__init__(
                f"{start} {len(values)} values. So many usually come from JPEG, from "
                "smoothed edges or from numbered objects: make the masks again with "
                f"one value a class, or say what each is in {root / MASK_VALUES}"
            )
        else:
            shown = ", ".join(map(str, values)) or "nothing that can be read"
            super().__init__(f"{start} {shown}. Put your names into {_option(values)}")


def has_parts(text: str) -> bool:
    """Say whether a source brings its own split into training and validation.

    >>> has_parts("street"), has_parts("voc:data"), has_parts("folder:no/such/folder")
    (True, True, False)
    """
    kind, _, path = text.partition(":")
    if kind != "folder":
        return kind in COMPOSED or kind in KNOWN
    root = Path(path).expanduser()
    return all((root / part / "images").is_dir() for part in _PARTS)


def open_source(
    text: str,
    *,
    classes: Sequence[str] | None = None,
    mask_values: MaskValues | Mapping[Value, str | None] | None = None,
    ignore_index: int | None = None,
    mask_suffix: str = "",
    mask_orientation: MaskOrientation | None = None,
    part: Part | None = None,
) -> RawPairs:
    """Open a data set by a text.

    Args:
        text: ``folder:PATH`` for a folder with ``images/`` and ``masks/``, or with
            ``train/`` and ``val/`` that have these; ``voc:PATH``, ``pets:PATH``,
            ``cityscapes:PATH`` or ``ade20k:PATH`` for a public data set in its official
            layout; ``street``, ``signal``, ``signs`` or ``blue-marble`` for one that
            comes with the book.
        classes: of a folder; see `simseg_core.data.FolderDataset`, also for the next.
        mask_values: of a folder.
        ignore_index: of a folder.
        mask_suffix: of a folder.
        mask_orientation: of a folder.
        part: ``"train"`` or ``"val"`` of a source that has both (`has_parts`). None
            takes both together, and of a composed one the training part.

    Returns:
        Raw pairs: an image ``(3, H, W)`` float32 from 0 to 1, not normalised, of its
        own size, and its label ``(H, W)`` int64.

    Raises:
        FileNotFoundError: if the folder or what it must hold is not there.
        ValueError: if `text` has another form, the source has no such part or takes no
            such option, or nothing says what the masks of a folder hold; the error then
            says what they do hold, and the option to give.

    >>> data = open_source("street", part="val")
    >>> data.names[0], data.classes[0], data[0][0].shape
    ('val_00000', 'sky', torch.Size([3, 96, 96]))
    """
    kind, colon, path = text.partition(":")
    if part not in (None, *_PARTS):
        raise ValueError(f"part={part!r} is not 'train' or 'val'")
    if kind == "folder" and path:
        return _open_folder(
            Path(path).expanduser(),
            part,
            classes=classes,
            mask_values=mask_values,
            ignore_index=ignore_index,
            mask_suffix=mask_suffix,
            mask_orientation=mask_orientation,
        )
    said = {
        "classes": classes,
        "mask_values": mask_values,
        "ignore_index": ignore_index,
        "mask_suffix": mask_suffix or None,
        "mask_orientation": mask_orientation,
    }
    superfluous = [name for name, value in said.items() if value is not None]
    is_known = (kind in KNOWN and path) or (kind in COMPOSED and not colon)
    if is_known and superfluous:
        raise ValueError(
            f"{text} says itself what its masks hold: leave {superfluous[0]} out"
        )
    if kind in KNOWN and path:
        return KNOWN[kind](path, part=part)
    if kind in COMPOSED and not colon:
        return _Composed(COMPOSED[kind](part or "train", normalize=False))
    raise ValueError(f"{text!r} is no data set: {_meant(text)}")


def _meant(text: str) -> str:
    """Say what a wrong text may have been meant as."""
    kind, colon, _ = text.partition(":")
    if kind in COMPOSED:
        return f"{kind} has no path, write {kind} alone"
    if kind in KNOWN or kind == "folder":
        return f"say where it lies, {kind}:PATH"
    if text and Path(text).expanduser().is_dir():
        return f"is it folder:{text}?"
    if colon and len(kind) > 1:
        return f"there is no kind {kind!r}; there are {_FORMS}"
    return f"no folder has that name, and there are {_FORMS}"


def _open_folder(root: Path, part: Part | None, **options: Any) -> FolderDataset:
    top = root
    if part is not None:
        top = root / part
        if not (top / "images").is_dir():
            raise ValueError(
                f"{root} has no part {part!r} (no folder {top / 'images'}): open all "
                "of it and split it by share, by group or by lists "
                "(simseg_core.data.split)"
            )
    elif has_parts(f"folder:{root}") and not (root / "images").is_dir():
        parts = (match_files(root / one, options["mask_suffix"]) for one in _PARTS)
        options["files"] = [pair for pairs, _ in parts for pair in pairs]
    if options["mask_values"] is None and not (top / MASK_VALUES).is_file():
        if (root / MASK_VALUES).is_file():
            options["mask_values"] = read_mask_values(root)
        elif options["classes"] is None:
            files = options.get("files") or match_files(top, options["mask_suffix"])[0]
            raise UnnamedClasses(top, [mask for _, mask in files])
    return FolderDataset(top, normalize=False, **options)


def find_values(masks: Sequence[Path]) -> list[Value]:
    """List the numbers or colours that masks hold; in palettes, the indices.

    What cannot be read is left out. Greys are written as colours if there are any.

    >>> from simseg_core.data.known import voc
    >>> find_values([Path(voc.__file__)])  # no mask
    []
    """
    seen: set[Value] = set()
    for mask in masks:
        with contextlib.suppress(Fault):
            seen |= set(count_values(open_mask(mask).upright, by_color=False))
    if any(isinstance(value, tuple) for value in seen):
        seen = {v if isinstance(v, tuple) else (v, v, v) for v in seen}
    return sorted(seen)


def _option(values: Sequence[Value]) -> str:
    """Write the option that names these values, for a terminal and for Python."""
    indices = [value for value in values if value != IGNORE_INDEX]
    if not values or (len(indices) > 1 and indices == list(range(len(indices)))):
        names = ["background", *(f"class{i}" for i in indices[1:] or [1])]
        return f"--classes {','.join(names)} (in Python classes={names})"
    table = {
        as_text(value): f"class{i}" if i else "background"
        for i, value in enumerate(values)
    }
    return (
        f"--mask-values {shlex.quote(json.dumps(table))}, null for what does not count"
    )
