"""The field on an endless axis: what an output position would see without any edge.

Padding clips the interval of the outputs near the edge, and in a deep network that is
every output. So each map is also followed on an axis that goes on beyond its edges,
with the very index rules of the layers inside. There the textbook's numbers (size,
stride, offset) appear, and phases where they alternate.

Without edges every layer repeats itself: a convolution of stride 2 reads two positions
further on at each step, and a resize 33 -> 129 does the same every 43. So one cycle
tells all positions, however far a deep network sees. Only where resizes of unrelated
sizes make a cycle too long to hold are positions listed, up to a margin around the map.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import gcd, lcm, prod

import numpy as np

from simseg_core.probes.field.arithmetic.taps import (
    EMPTY,
    NOTHING,
    IntArray,
    Window,
    regroup,
)

__all__ = ["Endless", "MarginTooSmallError", "join_endless", "unite_endless"]

Shape = tuple[int, ...]
_LONGEST_CYCLE = 4096  # positions


class MarginTooSmallError(Exception):
    """The margin around the image is used up before the last layer."""


@dataclass(frozen=True)
class Endless:
    """First and minus last input position, for positions beyond the edges too.

    Attributes:
        data: `(2, *shape, length)`; the tensor's own position dimension has size 1 in
            `shape`, since the last dimension counts the positions instead.
        first: the position of `data[..., 0]`; 0 is the map's first, so this is <= 0.
        size: positions that are on the map.
        dim: the tensor's dimension that counts positions.
        advance: input positions that `length` positions further on see further on, so
            that `data` tells them all; None where it lists those that are known.
        margin: positions to list around the map where they do not repeat.
        packed: the sizes of the dimensions flattened into `dim`, if they were.
        role: which of `packed` is this axis.
        is_shared: whether `packed` may hold the other axis too, as in a list of tokens.
    """

    data: IntArray
    first: int
    size: int
    dim: int
    advance: int | None
    margin: int
    packed: Shape = ()
    role: int = 0
    is_shared: bool = True

    @classmethod
    def source(cls, size: int, margin: int, dim: int, rank: int) -> "Endless":
        """Give the endless image: position i sees i."""
        data = np.zeros((2, *[1] * rank, 1), dtype=int)
        return cls(data, 0, size, dim, advance=1, margin=margin)

    def at(self, places: IntArray) -> IntArray:
        """Give what positions see: `(m,)` -> `(2, *shape, m)`."""
        if self.advance is None:
            return self.data[..., places - self.first]
        turns, rest = np.divmod(places - self.first, self.data.shape[-1])
        read = self.data[..., rest]
        shape = (2, *[1] * (read.ndim - 2), len(places))
        moved = self.advance * np.stack([turns, -turns]).reshape(shape)
        return np.where(read == EMPTY, EMPTY, read + moved)

    def permute(self, order: Sequence[int]) -> "Endless":
        """Reorder the dimensions."""
        data = self.data.transpose(0, *(d + 1 for d in order), -1)
        return replace(self, data=data, dim=list(order).index(self.dim))

    def lead(self, more: int) -> "Endless":
        """Add dimensions of size 1 in front."""
        data = self.data.reshape(2, *[1] * more, *self.data.shape[1:])
        return replace(self, data=data, dim=self.dim + more)

    def pick(self, dim: int, index: IntArray) -> "Endless":
        """Take entries along a dimension that does not count positions."""
        if self.data.shape[dim + 1] == 1:
            return self
        return replace(self, data=self.data.take(index, axis=dim + 1))

    def reduce(self, dims: Iterable[int]) -> "Endless | None":
        """Unite along dimensions; lost if one of them counts the positions."""
        dims = tuple(dims)
        if self.dim in dims:
            return None
        axes = tuple(d + 1 for d in dims)
        return replace(self, data=self.data.min(axis=axes, keepdims=True))

    def move(self, window: Window) -> "Endless | None":
        """Apply an operation that moves along the positions."""
        if self.packed:
            unpacked = self.unpack()
            return unpacked and unpacked.move(window)
        advance, cycle = None, self._cycle_after(window)
        if self.advance is None:
            first, taps = window.endless(self.first, self.data.shape[-1])
        elif cycle:
            period, turns = cycle
            first, taps = 0, window.taps(np.arange(period))
            advance = self.advance * turns
        else:
            return self._listed().move(window)
        if advance is None and (first > 0 or first + len(taps) < window.size_out):
            raise MarginTooSmallError
        out = np.full((), EMPTY)
        for column in range(taps.shape[1]):
            unread = taps[:, column] == NOTHING
            read = self.at(np.where(unread, self.first, taps[:, column]))
            out = np.minimum(out, np.where(unread, EMPTY, read))
        size = window.size_out
        return replace(self, data=out, first=first, size=size, advance=advance)

    def _cycle_after(self, window: Window) -> tuple[int, int] | None:
        """Length of the cycle behind a window, and how many of this one it passes."""
        if self.advance is None or window.cycle is None:
            return None
        made, read = window.cycle
        length = self.data.shape[-1]
        times = length // gcd(length, read)
        if made * times > _LONGEST_CYCLE:
            return None
        return made * times, read * times // length

    def _listed(self) -> "Endless":
        """List the positions around the map one by one."""
        first, stop = -self.margin, self.size + self.margin
        return replace(
            self, data=self.at(np.arange(first, stop)), first=first, advance=None
        )

    def unpack(self) -> "Endless | None":
        """Count all of `packed`: a position stands there once for each entry within it.

        So are pixels repeated (`repeat_interleave`) and channels moved to positions by
        hand. None where the other axis is in it, or the entries are not neighbours.
        """
        if not self.packed:
            return self
        if self.is_shared or self.role:
            return None
        times = prod(self.packed[1:])
        data, first = self.data.repeat(times, axis=-1), self.first * times
        size = self.size * times
        return replace(
            self, data=data, first=first, size=size, packed=(), is_shared=True
        )

    def reshape(
        self, shape: Shape, new_shape: Shape, beside: frozenset[int] | None = None
    ) -> "Endless | None":
        """Follow `view`: flattening the map and unflattening it are understood.

        Args:
            shape: before.
            new_shape: after.
            beside: the dimensions that count the other axis' positions, if known.
        """
        sizes_in: list[int] = []
        sizes_out: list[int] = []
        result = self
        for old, new in regroup(shape, new_shape):
            wide_in = [d for d in old if shape[d] > 1]
            wide_out = [d for d in new if new_shape[d] > 1]
            if old == [self.dim] and len(new) == 1:
                sizes_in, sizes_out = [*sizes_in, 1], [*sizes_out, 1]
                result = replace(result, dim=new[0])
                continue
            if self.dim not in old:
                varies = any(self.data.shape[d + 1] > 1 for d in old)
                sizes_in += [shape[d] if varies else 1 for d in old]
                sizes_out += [new_shape[d] if varies else 1 for d in new]
                continue
            sizes_in += [1] * len(old)
            sizes_out += [1] * len(new)
            if any(self.data.shape[d + 1] > 1 for d in old):
                return None  # channels and positions in one dimension
            moved = self._carried(shape, wide_in, [new_shape[d] for d in wide_out])
            if moved is None:
                return None
            role, packed = moved
            if not packed:
                result = replace(
                    result, dim=wide_out[role], packed=(), role=0, is_shared=True
                )
            else:
                others = {d for d in wide_in if d != self.dim}
                is_shared = beside is None or bool(others & beside)
                if self.packed:
                    is_shared = self.is_shared
                result = replace(
                    result,
                    dim=wide_out[0],
                    packed=packed,
                    role=role,
                    is_shared=is_shared,
                )
        last = self.data.shape[-1]
        full = np.broadcast_to(self.data, (2, *sizes_in, last))
        return replace(result, data=full.reshape(2, *sizes_out, last))

    def _carried(
        self, shape: Shape, wide_in: list[int], sizes_out: list[int]
    ) -> tuple[int, Shape] | None:
        """Tell which new dimension counts the positions: (role, packed sizes)."""
        if self.dim not in wide_in:
            return None  # a map of one position
        role, packed = wide_in.index(self.dim), tuple(shape[d] for d in wide_in)
        if self.packed:
            if len(wide_in) > 1:
                return None
            role, packed = self.role, self.packed
        if tuple(sizes_out) == packed:
            return role, ()
        return (role, packed) if len(sizes_out) == 1 else None


def unite_endless(parts: Sequence[Endless | None]) -> Endless | None:
    """Unite fields of one tensor where all are known; `parts` may hold None."""
    known = _in_step([part for part in parts if part is not None])
    if not known or len(known) < len(parts):
        return None
    known = _cut(known)
    data = known[0].data
    for other in known[1:]:
        data = np.minimum(data, other.data)
    return replace(known[0], data=data)


def join_endless(
    parts: Sequence[tuple[Endless | bool | None, int]], dim: int
) -> Endless | None:
    """Concatenate along `dim`; False stands for a part that sees nothing."""
    known = _in_step([part for part, _ in parts if isinstance(part, Endless)])
    lost = any(part is None or part is True for part, _ in parts)
    if not known or lost or known[0].dim == dim:
        return None
    known = _cut(known)
    cut = [part.data for part in known]
    length = cut[0].shape[-1]
    rest = iter(cut)
    nothing = np.full((2, *[1] * (cut[0].ndim - 2), length), EMPTY)
    datas = [next(rest) if part is not False else nothing for part, _ in parts]
    shape = [max(sizes) for sizes in zip(*(d.shape for d in datas))]
    blocks = []
    for data, (_, size) in zip(datas, parts):
        shape[dim + 1] = size
        blocks.append(np.broadcast_to(data, shape))
    data = np.concatenate(blocks, axis=dim + 1)
    if (data == data.take([0], axis=dim + 1)).all():
        data = data.take([0], axis=dim + 1)
    return replace(known[0], data=data)


def _in_step(parts: Sequence[Endless]) -> list[Endless]:
    """Let all count the same positions; nothing is left where they do not."""
    if not _alike(parts):
        unpacked = [part.unpack() for part in parts]
        parts = [part for part in unpacked if part is not None]
        if len(parts) < len(unpacked):
            return []
    return list(parts) if _alike(parts) else []


def _alike(parts: Sequence[Endless]) -> bool:
    return len({(p.size, p.dim, p.packed, p.role, p.is_shared) for p in parts}) == 1


def _cut(parts: Sequence[Endless]) -> list[Endless]:
    """Let all hold the same positions: one cycle, or those that all list."""
    cycle = lcm(*(part.data.shape[-1] for part in parts))
    steps = {
        None if p.advance is None else p.advance * cycle // p.data.shape[-1]
        for p in parts
    }
    first, stop, advance = 0, cycle, None
    if len(steps) == 1 and cycle <= _LONGEST_CYCLE:
        advance = steps.pop()
    if advance is None:
        listed = [p for p in parts if p.advance is None] or [parts[0]._listed()]
        first = max(part.first for part in listed)
        stop = min(part.first + part.data.shape[-1] for part in listed)
    places = np.arange(first, stop)

    def cut(part: Endless) -> Endless:
        is_so = (part.first, part.data.shape[-1]) == (first, len(places))
        if is_so and part.advance == advance:
            return part
        return replace(part, data=part.at(places), first=first, advance=advance)

    return [cut(part) for part in parts]
