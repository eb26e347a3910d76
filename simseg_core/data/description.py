"""What is in a data set: sizes, values, classes, doubles, faults.

Each pair is read once, as training would read it.
"""

import contextlib
import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from tqdm.auto import tqdm

from simseg_core.data.files.faults import Fault, list_faults
from simseg_core.data.files.mask_pixels import count_values
from simseg_core.data.files.picture_files import open_mask
from simseg_core.data.files.values import Value, as_text
from simseg_core.data.sources import RawPairs

__all__ = ["ALIKE", "PLACE", "ClassShare", "Description", "describe", "of_one_place"]

# Two pictures count as near-identical if their thumbnails correlate by this much. In
# 60,000 pairs of each of the book's four composed sets, pictures of different scenes
# reached 0.953; a picture saved as JPEG of quality 40 kept 0.976 with itself or more,
# one of half its size 0.998.
ALIKE = 0.97
# Of a name such as paris_3 or site12-x0-y1: what a split can keep together.
PLACE = "^[^_-]+"
_PLACE = re.compile(r"[^\W\d_]+\d*(?=[_-])")
_THUMBNAIL = 16  # pixels a side
_AT_ONCE = 256  # thumbnails compared
_SHOWN = 5  # names, sizes and so on in the text


@dataclass(frozen=True)
class ClassShare:
    """How much of a data set is one class.

    Attributes:
        name: of the class.
        pixels: how many.
        share: of the pixels that count, 0 to 1.
        pictures: in how many it is.
    """

    name: str
    pixels: int
    share: float
    pictures: int


@dataclass(frozen=True)
class Description:
    """What is in a data set; printed, a text, and `to_dict` for programs.

    Attributes:
        pairs: how many, faulty ones included.
        sizes: height and width -> in how many pictures.
        values: number or colour in the masks -> pixels, also in masks that have other
            faults; None if there are no mask files.
        classes: a share for each.
        ignored: the share of all pixels that does not count.
        imbalance: pixels of the most frequent class over those of the least frequent
            that is there at all; None if no class is there.
        void: names of the masks in which no pixel counts.
        duplicates: names of identical pictures, in groups.
        sides: samples for training and validation; None if no split was given.
        leaks: near-identical pictures, one of training and one of validation, and how
            their thumbnails correlate.
        faults: what is wrong with pairs that cannot be read.
        fault_text: the same for readers: each kind with its remedy once.
        unused: masks without a picture.
    """

    pairs: int
    sizes: Mapping[tuple[int, int], int]
    values: Mapping[Value, int] | None
    classes: Sequence[ClassShare]
    ignored: float
    imbalance: float | None
    void: Sequence[str]
    duplicates: Sequence[Sequence[str]]
    sides: tuple[int, int] | None
    leaks: Sequence[tuple[str, str, float]]
    faults: Sequence[str]
    fault_text: str
    unused: Sequence[str]

    def to_dict(self) -> dict[str, Any]:
        """Give all of it as numbers, texts, lists and dicts, for JSON."""
        return {
            "pairs": self.pairs,
            "sizes": [
                {"height": height, "width": width, "pictures": count}
                for (height, width), count in self.sizes.items()
            ],
            "values": self.values
            and {as_text(value): count for value, count in self.values.items()},
            "classes": [vars(one) for one in self.classes],
            "ignored": self.ignored,
            "imbalance": self.imbalance,
            "void": list(self.void),
            "duplicates": [list(group) for group in self.duplicates],
            "sides": self.sides and {"train": self.sides[0], "val": self.sides[1]},
            "leaks": [
                {"train": train, "val": val, "correlation": correlation}
                for train, val, correlation in self.leaks
            ],
            "faults": list(self.faults),
            "unused": list(self.unused),
        }

    def __str__(self) -> str:
        sizes = [f"{n} of {h} x {w}" for (h, w), n in self.sizes.items()]
        lines = [_count(self.pairs, "pair")]
        if sizes:
            lines.append(f"sizes (height x width): {_some(sizes)}")
        if self.values:
            lines.append(f"values in masks: {_some(list(map(str, self.values)), 20)}")
        if sizes:
            lines += ["", *_table(self.classes, self.ignored), ""]
        present = sorted(
            (one for one in self.classes if one.pixels), key=lambda one: one.pixels
        )
        if self.imbalance is not None and len(present) > 1:
            lines.append(
                f"imbalance: {self.imbalance:.3g} pixels of {present[-1].name!r} to "
                f"one of {present[0].name!r}"
            )
        absent = [one.name for one in self.classes if not one.pixels]
        if absent and sizes:
            lines.append(f"in no mask: {_some(absent)}")
        if self.void:
            lines.append(f"masks in which no pixel counts: {_some(self.void)}")
        groups = [" = ".join(group) for group in self.duplicates]
        lines.append(f"identical pictures: {_some(groups) or 'none'}")
        if self.sides:
            alike = [f"{train} ~ {val}" for train, val, _ in self.leaks]
            lines.append(
                f"split: {self.sides[0]} for training, {self.sides[1]} for validation; "
                f"near-identical across it: {_some(alike) or 'none'}"
            )
        if self.unused:
            lines.append(f"masks without a picture: {_some(self.unused)}")
        if self.faults:
            lines.append(
                f"{_count(len(self.faults), 'faulty pair')}:\n{self.fault_text}"
            )
        else:
            lines.append("faulty pairs: none")
        return "\n".join(lines)


