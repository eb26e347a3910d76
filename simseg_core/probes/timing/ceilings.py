"""Roofline: is a block near what this very device can do?

Williams, Waterman, Patterson, "Roofline: An Insightful Visual Performance Model for
Multicore Architectures", 2009. A block does `2 * macs` FLOP and moves `bytes`; their
quotient is its arithmetic intensity. A device multiplies matrices at some FLOP/s and
copies memory at some bytes/s; no block can be faster than the lower of the two allows:
attainable FLOP/s = min(peak, bandwidth * intensity).

*Differs from the paper*: both ceilings are measured here, not read in a data sheet, and
a block is placed by what it is counted to do, not by what hardware counters saw. So a
block may stand above the roof: then this is said, with how it can be, and no share.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from simseg_core.probes.timing import machine
from simseg_core.probes.timing.kept import Kept
from simseg_core.probes.timing.measurement import Measurement
from simseg_core.probes.timing.turns import Timed
from simseg_core.tables import Column, Table, Tabled
from simseg_core.tables.units import duration, si, threaded

__all__ = ["Block", "Ceilings", "Roofline", "measure_ceilings", "roofline"]

_COPY_BYTES = 2**28  # 256 MiB: beyond the caches of most devices
_CPU_SIZES = (512, 1024)  # sides of the matrices; the best rate counts
_GPU_SIZES = (2048, 4096, 8192)

# How a block can stand above a roof, by what the roof is made of.
_ABOVE = {
    "arithmetic": "it multiplies less than its formula counts (zeros of the padding "
    "skipped, Winograd)",
    "memory": "it moves less than is counted (data found in the cache)",
}


@dataclass(frozen=True)
class Ceilings(Kept):
    """What a device reaches at best, as measured.

    Attributes:
        flops: FLOP/s of the best matrix product, two FLOP to a multiply-accumulate.
        bandwidth: bytes/s of a copy, read and written bytes both counted.
        device: where it was measured, such as ``"cuda:0"``.
        device_name: the hardware's name.
        dtype: type of the matrices, and "TF32" where they were rounded to it.
        threads: CPU threads that PyTorch used.
    """

    kind = "ceilings"

    flops: float
    bandwidth: float
    device: str
    device_name: str
    dtype: str
    threads: int

    @property
    def ridge(self) -> float:
        """FLOP/byte from which on arithmetic, not memory, is the limit."""
        return self.flops / self.bandwidth

    def attainable(self, intensity: float) -> float:
        """FLOP/s that a block of this intensity (FLOP/byte) could reach."""
        return min(self.flops, self.bandwidth * intensity)


@dataclass(frozen=True)
class Block(Kept):
    """One block on the roofline.

    Attributes:
        name: what it is.
        macs: multiply-accumulates of one run.
        moved_bytes: bytes that one run reads and writes.
        seconds: time of one run.
    """

    kind = "block"

    name: str
    macs: float
    moved_bytes: float
    seconds: float

    @property
    def intensity(self) -> float:
        """FLOP per byte moved."""
        return 2 * self.macs / self.moved_bytes

    @property
    def flops(self) -> float:
        """FLOP/s reached."""
        return 2 * self.macs / self.seconds


@dataclass(frozen=True, repr=False)
class Roofline(Kept, Tabled):
    """Blocks under the measured ceilings of one device."""

    kind = "roofline"

    ceilings: Ceilings
    blocks: tuple[Block, ...]

    def efficiency(self, block: Block) -> float:
        """Share of what is attainable at the block's intensity; 1 is the roof."""
        return block.flops / self.ceilings.attainable(block.intensity)

    def limit(self, block: Block) -> str:
        """Name what the roof above the block is made of: memory or arithmetic."""
        below = block.intensity < self.ceilings.ridge
        return "memory" if below else "arithmetic"

    def passed(self, block: Block) -> str:
        """Name the roof that the block stands above by 1 % or more; "" if none."""
        if round(self.efficiency(block), 2) <= 1:
            return ""
        return "arithmetic" if block.flops > self.ceilings.flops else "memory"

    def standing(self, block: Block) -> str:
        """Say how near the roof the block is: "50% of the roof, limited by memory"."""
        if passed := self.passed(block):
            return f"above the {passed} roof"
        return (
            f"{self.efficiency(block):.0%} of the roof, limited by {self.limit(block)}"
        )

    @property
    def reasons(self) -> list[str]:
        """A sentence for each roof that a block stands above: how that can be."""
        passed = {self.passed(block) for block in self.blocks}
        return [
            f"Above the {roof} roof: {why}, or the machine was busy while the roof was "
            "measured."
            for roof, why in _ABOVE.items()
            if roof in passed
        ]

    def _table(self) -> Table:
        columns = [
            Column("block", lambda block: block.name),
            Column(
                "time", lambda b: duration(b.seconds), True, value=lambda b: b.seconds
            ),
            Column(
                "FLOP/byte",
                lambda b: f"{b.intensity:.1f}",
                True,
                value=lambda b: b.intensity,
            ),
            Column("FLOP/s", lambda b: si(b.flops), True, value=lambda b: b.flops),
            Column(
                "of the roof",
                lambda b: "above" if self.passed(b) else f"{self.efficiency(b):.0%}",
                True,
                value=self.efficiency,
            ),
            Column("limit", self.limit),
        ]
        top = self.ceilings
        notes = [
            f"ceilings measured: {si(top.flops)} FLOP/s, {si(top.bandwidth)} byte/s",
            f"{top.device}: {top.device_name}, {threaded(top.threads)}, {top.dtype}",
            *self.reasons,
        ]
        return Table("Roofline", columns, self.blocks, notes)


