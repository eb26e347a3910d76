"""Arrays of intervals: the five numbers of an element, moved, grouped, shrunk.

`data[WHOLE]` are the first and minus the last row (or column) that an element can
depend on, whatever the path; `data[LOCAL]` the same without the global paths;
`data[GLOBAL]` is 0 where a global path arrives, else 1. All unite by the elementwise
minimum: hence *minus* the last. What is never read is `EMPTY`, at both ends.
"""

from collections.abc import Iterable

import numpy as np

from simseg_core.probes.field.arithmetic.taps import EMPTY, NOTHING, IntArray, Window

__all__ = [
    "COUNT",
    "GLOBAL",
    "LOCAL",
    "WHOLE",
    "differs",
    "grouped",
    "narrow",
    "windowed",
]

WHOLE, LOCAL, GLOBAL, COUNT = slice(0, 2), slice(2, 4), 4, 5


def windowed(data: IntArray, dim: int, window: Window) -> IntArray:
    """Read every tap of a window along `dim` and unite."""
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
    return narrow(out, [dim])


def differs(data: IntArray, dim: int) -> bool:
    """Whether what is read changes along `dim`, where anything is read at all."""
    if data.shape[dim] == 1:
        return False
    ends = data[:GLOBAL]
    highest = np.where(ends == EMPTY, NOTHING, ends).max(axis=dim)
    return bool((highest > ends.min(axis=dim)).any())


def grouped(data: IntArray, dim: int, groups: int, size_out: int) -> IntArray:
    """Unite the channels of each group, once for each channel it makes."""
    if data.shape[dim] == 1:
        return data
    shape = data.shape
    split = data.reshape(*shape[:dim], groups, -1, *shape[dim + 1 :]).min(axis=dim + 1)
    return split.repeat(size_out // groups, axis=dim)


def narrow(data: IntArray, dims: Iterable[int] | None = None) -> IntArray:
    """Keep one entry along the dimensions where all are equal."""
    for dim in range(1, data.ndim) if dims is None else dims:
        if data.shape[dim] > 1:
            first = data.take([0], axis=dim)
            data = first if (data == first).all() else data
    return data
