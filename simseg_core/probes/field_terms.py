"""Fields as arrays: the input interval of every element of a tensor, along one axis.

A tensor's field along an axis is a list of `Term`s. A term holds arrays that broadcast
to the tensor, so that permuting, cutting or reshaping the tensor does the same to its
field, channel by channel where the channels differ. Five numbers belong to an element:

    0, 1  first and minus last row (or column) it can depend on, whatever the path
    2, 3  the same without the global paths
    4     0 where a global path arrives, else 1

All five unite by the elementwise minimum. `Term.over` are the tensor's dimensions that
count positions; an operation that reduces the last of them is *global*. Two operands of
a matrix product keep their terms apart: softmax(q k^T) v is local in q, global in k, v.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from simseg_core.probes.endless import Endless, join_endless, unite_endless
from simseg_core.probes.intervals import EMPTY, NOTHING, IntArray, Window, regroup

__all__ = ["Axis", "Term", "join", "source", "unite"]

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Term:
    """A part of a tensor's field along one axis.

    Attributes:
        data: `(5, *shape)`, 1 where the field is the same along a dimension.
        over: the dimensions that count positions of this axis.
        endless: the field on an endless axis, if it is known.
    """

    data: IntArray
    over: frozenset[int]
    endless: Endless | None

    def permute(self, order: Sequence[int]) -> "Term":
        """Reorder the dimensions."""
        data = self.data.transpose(0, *(d + 1 for d in order))
        over = frozenset(new for new, old in enumerate(order) if old in self.over)
        return Term(data, over, self.endless and self.endless.permute(order))

    def rank(self, rank: int) -> "Term":
        """Add dimensions of size 1 in front."""
        more = rank - (self.data.ndim - 1)
        if more <= 0:
            return self
        data = self.data.reshape(5, *[1] * more, *self.data.shape[1:])
        endless = self.endless and self.endless.lead(more)
        return Term(data, frozenset(d + more for d in self.over), endless)

    def widened(self, shape: Shape, new_shape: Shape) -> "Term":
        """Broadcast: a dimension of size 1 that grows no longer counts positions."""
        kept = frozenset(d for d in self.over if shape[d] == new_shape[d])
        lost = kept != self.over and self.is_local
        return Term(self.data, kept, None if lost else self.endless)

    @property
    def is_local(self) -> bool:
        """Whether anything but global paths arrives."""
        return bool((self.data[2] < EMPTY).any())

    def pick(self, dim: int, index: IntArray) -> "Term":
        """Take positions along a dimension that is not moved along (channels)."""
        data = self.data
        if data.shape[dim + 1] > 1:
            data = data.take(index, axis=dim + 1)
        endless = self.endless
        if endless:
            endless = None if endless.dim == dim else endless.pick(dim, index)
        return Term(data, self.over, endless)

    def move(self, dim: int, window: Window) -> "Term":
        """Apply an operation that moves along `dim`."""
        data = _windowed(self.data, dim + 1, window)
        endless = self.endless
        if endless and endless.dim == dim:
            endless = endless.move(window)
        elif endless:
            moved = _windowed(endless.data, dim + 1, window)
            endless = replace(endless, data=moved)
        return Term(data, self.over, endless)

    def reduce(self, dims: Iterable[int], shape: Shape) -> "Term":
        """Unite along `dims` (kept, with size 1); global if no position is left."""
        dims = frozenset(dims)
        data = self.data.min(axis=tuple(d + 1 for d in dims), keepdims=True)
        over = self.over - dims
        endless = self.endless and self.endless.reduce(dims)
        if over != self.over and not any(shape[d] > 1 for d in over):
            data = data.copy()
            data[2:4], data[4] = EMPTY, 0
            return Term(data, frozenset(), None)
        return Term(data, over, endless)

    def mix(self, dim: int, shape: Shape, groups: int, size_out: int) -> "Term":
        """Mix channels within each group, as a grouped convolution does."""
        if groups == 1:
            return self.reduce([dim], shape)
        data = _grouped(self.data, dim + 1, groups, size_out)
        endless = self.endless
        if endless:
            mixed = _grouped(endless.data, dim + 1, groups, size_out)
            endless = replace(endless, data=mixed)
        return Term(data, self.over, endless)

    def reshape(self, shape: Shape, new_shape: Shape) -> "Term":
        """Regroup the dimensions as `view` does."""
        data_in: list[int] = []
        data_out: list[int] = []
        over: set[int] = set()
        for old, new in regroup(shape, new_shape):
            varies = any(self.data.shape[d + 1] > 1 for d in old)
            data_in += [shape[d] if varies else 1 for d in old]
            data_out += [new_shape[d] if varies else 1 for d in new]
            if len(old) == len(new) == 1:
                over.update(new if old[0] in self.over else [])
            elif any(shape[d] > 1 for d in old if d in self.over):
                over.update(d for d in new if new_shape[d] > 1)
        full = np.broadcast_to(self.data, (5, *data_in))
        data = _narrow(full.reshape(5, *data_out))
        endless = self.endless and self.endless.reshape(shape, new_shape)
        return Term(data, frozenset(over), endless)


Axis = tuple[Term, ...]


def source(size: int, margin: int, dim: int, rank: int) -> Axis:
    """Give the field of the image itself: position i sees i."""
    shape = [size if d == dim else 1 for d in range(rank)]
    here = np.arange(size).reshape(shape)
    data = np.stack([here, -here, here, -here, np.ones_like(here)])
    endless = Endless.source(size, margin, dim, rank)
    return (Term(data, frozenset([dim]), endless),)


def unite(terms: Iterable[Term]) -> Axis:
    """Unite terms of the same tensor; those that count the same dimensions merge."""
    merged: dict[frozenset[int], Term] = {}
    for term in terms:
        other = merged.get(term.over)
        if other is None:
            merged[term.over] = term
            continue
        data = np.minimum(other.data, term.data)
        kept = [t.endless for t in (other, term) if t.is_local]
        merged[term.over] = Term(data, term.over, unite_endless(kept))
    return tuple(merged.values())


def join(parts: Sequence[tuple[Axis, int]], dim: int) -> Axis:
    """Concatenate along `dim`; each part comes with its size there."""
    keys = {term.over: None for axis, _ in parts for term in axis}
    joined = []
    for key in keys:
        found = [(next((t for t in a if t.over == key), None), n) for a, n in parts]
        some = next(t for t, _ in found if t is not None)
        nothing = np.full((5, *[1] * (some.data.ndim - 1)), EMPTY)
        datas = [nothing if t is None else t.data for t, _ in found]
        shape = [max(sizes) for sizes in zip(*(d.shape for d in datas))]
        blocks = []
        for data, (_, size) in zip(datas, found):
            shape[dim + 1] = size
            blocks.append(np.broadcast_to(data, shape))
        data = _narrow(np.concatenate(blocks, axis=dim + 1), [dim + 1])
        ends = [
            (t.endless if t and t.is_local else t is not None and t.is_local, n)
            for t, n in found
        ]
        joined.append(Term(data, key, join_endless(ends, dim)))
    return tuple(joined)


def _windowed(data: IntArray, dim: int, window: Window) -> IntArray:
    taps = window.inside()
    shape = [-1 if d == dim else 1 for d in range(data.ndim)]
    if data.shape[dim] == 1 and window.size_in > 1:  # the same at every position
        # On padding alone nothing is read, so nothing along the other axis either.
        blank = (taps == NOTHING).all(axis=1).reshape(shape)
        return np.where(blank, EMPTY, data) if blank.any() else data
    out = np.full((), EMPTY)
    for column in range(taps.shape[1]):
        read = data.take(taps[:, column].clip(0), axis=dim)
        nothing = taps[:, column] == NOTHING
        if nothing.any():
            read = np.where(nothing.reshape(shape), EMPTY, read)
        out = np.minimum(out, read)
    return _narrow(out, [dim])


def _grouped(data: IntArray, dim: int, groups: int, size_out: int) -> IntArray:
    if data.shape[dim] == 1:
        return data
    shape = data.shape
    split = data.reshape(*shape[:dim], groups, -1, *shape[dim + 1 :]).min(axis=dim + 1)
    return split.repeat(size_out // groups, axis=dim)


def _narrow(data: IntArray, dims: Iterable[int] | None = None) -> IntArray:
    """Keep one entry along the dimensions where all are equal."""
    for dim in range(1, data.ndim) if dims is None else dims:
        first = data.take([0], axis=dim)
        if data.shape[dim] > 1 and (data == first).all():
            data = first
    return data
