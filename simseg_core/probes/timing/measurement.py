"""What a timing found, with all that it depends on; kept as JSON."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from simseg_core.probes.timing.kept import Kept
from simseg_core.tables import Column, Table, Tabled
from simseg_core.tables.units import duration, memory, threaded

__all__ = ["Measurement"]


@dataclass(frozen=True, repr=False)
class Measurement(Kept, Tabled):
    """Times of one call on one device.

    Attributes:
        label: what was measured.
        times: seconds a run, one for each repetition.
        runs_per_time: runs in a repetition; a short call is timed in blocks.
        backward: whether a run includes the gradients.
        peak_bytes: memory a run needs beyond what was in use; None if not known.
        memory_counter: who counted it; see `simseg_core.probes.timing.memory`.
        device: where it ran: ``"cpu"``, ``"cuda:0"``, ``"mps:0"``.
        device_name: the hardware's name.
        dtype: floating types of inputs and parameters.
        layout: ``"contiguous"`` or ``"channels_last"``.
        threads: CPU threads that PyTorch used.
        versions: of torch, Python, the platform, CUDA.
        date: the day it was measured, such as ``"2026-11-24"``; "" if nobody noted it.
    """

    kind = "measurement"

    label: str
    times: tuple[float, ...]
    runs_per_time: int
    backward: bool
    peak_bytes: int | None
    memory_counter: str
    device: str
    device_name: str
    dtype: str
    layout: str
    threads: int
    versions: Mapping[str, str]
    date: str = ""

    @property
    def origin(self) -> str:
        """Where and when it was measured, and with what: for below a figure."""
        return (
            f"{self.device}: {self.device_name}, {threaded(self.threads)}, "
            f"{self.dtype}, {self.software}, {self.date or 'date unknown'}"
        )

    @property
    def software(self) -> str:
        """What computed it: torch and, on a GPU, the driver, with their versions."""
        driver = self.versions.get("driver")
        return f"torch {self.versions['torch']}" + (f", driver {driver}" * bool(driver))

    @property
    def median(self) -> float:
        """Seconds a run; half of the repetitions took longer."""
        return median(self.times)

    @property
    def quartiles(self) -> tuple[float, float]:
        """Seconds that a quarter, and three quarters, of the repetitions stay below."""
        low, high = np.quantile(self.times, [0.25, 0.75])
        return float(low), float(high)

    @property
    def iqr(self) -> float:
        """Interquartile range in seconds: the width of the middle half."""
        low, high = self.quartiles
        return high - low

    def to_dict(self) -> dict[str, Any]:
        """Give plain values, ready for JSON, the median and IQR among them."""
        return {**super().to_dict(), "median": self.median, "iqr": self.iqr}

    def _check(self) -> None:
        for name in ("label", "device", "device_name", "dtype"):
            value = getattr(self, name)
            if not (isinstance(value, str) and value):
                raise ValueError(f"{name} must be a text, got {value!r}")
        if "torch" not in self.versions:
            raise ValueError(f"versions must name torch's, got {self.versions!r}")
        fitting = isinstance(self.times, tuple) and all(
            isinstance(t, int | float) and math.isfinite(t) and t > 0
            for t in self.times
        )
        if not fitting or not self.times:
            raise ValueError(
                f"times must be seconds above zero, got {self.times!r:.60}"
            )

    def __str__(self) -> str:
        low, high = self.quartiles
        what = "forward and backward" if self.backward else "forward"
        return (
            f"{self.label}: {duration(self.median)} "
            f"(middle half {duration(low)} to {duration(high)}, "
            f"{len(self.times)} x {self.runs_per_time} runs, {what})\n"
            f"  peak memory {memory(self.peak_bytes)} ({self.memory_counter})\n"
            f"  {self.origin}, {self.layout}"
        )

    def _table(self) -> Table:
        columns = [
            Column("measured", lambda one: one.label),
            _timed("median", lambda one: one.median),
            _timed("a quarter below", lambda one: one.quartiles[0]),
            _timed("three quarters below", lambda one: one.quartiles[1]),
            Column(
                "peak memory",
                lambda one: memory(one.peak_bytes),
                True,
                value=lambda one: one.peak_bytes,
            ),
        ]
        what = "forward and backward" if self.backward else "forward"
        notes = [
            f"{what}, {len(self.times)} repetitions of {self.runs_per_time} runs; "
            f"memory: {self.memory_counter}",
            f"{self.origin}, {self.layout}",
        ]
        return Table("Time of one run", columns, [self], notes)


def _timed(heading: str, seconds: Callable[[Measurement], float]) -> Column:
    return Column(heading, lambda one: duration(seconds(one)), True, value=seconds)
