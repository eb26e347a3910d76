"""Tables of what was found, and how numbers with units are written in them.

`table.py` lays out text for a terminal and HTML for a notebook, and a result that is
`Tabled` shows itself so; `units.py` writes counts, bytes, shapes, times and shares.
"""

from simseg_core.tables.table import (
    Column,
    Table,
    Tabled,
    html_table,
    text_table,
)

__all__ = ["Column", "Table", "Tabled", "html_table", "text_table"]
