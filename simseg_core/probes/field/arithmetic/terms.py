"""Fields as arrays: the input interval of every element of a tensor, along one axis.

A tensor's field along an axis is a list of `Term`s. A term holds arrays that broadcast
to the tensor, so that permuting, cutting or reshaping the tensor does the same to its
field, channel by channel where the channels differ. Five numbers belong to an element;
`arrays.py` names them.

`Term.over` are the tensor's dimensions that count positions; an operation that reduces
the last of them is *global*. Two operands of a matrix product keep their terms apart:
softmax(q k^T) v is local in q, global in k, v.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np
from numpy.typing import NDArray

from simseg_core.probes.field.arithmetic.arrays import (
    COUNT,
    GLOBAL,
    LOCAL,
    differs,
    grouped,
    narrow,
    windowed,
)
from simseg_core.probes.field.arithmetic.endless import (
    Endless,
    join_endless,
    unite_endless,
)
from simseg_core.probes.field.arithmetic.taps import (
    EMPTY,
    NOTHING,
    IntArray,
    Window,
    regroup,
    shift,
)

__all__ = ["Axis", "Term", "image_axis", "join", "unite"]

Shape = tuple[int, ...]
BoolArray = NDArray[np.bool_]
MOST_NUMBERS = 2**20  # beyond this, `Term.blank` is kept apart


@dataclass(frozen=True)
class Term:
    """A part of a tensor's field along one axis.

    Attributes:
        data: `(COUNT, *shape)`, 1 where the field is the same along a dimension.
        over: the dimensions that count positions of this axis.
        endless: the field on an endless axis, if it is known.
        blank: `shape`, 1 where it is the same along a dimension: where True, nothing is
            read, whatever `data` says. Kept apart only where `data` would grow too
            large: channels of zeros beside a long list of positions.
    """

    data: IntArray
    over: frozenset[int]
    endless: Endless | None
    blank: BoolArray | None = None

    def whole(self) -> "Term":
        """Write `blank` into `data`."""
        if self.blank is None:
            return self
        return replace(self, data=np.where(self.blank, EMPTY, self.data), blank=None)

    def permute(self, order: Sequence[int]) -> "Term":
        """Reorder the dimensions."""
        data = self.data.transpose(0, *(d + 1 for d in order))
        over = frozenset(new for new, old in enumerate(order) if old in self.over)
        blank = None if self.blank is None else self.blank.transpose(order)
        return Term(data, over, self.endless and self.endless.permute(order), blank)

    def rank(self, rank: int) -> "Term":
        """Add dimensions of size 1 in front."""
        more = rank - (self.data.ndim - 1)
        if more <= 0:
            return self
        data = self.data.reshape(COUNT, *[1] * more, *self.data.shape[1:])
        endless = self.endless and self.endless.lead(more)
        blank = self.blank
        if blank is not None:
            blank = blank.reshape(*[1] * more, *blank.shape)
        return Term(data, frozenset(d + more for d in self.over), endless, blank)

    def widened(self, shape: Shape, new_shape: Shape) -> "Term":
        """Broadcast: a dimension of size 1 that grows no longer counts positions."""
        kept = frozenset(d for d in self.over if shape[d] == new_shape[d])
        lost = kept != self.over and self.is_local
        return Term(self.data, kept, None if lost else self.endless, self.blank)

    @property
    def is_local(self) -> bool:
        """Whether anything but global paths arrives."""
        first, _ = self.data[LOCAL]
        return bool((first < EMPTY).any())

    @property
    def is_global(self) -> bool:
        """Whether a global path arrives at some element."""
        return bool((self.data[GLOBAL] == 0).any())

    def without_local_paths(self) -> "Term":
        """Make every path global: no interval is left but the whole one."""
        data = self.data.copy()
        data[LOCAL], data[GLOBAL] = EMPTY, 0
        return replace(self, data=data, endless=None)

    def pick(self, dim: int, index: IntArray) -> "Term":
        """Take positions along a dimension that is not moved along (channels)."""
        data = self.data
        if data.shape[dim + 1] > 1:
            data = data.take(index, axis=dim + 1)
        endless = self.endless
        if endless:
            endless = None if endless.dim == dim else endless.pick(dim, index)
        blank = self.blank
        if blank is not None and blank.shape[dim] > 1:
            blank = blank.take(index, axis=dim)
        return Term(data, self.over, endless, blank)

    def move(self, dim: int, window: Window) -> "Term":
        """Apply an operation that moves along `dim`."""
        if self.blank is not None and self.blank.shape[dim] > 1:
            return self.whole().move(dim, window)
        blank = self.blank
        if blank is None and self.data.shape[dim + 1] == 1 and window.size_in > 1:
            unread = (window.inside() == NOTHING).all(axis=1)
            if (
                unread.any()
                and self.data.size // COUNT * window.size_out > MOST_NUMBERS
            ):
                blank = unread.reshape([-1 if d == dim else 1 for d in _dims(self)])
                return self._endless_moved(dim, window, self.data, blank)
        data = windowed(self.data, dim + 1, window)
        return self._endless_moved(dim, window, data, blank)

    def _endless_moved(
        self, dim: int, window: Window, data: IntArray, blank: BoolArray | None
    ) -> "Term":
        endless = self.endless
        if endless and endless.dim == dim:
            endless = endless.move(window)
        elif endless and endless.data.shape[dim + 1] > 1:
            # (Else the same everywhere: an endless map has no padding to fall on.)
            moved = windowed(endless.data, dim + 1, window)
            endless = replace(endless, data=moved)
        return Term(data, self.over, endless, blank)

    def reduce(self, dims: Iterable[int], shape: Shape) -> "Term":
        """Unite along `dims` (kept, with size 1); global if no position is left."""
        dims, blank = frozenset(dims), self.blank
        if blank is not None:
            if any(min(pair) > 1 for pair in zip(blank.shape, self.data.shape[1:])):
                return self.whole().reduce(dims, shape)
            blank = np.asarray(blank.all(axis=tuple(dims), keepdims=True))
            blank = blank if blank.any() else None
        data = self.data.min(axis=tuple(d + 1 for d in dims), keepdims=True)
        over = self.over - dims
        endless = self.endless and self.endless.reduce(dims)
        if over != self.over and not any(shape[d] > 1 for d in over):
            return Term(data, frozenset(), None, blank).without_local_paths()
        return Term(data, over, endless, blank)

    def mix(self, dim: int, shape: Shape, groups: int, size_out: int) -> "Term":
        """Mix channels within each group, as a grouped convolution does."""
        if groups == 1:
            return self.reduce([dim], shape)
        data = grouped(self.whole().data, dim + 1, groups, size_out)
        endless = self.endless
        if endless:
            mixed = grouped(endless.data, dim + 1, groups, size_out)
            endless = replace(endless, data=mixed)
        return Term(data, self.over, endless)

    def reshape(
        self, shape: Shape, new_shape: Shape, beside: frozenset[int] | None = None
    ) -> "Term":
        """Regroup the dimensions as `view` does; see `Endless.reshape` for `beside`."""
        data_in: list[int] = []
        data_out: list[int] = []
        over: set[int] = set()
        split: list[list[int]] = []
        for old, new in regroup(shape, new_shape):
            varies = any(self.data.shape[d + 1] > 1 for d in old)
            data_in += [shape[d] if varies else 1 for d in old]
            data_out += [new_shape[d] if varies else 1 for d in new]
            if len(old) == len(new) == 1:
                over.update(new if old[0] in self.over else [])
            elif any(shape[d] > 1 for d in old if d in self.over):
                split.append([d for d in new if new_shape[d] > 1])
        count = len(self.data)
        full = np.broadcast_to(self.data, (count, *data_in))
        data = narrow(full.reshape(count, *data_out))
        endless = self.endless and self.endless.reshape(shape, new_shape, beside)
        for dims in split:  # of tokens that become a map, one dimension is this axis
            if endless and not endless.packed and endless.dim in dims:
                dims = [endless.dim]
            over.update([d for d in dims if differs(data, d + 1)] or dims)
        if self.blank is None:
            return Term(data, frozenset(over), endless)
        blank = Term(self.blank[None], frozenset(), None).reshape(shape, new_shape)
        return Term(data, frozenset(over), endless, blank.data[0])


Axis = tuple[Term, ...]


def image_axis(size: int, dim: int, rank: int, margin: int) -> Axis:
    """Give the field of the image itself along one axis: position i sees i.

    Args:
        size: positions on this axis.
        dim: the image's dimension that counts them.
        rank: the image's number of dimensions.
        margin: positions to list beyond the edges where no cycle tells them: `Endless`.
    """
    here = np.arange(size).reshape([size if d == dim else 1 for d in range(rank)])
    data = np.stack([here, -here, here, -here, np.ones_like(here)])
    endless = Endless.source(size, margin, dim, rank)
    return (Term(data, frozenset([dim]), endless),)


def _dims(term: Term) -> range:
    return range(term.data.ndim - 1)


def unite(terms: Iterable[Term]) -> Axis:
    """Unite terms of the same tensor; those that count the same dimensions merge."""
    merged: list[Term] = []
    for term in terms:
        for place, other in enumerate(merged):
            blank = other.blank is not None or term.blank is not None
            if other.over == term.over and not (blank and _is_large(other, term)):
                merged[place] = _merge(other.whole(), term.whole())
                break
        else:
            merged.append(term)
    return tuple(merged)


def _merge(one: Term, other: Term) -> Term:
    data = np.minimum(one.data, other.data)
    kept = [t.endless for t in (one, other) if t.is_local]
    return Term(data, one.over, unite_endless(kept))


def _is_large(*terms: Term) -> bool:
    """Whether the terms would take much memory as one array."""
    shapes = [t.data.shape[1:] for t in terms]
    shapes += [t.blank.shape for t in terms if t.blank is not None]
    return prod(max(sizes) for sizes in zip(*shapes)) > MOST_NUMBERS


def join(parts: Sequence[tuple[Axis, int]], dim: int) -> Axis:
    """Concatenate along `dim`; each part comes with its size there."""
    total = sum(size for _, size in parts)
    terms = [term for axis, _ in parts for term in axis]
    whole = [max(sizes) for sizes in zip(*(t.data.shape[1:] for t in terms))]
    count = total * prod(n for d, n in enumerate(whole) if d != dim)
    if count > MOST_NUMBERS and all(dim not in term.over for term in terms):
        placed, first = [], 0
        for axis, size in parts:
            window = shift(size, total, -first)
            placed += [term.move(dim, window) for term in axis]
            first += size
        return tuple(placed)
    parts = [(unite(term.whole() for term in axis), size) for axis, size in parts]
    keys = {term.over: None for axis, _ in parts for term in axis}
    joined = []
    for key in keys:
        chosen = [(next((t for t in a if t.over == key), None), n) for a, n in parts]
        some = next(t for t, _ in chosen if t is not None)
        nothing = np.full((COUNT, *[1] * (some.data.ndim - 1)), EMPTY)
        datas = [nothing if t is None else t.data for t, _ in chosen]
        shape = [max(sizes) for sizes in zip(*(d.shape for d in datas))]
        blocks = []
        for data, (_, size) in zip(datas, chosen):
            shape[dim + 1] = size
            blocks.append(np.broadcast_to(data, shape))
        data = narrow(np.concatenate(blocks, axis=dim + 1), [dim + 1])
        ends = [
            (t.endless if t and t.is_local else t is not None and t.is_local, n)
            for t, n in chosen
        ]
        joined.append(Term(data, key, join_endless(ends, dim)))
    return tuple(joined)