def roofline(
    blocks: Mapping[str, tuple[float, float, Measurement]],
    *,
    ceilings: Ceilings | None = None,
    dtype: torch.dtype = torch.float32,
) -> Roofline:
    """Place blocks under the ceilings of the device that they were measured on.

    Args:
        blocks: name -> MACs and bytes moved of one run, as `cost` gives them (`macs`,
            `moved_bytes`), and the run's time from `measure`.
        ceilings: of that device and thread count; None measures them, which takes a few
            seconds.
        dtype: type of the matrices to measure with: the blocks' own.

    Raises:
        ValueError: if a block's numbers are not all above zero, or the blocks were not
            all measured, like the ceilings, on one device with one number of threads.

    >>> from simseg_core.probes import measure
    >>> relu = measure(torch.relu, torch.ones(9), max_run_time=0.1, min_run_time=0.1)
    >>> peak = Ceilings(1e11, 1e10, "cpu", relu.device_name, "float32", relu.threads)
    >>> placed = roofline({"3x3 convolution": (1e9, 1e8, relu)}, ceilings=peak)
    >>> placed.blocks[0].intensity, placed.limit(placed.blocks[0])
    (20.0, 'arithmetic')
    """
    if not blocks:
        raise ValueError("no blocks: give name -> (MACs, bytes moved, measurement)")
    placed = []
    for name, (macs, moved_bytes, timed) in blocks.items():
        if min(macs, moved_bytes, timed.median) <= 0:
            raise ValueError(
                f"block {name!r} does {macs} MACs and moves {moved_bytes} bytes: only "
                "one with convolutions or matrix products has a place on a roofline"
            )
        placed.append(Block(name, macs, moved_bytes, timed.median))
    measured = [timed for *_, timed in blocks.values()]
    _check_one_machine(measured)
    top = ceilings or measure_ceilings(measured[0].device, dtype)
    _check_one_machine([*measured, top])
    return Roofline(top, tuple(placed))


def _check_one_machine(found: Iterable[Measurement | Ceilings]) -> None:
    machines = {
        f"{one.device}: {one.device_name}, {threaded(one.threads)}" for one in found
    }
    if len(machines) > 1:
        raise ValueError(
            "one roofline is of one device and number of threads, got "
            f"{sorted(machines)}: measure blocks and ceilings alike"
        )


def measure_ceilings(
    device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
) -> Ceilings:
    """Measure the best matrix product and the copy of a device, in a few seconds.

    Where cuDNN's convolutions round float32 to TF32, so do the matrix products here, or
    a convolution could stand far above the roof.
    """
    device = torch.device(device)
    rounded = dtype == torch.float32 and machine.tf32(device)
    rates = []
    with _products_in_tf32(rounded):
        for n in _CPU_SIZES if device.type == "cpu" else _GPU_SIZES:
            a, b = (torch.randn(n, n, device=device).to(dtype) for _ in range(2))
            rates.append(2 * n**3 / _seconds(torch.matmul, a, b))
    source = torch.zeros(_COPY_BYTES, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    copied = 2 * _COPY_BYTES / _seconds(target.copy_, source)
    return Ceilings(
        flops=max(rates),
        bandwidth=copied,
        device=str(source.device),
        device_name=machine.device_name(source.device),
        dtype=str(dtype).removeprefix("torch.") + (", TF32" if rounded else ""),
        threads=torch.get_num_threads(),
    )


@contextmanager
def _products_in_tf32(rounded: bool) -> Iterator[None]:
    kept = torch.get_float32_matmul_precision()
    if rounded:
        torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(kept)


def _seconds(fn: Any, *args: Any) -> float:
    timed = Timed.prepare(fn, args, None, backward=False, device=None)
    return min(timed.turn(0.3).times)  # a ceiling is the best, not the usual
