"""What is wrong with a file, and what mends it."""

from collections.abc import Mapping
from typing import Any

__all__ = ["Fault"]


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
