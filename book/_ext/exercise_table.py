"""The table of all exercises, read from the chapters that hold them.

A page that says ``{exercise-table}`` lists each exercise's number, title and kind, with
a link to its chapter. They are read from the bold lines above the exercises' cells,
``**03.2 Crop the centre** (recall).``, so that a new exercise lists itself.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from planted_faults import table
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

EXERCISE = re.compile(r"^\*\*(\d\d\.\d) (.+?)\*\* \((\w+)\)", re.MULTILINE)


def read_exercises(notebook: Path) -> list[tuple[str, str, str]]:
    """Return number, title and kind of each exercise of one chapter."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    words = ["".join(c["source"]) for c in cells if c["cell_type"] == "markdown"]
    return [found for text in words for found in EXERCISE.findall(text)]


class ExerciseTable(SphinxDirective):
    """A table with a row for each exercise."""

    def run(self) -> list[nodes.Node]:
        """Build the table from the chapters of the book."""
        rows = []
        for path in sorted((Path(self.env.srcdir) / "chapters").glob("*.ipynb")):
            self.env.note_dependency(str(path))
            document = f"chapters/{path.stem}"
            if document not in self.env.found_docs:
                continue
            for number, title, kind in read_exercises(path):
                link = addnodes.pending_xref(
                    "",
                    nodes.Text(number),
                    refdomain="std",
                    reftype="doc",
                    reftarget=f"/{document}",
                    refexplicit=True,
                    refwarn=True,
                )
                rows.append((link, nodes.Text(title), nodes.Text(kind)))
        return [table(("exercise", "title", "kind"), rows)]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_directive("exercise-table", ExerciseTable)
    return {"version": "1", "parallel_read_safe": True}
