"""What a list of blocks costs one device: a file to keep, to compare, to contribute.

`chapters/gpu_timing.ipynb` fills it. The file names the device, the day and the
versions, and reading it back checks that all times are of one device, so that nobody
can take one machine's figures for another's.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from simseg_core.measured import FOLDER
from simseg_core.probes.timing.block_times import COLUMNS, BlockTimes
from simseg_core.probes.timing.ceilings import Ceilings, Roofline, roofline
from simseg_core.probes.timing.kept import Kept
from simseg_core.probes.timing.measurement import Measurement
from simseg_core.tables import Table, Tabled
from simseg_core.tables.units import threaded

__all__ = ["BlockTimes", "DeviceTimes", "file_stem", "stored_times"]

SCHEMA = "simseg device times 1"


def file_stem(device: str, device_name: str) -> str:
    """Write a device as part of a file's name.

    >>> file_stem("cuda:0", "NVIDIA H100 80GB HBM3")
    'cuda-nvidia-h100-80gb-hbm3'
    """
    kind = device.partition(":")[0]
    return re.sub(r"[^a-z0-9]+", "-", f"{kind} {device_name}".lower()).strip("-")


@dataclass(frozen=True, repr=False)
class DeviceTimes(Kept, Tabled):
    """The times of all blocks on one device.

    Attributes:
        sizes: which list of sizes was timed: ``"small"`` or ``"large"``.
        modes: mode, such as ``"float32"`` -> block's name -> its times.
        ceilings: mode -> what the device reaches at best in that type.
        note: what a reader must know about the machine, such as that it was shared.

    Raises:
        ValueError: if there is nothing in it, or the times are of several devices.
    """

    kind = "file of device times"

    sizes: str
    modes: Mapping[str, Mapping[str, BlockTimes]]
    ceilings: Mapping[str, Ceilings]
    note: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        if not self.modes or not all(self.modes.values()):
            raise ValueError("no block was timed: give mode -> name -> BlockTimes")
        if set(self.modes) != set(self.ceilings):
            raise ValueError(
                f"times in {sorted(self.modes)}, but ceilings for "
                f"{sorted(self.ceilings)}: measure both in each mode"
            )
        places = {(one.device, one.device_name) for one in self._all()}
        places |= {(top.device, top.device_name) for top in self.ceilings.values()}
        if len(places) > 1:
            raise ValueError(f"one file is of one device, got {sorted(places)}")

    def _all(self) -> Iterator[Measurement]:
        for blocks in self.modes.values():
            for block in blocks.values():
                yield from (block.forward, block.step)

    @property
    def _first(self) -> Measurement:
        return next(self._all())

    @property
    def device(self) -> str:
        """Where it ran: ``"cpu"``, ``"cuda:0"``, ``"mps:0"``."""
        return self._first.device

    @property
    def device_name(self) -> str:
        """The hardware's name."""
        return self._first.device_name

    @property
    def date(self) -> str:
        """The day it was measured; "" if nobody noted it."""
        return self._first.date

    @property
    def origin(self) -> str:
        """Device, day, versions and note: for below a figure or a table."""
        first = self._first
        parts = [
            f"{first.device}: {first.device_name}",
            threaded(first.threads),
            first.software,
            first.date or "date unknown",
        ]
        return ", ".join(parts + ([self.note] if self.note else []))

    @property
    def file_name(self) -> str:
        """The file's name, with the device in it.

        >>> peak = Ceilings(1e11, 1e10, "cpu", "Some CPU @ 2", "float32", threads=2)
        >>> relu = Measurement("ReLU", (0.5,), 1, False, None, "unknown", "cpu",
        ...     "Some CPU @ 2", "float32", "contiguous", 2, {"torch": "2.6"})
        >>> block = BlockTimes((1, 8, 4, 4), 1, 1, relu, relu)
        >>> DeviceTimes("small", {"a": {"ReLU": block}}, {"a": peak}).file_name
        'gpu_timing_cpu-some-cpu-2.json'
        """
        return f"gpu_timing_{file_stem(self.device, self.device_name)}.json"

    def roofline(self, mode: str, names: Iterable[str] | None = None) -> Roofline:
        """Place the forward pass of these blocks, or all, under their mode's ceilings.

        Raises:
            KeyError: if there is no such mode or block.
        """
        timed = self.modes[mode]
        blocks = {
            name: (timed[name].macs, timed[name].moved_bytes, timed[name].forward)
            for name in (timed if names is None else names)
        }
        return roofline(blocks, ceilings=self.ceilings[mode])

    def to_dict(self) -> dict[str, Any]:
        """Give plain values, ready for JSON, each measurement with its median."""
        kept = super().to_dict()
        return {
            "schema": SCHEMA,
            "device": self.device,
            "device_name": self.device_name,
            "date": self.date,
            "versions": dict(self._first.versions),
            **{name: kept[name] for name in ("note", "sizes", "ceilings", "modes")},
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Rebuild what `to_dict` gave.

        Raises:
            ValueError: if it is something else, or names another device than its times.
        """
        if not isinstance(values, Mapping) or values.get("schema") != SCHEMA:
            found = values.get("schema") if isinstance(values, Mapping) else values
            raise ValueError(
                f"this is no file of device times: its schema is {found!r:.40}, not "
                f"{SCHEMA!r}; chapters/gpu_timing.ipynb writes one"
            )
        names = ("device", "device_name", "sizes", "ceilings", "modes")
        missing = [name for name in names if not values.get(name)]
        if missing:
            raise ValueError(f"these device times lack {', '.join(missing)}")
        built = super().from_dict(values)
        declared = (values["device"], values["device_name"])
        if (built.device, built.device_name) != declared:
            raise ValueError(
                f"the file says {values['device_name']!r}, its times say "
                f"{built.device_name!r}: write it again from the notebook"
            )
        return built

    def _table(self) -> Table:
        rows = [
            (mode, name, block)
            for mode, blocks in self.modes.items()
            for name, block in blocks.items()
        ]
        title = f"Time and memory of each block, {self.sizes} sizes"
        return Table(title, COLUMNS, rows, [self.origin])


def stored_times() -> list[DeviceTimes]:
    """Read the device times that come with the package; readers contributed them.

    >>> all(times.device_name for times in stored_times())
    True
    """
    return [DeviceTimes.load(path) for path in sorted(FOLDER.glob("gpu_timing_*.json"))]
