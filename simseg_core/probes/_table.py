"""Tables of what a probe found: text for a terminal, accessible HTML for a notebook."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import count
from typing import Any

__all__ = ["Column", "binary", "html_table", "si", "text_table", "times"]

_numbers = count(1)  # two tables of a page may not have the same accessible name


@dataclass(frozen=True)
class Column:
    """One column: its heading, how a row fills it, and how text may shorten that."""

    heading: str
    cell: Callable[[Any], str]
    is_number: bool = False
    width: int = 88
    brief: Callable[[Any], str] | None = None


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


def _short(text: str, width: int) -> str:
    """Keep the end of a long path: it tells siblings apart."""
    return text if len(text) <= width else "…" + text[len(text) - width + 1 :]


def text_table(
    title: str, columns: Sequence[Column], rows: Sequence[Any], notes: Sequence[str]
) -> str:
    """Lay out a table in plain text of 88 columns; the first column gives way."""
    cells = [
        [_short((c.brief or c.cell)(row), c.width) for c in columns] for row in rows
    ]
    widths = [
        max(len(text) for text in (column.heading, *(row[i] for row in cells)))
        for i, column in enumerate(columns)
    ]
    widths[0] = min(widths[0], max(12, 88 - sum(widths[1:]) - len(widths) + 1))

    def line(texts: Sequence[str]) -> str:
        return " ".join(
            text.rjust(width) if column.is_number else _short(text, width).ljust(width)
            for text, width, column in zip(texts, widths, columns)
        ).rstrip()

    rule = "─" * (sum(widths) + len(widths) - 1)
    head = line([column.heading for column in columns])
    return "\n".join([title, rule, head, rule, *map(line, cells), rule, *notes])


def html_table(
    title: str, columns: Sequence[Column], rows: Sequence[Any], notes: Sequence[str]
) -> str:
    """Lay out a table in HTML, with caption and headings, scrolled by keyboard too.

    Colours are the page's own, so that it reads in light and dark.
    """
    name = escape(f"Table {next(_numbers)}: {title}", quote=True)
    edge = "border-bottom:1px solid color-mix(in srgb,currentColor 25%,transparent);"

    def cell(tag: str, column: Column, text: str, extra: str = "") -> str:
        align = "right" if column.is_number else "left"
        style = f"text-align:{align};padding:.2em .6em;white-space:nowrap;{edge}"
        return f'<{tag}{extra} style="{style}">{escape(text)}</{tag}>'

    head = "".join(cell("th", c, c.heading, ' scope="col"') for c in columns)
    body = "\n".join(
        "<tr>"
        + cell("th", columns[0], columns[0].cell(row), ' scope="row"')
        + "".join(cell("td", c, c.cell(row)) for c in columns[1:])
        + "</tr>"
        for row in rows
    )
    foot = "".join(f"<p>{escape(note)}</p>" for note in notes)
    return (
        "<style>@media print{.simseg-table{max-height:none!important}}</style>\n"
        f'<div class="simseg-table" role="region" aria-label="{name}" tabindex="0" '
        'style="overflow:auto;max-height:32em;max-width:100%">\n'
        '<table style="border-collapse:collapse;font-variant-numeric:tabular-nums">\n'
        f'<caption style="caption-side:top;text-align:left">{escape(title)}</caption>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n</div>\n"
        f"{foot}"
    )
