"""What one block costs a device: its counts, a forward pass, a training step."""

from dataclasses import dataclass

from simseg_core.probes.timing.kept import Kept
from simseg_core.probes.timing.measurement import Measurement
from simseg_core.tables import Column
from simseg_core.tables.units import duration, memory

__all__ = ["COLUMNS", "BlockTimes"]


@dataclass(frozen=True)
class BlockTimes(Kept):
    """One block in one mode.

    Attributes:
        shape: of the input, (B, C, H, W).
        macs: multiply-accumulates of a forward pass.
        moved_bytes: bytes that its operations read and write.
        forward: time and memory of a forward pass in evaluation mode.
        step: of a forward and backward pass in training mode.
    """

    kind = "block"

    shape: tuple[int, ...]
    macs: int
    moved_bytes: int
    forward: Measurement
    step: Measurement

    def _check(self) -> None:
        counts = (self.macs, self.moved_bytes)
        if not all(isinstance(n, int) and n > 0 for n in counts):
            macs, moved = counts
            raise ValueError(f"{macs!r} MACs and {moved!r} bytes are no counts")


def _spread(one: Measurement) -> str:
    return f"{one.iqr / one.median:.0%}"


COLUMNS = (  # of a table whose rows are (mode, name, block)
    Column("block", lambda row: row[1], width=34),
    Column("mode", lambda row: row[0], width=12),
    Column("input", lambda row: "x".join(map(str, row[2].shape))),
    Column(
        "forward",
        lambda row: duration(row[2].forward.median),
        True,
        value=lambda row: row[2].forward.median,
    ),
    Column(
        "IQR",
        lambda row: _spread(row[2].forward),
        True,
        value=lambda row: row[2].forward.iqr / row[2].forward.median,
    ),
    Column(
        "step",
        lambda row: duration(row[2].step.median),
        True,
        value=lambda row: row[2].step.median,
    ),
    Column(
        "memory",
        lambda row: memory(row[2].step.peak_bytes),
        True,
        value=lambda row: row[2].step.peak_bytes,
    ),
)
