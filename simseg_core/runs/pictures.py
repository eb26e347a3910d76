"""Both sides of a run's data set, and how to tell that they are still the same."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch.utils.data import Subset

from simseg_core.data.sources import has_parts, open_source
from simseg_core.data.splits import split
from simseg_core.runs.plan import Plan

__all__ = ["Pictures"]

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
                    sizes[name] = sum(file.stat().st_size for file in pair)
        return {
            side: {name: sizes.get(name, 0) for name in names}
            for side, names in self.names.items()
        }

    def check_same(self, file: Path) -> None:
        """Refuse pictures that are not those whose fingerprint a file holds.

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
                what = "is gone" if name not in now[side] else "has changed"
                what = "is new" if name not in then else what
                raise ValueError(
                    f"the {side} pictures are not those that the run in {file.parent} "
                    f"began with ({name!r} {what}): put them back, or start a new run "
                    f"with --start-from {file.parent}"
                )


def _open(plan: Plan, part: Any) -> Any:
    options: dict[str, Any] = {}
    for name in _OF_A_FOLDER:
        if getattr(plan, name) not in (None, ""):
            options[name] = getattr(plan, name)
    return open_source(plan.data, part=part, **options)


def _names(source: Any) -> list[str]:
    return list(getattr(source, "names", None) or map(str, range(len(source))))
