"""The report on one tensor's field: along both axes, and the box of one position."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from simseg_core.probes.field.arithmetic.arrays import LOCAL, WHOLE
from simseg_core.probes.field.arithmetic.axis import AxisField, axis_field
from simseg_core.probes.field.arithmetic.taps import EMPTY
from simseg_core.probes.field.arithmetic.terms import Axis
from simseg_core.probes.field.carry import LayerRecord

__all__ = ["Interval", "LayerField"]

Interval = tuple[int, int]  # first and last position, both included


class LayerField:
    """The field of one tensor: what a module or an operation returned.

    Attributes:
        name: the module's path in the network; "" for the network itself.
        operation: the module's class, or the functional operation.
        shape: the tensor's shape.
        depth: modules around it.
        is_module, is_leaf: a module's result; with no smaller module in it.
        is_global: whether a global path arrives.
    """

    def __init__(self, record: LayerRecord) -> None:
        self.name, self.operation = record.name, record.operation
        self.shape, self.depth = record.shape, record.depth
        self.is_module, self.is_leaf = record.is_module, record.is_leaf
        self._axes = record.field
        self.is_global = any(term.is_global for axis in self._axes for term in axis)

    @cached_property
    def rows(self) -> AxisField:
        """Along the image's height."""
        dim = self.map_dims[0] if self.map_dims else 2
        return axis_field(self._axes[0], self.shape, dim)

    @cached_property
    def columns(self) -> AxisField:
        """Along the image's width."""
        dim = self.map_dims[1] if self.map_dims else 3
        return axis_field(self._axes[1], self.shape, dim)

    @property
    def size(self) -> tuple[int | None, int | None]:
        """Unclipped size (rows, columns); None where it is not one number."""
        return self.rows.size, self.columns.size

    @cached_property
    def map_dims(self) -> tuple[int, int] | None:
        """The dimensions that count rows and columns, as the operations moved them.

        None where they are not two: tokens, windows, or no positions at all.
        """
        rows, columns = map(_counted, self._axes)
        # An axis of one position is counted by nothing, but stands beside the other.
        single = {d for d, n in enumerate(self.shape) if n == 1 and d > 0}
        if not rows and not columns and len(self.shape) == 4:
            columns = {d for d in (2, 3) if {d - 1, d} <= single}
            columns = {max(columns, default=0)} - {0}
        if not rows:
            rows = {d - 1 for d in columns if d - 1 in single}
        if not columns:
            columns = {d + 1 for d in rows if d + 1 in single}
        rows, columns = rows - columns, columns - rows  # channels may be of both
        if len(rows) == len(columns) == 1:
            return rows.pop(), columns.pop()
        return None

    @cached_property
    def counted(self) -> tuple[int, ...]:
        """The dimensions along which positions differ."""
        return tuple(sorted({d for axis in self._axes for t in axis for d in t.over}))

    @cached_property
    def position_dims(self) -> tuple[int, ...]:
        """The tensor's dimensions that an index of `box` counts, rows before columns.

        Where global operations leave all positions alike, those of (B, C, h, w).
        """
        if self.map_dims:
            return self.map_dims
        alike = len(self.shape) == 4 and set(self.counted) <= {2, 3}
        return (2, 3) if alike else self.counted

    def box(
        self, index: Sequence[int], *, whole: bool = False
    ) -> tuple[Interval, Interval] | None:
        """Give the rows and columns that one output position reads, within the image.

        Args:
            index: a number for each of `position_dims`; (row, column) of a map.
            whole: with the global paths.

        Returns:
            ((first row, last row), (first column, last column)), ends included, or None
            if it reads nothing.

        Raises:
            IndexError: if the index is not a position of the map.
        """
        sizes = [self.shape[d] for d in self.position_dims]
        index = [int(i) for i in index]
        if len(index) != len(sizes) or any(
            not -n <= i < n for i, n in zip(index, sizes)
        ):
            raise IndexError(
                f"index {tuple(index)} is not a position of '{self.name}', which has "
                f"{' x '.join(map(str, sizes)) or 'no'} positions"
            )
        intervals = []
        for axis in self._axes:
            first, minus_last = EMPTY, EMPTY
            for term in axis:
                data = term.data[WHOLE if whole else LOCAL]
                for dim, i, n in zip(self.position_dims, index, sizes):
                    at = i % n if data.shape[dim + 1] > 1 else 0
                    data = data.take([at], axis=dim + 1)
                first = min(first, int(data[0].min()))
                minus_last = min(minus_last, int(data[1].min()))
            if first == EMPTY:
                return None
            intervals.append((first, -minus_last))
        return intervals[0], intervals[1]

    def unclipped_box(self, index: Sequence[int]) -> tuple[Interval, Interval] | None:
        """Give the same without image edges; None where it is not defined."""
        ends = []
        for axis, i in zip((self.rows, self.columns), index):
            if axis.unclipped_first is None or axis.unclipped_last is None:
                return None
            ends.append((int(axis.unclipped_first[i]), int(axis.unclipped_last[i])))
        return (ends[0], ends[1]) if len(ends) == 2 else None

    def to_dict(self) -> dict[str, Any]:
        """Give plain numbers and lists, for JSON."""
        axes = {"rows": self.rows, "columns": self.columns}
        return {
            "name": self.name,
            "operation": self.operation,
            "shape": list(self.shape),
            "is_global": self.is_global,
        } | {
            label: {
                "size": axis.size,
                "stride": None if axis.stride is None else float(axis.stride),
                "offset": axis.offset,
                "period": axis.period,
                "phases": None if axis.phases is None else list(axis.phases),
                "first": axis.first.tolist(),
                "last": axis.last.tolist(),
            }
            for label, axis in axes.items()
        }


def _counted(axis: Axis) -> set[int]:
    """Give the dimensions that count the positions of one axis."""
    kept = {t.endless.dim for t in axis if t.endless and not t.endless.packed}
    return kept if len(kept) == 1 else {d for term in axis for d in term.over}
