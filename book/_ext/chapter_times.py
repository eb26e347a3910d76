"""How long a chapter takes: to read it, to run it, to do its exercises.

A page that says ``{chapter-times}`` gets a row for each chapter. Reading is counted
from the chapter's words, running is what its kept run took (``tools/run_chapters.py``),
and exercises are estimated by their kind. ``tests/teach/test_syllabi.py`` holds the
minutes of the syllabi against the same numbers.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from chapter_outputs import read_run
from docutils import nodes
from docutils.statemachine import StringList
from exercise_table import read_exercises
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

WORDS_A_MINUTE = 100  # slow: formulas and code stand beside the words
EXERCISE_MINUTES = {"recall": 10, "build": 30, "analyse": 30, "design": 60}

HEADING = re.compile(r"^#{1,3} (.+)$")


def read_sections(notebook: Path) -> dict[str, int]:
    """Return the number of words below each heading of a chapter, in order."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    words: dict[str, int] = {}
    section = ""
    for cell in cells:
        if cell["cell_type"] != "markdown":
            continue
        for line in "".join(cell["source"]).splitlines():
            if heading := HEADING.match(line):
                section = heading[1]
            words[section] = words.get(section, 0) + len(line.split())
    return words


def rows(root: Path) -> list[str]:
    """Return the lines of the table, in Markdown.

    Args:
        root: of the repository; a chapter without a kept run has a dash in its place.
    """
    found = []
    for path in (root / "chapters").glob("*.ipynb"):
        sections = read_sections(path)
        title = next(iter(sections))
        reading = round(sum(sections.values()) / WORDS_A_MINUTE)
        kinds = [kind for _, _, kind in read_exercises(path)]
        work = sum(EXERCISE_MINUTES[kind] for kind in kinds)
        record = read_run(root, path.stem)[1].get("metadata", {}).get("simseg_run")
        ran = f"{record['seconds'] / 60:.1f}" if record else "–"
        tasks = f"{len(kinds)}: {work}" if kinds else "–"
        link = f"{{doc}}`/chapters/{path.stem}`"
        found.append((title, f"| {link} | {reading} | {ran} | {tasks} |"))
    headings = "| chapter | read | run | exercises, and their minutes |"
    return [headings, "|---|---:|---:|---:|", *(row for _, row in sorted(found))]


class ChapterTimes(SphinxDirective):
    """A table of minutes with a row for each chapter."""

    def run(self) -> list[nodes.Node]:
        """Write the table from today's chapters and runs, as a part of the page."""
        self.env.note_reread()  # a run is kept after the page was read
        made = nodes.Element()
        lines = rows(Path(self.env.srcdir))
        self.state.nested_parse(
            StringList(lines, source="chapter-times"), self.content_offset, made
        )
        return made.children


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_directive("chapter-times", ChapterTimes)
    return {"version": "1", "parallel_read_safe": True}
