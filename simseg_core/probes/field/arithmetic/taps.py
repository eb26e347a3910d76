"""Index arithmetic along one axis: which input positions does each output read?

Every operation that moves along an axis is a `Window`: `taps(i)` lists the positions
that output `i` reads, for *any* integer `i`. Inside the map the taps that fall on
padding are dropped (or clamped, for resizing); on the endless axis they are kept, which
gives the receptive field of the textbooks (Dumoulin and Visin 2016, arXiv 1603.07285,
relations 5, 6 and 14; Araujo et al. 2019, Distill, "Computing Receptive Fields").
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import gcd
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "EMPTY",
    "NOTHING",
    "Edge",
    "IntArray",
    "Window",
    "adaptive",
    "convolution",
    "cubic",
    "linear",
    "nearest",
    "regroup",
    "shift",
    "transposed",
]

IntArray = NDArray[Any]

EMPTY = 2**30  # the lower end of an interval that holds nothing; larger than any image
NOTHING = -(2**30)  # a tap that reads nothing
_NEAR = 4096  # positions beyond a map at which rounding is held against whole numbers

Edge = Literal["drop", "clamp", "reflect", "wrap"]


@dataclass(frozen=True)
class Window:
    """How one operation moves along one axis.

    Attributes:
        size_in: positions of the map it reads.
        size_out: positions of the map it makes.
        rate: output positions for one input position, far from the edges.
        taps: `(m,)` output positions -> `(m, k)` input positions, or `NOTHING`.
        edge: what a tap outside the map reads: nothing, the nearest position, the
            mirrored one, or the one at the other end.
        cycle: (m, n) where output i + m reads n positions behind those of i, whatever i
            is; None where no such pair is known.
    """

    size_in: int
    size_out: int
    rate: float
    taps: Callable[[IntArray], IntArray]
    edge: Edge = "drop"
    cycle: tuple[int, int] | None = None

    def inside(self) -> IntArray:
        """Taps of every output position within the map: `(size_out, k)`."""
        taps, last = self.taps(np.arange(self.size_out)), self.size_in - 1
        nothing = taps == NOTHING
        if self.edge == "clamp":
            taps = taps.clip(0, last)
        elif self.edge == "reflect":
            taps = last - np.abs(last - np.abs(taps))
        elif self.edge == "wrap":
            taps = taps % self.size_in
        return np.where(nothing | (taps < 0) | (taps > last), NOTHING, taps)

    def endless(self, first: int, length: int) -> tuple[int, IntArray]:
        """Taps of the outputs that read only `first ... first + length - 1`.

        Returns:
            The first of these output positions, and the taps.
        """
        reach = self.taps(np.arange(-1, 2))
        shift = np.abs(reach[reach != NOTHING]).max(initial=1)
        slack = int(np.ceil((2 + shift) * self.rate)) + 2
        low = int(np.floor(first * self.rate)) - slack
        high = int(np.ceil((first + length) * self.rate)) + slack
        taps = self.taps(np.arange(low, high))
        nothing = taps == NOTHING
        held = (nothing | ((taps >= first) & (taps < first + length))).all(axis=1)
        middle = self.size_out // 2 - low
        missing = np.flatnonzero(~held)
        start = missing[missing < middle].max(initial=-1) + 1
        stop = missing[missing >= middle].min(initial=len(held))
        return low + int(start), taps[start:stop]


def convolution(
    size_in: int,
    size_out: int,
    *,
    kernel: int,
    stride: int,
    padding: int,
    dilation: int,
) -> Window:
    """Output i reads stride * i - padding + dilation * k (also pooling)."""
    steps = dilation * np.arange(kernel) - padding

    def taps(i: IntArray) -> IntArray:
        return stride * i[:, None] + steps

    return Window(size_in, size_out, 1 / stride, taps, cycle=(1, stride))


def transposed(
    size_in: int,
    size_out: int,
    *,
    kernel: int,
    stride: int,
    padding: int,
    dilation: int,
) -> Window:
    """Output i reads j where i = stride * j - padding + dilation * k."""
    steps = padding - dilation * np.arange(kernel)

    def taps(i: IntArray) -> IntArray:
        reach = i[:, None] + steps
        return np.where(reach % stride == 0, reach // stride, NOTHING)

    return Window(size_in, size_out, float(stride), taps, cycle=(stride, 1))


def shift(
    size_in: int, size_out: int, first: int, step: int = 1, edge: Edge = "drop"
) -> Window:
    """Output i reads first + step * i: a crop, a slice with a step, a padding."""

    def taps(i: IntArray) -> IntArray:
        return first + step * i[:, None]

    return Window(size_in, size_out, 1 / step, taps, edge, (1, step))


def adaptive(size_in: int, size_out: int) -> Window:
    """Output i reads floor(i * in / out) to ceil((i + 1) * in / out) - 1."""

    def taps(i: IntArray) -> IntArray:
        start, stop = i * size_in // size_out, -((-(i + 1) * size_in) // size_out)
        reach = start[:, None] + np.arange(-(-size_in // size_out) + 1)
        return np.where(reach < stop[:, None], reach, NOTHING)

    cycle = _cycle(size_out, size_in)
    return Window(size_in, size_out, size_out / size_in, taps, cycle=cycle)


def nearest(
    size_in: int, size_out: int, *, scale: float | None = None, exact: bool = False
) -> Window:
    """Output i reads floor(i * scale), or floor((i + 1/2) * scale) if `exact`.

    The product is rounded to float32 as torch rounds it: that decides the pixel.
    """
    ratio = np.float32(1 / scale if scale else size_in / size_out)

    def taps(i: IntArray) -> IntArray:
        middle = (i.astype(np.float32) + np.float32(0.5 * exact)) * ratio
        return np.floor(middle).astype(np.int64)[:, None]

    over, under = _fraction(1 / scale) if scale else (size_in, size_out)
    near = np.arange(-_NEAR, size_out + _NEAR)
    whole = (2 * near + exact) * over // (2 * under)
    cycle = _cycle(under, over) if (taps(near)[:, 0] == whole).all() else None
    return Window(size_in, size_out, float(1 / ratio), taps, "clamp", cycle)


def linear(
    size_in: int, size_out: int, *, align_corners: bool, scale: float | None = None
) -> Window:
    """Output i reads the two positions beside it, or one where it falls on it."""
    place, cycle = _place(size_in, size_out, align_corners, scale)

    def taps(i: IntArray) -> IntArray:
        below, fraction = place(i)
        return np.stack([below, np.where(fraction, below + 1, NOTHING)], axis=1)

    rate = _rate(size_in, size_out, scale)
    return Window(size_in, size_out, rate, taps, "clamp", cycle)


def cubic(
    size_in: int, size_out: int, *, align_corners: bool, scale: float | None = None
) -> Window:
    """Output i reads the four positions around it, or one where it falls on it."""
    place, cycle = _place(size_in, size_out, align_corners, scale)

    def taps(i: IntArray) -> IntArray:
        below, fraction = place(i)
        reach = below[:, None] + np.arange(-1, 3)
        unread = (fraction[:, None] == 0) & (np.arange(-1, 3) != 0)
        return np.where(unread, NOTHING, reach)

    rate = _rate(size_in, size_out, scale)
    return Window(size_in, size_out, rate, taps, "clamp", cycle)


def _rate(size_in: int, size_out: int, scale: float | None) -> float:
    return scale if scale else size_out / size_in


def _cycle(made: int, read: int) -> tuple[int, int]:
    """Shorten a cycle: (8, 4) -> (2, 1)."""
    common = gcd(made, read)
    return made // common, read // common


def _place(
    size_in: int, size_out: int, align_corners: bool, scale: float | None
) -> tuple[Callable[[IntArray], tuple[IntArray, IntArray]], tuple[int, int]]:
    """Where output i falls on the input axis: the position below, and if it is between.

    In whole numbers, so that a weight of exactly zero is seen as no tap at all.

    Returns:
        A function that tells both, and the cycle in which it repeats itself.
    """
    ratio = (size_in, size_out)
    if scale and not align_corners and scale * size_in != size_out:
        ratio = _fraction(1 / scale)
    if align_corners:
        ratio = (size_in - 1, max(size_out - 1, 1))
    read, made = ratio

    def place(i: IntArray) -> tuple[IntArray, IntArray]:
        if align_corners:
            over, under = i * read, made
        else:  # (i + 1/2) * in / out - 1/2
            over, under = (2 * i + 1) * read - made, 2 * made
        return over // under, over % under

    return place, _cycle(made, read)


def _fraction(value: float) -> tuple[int, int]:
    whole = Fraction(value).limit_denominator(4096)
    return whole.numerator, whole.denominator


def regroup(
    old: tuple[int, ...], new: tuple[int, ...]
) -> list[tuple[list[int], list[int]]]:
    """Match runs of dimensions with equal products: which became which."""
    groups: list[tuple[list[int], list[int]]] = []
    i = j = 0
    while i < len(old) or j < len(new):
        left, right = [i] if i < len(old) else [], [j] if j < len(new) else []
        a, b = (old[i] if left else 1), (new[j] if right else 1)
        if left and a == 1 and b != 1:
            right, b = [], 1
        elif right and b == 1 and a != 1:
            left, a = [], 1
        i, j = i + len(left), j + len(right)
        while a != b:
            if a < b:
                a, left, i = a * old[i], [*left, i], i + 1
            else:
                b, right, j = b * new[j], [*right, j], j + 1
        groups.append((left, right))
    return groups
