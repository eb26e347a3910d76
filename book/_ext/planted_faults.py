"""The table of faults that the tests plant, made from the tests' own rows.

``tests/mutations/faults_*.py`` hold one row a fault. A page that says
``{planted-faults}`` shows them all, so that the table cannot fall behind the tests. A
thread on GitHub, written ``OWNER/REPO#NUMBER`` in a row, is a link to it there.
"""

from __future__ import annotations

import re
import runpy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

HEADINGS = ("fault", "seen in", "caught by")
THREAD = re.compile(r"(?<![\w.-])([\w.-]+/[\w.-]+)#(\d+)\b")


def read_faults(folder: Path) -> list[dict[str, Any]]:
    """Return the rows of all files in `folder`, in the order of the files."""
    return [
        row
        for path in sorted(folder.glob("faults_*.py"))
        for row in runpy.run_path(str(path))["FAULTS"]
    ]


def link_threads(text: str) -> nodes.inline:
    """Return `text` with each thread that it names as a link."""
    linked = nodes.inline()
    end = 0
    for found in THREAD.finditer(text):
        # For a pull request, GitHub leads on from here to its own page.
        address = "https://github.com/{}/issues/{}".format(*found.groups())
        linked += nodes.Text(text[end : found.start()])
        linked += nodes.reference("", found.group(), refuri=address)
        end = found.end()
    linked += nodes.Text(text[end:])
    return linked


class PlantedFaults(SphinxDirective):
    """A table with a row for each fault."""

    def run(self) -> list[nodes.Node]:
        """Build the table."""
        folder = Path(self.env.srcdir) / "tests" / "mutations"
        for path in folder.glob("faults_*.py"):
            self.env.note_dependency(str(path))
        rows = []
        for fault in read_faults(folder):
            seen = "–" if fault["seen"] == "-" else fault["seen"]
            test = fault["caught_by"].rpartition("/")[2].partition("[")[0]
            caught = nodes.literal(text=test)
            rows.append((nodes.Text(fault["name"]), link_threads(seen), caught))
        return [table(HEADINGS, rows)]


def table(headings: Sequence[str], rows: Sequence[Sequence[nodes.Node]]) -> nodes.table:
    """Return a table with a cell for each node."""

    def row(cells: Sequence[nodes.Node]) -> nodes.row:
        made = nodes.row()
        made += [nodes.entry("", nodes.paragraph("", "", cell)) for cell in cells]
        return made

    group = nodes.tgroup(cols=len(headings))
    group += [nodes.colspec(colwidth=1) for _ in headings]
    group += nodes.thead("", row([nodes.Text(heading) for heading in headings]))
    group += nodes.tbody("", *map(row, rows))
    return nodes.table("", group, classes=["colwidths-auto"])


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_directive("planted-faults", PlantedFaults)
    return {"version": "1", "parallel_read_safe": True}
