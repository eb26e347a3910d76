"""What a timing found, with all that it depends on; kept as JSON."""

import json
import math
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

import numpy as np

from simseg_core.tables import Column, html_table
from simseg_core.tables.units import binary, duration, threaded

__all__ = ["Measurement", "load", "read_json", "write_json"]

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Measurement:
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
        return {**asdict(self), "median": self.median, "iqr": self.iqr}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Measurement":
        """Rebuild what `to_dict` gave.

        Raises:
            ValueError: naming the fields that are missing, or hold no such value.
        """
        if not isinstance(values, Mapping):
            raise ValueError(
                f"this is no measurement: {type(values).__name__}, no {{}}"
            )
        names = [field.name for field in fields(cls)]
        missing = [name for name in names if name not in values and name != "date"]
        if missing:
            raise ValueError(f"this is no measurement: it lacks {', '.join(missing)}")
        kept = {name: values[name] for name in names if name in values}
        for name in ("label", "device", "device_name", "dtype"):
            if not (isinstance(kept[name], str) and kept[name]):
                raise ValueError(f"{name} must be a text, got {kept[name]!r}")
        if not isinstance(kept["versions"], Mapping) or "torch" not in kept["versions"]:
            raise ValueError(f"versions must name torch's, got {kept['versions']!r}")
        return cls(**{**kept, "times": _times(kept["times"])})

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write JSON that `load` reads; the file is whole or not there."""
        write_json(self.to_dict(), path)

    def __str__(self) -> str:
        low, high = self.quartiles
        size = "unknown" if self.peak_bytes is None else binary(self.peak_bytes)
        what = "forward and backward" if self.backward else "forward"
        return (
            f"{self.label}: {duration(self.median)} "
            f"(middle half {duration(low)} to {duration(high)}, "
            f"{len(self.times)} x {self.runs_per_time} runs, {what})\n"
            f"  peak memory {size} ({self.memory_counter})\n"
            f"  {self.origin}, {self.layout}"
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        columns = [
            Column("measured", lambda one: one.label),
            _timed("median", lambda one: one.median),
            _timed("a quarter below", lambda one: one.quartiles[0]),
            _timed("three quarters below", lambda one: one.quartiles[1]),
            Column(
                "peak memory",
                lambda one: (
                    "unknown" if one.peak_bytes is None else binary(one.peak_bytes)
                ),
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
        return html_table("Time of one run", columns, [self], notes)


def _times(values: Any) -> tuple[float, ...]:
    fitting = isinstance(values, list | tuple) and all(
        isinstance(t, int | float) and math.isfinite(t) and t > 0 for t in values
    )
    if not fitting or not values:
        raise ValueError(f"times must be seconds above zero, got {values!r:.60}")
    return tuple(values)


def _timed(heading: str, seconds: Callable[[Measurement], float]) -> Column:
    return Column(heading, lambda one: duration(seconds(one)), True, value=seconds)


def load(path: str | os.PathLike[str]) -> Measurement:
    """Read a measurement that `Measurement.save` wrote.

    Raises:
        ValueError: if the file holds no measurement; the error names it.
    """
    return read_json(path, Measurement.from_dict)


def read_json(path: str | os.PathLike[str], build: Callable[[Any], _Result]) -> _Result:
    """Build a result from a JSON file.

    Raises:
        ValueError: if the file is cut off or `build` refuses it; the error names it.
    """
    text = Path(path).read_text("utf-8")
    try:
        values = json.loads(text)
    except ValueError as error:
        raise ValueError(
            f"{os.fspath(path)} is no whole JSON file ({error}): copy it again from "
            "where it was written"
        ) from error
    try:
        return build(values)
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{os.fspath(path)}: {error}") from error


def write_json(values: Any, path: str | os.PathLike[str]) -> None:
    """Write JSON beside its place, then move it there: never half a file."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(values, file, indent=2)
            file.write("\n")
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise
