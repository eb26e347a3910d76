"""Several measurements taken in turn, and their ratios to the first."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from simseg_core.probes.timing.measurement import Measurement, read_json, write_json
from simseg_core.tables import Column, html_table, text_table
from simseg_core.tables.units import binary, duration

__all__ = ["Comparison"]


@dataclass(frozen=True, repr=False)
class Comparison:
    """Competitors timed in turn on one device.

    Attributes:
        measurements: name -> its times of all rounds.
        ratios: name -> its median over the first competitor's, one for each round;
            below 1 is faster than the first.
    """

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

    def to_dict(self) -> dict[str, Any]:
        """Give plain values, ready for JSON."""
        return {
            "measurements": {n: m.to_dict() for n, m in self.measurements.items()},
            "ratios": {name: list(ratios) for name, ratios in self.ratios.items()},
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Comparison":
        """Rebuild what `to_dict` gave.

        Raises:
            ValueError: if it is not what `to_dict` gives; the error says where.
        """
        if not isinstance(values, Mapping) or {"measurements", "ratios"} - set(values):
            raise ValueError('this is no comparison: no "measurements" and "ratios"')
        measurements, ratios = values["measurements"], values["ratios"]
        if not measurements or list(measurements) != list(ratios):
            raise ValueError(
                f"measurements of {list(measurements)}, but ratios of {list(ratios)}"
            )
        return cls(
            {name: Measurement.from_dict(one) for name, one in measurements.items()},
            {name: tuple(each) for name, each in ratios.items()},
        )

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Comparison":
        """Read a comparison that `save` wrote.

        Raises:
            ValueError: if the file holds no whole comparison; the error names it.
        """
        return read_json(path, cls.from_dict)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write JSON; the file is whole or not there."""
        write_json(self.to_dict(), path)

    def __str__(self) -> str:
        return self._table(text_table)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self._table(html_table)

    def _table(self, layout: Any) -> str:
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
                self._memory,
                True,
                value=lambda name: self[name].peak_bytes,
            ),
        ]
        notes = [
            f"{what}, {len(self.ratios[first.label])} rounds in turn; the ratio is to "
            f"{first.label}, and below 1 is faster",
            first.origin,
        ]
        return layout("Timed in turn", columns, list(self.measurements), notes)

    def _range(self, name: str) -> str:
        low, high = self.spread(name)
        return f"{low:.2f} to {high:.2f}"

    def _memory(self, name: str) -> str:
        size = self[name].peak_bytes
        return "unknown" if size is None else binary(size)
