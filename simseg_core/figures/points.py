"""Points with numbers that stay apart where the points themselves do not."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from simseg_core.figures.style import GREY, INK, PAPER, SMALLEST

__all__ = ["number_points"]

_APART = 17.0  # points between the middles of two numbers
_TURNS = 2000  # of moving apart, many more than twenty crowded numbers need
_GOLDEN = 2.4  # radians: points on one spot leave it in directions far apart


def number_points(
    axes: Axes, points: Sequence[tuple[float, float]], colours: Sequence[str]
) -> None:
    """Number points from 1 on, each in a ring of its colour.

    A number stands on its point, or beside it with a line to it where it would cover
    another. The axes' limits and scales are set before.

    Args:
        axes: where.
        points: x and y of each, in the data's units.
        colours: of each.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()  # to know where things will stand
    scale = 72 / figure.dpi
    true = axes.transData.transform(points) * scale
    frame = axes.get_window_extent()
    edges = np.array([[frame.x0, frame.y0], [frame.x1, frame.y1]]) * scale
    low, high = edges[0] + _APART / 2, edges[1] - _APART / 2
    moved = _spread(true, low, high) - true
    for number, (point, shift, colour) in enumerate(
        zip(points, moved, colours), start=1
    ):
        far = np.hypot(*shift) > 1
        axes.plot(*point, "o", color=colour, ms=4, mec=INK, mew=0.6, zorder=4)
        axes.annotate(
            str(number),
            point,
            xytext=tuple(shift),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=SMALLEST,
            zorder=5,
            bbox={"boxstyle": "circle,pad=0.2", "fc": PAPER, "ec": colour, "lw": 1.8},
            arrowprops={"arrowstyle": "-", "color": GREY, "lw": 0.9} if far else None,
        )


def _spread(
    places: NDArray[Any], low: NDArray[Any], high: NDArray[Any]
) -> NDArray[Any]:
    """Move places apart until no two are nearer than `_APART`, inside a frame.

    >>> apart = _spread(np.zeros((2, 2)), np.full(2, -50.0), np.full(2, 50.0))
    >>> bool(np.hypot(*(apart[0] - apart[1])) > 16)
    True
    """
    now = places + 0.01 * np.array(
        [[np.cos(_GOLDEN * i), np.sin(_GOLDEN * i)] for i in range(len(places))]
    )
    for _ in range(_TURNS):
        apart = now[:, None] - now[None]
        far = np.hypot(apart[..., 0], apart[..., 1])
        near = (far < _APART) & (far > 0)
        if not near.any():
            break
        push = np.where(near, (_APART - far) / (2 * np.where(far > 0, far, 1)), 0.0)
        now = np.clip(now + 0.6 * (push[..., None] * apart).sum(axis=1), low, high)
    return now
