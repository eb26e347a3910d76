"""The size of pictures, as it is given: one number or height and width."""

import operator
from typing import Any

__all__ = ["sides"]


def sides(size: Any) -> tuple[int, int]:
    """Return height and width in pixels.

    Args:
        size: one whole number for both sides, or two, ``(H, W)``.

    Raises:
        TypeError: if these are no whole numbers.
        ValueError: if a side has no pixel.

    >>> sides(96), sides([64, 96])
    ((96, 96), (64, 96))
    """
    given = size if isinstance(size, tuple | list) else (size, size)
    try:
        height, width = map(operator.index, given)
    except (TypeError, ValueError):
        raise TypeError(
            f"size={size!r} must be one whole number of pixels, or two: (height, width)"
        ) from None
    if min(height, width) < 1:
        raise ValueError(f"size={size!r} must be 1 pixel or more a side")
    return height, width
