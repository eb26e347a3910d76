"""Show in each chapter's page the outputs of the run that nbmake checked.

``tools/run_chapters.py`` keeps the last green run of every chapter under ``.ran/``.
When Sphinx reads a chapter, its code cells get that run's outputs, cell by cell, and
the page ends with a line that says when, on what and for how long it ran. A chapter
whose code has no such run draws a warning, so that a build with ``-W`` fails instead of
publishing outputs that belong to other code.

A figure goes into the page itself, in the page's ink (``page_figure.py``). Its alt text
is what it said of itself in that run (``simseg_core.figures.style.DescribedFigure``);
for a figure made by hand, the cell's ``mystnb.image.alt``. A drawing that is HTML
already is named by its ``aria-label``. A picture without any draws a warning too.
"""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

from page_figure import for_page
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)

DRAWING = re.compile(r'<svg\b(?:[^>]*? aria-label="([^"]*)")?')


def read_run(root: Path | str, chapter: str) -> tuple[Path, dict[str, Any]]:
    """Return where a chapter's run is kept, and the run: if there is none, no cells."""
    path = Path(root, ".ran", f"{chapter}.ipynb")
    if not path.exists():
        return path, {"cells": []}
    return path, json.loads(path.read_text(encoding="utf-8"))


def lay_outputs(app: Sphinx, docname: str, content: list[str]) -> None:
    """Put the outputs of the kept run into the notebook that is being read."""
    if not docname.startswith("chapters/"):
        return
    notebook = json.loads(content[0])
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    path, ran = read_run(app.srcdir, Path(docname).name)
    app.env.note_dependency(str(path))
    if [text(cell) for cell in cells] != [text(cell) for cell in ran["cells"]]:
        logger.warning(
            "the code of %s has no run to show: run `make chapters` first", docname
        )
        return
    for cell, done in zip(cells, ran["cells"], strict=True):
        cell["outputs"] = done["outputs"]
        cell["execution_count"] = done["execution_count"]
        if any(has_picture(output) for output in cell["outputs"]):
            describe(cell, docname)
            cell["outputs"] = [in_page(output, cell) for output in cell["outputs"]]
    notebook["cells"].append(run_line(ran["metadata"]["simseg_run"]))
    content[0] = json.dumps(notebook)


def has_picture(output: dict[str, Any]) -> bool:
    """Tell whether an output is a picture, or HTML that holds a drawing."""
    return "image/svg+xml" in output.get("data", {}) or drawing_in(output) is not None


def drawing_in(output: dict[str, Any]) -> str | None:
    """Return how the drawing in an output names itself, None where there is none."""
    found = DRAWING.search("".join(output.get("data", {}).get("text/html", "")))
    return unescape(found[1] or "") if found else None


def describe(cell: dict[str, Any], docname: str) -> None:
    """Set what MyST-NB writes as the alt text of a cell's picture."""
    words = alt_text(cell)
    if not words:
        logger.warning(
            "a picture of %s has no alt text: give cell %s a mystnb.image.alt",
            *(docname, cell["id"]),
        )
    cell["metadata"].setdefault("mystnb", {})["image"] = {"alt": words}


def in_page(output: dict[str, Any], cell: dict[str, Any]) -> dict[str, Any]:
    """Return an output with its figure, if it is one, as a part of the page."""
    svg = "".join(output.get("data", {}).get("image/svg+xml", ""))
    if not svg:
        return output
    shown = cell["metadata"]["mystnb"]
    name = shown.get("figure", {}).get("name", cell["id"])
    page = for_page(svg, name, shown["image"]["alt"])
    return output | {"data": {"text/html": page}, "metadata": {}}


def alt_text(cell: dict[str, Any]) -> str:
    """Return the alt text of a cell that ran: its figure's, else the cell's own."""
    for output in cell["outputs"]:
        about = output.get("metadata", {}).get("image/svg+xml", {})
        if "alt" in about:
            return about["alt"]
        drawn = drawing_in(output)
        if drawn:
            return drawn
    return cell["metadata"].get("mystnb", {}).get("image", {}).get("alt", "")


def text(cell: dict[str, Any]) -> str:
    """Return a cell's source as one string."""
    return "".join(cell["source"])


def run_line(record: dict[str, Any]) -> dict[str, Any]:
    """Return the Markdown cell that dates the outputs."""
    words = (
        f"Every output on this page comes from one run of {record['seconds']} s on "
        f"{record['device']} with PyTorch {record['torch']}, on {record['date']}."
    )
    return {
        "cell_type": "markdown",
        "id": "run-line",
        "metadata": {},
        "source": f"<p class='simseg-run'>{words}</p>",
    }


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("source-read", lay_outputs)
    return {"version": "1", "parallel_read_safe": True}
