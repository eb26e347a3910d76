"""How probes write counts, bytes and shapes in the cells of their tables."""

from collections.abc import Sequence

from simseg_core.tables import Column, html_table, text_table

__all__ = ["Column", "binary", "html_table", "si", "text_table", "times"]


def si(number: float) -> str:
    """Write a count with three digits: 23508032 -> 23.5M.

    >>> si(0), si(999), si(64_000), si(163_579_428_864)
    ('0', '999', '64.0k', '164G')
    """
    return _scaled(number, 1000, ("", "k", "M", "G", "T", "P"))


def binary(number: float) -> str:
    """Write bytes with three digits: 3211264 -> 3.06 MiB.

    >>> binary(512), binary(2**20), binary(3_211_264)
    ('512 B', '1.00 MiB', '3.06 MiB')
    """
    return _scaled(number, 1024, (" B", " KiB", " MiB", " GiB", " TiB", " PiB"))


def _scaled(number: float, base: int, units: Sequence[str]) -> str:
    unit = 0
    while number >= base and unit < len(units) - 1:
        number, unit = number / base, unit + 1
    digits = 0 if unit == 0 or number >= 100 else 1 if number >= 10 else 2
    return f"{number:.{digits}f}{units[unit]}"


def times(shape: Sequence[int]) -> str:
    """Write a shape: (1, 64, 56, 56) -> 1×64×56×56."""
    return "×".join(map(str, shape)) or "scalar"
