"""Pixels of outlines: a pixel belongs to a shape if its centre lies inside.

Outlines are given as annotation programs do: x to the right, y down, in pixels from the
image's upper left corner, so that the first pixel's centre is at (0.5, 0.5).
"""

from collections.abc import Sequence

import numpy as np
from skimage import draw

__all__ = ["decode_runs", "fill_circle", "fill_polygon", "fill_rectangle"]

Point = np.ndarray | Sequence[float]
_CENTER, _HAIR = 0.5, 1e-9  # pixels
Size = tuple[int, int]  # height, width


def fill_polygon(points: np.ndarray | Sequence[Point], size: Size) -> np.ndarray:
    """Fill a polygon: its corners (x, y) -> booleans ``(H, W)``.

    >>> fill_polygon([(1, 0), (3, 0), (3, 1), (1, 1)], (2, 4)).astype(int).tolist()
    [[0, 1, 1, 0], [0, 0, 0, 0]]
    """
    x, y = np.array(points, dtype=float).T - _CENTER
    # A centre on a left or upper edge is inside, on a right or lower one outside, so
    # that shapes side by side share no pixel.
    return _filled(draw.polygon(y - _HAIR, x - _HAIR, size), size)


def fill_rectangle(one: Point, other: Point, size: Size) -> np.ndarray:
    """Fill a rectangle: two opposite corners (x, y) -> booleans ``(H, W)``."""
    (left, right), (top, bottom) = (sorted(pair) for pair in zip(one, other))
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    return fill_polygon(corners, size)


def fill_circle(center: Point, edge: Point, size: Size) -> np.ndarray:
    """Fill a circle: its centre and a point on it, (x, y) -> booleans ``(H, W)``."""
    x, y = center
    radius = float(np.hypot(x - edge[0], y - edge[1]))
    return _filled(draw.disk((y - _CENTER, x - _CENTER), radius, shape=size), size)


def decode_runs(counts: Sequence[int], size: Size) -> np.ndarray:
    """Decode COCO's uncompressed run lengths: column by column, zeros first.

    Returns:
        Booleans ``(H, W)``.

    Raises:
        ValueError: if the runs do not fill the image.

    >>> decode_runs([1, 2, 3], (3, 2)).astype(int).tolist()
    [[0, 0], [1, 0], [1, 0]]
    """
    runs = np.array(counts, dtype=np.int64)
    if runs.min(initial=0) < 0 or runs.sum() != size[0] * size[1]:
        raise ValueError(
            f"runs of {int(runs.sum())} pixels do not fill {size[1]} x {size[0]}"
        )
    flat = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return flat.reshape(size, order="F")


def _filled(pixels: tuple[np.ndarray, np.ndarray], size: Size) -> np.ndarray:
    filled = np.zeros(size, dtype=bool)
    filled[pixels] = True
    return filled
