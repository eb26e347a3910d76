"""Numbers with their units, as tables and figures write them."""

from collections.abc import Sequence

__all__ = ["binary", "duration", "memory", "percent", "si", "threaded", "times"]


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


def memory(size: int | None) -> str:
    """Write a peak of memory in bytes, or that nobody counted it.

    >>> memory(2**20), memory(None)
    ('1.00 MiB', 'unknown')
    """
    return "unknown" if size is None else binary(size)


def _scaled(number: float, base: int, units: Sequence[str]) -> str:
    unit = 0
    while number >= base and unit < len(units) - 1:
        number, unit = number / base, unit + 1
    digits = 0 if unit == 0 or number >= 100 else 1 if number >= 10 else 2
    return f"{number:.{digits}f}{units[unit]}"


def times(shape: Sequence[int]) -> str:
    """Write a shape: (1, 64, 56, 56) -> 1×64×56×56."""
    return "×".join(map(str, shape)) or "scalar"


def percent(share: float) -> str:
    """Two significant digits, as the book rounds them."""
    return f"{100 * share:.0f} %" if share >= 0.095 else f"{100 * share:.1f} %"


def threaded(count: int) -> str:
    """Write a number of threads.

    >>> threaded(1), threaded(2)
    ('1 thread', '2 threads')
    """
    return f"{count} thread{'s' * (count != 1)}"


def duration(seconds: float) -> str:
    """Write a time with three digits.

    >>> duration(2.5), duration(0.0123), duration(4.2e-5), duration(1e-9)
    ('2.50 s', '12.3 ms', '42.0 µs', '1.00 ns')
    """
    units = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9))
    unit, size = next((u for u in units if seconds >= 0.9995 * u[1]), units[-1])
    number = seconds / size
    digits = 0 if number >= 99.95 else 1 if number >= 9.995 else 2
    return f"{number:.{digits}f} {unit}"
