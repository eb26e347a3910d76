"""The field along one axis: intervals, size, stride, offset and phases."""

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from simseg_core.probes.field.arithmetic.arrays import COUNT, GLOBAL, LOCAL
from simseg_core.probes.field.arithmetic.endless import unite_endless
from simseg_core.probes.field.arithmetic.taps import EMPTY, IntArray
from simseg_core.probes.field.arithmetic.terms import Axis

__all__ = ["AxisField", "axis_field"]

_LONGEST_PERIOD = 32  # a longer one (a resize 33 -> 129 has 43) is no number to report


@dataclass(frozen=True)
class AxisField:
    """The field along one axis of the image, for each position of a map.

    Two intervals belong to a position. The *clipped* one (`first`, `last`) holds the
    first and last input position it really reads: taps on padding read nothing. The
    *unclipped* one (`unclipped_first`, `unclipped_last`) is what it would read were
    image and maps endless; size, stride and offset are those of it. Global paths are
    left out of both; `is_global` says whether there are any.

    Attributes:
        first, last: `(n,)`, both ends included; `first > last` where nothing is read.
        unclipped_first, unclipped_last: `(n,)`; None where positions were regrouped
            (windows, class tokens), so that no endless axis is left.
        period: the sizes and steps repeat after this many positions; None if they do
            not, or only after more than 32.
        advance: input positions that one period moves on.
        phases: the unclipped size by phase: position i has `phases[i % period]`.
        is_global: whether a global operation lets some position see everything.
    """

    first: IntArray
    last: IntArray
    unclipped_first: IntArray | None
    unclipped_last: IntArray | None
    period: int | None
    advance: int
    phases: tuple[int, ...] | None
    is_global: bool

    @property
    def sizes(self) -> IntArray:
        """Unclipped size of each position's field (clipped where there is no other)."""
        if self.unclipped_first is None or self.unclipped_last is None:
            return (self.last - self.first + 1).clip(0)
        return (self.unclipped_last - self.unclipped_first + 1).clip(0)

    @property
    def size(self) -> int | None:
        """The one unclipped size; None if it differs or is not defined."""
        if self.unclipped_first is None:
            return None
        sizes = set(self.phases or self.sizes.tolist())
        return sizes.pop() if len(sizes) == 1 else None

    @property
    def stride(self) -> Fraction | int | None:
        """Input positions between neighbours, on average over a period."""
        if self.period is None:
            return None
        stride = Fraction(self.advance, self.period)
        return int(stride) if stride.denominator == 1 else stride

    @property
    def offset(self) -> int | None:
        """Unclipped first input position of position 0; negative within the padding."""
        if self.unclipped_first is None or not len(self.first):
            return None
        return int(self.unclipped_first[0])

    def summary(self) -> tuple[str, str, str]:
        """Size, stride and offset as a table's cells."""
        if not len(self.first) or (self.first > self.last).all():
            return ("global" if self.is_global else "none"), "-", "-"
        sizes = sorted(set(self.phases or self.sizes.tolist()))
        size = " or ".join(map(str, sizes))
        if len(sizes) > 2:
            size = f"{sizes[0]} to {sizes[-1]}"
        if self.unclipped_first is None:
            size += " clipped"
        if self.is_global:
            size += " + global"
        offset = "-" if self.offset is None else str(self.offset)
        return size, "-" if self.stride is None else str(self.stride), offset


def axis_field(axis: Axis, shape: tuple[int, ...], usual: int) -> AxisField:
    """Unite all terms, channels and other axes, one entry a position of this axis.

    Args:
        axis: the field's terms.
        shape: of the tensor.
        usual: the dimension that counts this axis in a map, for where several might.
    """
    rank = len(shape)
    local = [term for term in axis if term.is_local]
    dims = sorted({d for term in local for d in term.over})
    if rank == 4 and usual in dims:
        dims = [usual]
    elif rank == 4 and len(dims) > 1 and dims[0] == 1:
        dims = dims[1:]  # channels that came from positions
    endless = unite_endless([term.endless for term in local]) if local else None
    if endless and not endless.is_shared:
        endless = endless.unpack()
    if endless and not endless.packed:
        dims = [endless.dim]
    data = np.full([COUNT] + [1] * rank, EMPTY)
    for term in axis:
        data = np.minimum(data, term.data)
    others = tuple(d + 1 for d in range(rank) if d not in dims)
    data = data.min(axis=others).reshape(COUNT, -1)
    unclipped: tuple[IntArray | None, IntArray | None] = (None, None)
    period, advance, phases = None, 0, None
    if endless is not None:
        length = endless.data.shape[-1]
        reach = replace(endless, data=endless.data.reshape(2, -1, length).min(axis=1))
        ends = reach.at(np.arange(endless.size))
        unclipped = (ends[0], -ends[1])
        steps = reach.data
        if reach.advance is not None:  # a cycle, and as much more as may be a period
            steps = reach.at(np.arange(max(length, _LONGEST_PERIOD) + _LONGEST_PERIOD))
        period, advance = _period(steps)
        if period:
            start, minus_stop = reach.at(np.arange(period))
            phases = tuple((1 - minus_stop - start).clip(0).tolist())
        if endless.packed:
            sizes = (COUNT, *endless.packed)
            if data.shape[1] > 1:
                drop = tuple(
                    i + 1 for i in range(len(endless.packed)) if i != endless.role
                )
                data = data.reshape(sizes).min(axis=drop)
    size = shape[dims[0]] if len(dims) == 1 else data.shape[1]
    size = endless.size if endless else size
    data = np.broadcast_to(data, (COUNT, size)) if data.shape[1] == 1 else data
    first, minus_last = data[LOCAL]
    return AxisField(
        first=first,
        last=-minus_last,
        unclipped_first=unclipped[0],
        unclipped_last=unclipped[1],
        period=period,
        advance=advance,
        phases=phases,
        is_global=bool((data[GLOBAL] == 0).any()),
    )


def _period(reach: IntArray) -> tuple[int | None, int]:
    """Find the shortest cycle of the steps, and how far it advances."""
    length = reach.shape[1]
    for period in range(1, min(_LONGEST_PERIOD, length // 2) + 1):
        moved = reach[:, period:] - reach[:, :-period]
        reads = reach[0] < EMPTY
        if (reads[period:] != reads[:-period]).any():
            continue
        both = reads[period:]
        advance = moved[0, both]
        if (advance == advance[:1]).all() and (moved[1, both] == -advance[:1]).all():
            return period, int(advance[0])
    return None, 0
