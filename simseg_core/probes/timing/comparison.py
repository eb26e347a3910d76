"""Several measurements taken in turn, and their ratios to the first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from simseg_core.probes.timing.kept import Kept
from simseg_core.probes.timing.measurement import Measurement
from simseg_core.tables import Column, Table, Tabled
from simseg_core.tables.units import duration, memory

__all__ = ["Comparison"]


@dataclass(frozen=True, repr=False)
class Comparison(Kept, Tabled):
    """Competitors timed in turn on one device.

    Attributes:
        measurements: name -> its times of all rounds.
        ratios: name -> its median over the first competitor's, one for each round;
            below 1 is faster than the first.
    """

    kind = "comparison"

    measurements: Mapping[str, Measurement]
    ratios: Mapping[str, tuple[float, ...]]

    @classmethod
    def of_rounds(cls, rounds: Sequence[Sequence[Measurement]]) -> "Comparison":
        """Join the turns of each competitor; a row of `rounds` is one round."""
        measurements, ratios = {}, {}
        for turns in zip(*rounds):
            name = turns[0].label
            times = tuple(time for turn in turns for time in turn.times)
            measurements[name] = replace(turns[0], times=times)
            ratios[name] = tuple(
                turn.median / turns_of_round[0].median
                for turn, turns_of_round in zip(turns, rounds)
            )
        return cls(measurements, ratios)

    def __getitem__(self, name: str) -> Measurement:
        return self.measurements[name]

    def ratio(self, name: str) -> float:
        """Give the median over the rounds of its time to the first competitor's."""
        return median(self.ratios[name])

    def spread(self, name: str) -> tuple[float, float]:
        """Give the smallest and the largest of the rounds' ratios."""
        return min(self.ratios[name]), max(self.ratios[name])

    def _check(self) -> None:
        measured, compared = list(self.measurements), list(self.ratios)
        if not measured or measured != compared:
            raise ValueError(f"measurements of {measured}, but ratios of {compared}")

    def _table(self) -> Table:
        first = next(iter(self.measurements.values()))
        what = "forward and backward" if first.backward else "forward"
        columns = [
            Column("competitor", str),
            Column(
                "median",
                lambda name: duration(self[name].median),
                True,
                value=lambda name: self[name].median,
            ),
            Column(
                "ratio", lambda name: f"{self.ratio(name):.2f}", True, value=self.ratio
            ),
            Column(
                "rounds' ratios",
                self._range,
                True,
                value=lambda name: self.spread(name)[0],
            ),
            Column(
                "peak memory",
                lambda name: memory(self[name].peak_bytes),
                True,
                value=lambda name: self[name].peak_bytes,
            ),
        ]
        notes = [
            f"{what}, {len(self.ratios[first.label])} rounds in turn; the ratio is to "
            f"{first.label}, and below 1 is faster",
            first.origin,
        ]
        return Table("Timed in turn", columns, list(self.measurements), notes)

    def _range(self, name: str) -> str:
        low, high = self.spread(name)
        return f"{low:.2f} to {high:.2f}"
