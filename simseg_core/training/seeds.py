"""Scores of several seeds: one run is an anecdote, their spread is the result."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from simseg_core.tables import Column, html_table
from simseg_core.training.metrics import Scores

__all__ = ["SeedRuns", "SeedTable"]


@dataclass(frozen=True)
class SeedRuns:
    """Scores and losses of one network trained with several seeds.

    Attributes:
        scores: seed -> its scores on the validation set.
        losses: seed -> its loss at every step.

    >>> poor, good = (Scores({"pole": v}, {}, pixel_accuracy=0.9) for v in (0.2, 0.4))
    >>> runs = SeedRuns({0: poor, 1: good})
    >>> print(runs)
    mIoU: median 0.300, 0.200 to 0.400 in 2 seeds
    """

    scores: Mapping[int, Scores]
    losses: Mapping[int, Sequence[float]] = field(default_factory=dict)

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


@dataclass(frozen=True)
class SeedTable:
    """Several networks side by side: each seed, median and range of each measure.

    Attributes:
        variants: the network's name -> its runs.
        measures: what to show; see `SeedRuns.values`.

    >>> poor, good = (Scores({"pole": v}, {}, pixel_accuracy=0.9) for v in (0.2, 0.4))
    >>> runs = SeedRuns({0: poor, 1: good})
    >>> print(SeedTable({"U-Net": runs}, ["pole"]))
    network  measure  seed 0  seed 1  median     min to max
    U-Net    pole      0.200   0.400   0.300  0.200 to 0.400
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

    @property
    def rows(self) -> list[list[str]]:
        """Heading and cells as text."""
        return [self._heading(), *map(_texts, self._lines())]

    def _heading(self) -> list[str]:
        seeds = next(iter(self.variants.values())).scores
        numbers = [*(f"seed {seed}" for seed in seeds), "median", "min to max"]
        return ["network", "measure", *numbers]

    def _lines(self) -> list["_Line"]:
        return [
            _Line(
                (name, measure),
                (*runs.values(measure), runs.median(measure)),
                runs.spread(measure),
            )
            for name, runs in self.variants.items()
            for measure in self.measures
        ]

    def __str__(self) -> str:
        widths = [max(map(len, column)) for column in zip(*self.rows)]
        return "\n".join(
            "  ".join(
                text.ljust(width) if i < 2 else text.rjust(width)
                for i, (text, width) in enumerate(zip(row, widths))
            )
            for row in self.rows
        )

    def _repr_html_(self) -> str:
        columns = [_column(text, place) for place, text in enumerate(self._heading())]
        return html_table("Scores by seed", columns, self._lines())


@dataclass(frozen=True)
class _Line:
    names: tuple[str, str]
    numbers: tuple[float, ...]
    spread: tuple[float, float]


def _texts(line: _Line) -> list[str]:
    low, high = line.spread
    cells = [f"{number:.3f}" for number in line.numbers]
    return [*line.names, *cells, f"{low:.3f} to {high:.3f}"]


def _column(heading: str, place: int) -> Column:
    """Show one cell of each line; a range sorts by where it begins."""

    def value(line: _Line) -> float:
        return (*line.numbers, line.spread[0])[place - len(line.names)]

    is_number = place > 1
    return Column(
        heading,
        lambda line: _texts(line)[place],
        is_number,
        value=value if is_number else None,
    )


def _measure(scores: Scores, measure: str) -> float:
    overall = ("miou", "boundary_miou", "pixel_accuracy")
    if measure == "boundary_miou" and not scores.boundary_iou:
        raise ValueError(
            "boundary IoU was not scored: leave boundary=False out of evaluate"
        )
    if measure in overall:
        return float(getattr(scores, measure))
    if measure in scores.iou:
        return scores.iou[measure]
    raise ValueError(
        f"no measure {measure!r}: choose one of {[*overall, *scores.iou]} "
        "(a class's name stands for its IoU)"
    )
