"""A chapter's first screen, and the list of all chapters, made from their first cells.

A chapter's first cell holds its number and title, and its question. The cell's metadata
name the picture that answers it, a figure of the chapter's own run::

    {"simseg": {"opening": {"figure": NAME, "caption": WORDS,
                            "columns": [TITLE, ...], "row": NUMBER}}}

Without columns the whole figure is shown. A Markdown cell with the metadata
``{"simseg": {"block": NAME}}`` becomes a box of that class: so a notebook needs no
directive, which Colab would show as raw text.

A page that says ``{chapter-list}`` gets number, title, question and picture of every
chapter, read from the same cells.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from chapter_figure import figure_of_run
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

TITLE = re.compile(r"(?P<number>\d\d) (?P<name>[^:?]+\??)(?P<colon>:? ?)(?P<more>.*)")
SENTENCE = re.compile(r"[^.?!:]+[.?!:]")


class Opening(NamedTuple):
    """What a chapter's first cell says: title, question, and the picture's settings."""

    title: str
    question: str
    picture: dict[str, Any]


def read_opening(cells: Sequence[dict[str, Any]]) -> Opening:
    """Return the opening of a chapter from its notebook's cells."""
    title, *words = "".join(cells[0]["source"]).split("\n\n")
    asked = "".join(one for one in SENTENCE.findall(" ".join(words)) if "?" in one)
    picture = cells[0]["metadata"]["simseg"]["opening"]
    return Opening(title.removeprefix("# "), asked.strip(), picture)


def open_chapter(app: Sphinx, docname: str, content: list[str]) -> None:
    """Add the picture and the boxes to the notebook that is being read."""
    if not docname.startswith("chapters/"):
        return
    notebook = json.loads(content[0])
    for cell in notebook["cells"]:
        asked = cell["metadata"].get("simseg", {})
        text = "".join(cell["source"])
        if "opening" in asked:
            chapter = Path(docname).name
            cell["source"] = f"{text}\n\n{directive(chapter, asked['opening'])}"
        if "block" in asked:
            cell["source"] = f":::{{container}} {asked['block']}\n{text}\n:::"
    content[0] = json.dumps(notebook)


def directive(chapter: str, picture: dict[str, Any]) -> str:
    """Return the Markdown that shows a chapter's picture."""
    lines = [f"```{{chapter-figure}} {chapter} {picture['figure']}"]
    if "columns" in picture:
        lines.append(f":columns: {'; '.join(picture['columns'])}")
        lines.append(f":row: {picture['row']}")
    return "\n".join([*lines, picture["caption"], "```"])


def part_title(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Part the number of a chapter's title from its name and from what follows it."""
    heading = next(iter(doctree.findall(nodes.title)), None)
    found = TITLE.fullmatch(heading.astext()) if heading is not None else None
    if heading is None or found is None or not docname.startswith("chapters/"):
        return
    heading.children = []
    for kind, text in found.groupdict().items():
        if text:
            gap = " " if kind == "number" else ""
            heading += nodes.inline("", text, classes=[f"title-{kind}"])
            heading += nodes.Text(gap)


class ChapterList(SphinxDirective):
    """Every chapter of the book: its picture, number and title, and its question."""

    option_spec: ClassVar = {"class": directives.class_option}

    def run(self) -> list[nodes.Node]:
        """Read the openings of all chapters, in the order of their numbers."""
        found = []
        for path in (Path(self.env.srcdir) / "chapters").glob("*.ipynb"):
            self.env.note_dependency(str(path))
            cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
            found.append((read_opening(cells), path.stem))
        made = nodes.bullet_list(classes=["chapter-list"])
        made += [self.entry(opening, name) for opening, name in sorted(found)]
        return [made]

    def entry(self, opening: Opening, name: str) -> nodes.list_item:
        """Return one chapter's entry."""
        asked = opening.picture
        columns, row = asked.get("columns", ()), asked.get("row", 1)
        figure = asked["figure"]
        shown = figure_of_run(self.env, name, figure, columns, row, small=True)
        page = self.env.app.builder.get_relative_uri(
            self.env.docname, f"chapters/{name}"
        )
        item = nodes.list_item()
        if shown is not None:
            shown["refuri"] = page
            item += nodes.container(
                "", shown, classes=["strip" if columns else "whole"]
            )
        title = nodes.reference("", opening.title, refuri=page, internal=True)
        item += nodes.paragraph("", "", nodes.strong("", "", title))
        words, _ = self.parse_inline(opening.question)
        item += nodes.paragraph("", "", *words)
        return item


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_directive("chapter-list", ChapterList)
    app.connect("source-read", open_chapter)
    app.connect("doctree-resolved", part_title)
    return {"version": "1", "parallel_read_safe": True}