def describe(
    data: RawPairs,
    *,
    split: tuple[Sequence[int], Sequence[int]] | None = None,
    progress: bool = False,
) -> Description:
    """Read a data set once and say what is in it.

    Args:
        data: what `open_source` gives, or a `FolderDataset` with ``normalize=False``
            and no transform.
        split: indices for training and validation, as `simseg_core.data.split` gives
            them: asks for pictures on both sides that are nearly the same.
        progress: whether to show a bar.

    Returns:
        The description. A pair that cannot be read stands among its faults, and counts
        in `pairs` and `values` alone.

    Raises:
        ValueError: if the images are normalised.

    >>> from simseg_core.data import open_source
    >>> found = describe(open_source("signs", part="val"))
    >>> found.sizes, found.classes[0].name, found.duplicates
    ({(96, 96): 512}, 'background', [])
    """
    if getattr(data, "normalize", False):
        raise ValueError(
            "pictures are described as they are: open the data set with normalize=False"
        )
    sizes: Counter[tuple[int, int]] = Counter()
    values: Counter[Value] = Counter()
    pixels, pictures = np.zeros((2, len(data.classes)), dtype=np.int64)
    ignored, void, faults = 0, [], []
    contents: dict[bytes, list[int]] = {}
    thumbnails: dict[int, Tensor] = {}
    files = getattr(data, "files", None)
    for index in tqdm(range(len(data)), unit="pair", disable=not progress):
        if files and data.mask_values:
            with contextlib.suppress(Fault):  # it is told when the pair is read
                mask = open_mask(files[index][1]).upright
                values.update(count_values(mask, by_color=data.mask_values.by_color))
        try:
            image, label = data[index]
        except ValueError as fault:
            faults.append(fault)
            continue
        sizes[label.shape[0], label.shape[1]] += 1
        counted = label[label != data.ignore_index]
        counts = np.bincount(counted.numpy(), minlength=len(data.classes))
        pixels += counts
        pictures += counts > 0
        ignored += label.numel() - counted.numel()
        if not counted.numel():
            void.append(data.names[index])
        contents.setdefault(_digest(image), []).append(index)
        if split is not None:
            thumbnails[index] = _thumbnail(image)
    everything = max(int(pixels.sum()), 1)
    there = pixels[pixels > 0]
    return Description(
        pairs=len(data),
        sizes=dict(sizes.most_common()),
        values=dict(sorted(values.items())) if files else None,
        classes=[
            ClassShare(name, int(count), count / everything, int(seen))
            for name, count, seen in zip(data.classes, pixels, pictures)
        ],
        ignored=ignored / max(ignored + int(pixels.sum()), 1),
        imbalance=float(there.max() / there.min()) if there.size else None,
        void=void,
        duplicates=[
            [data.names[i] for i in same] for same in contents.values() if len(same) > 1
        ],
        sides=split and (len(split[0]), len(split[1])),
        leaks=_leaks(data.names, split, thumbnails, contents) if split else [],
        faults=[str(fault) for fault in faults],
        fault_text=list_faults(faults, data.mask_values.remedy)
        if data.mask_values
        else "\n".join(map(str, faults)),
        unused=[file.name for file in getattr(data, "unused", ())],
    )


