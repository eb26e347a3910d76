"""Tables of what was found: text for a terminal, accessible HTML for a notebook.

The HTML stands alone: a sorting script comes with each table, takes nothing from
elsewhere, and a page that forbids scripts still shows every row in call order.
"""

import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import count
from typing import Any, NamedTuple

__all__ = ["Column", "Table", "Tabled", "html_table", "text_table"]

_numbers = count(1)  # two tables of a page may not have the same accessible name


@dataclass(frozen=True)
class Column:
    """One column: its heading, how a row fills it, and how text may shorten that.

    Attributes:
        heading: stands above; not empty, it also names the sorting button.
        cell: a row's text.
        is_number: set at the right.
        width: most characters in text.
        brief: a row's text where room is short.
        value: a row's number to sort by, None to stand last; without it the text
            sorts.
    """

    heading: str
    cell: Callable[[Any], str]
    is_number: bool = False
    width: int = 88
    brief: Callable[[Any], str] | None = None
    value: Callable[[Any], float | None] | None = None

    def __post_init__(self) -> None:
        if self.is_number and self.value is None:
            raise ValueError(
                f"column {self.heading!r} shows numbers as text, which sorts 9 after "
                "10: give value=, the number itself"
            )


class Table(NamedTuple):
    """What `text_table` and `html_table` lay out; they say what each part is."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Any]
    notes: Sequence[str] = ()
    total: Any = None


class Tabled:
    """A result that shows itself as a table: in text if printed, in HTML in a notebook.

    A subclass gives the table by `_table`. A dataclass needs `repr=False`.
    """

    def _table(self) -> Table:
        raise NotImplementedError

    def __str__(self) -> str:
        return text_table(*self._table())

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return html_table(*self._table())


def _short(text: str, width: int) -> str:
    """Keep the end of a long path: it tells siblings apart."""
    return text if len(text) <= width else "…" + text[len(text) - width + 1 :]


def text_table(
    title: str,
    columns: Sequence[Column],
    rows: Sequence[Any],
    notes: Sequence[str] = (),
    total: Any = None,
) -> str:
    """Lay out a table in plain text of 88 columns; the first column gives way."""
    shown = [*rows, *([] if total is None else [total])]
    cells = [
        [_short((c.brief or c.cell)(row), c.width) for c in columns] for row in shown
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
    title: str,
    columns: Sequence[Column],
    rows: Sequence[Any],
    notes: Sequence[str] = (),
    total: Any = None,
) -> str:
    """Lay out a table in HTML: named, sorted by its headings, scrolled by keyboard.

    Args:
        title: the caption.
        columns: the first holds the rows' headings.
        rows: in call order, which a third press of a heading restores.
        notes: sentences below.
        total: a last row, which sorting leaves where it is.

    Colours are the page's own, so that it reads in light and dark.
    """
    name = escape(f"Table {next(_numbers)}: {title}", quote=True)

    def cell(tag: str, column: Column, row: Any, scope: str = "") -> str:
        value = "" if column.value is None else _data_value(column.value(row))
        text = escape(column.cell(row))
        if not column.is_number:
            text = _LONG_NAME.sub(_breakable, text)
        return f"<{tag}{scope}{_side(column)}{value}>{text}</{tag}>"

    def line(row: Any) -> str:
        first, *others = columns
        cells = [cell("th", first, row, ' scope="row"')]
        return "<tr>" + "".join(cells + [cell("td", c, row) for c in others]) + "</tr>"

    head = "".join(
        f'<th scope="col"{_side(c)}{" data-by-value" if c.value else ""}>'
        f"{escape(c.heading)}</th>"
        for c in columns
    )
    body = "\n".join(map(line, rows))
    foot = "" if total is None else f"<tfoot>{line(total)}</tfoot>\n"
    sentences = "".join(f'<p class="simseg-note">{escape(note)}</p>' for note in notes)
    return (
        f"<style>{_STYLE}</style>\n"
        f'<div class="simseg-table" role="region" aria-label="{name}" tabindex="0">\n'
        f"<table>\n<caption>{escape(title)}</caption>\n"
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n{foot}</table>\n"
        f"</div>\n{sentences}\n<script>{_SCRIPT}</script>"
    )


def _breakable(name: re.Match[str]) -> str:
    """Let a long name break after its dots and underscores."""
    return re.sub(r"(?<=[._])(?=\w)", "<wbr>", name[0])


_LONG_NAME = re.compile(r"[\w.]{20,}")


def _data_value(number: float | None) -> str:
    if number is None or math.isnan(number):
        return ""
    exact = number if isinstance(number, int) else float(number)
    return f' data-value="{json.dumps(exact)}"'  # as JavaScript writes infinity too


def _side(column: Column) -> str:
    return ' class="simseg-number"' if column.is_number else ""


# The class stands three times to weigh more than a page's own rules for tables.
_STYLE = """
.simseg-table{overflow:auto;max-height:32em;max-width:100%;position:relative}
.simseg-table.simseg-table.simseg-table{
& table{border-collapse:collapse;font-variant-numeric:tabular-nums;margin:0}
& caption{caption-side:top;text-align:left;color:inherit}
& :is(th,td){text-align:left;padding:.2em .5em;white-space:normal;
border-bottom:1px solid color-mix(in srgb,currentColor 25%,transparent)}
& .simseg-number{text-align:right}
& td.simseg-number{white-space:nowrap}
& button{all:unset;box-sizing:border-box;min-height:24px;cursor:pointer;
font:inherit;color:inherit}
& button:hover{text-decoration:underline}
& button:focus-visible{outline:2px solid;outline-offset:2px}
& button::after{content:"↕";content:"↕"/"";display:inline-block;width:1em;
margin-left:.1em;font-size:.8em;text-align:center}
& [aria-sort=ascending] button::after{content:"▲";content:"▲"/""}
& [aria-sort=descending] button::after{content:"▼";content:"▼"/""}
& [role=status]{position:absolute;left:0;top:0;width:1px;height:1px;
overflow:hidden;clip-path:inset(50%)}
}
.simseg-note.simseg-note{font-size:.9em;margin:.4em 0 0}
@media print{.simseg-table.simseg-table{max-height:none}}
"""

# Wires every table that is there and not yet wired: a page may hold the script many
# times, and JupyterLab runs it without telling which output it came with.
_SCRIPT = """
(() => {
  const next = {none: "ascending", ascending: "descending", descending: "none"};
  for (const table of document.querySelectorAll(".simseg-table table")) {
    const body = table.tBodies[0], calls = [...body.rows];
    if (table.simsegSorts || calls.length < 2) continue;
    table.simsegSorts = true;
    const heads = [...table.tHead.rows[0].cells];
    const said = document.createElement("div");
    said.setAttribute("role", "status");
    heads.forEach((head, place) => {
      const name = head.textContent, byValue = "byValue" in head.dataset;
      const key = (row) => {
        const {dataset, textContent} = row.cells[place];
        if (byValue) return "value" in dataset ? Number(dataset.value) : null;
        return textContent;
      };
      const compare = (a, b) => byValue ? (a > b) - (a < b)
        : a.localeCompare(b, "en", {numeric: true});
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = name;
      button.addEventListener("click", () => {
        const order = next[head.getAttribute("aria-sort") || "none"];
        for (const other of heads) other.removeAttribute("aria-sort");
        if (order !== "none") head.setAttribute("aria-sort", order);
        const sign = {ascending: 1, descending: -1, none: 0}[order];
        const keys = new Map(calls.map((row) => [row, key(row)]));
        body.append(...[...calls].sort((one, two) => {
          const a = keys.get(one), b = keys.get(two);
          if (!sign) return 0;
          if (a === null || b === null) return (a === null) - (b === null);
          return sign * compare(a, b);
        }));
        said.textContent = sign ? `sorted by ${name}, ${order}` : "in call order";
      });
      head.replaceChildren(button);
    });
    table.parentNode.append(said);
  }
})();
"""
