"""Scores of several seeds: one run is an anecdote, their spread is the result."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import methodcaller
from statistics import median
from typing import Any, NamedTuple

from torch import nn

from simseg_core.tables import Column, Table, Tabled
from simseg_core.training.metrics import Scores

__all__ = ["SeedRuns", "SeedTable", "measure_name"]


@dataclass(frozen=True)
class SeedRuns:
    """Scores and losses of one network trained with several seeds.

    Attributes:
        scores: seed -> its scores on the validation set.
        losses: seed -> its loss at every step.
        models: seed -> the trained network, where it was kept; `==` leaves it out.

    >>> poor, good = (Scores({"pole": v}, {}, pixel_accuracy=0.9) for v in (0.2, 0.4))
    >>> runs = SeedRuns({0: poor, 1: good})
    >>> print(runs)
    mIoU: median 0.300, 0.200 to 0.400 in 2 seeds
    """

    scores: Mapping[int, Scores]
    losses: Mapping[int, Sequence[float]] = field(default_factory=dict)
    models: Mapping[int, nn.Module] = field(
        default_factory=dict, compare=False, repr=False
    )

    def values(self, measure: str = "miou") -> list[float]:
        """Give one measure of each seed, in the order in which the seeds ran.

        Args:
            measure: ``"miou"``, ``"boundary_miou"``, ``"pixel_accuracy"`` or the name
                of a class, for its IoU.

        Raises:
            ValueError: if no such measure exists; the error lists those that do.
        """
        return [_measure(scores, measure) for scores in self.scores.values()]

    def median(self, measure: str = "miou") -> float:
        """Give the median over the seeds; NaN if a seed has no value."""
        values = self.values(measure)
        return math.nan if any(map(math.isnan, values)) else median(values)

    def spread(self, measure: str = "miou") -> tuple[float, float]:
        """Give the smallest and the largest value over the seeds."""
        values = self.values(measure)
        return min(values), max(values)

    def __str__(self) -> str:
        low, high = self.spread()
        return (
            f"mIoU: median {self.median():.3f}, {low:.3f} to {high:.3f} "
            f"in {len(self.scores)} seeds"
        )


@dataclass(frozen=True, repr=False)
class SeedTable(Tabled):
    """Several networks side by side: each seed, median and range of each measure.

    Attributes:
        variants: the network's name -> its runs.
        measures: what to show; see `SeedRuns.values`.

    >>> poor, good = (Scores({"pole": v}, {}, pixel_accuracy=0.9) for v in (0.2, 0.4))
    >>> runs = SeedRuns({0: poor, 1: good})
    >>> print(SeedTable({"U-Net": runs}, ["pole"]))
    network  measure      median     min to max  seed 0  seed 1
    U-Net    IoU of pole   0.300  0.200 to 0.400   0.200   0.400
    """

    variants: Mapping[str, SeedRuns]
    measures: Sequence[str] = ("miou",)

    def __post_init__(self) -> None:
        seeds = {tuple(runs.scores) for runs in self.variants.values()}
        if len(seeds) != 1:
            raise ValueError(
                f"the variants ran with different seeds {sorted(seeds)}: "
                "compare runs of the same seeds"
            )

    def _table(self) -> Table:
        seeds = next(iter(self.variants.values())).scores
        columns = [
            Column("network", lambda line: line.network),
            Column("measure", lambda line: measure_name(line.measure)),
            _score("median", lambda line: line.runs.median(line.measure)),
            Column(  # a range sorts by where it begins
                "min to max",
                lambda line: "{:.3f} to {:.3f}".format(*line.spread),
                True,
                value=lambda line: line.spread[0],
            ),
            *(  # last, so that a phone shows median and range first
                _score(f"seed {seed}", methodcaller("value", place))
                for place, seed in enumerate(seeds)
            ),
        ]
        lines = [
            _Line(network, measure, runs)
            for network, runs in self.variants.items()
            for measure in self.measures
        ]
        return Table("Scores by seed", columns, lines)

    def __str__(self) -> str:
        _, columns, rows, *_ = self._table()
        cells = [[column.heading, *map(column.cell, rows)] for column in columns]
        aligned = []
        for column, texts in zip(columns, cells):
            side = str.rjust if column.is_number else str.ljust
            width = max(map(len, texts))
            aligned.append([side(text, width) for text in texts])
        return "\n".join(map("  ".join, zip(*aligned)))


class _Line(NamedTuple):
    network: str
    measure: str
    runs: SeedRuns

    def value(self, place: int) -> float:
        return self.runs.values(self.measure)[place]

    @property
    def spread(self) -> tuple[float, float]:
        return self.runs.spread(self.measure)


def _score(heading: str, value: Callable[[Any], float]) -> Column:
    return Column(heading, lambda line: f"{value(line):.3f}", True, value=value)


def measure_name(measure: str) -> str:
    """Write a measure of `SeedRuns.values` as tables and figures call it.

    >>> measure_name("boundary_miou"), measure_name("pole")
    ('boundary mIoU', 'IoU of pole')
    """
    return _NAMES.get(measure, f"IoU of {measure}")


_NAMES = {
    "miou": "mIoU",
    "boundary_miou": "boundary mIoU",
    "pixel_accuracy": "pixel accuracy",
}


def _measure(scores: Scores, measure: str) -> float:
    if measure == "boundary_miou" and not scores.boundary_iou:
        raise ValueError(
            "boundary IoU was not scored: leave boundary=False out of evaluate"
        )
    if measure in _NAMES:
        return float(getattr(scores, measure))
    if measure in scores.iou:
        return scores.iou[measure]
    raise ValueError(
        f"no measure {measure!r}: choose one of {[*_NAMES, *scores.iou]} "
        "(a class's name stands for its IoU)"
    )
