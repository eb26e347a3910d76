"""Show a figure of a chapter's run: on another page, or on the chapter's first screen.

A page that says ``{chapter-figure} 03_unet unet-predictions`` gets the figure of that
name, with its alt text, as the run that was checked drew it. The directive's text is
the caption. With the options ``:columns: image; with skips`` and ``:row: 3`` it gets
those pictures of the figure alone, side by side, each over its name
(``figure_strip.py``), as a link to their place in the chapter. A chapter without a run
draws the warning of ``chapter_outputs.py``, and here one that names the missing figure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from chapter_outputs import alt_text, read_run
from docutils import nodes
from docutils.parsers.rst import directives
from figure_strip import cut_strip, small_strip
from page_figure import for_page
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

logger = logging.getLogger(__name__)
FOLDER = Path(".ran") / "figures"  # made anew with each build, like the runs beside it


def find_figure(ran: dict[str, Any], name: str) -> tuple[str, str] | None:
    """Return SVG and alt text of the figure of this name in a notebook that ran."""
    for cell in ran["cells"]:
        shown = cell["metadata"].get("mystnb", {})
        if shown.get("figure", {}).get("name") != name:
            continue
        for output in cell["outputs"]:
            svg = output.get("data", {}).get("image/svg+xml")
            if svg:
                return "".join(svg), alt_text(cell)
    return None


def figure_of_run(
    env: BuildEnvironment,
    chapter: str,
    name: str,
    columns: Sequence[str] = (),
    row: int = 1,
    *,
    small: bool = False,
) -> nodes.Element | None:
    """Return a figure, or a strip of it as an image that links to its chapter.

    None, and a warning, where the chapter's run has no figure of this name. In a list
    both are small images with a link.
    """
    root = Path(env.srcdir)
    path, ran = read_run(root, chapter)
    env.note_dependency(str(path))
    found = find_figure(ran, name)
    if found is None:
        logger.warning(
            "%s has no figure %s to show: run `make chapters` first", chapter, name
        )
        return None
    svg, alt = found
    if not columns and not small:
        drawn = for_page(svg, f"borrowed-{name}", alt)
        return nodes.raw("", drawn, format="html")
    picture = FOLDER / f"{name}.svg"
    (root / FOLDER).mkdir(parents=True, exist_ok=True)
    if columns:
        alt = f"From left to right: {', '.join(columns)}. Out of the figure: {alt}"
        file = re.sub(r"\W+", "-", " ".join([name, "strip", str(row), *columns]))
        picture = FOLDER / f"{file}.{'webp' if small else 'svg'}"
    if columns and small:
        small_strip(svg, columns, row).save(root / picture, quality=60, method=6)
    else:
        drawn = cut_strip(svg, columns, row) if columns else svg
        (root / picture).write_text(drawn, encoding="utf-8")
    page = env.app.builder.get_relative_uri(env.docname, f"chapters/{chapter}")
    image = nodes.image(uri=f"/{picture.as_posix()}", alt=alt)
    return nodes.reference("", "", image, refuri=f"{page}#{name}", internal=True)


class BorrowedFigure(nodes.figure):
    """A figure without a number, which it has where its chapter draws it.

    Sphinx counts figures by their class, and writes this one as it writes its base.
    """


class ChapterFigure(SphinxDirective):
    """A figure out of a chapter's last run, or a strip of it."""

    required_arguments = 2
    option_spec: ClassVar = {
        "columns": directives.unchanged_required,
        "row": directives.positive_int,
    }
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return the picture with its names and its caption."""
        listed = self.options.get("columns", "").split(";")
        columns = [one.strip() for one in listed if one.strip()]
        row = self.options.get("row", 1)
        chapter, name = self.arguments
        picture = figure_of_run(self.env, chapter, name, columns, row)
        if picture is None:
            return []
        figure = BorrowedFigure("", picture)
        if columns:
            names = [nodes.paragraph("", one) for one in columns]
            figure += nodes.container("", *names, classes=["strip-names"])
        words, messages = self.parse_inline("\n".join(self.content))
        figure += nodes.caption("", "", *words)
        figure["classes"].append("chapter-strip" if columns else "chapter-figure")
        return [figure, *messages]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_directive("chapter-figure", ChapterFigure)
    return {"version": "1", "parallel_read_safe": True}
