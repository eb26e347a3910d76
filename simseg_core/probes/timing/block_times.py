"""What one block costs a device: its counts, a forward pass, a training step."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simseg_core.probes.timing.measurement import Measurement
from simseg_core.tables import Column
from simseg_core.tables.units import binary, duration

__all__ = ["COLUMNS", "BlockTimes"]


@dataclass(frozen=True)
class BlockTimes:
    """One block in one mode.

    Attributes:
        shape: of the input, (B, C, H, W).
        macs: multiply-accumulates of a forward pass.
        moved_bytes: bytes that its operations read and write.
        forward: time and memory of a forward pass in evaluation mode.
        step: of a forward and backward pass in training mode.
    """

    shape: tuple[int, ...]
    macs: int
    moved_bytes: int
    forward: Measurement
    step: Measurement

    def to_dict(self) -> dict[str, Any]:
        """Give plain values, ready for JSON."""
        return {
            "shape": list(self.shape),
            "macs": self.macs,
            "moved_bytes": self.moved_bytes,
            "forward": self.forward.to_dict(),
            "step": self.step.to_dict(),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], name: str) -> "BlockTimes":
        """Rebuild what `to_dict` gave.

        Raises:
            ValueError: naming the block, and what it lacks or has wrong.
        """
        try:
            macs, moved = values["macs"], values["moved_bytes"]
            if not all(isinstance(n, int) and n > 0 for n in (macs, moved)):
                raise ValueError(f"{macs!r} MACs and {moved!r} bytes are no counts")
            return cls(
                tuple(values["shape"]),
                macs,
                moved,
                Measurement.from_dict(values["forward"]),
                Measurement.from_dict(values["step"]),
            )
        except KeyError as error:
            raise ValueError(f"block {name!r} lacks {error}") from error
        except (ValueError, TypeError) as error:
            raise ValueError(f"block {name!r}: {error}") from error


def _memory(one: Measurement) -> str:
    return "unknown" if one.peak_bytes is None else binary(one.peak_bytes)


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
        lambda row: _memory(row[2].step),
        True,
        value=lambda row: row[2].step.peak_bytes,
    ),
)
