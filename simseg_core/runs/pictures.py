"""Both sides of a run's data set, and how to tell that they are still the same."""

import json
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import Subset

from simseg_core.data.sources import has_parts, open_source
from simseg_core.data.splits import split
from simseg_core.runs.plan import Plan
from simseg_core.training.metrics import check_labels

__all__ = ["Look", "Pictures", "bytes_of"]

_LOOKED_AT = 200  # pictures a side, at most

_OF_A_FOLDER = (
    "classes", "mask_values", "ignore_index", "mask_suffix", "mask_orientation"
)  # fmt: skip


@dataclass(frozen=True)
class Pictures:
    """Pictures to train on and to validate on.

    Attributes:
        train, val: raw pairs.
        names: of both sides' pictures, by side.
        source: what says their classes.
    """

    train: Any
    val: Any
    names: dict[str, list[str]]
    source: Any

    @classmethod
    def of(cls, plan: Plan, data: Any, val: Any) -> "Pictures":
        """Open and split what a plan names, or what was given in its place.

        Raises:
            ValueError, OSError: as `open_source` and `split` do.
        """
        if data is not None and not isinstance(data, str):
            return cls._split(plan, data) if val is None else cls._both(data, val)
        if has_parts(plan.data) and plan.lists is None and plan.group is None:
            return cls._both(*(_open(plan, part) for part in ("train", "val")))
        return cls._split(plan, _open(plan, None))

    @classmethod
    def _both(cls, train: Any, val: Any) -> "Pictures":
        names = {"train": _names(train), "val": _names(val)}
        return cls(train, val, names, train)

    @classmethod
    def _split(cls, plan: Plan, source: Any) -> "Pictures":
        names = _names(source)
        sides = split(
            names,
            share=plan.val_share,
            seed=plan.split_seed,
            group=plan.group,
            lists=plan.lists,
        )
        train, val = (Subset(source, side) for side in sides)
        kept = {
            side: [names[i] for i in part]
            for side, part in zip(("train", "val"), sides)
        }
        return cls(train, val, kept, source)

    def fingerprint(self) -> dict[str, dict[str, int]]:
        """Name each picture of both sides, with the bytes of its files."""
        files = getattr(self.source, "files", None)
        sizes: dict[str, int] = {}
        if files is not None:
            for source in {id(s): s for s in (self.source, self.val)}.values():
                for name, pair in zip(_names(source), getattr(source, "files", ())):
                    sizes[name] = bytes_of(pair)
        return {
            side: {name: sizes.get(name, 0) for name in names}
            for side, names in self.names.items()
        }

    def look(self, num_classes: int, ignore_index: int) -> "Look":
        """Read some pictures of both sides, so that faults show before the first step.

        Raises:
            ValueError: if a pair is faulty, or no pixel of the validation pictures
                counts.
        """
        sides, seen, counts = [], torch.zeros(num_classes, dtype=torch.bool), False
        for side, pairs in (("train", self.train), ("val", self.val)):
            for index in range(0, len(pairs), -(-len(pairs) // _LOOKED_AT)):
                image, label = pairs[index]
                check_labels(label, num_classes, ignore_index=ignore_index)
                held = label[label != ignore_index].unique()
                if side == "train":
                    sides.append(min(image.shape[-2:]))
                    seen[held] = True
                else:
                    counts |= held.numel() > 0
        if not counts and len(self.val) <= _LOOKED_AT:
            raise ValueError(
                f"no pixel of the {len(self.val)} validation pictures counts: all are "
                f"{ignore_index}; label some of them, or split otherwise"
            )
        missing = [number for number in range(num_classes) if not seen[number]]
        return Look(statistics.median(sides), missing)

    def check_same(self, file: Path, *, accept_changes: bool) -> None:
        """Refuse pictures that are not those whose fingerprint a file holds.

        Args:
            file: that holds it.
            accept_changes: whether a picture of the same name may have changed.

        Raises:
            ValueError: naming the first that differs.
        """
        try:
            before = json.loads(file.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise ValueError(
                f"{file} cannot be read ({error}), so that nothing tells whether the "
                "pictures are still the same: start a new run, with --start-from"
            ) from error
        now = self.fingerprint()
        for side, then in before.items():
            for name in [*then, *now[side]]:
                if then.get(name) == now[side].get(name):
                    continue
                has_changed = name in then and name in now[side]
                if has_changed and accept_changes:
                    continue
                what = "is new" if name not in then else "is gone"
                remedy = "put them back"
                if has_changed:
                    what, remedy = (
                        "has changed",
                        "if it was mended, say --accept-changes",
                    )
                raise ValueError(
                    f"the {side} pictures are not those that the run in {file.parent} "
                    f"began with ({name!r} {what}): {remedy}, or start a new run with "
                    f"--start-from {file.parent}"
                )


def bytes_of(pair: Iterable[Path]) -> int:
    """Count the bytes of a picture and its mask: another number, another picture."""
    return sum(file.stat().st_size for file in pair)


@dataclass(frozen=True)
class Look:
    """What some of the pictures to train on were seen to be.

    Attributes:
        shorter_side: the median picture's, in pixels.
        missing: classes that none of them holds.
    """

    shorter_side: float
    missing: list[int]


def _open(plan: Plan, part: Any) -> Any:
    options: dict[str, Any] = {}
    for name in _OF_A_FOLDER:
        if getattr(plan, name) not in (None, ""):
            options[name] = getattr(plan, name)
    return open_source(plan.data, part=part, **options)


def _names(source: Any) -> list[str]:
    return list(getattr(source, "names", None) or map(str, range(len(source))))
