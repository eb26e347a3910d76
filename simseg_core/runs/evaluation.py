"""What an evaluation found: one run's scores, or two runs' side by side."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from simseg_core.tables import Column, Table, Tabled
from simseg_core.training.metrics import Scores, without_nan

__all__ = ["Evaluation", "RunComparison"]

_SHOWN = 10  # of the worst pictures


@dataclass(frozen=True, repr=False)
class Evaluation(Tabled):
    """A run's scores on a data set.

    Attributes:
        run: what was evaluated.
        scores: over all pictures together.
        confusion: pixels by class, ``(C, C)`` int64; rows: label, columns: predicted.
        pictures: mean IoU of each picture alone, by name; NaN where no pixel counts.
    """

    run: str
    scores: Scores
    confusion: Tensor
    pictures: Mapping[str, float]

    def worst(self, count: int = _SHOWN) -> list[str]:
        """Name the pictures of the lowest mean IoU, the lowest first."""
        scored = {name: iou for name, iou in self.pictures.items() if iou == iou}
        return sorted(scored, key=scored.__getitem__)[:count]

    def to_dict(self) -> dict[str, Any]:
        """Give plain numbers and lists, for JSON; None where a score is not defined."""
        return {
            "run": self.run,
            **self.scores.to_dict(),
            "confusion": self.confusion.tolist(),
            "pictures": without_nan(dict(self.pictures)),
        }

    def _table(self) -> Table:
        shares = self.confusion.sum(1) / self.confusion.sum().clamp(min=1)
        rows = [
            (name, iou, self.scores.boundary_iou[name], share)
            for (name, iou), share in zip(self.scores.iou.items(), shares.tolist())
        ]
        mean = ("mean", self.scores.miou, self.scores.boundary_miou, 1.0)
        columns = (
            Column("class", lambda row: row[0]),
            _score("IoU", 1),
            _score("boundary IoU", 2),
            _score("share of label", 3),
        )
        worst = [f"{name} {self.pictures[name]:.3f}" for name in self.worst(3)]
        notes = (
            f"Pixel accuracy {self.scores.pixel_accuracy:.3f}.",
            f"Lowest mean IoU of a picture: {', '.join(worst) or 'none counts'}.",
        )
        many = "s" * (len(self.pictures) != 1)
        title = f"Scores of {self.run} on {len(self.pictures)} picture{many}"
        return Table(title, columns, rows, notes, mean)


@dataclass(frozen=True, repr=False)
class RunComparison(Tabled):
    """Two runs on the same pictures.

    Attributes:
        one, other: the evaluations; differences are those of `one` less `other`.
    """

    one: Evaluation
    other: Evaluation

    @property
    def leads(self) -> tuple[int, int]:
        """On how many pictures each has the higher mean IoU."""
        pairs = [
            (value, self.other.pictures[name])
            for name, value in self.one.pictures.items()
        ]
        return sum(a > b for a, b in pairs), sum(b > a for a, b in pairs)

    def to_dict(self) -> dict[str, Any]:
        """Give plain numbers and lists, for JSON."""
        return {
            "one": self.one.to_dict(),
            "other": self.other.to_dict(),
            "leads": list(self.leads),
        }

    def _table(self) -> Table:
        one, other = self.one.scores, self.other.scores
        rows = [(f"IoU of {name}", one.iou[name], other.iou[name]) for name in one.iou]
        rows += [
            ("boundary IoU", one.boundary_miou, other.boundary_miou),
            ("pixel accuracy", one.pixel_accuracy, other.pixel_accuracy),
        ]
        columns = (
            Column("score", lambda row: row[0]),
            _score(self.one.run, 1),
            _score(self.other.run, 2),
            Column(
                "difference",
                lambda row: f"{row[1] - row[2]:+.3f}",
                is_number=True,
                value=lambda row: row[1] - row[2],
            ),
        )
        first, second = self.leads
        count = len(self.one.pictures)
        notes = (
            f"Of {count} pictures {self.one.run} has the higher mean IoU on {first}, "
            f"{self.other.run} on {second}.",
        )
        title = f"{self.one.run} against {self.other.run}"
        return Table(title, columns, rows, notes, ("mean IoU", one.miou, other.miou))


def _score(heading: str, place: int) -> Column:
    return Column(
        heading,
        lambda row: f"{row[place]:.3f}",
        is_number=True,
        value=lambda row: row[place],
    )