def of_one_place(names: Sequence[str]) -> tuple[str, str] | None:
    """Find two names that look like pictures of one place.

    Args:
        names: of pictures.

    Returns:
        The first two of one place; None unless all names begin with letters, a number
        or none, and a separator, and two such beginnings are shared.

    >>> of_one_place(["paris_1", "paris_2", "rome_1", "rome_2"])
    ('paris_1', 'paris_2')
    >>> of_one_place(["IMG_1", "IMG_2", "IMG_3"])  # one camera
    """
    places: dict[str, list[str]] = {}
    for name in names:
        place = _PLACE.match(name)
        if place is None:
            return None
        places.setdefault(place[0], []).append(name)
    shared = [same for same in places.values() if len(same) > 1]
    return (shared[0][0], shared[0][1]) if len(shared) > 1 else None


def _digest(image: Tensor) -> bytes:
    """Give the same bytes for the same pixels, in whatever file they are."""
    pixels = image.mul(255).round().byte()
    return hashlib.sha256(
        repr(tuple(pixels.shape)).encode() + pixels.numpy().tobytes()
    ).digest()


def _thumbnail(image: Tensor) -> Tensor:
    """Shrink an image to a vector of mean 0 and length 1; of zeros if it is flat."""
    small = functional.interpolate(image[None], (_THUMBNAIL, _THUMBNAIL), mode="area")
    vector = small.flatten() - small.mean()
    length = vector.norm()
    flat = length < 1e-3 * _THUMBNAIL  # a tenth of a grey level of 255
    return torch.zeros_like(vector) if flat else vector / length


def _leaks(
    names: Sequence[str],
    split: tuple[Sequence[int], Sequence[int]],
    thumbnails: Mapping[int, Tensor],
    contents: Mapping[bytes, Sequence[int]],
) -> list[tuple[str, str, float]]:
    """Find pairs across the split that look the same, the likest first."""
    train, val = ([i for i in side if i in thumbnails] for side in split)
    found = {
        (one, other): 1.0
        for same in contents.values()
        for one in set(same) & set(train)
        for other in set(same) & set(val)
    }
    if train and val:
        known = torch.stack([thumbnails[i] for i in train])
        for start in range(0, len(val), _AT_ONCE):
            some = val[start : start + _AT_ONCE]
            alike = torch.stack([thumbnails[i] for i in some]) @ known.T
            for row, column in (alike >= ALIKE).nonzero().tolist():
                pair = (train[column], some[row])
                found.setdefault(pair, min(alike[row, column].item(), 1.0))
    likest = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return [(names[one], names[other], r) for (one, other), r in likest]


def _table(classes: Sequence[ClassShare], ignored: float) -> list[str]:
    width = max(len(one.name) for one in classes)
    lines = [f"{'class':<{width}}  of the pixels  in pictures"]
    lines += [
        f"{one.name:<{width}}  {_percent(one.share):>13}  {one.pictures:>11}"
        for one in classes
    ]
    if ignored:
        lines.append(f"{_percent(ignored)} of all pixels do not count")
    return lines


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def _some(items: Sequence[str], most: int = _SHOWN) -> str:
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return ", ".join(items[:most]) + more
