"""The table of all claims, and in how many runs on other seeds each of them held.

A page that says ``{claims-table}`` gets a table for each chapter, made from the file
that ``benchmarks/claims_on_other_seeds.py`` writes, and a line on where it was run.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from docutils import nodes
from planted_faults import table
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

RESULTS = Path("benchmarks") / "claims" / "other-seeds.json"


def count_held(runs: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """Return for each claim of a chapter in how many runs it held, and of how many."""
    held: dict[str, list[bool]] = {}
    for run in runs.values():
        for words, holds in run["held"].items():
            held.setdefault(words, []).append(holds)
    return {words: (sum(each), len(each)) for words, each in held.items()}


def origin(runs: dict[str, Any]) -> str:
    """Say on which seeds, where and when a chapter was run again."""
    last = max(runs.values(), key=lambda run: run["date"])
    seeds = ", ".join(f"{int(first)} to {int(first) + 2}" for first in sorted(runs))
    return f"Seeds {seeds}; {last['device']}, PyTorch {last['torch']}, {last['date']}."


class ClaimsTable(SphinxDirective):
    """For each chapter a link, a table with a row for each claim, and its origin."""

    def run(self) -> list[nodes.Node]:
        """Build the tables from the stored runs."""
        path = Path(self.env.srcdir) / RESULTS
        self.env.note_dependency(str(path))
        made: list[nodes.Node] = []
        for name, runs in sorted(
            json.loads(path.read_text(encoding="utf-8"))["chapters"].items()
        ):
            link = addnodes.pending_xref(
                "",
                refdomain="std",
                reftype="doc",
                reftarget=f"/chapters/{name}",
                refexplicit=False,
                refwarn=True,
            )
            link += nodes.inline("", "", classes=["xref", "std", "std-doc"])
            made.append(nodes.paragraph("", "", nodes.strong("", "", link)))
            rows = [
                (nodes.Text(words), nodes.Text(f"{held} of {count}"))
                for words, (held, count) in count_held(runs).items()
            ]
            made.append(table(("claim", "held in"), rows))
            made.append(nodes.paragraph(text=origin(runs)))
        return made


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_directive("claims-table", ClaimsTable)
    return {"version": "1", "parallel_read_safe": True}
