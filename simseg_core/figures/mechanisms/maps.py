"""A map as a slab: a square front to the scale of its side, as deep as its channels."""

from collections.abc import Sequence
from typing import NamedTuple

from simseg_core.figures.mechanisms.ink import Sheet, shape

__all__ = ["Scale", "Size", "slab"]

_ACROSS, _UP = 0.8, 0.5  # where the depth of a slab leads, for each unit of it

Size = tuple[int, int, int]  # channels, height, width


class Scale(NamedTuple):
    """Units for one pixel and for one channel."""

    pixel: float
    channel: float


def slab(
    sheet: Sheet,
    corner: tuple[float, float],
    parts: Sequence[tuple[Size, str]],
    scale: Scale,
    words: str = "",
) -> None:
    """Draw maps of one size behind one another, as a concatenation stacks them.

    Args:
        sheet: where.
        corner: upper left one of the front.
        parts: size and colour of each map, the first one in front.
        scale: of sides and of depths.
        words: what stands below instead of the shape of the whole.
    """
    x, y = corner
    (_, height, width), front = parts[0]
    w, h = width * scale.pixel, height * scale.pixel
    sheet.box(x, y, w, h, front, round_=0)
    near, total = (0.0, 0.0), 0
    for (channels, *_), colour in parts:
        total += channels
        depth = total * scale.channel
        far = (_ACROSS * depth, -_UP * depth)
        for tint, (x0, y0), (x1, y1) in (
            (0.4, (x, y), (x + w, y)),  # its top
            (0.55, (x + w, y), (x + w, y + h)),  # its side
        ):
            ends = [(x0, y0, near), (x0, y0, far), (x1, y1, far), (x1, y1, near)]
            sheet.area([(a + dx, b + dy) for a, b, (dx, dy) in ends], colour, tint)
        near = far
    sheet.text(x + w / 2, y + h + 14, words or shape(total, height, width))
