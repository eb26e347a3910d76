"""What is wrong with a file, and what mends it."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["Fault", "file_names", "list_faults"]

_SHOWN = 20  # files of one kind of fault


class Fault(ValueError):
    """One thing that is wrong with one file.

    Args:
        what: is wrong, to be read after the file's name.
        remedy: what to do about it.
        place: the file; None leaves the name out.
        kind: faults of one kind are told together; None takes the remedy, so that
            each remedy is told once.
        counts: pixels of each value or colour in the mask, if they are the fault.
    """

    # A process that loads data hands its errors on as text alone: `what` must do.
    def __init__(
        self,
        what: str,
        remedy: str = "",
        *,
        place: object = None,
        kind: str | None = None,
        counts: Mapping[Any, int] | None = None,
    ) -> None:
        text = what if place is None else f"{place} {what}"
        super().__init__(f"{text}: {remedy}" if remedy else text)
        self.what, self.remedy, self.place = what, remedy, place
        self.kind = kind or remedy
        self.counts = counts

    def at(self, place: object) -> "Fault":
        """The same fault with the file's name."""
        return Fault(
            self.what, self.remedy, place=place, kind=self.kind, counts=self.counts
        )


def list_faults(
    faults: Iterable[ValueError], remedy_for: Callable[[Mapping[Any, int]], str]
) -> str:
    """List faults, each kind with its remedy once and up to 20 files.

    Args:
        faults: of any kinds, in the order of the files.
        remedy_for: what to do about values without a class, from the pixels of each
            value in all the masks together; see `MaskValues.remedy`.
    """
    kinds: dict[str, list[Fault]] = {}
    for fault in faults:
        known = fault if isinstance(fault, Fault) else Fault(str(fault))
        kinds.setdefault(known.kind, []).append(known)
    lines = []
    for same in kinds.values():
        places: dict[str, list[Any]] = {}
        for fault in same[:_SHOWN]:
            places.setdefault(fault.what, []).append(fault.place)
        for what, (first, *others) in places.items():
            lines.append(what if first is None else f"{first} {what}")
            lines += [f"   the same: {file_names(others, _SHOWN)}"] if others else []
        if len(same) > _SHOWN:
            lines.append(f"   and {len(same) - _SHOWN} more")
        # The table to write must hold what stands in all of these masks.
        counts: Counter[Any] = Counter()
        for fault in same:
            counts.update(fault.counts or {})
        remedy = remedy_for(counts) if counts else same[-1].remedy
        lines += [f"-> {remedy}"] if remedy else []
    return "\n".join(lines)


def file_names(files: Sequence[Path], most: int = 5) -> str:
    """Write the names of the first files, and how many more there are."""
    more = f" and {len(files) - most} more" if len(files) > most else ""
    return ", ".join(file.name for file in files[:most]) + more
