"""One value of a mask file, a number or a colour: checked, packed, as text."""

import operator

import numpy as np

from simseg_core.data.files.mask_pixels import pack
from simseg_core.data.palettes import Color

__all__ = ["Value", "as_text", "check_value", "from_text", "packed"]

Value = int | Color


def check_value(value: object) -> Value:
    """Give a number or a colour in Python's own numbers.

    Raises:
        TypeError: it is neither.
        ValueError: no mask file can hold it.
    """
    channels = value if isinstance(value, tuple) else (value,)
    try:
        if any(isinstance(channel, bool) for channel in channels):
            raise TypeError
        numbers = tuple(map(operator.index, channels))
    except TypeError:
        numbers = ()
    if len(numbers) != (3 if isinstance(value, tuple) else 1):
        raise TypeError(
            f"mask_values has {value!r}, but that must be a whole number or a colour "
            "(red, green, blue)"
        )
    if isinstance(value, tuple):
        least, most = 0, 255
    else:
        least, most = -(2**31), 2**31 - 1
    if min(numbers) < least or max(numbers) > most:
        raise ValueError(f"mask_values has {value!r}, which no mask file can hold")
    return (numbers[0], numbers[1], numbers[2]) if len(numbers) == 3 else numbers[0]


def packed(value: Value) -> int:
    """Give the one number that stands for it in an array; see `mask_pixels.pack`."""
    return int(pack(np.array(value))) if isinstance(value, tuple) else value


def as_text(value: Value) -> str:
    """Write it as a key of JSON: ``"255"``, ``"255,0,0"``."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def from_text(text: object) -> Value:
    """Read what `as_text` wrote.

    Raises:
        ValueError: it is neither a number nor three.
    """
    try:
        numbers = tuple(int(part) for part in str(text).split(","))
    except ValueError:
        numbers = ()
    if len(numbers) == 3:
        return numbers[0], numbers[1], numbers[2]
    if len(numbers) != 1:
        raise ValueError(
            f'mask values hold {text!r}: write a number as "255" and a colour as '
            '"255,0,0"'
        )
    return numbers[0]
