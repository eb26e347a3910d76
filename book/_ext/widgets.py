"""Things to touch: widgets that run in the reader's browser, once she comes near.

A page that says ``{widget} NAME`` gets a box, and in it what stands there without
JavaScript, in print and until the widget has loaded: the directive's own text, or the
still picture ``book/_static/widgets/NAME.svg`` where it has none. In a chapter it is
the metadata ``{"simseg": {"widget": "NAME"}}`` of a Markdown cell: Colab and GitHub
show the cell's words, the book shows the widget after them.

``SCRIPTS`` says which files below ``book/_static/widgets`` make up each widget. The box
names them, and ``loader.js``, which only pages with a box have, fetches them in their
order once the box is near the screen. Addresses are relative, so that a page works from
a folder; each ends with a digest, so that no browser keeps an old file.
"""

from __future__ import annotations

import hashlib
import json
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

FOLDER = Path("book/_static/widgets")  # in the built book: _static/widgets
FIELD = ("parts.js", "field.js", "field_explorer.js")
LAB = ("parts.js", "lab/network.js", "lab/forward.js", "lab/controls.js")
SCRIPTS: dict[str, tuple[str, ...]] = {
    "receptive-field": FIELD,
    "gridding": FIELD,
    "wiring": ("parts.js", "wiring.js", "wiring_explorer.js"),
    "overlap": ("parts.js", "overlap.js", "overlap_explorer.js"),
    "unet-sizes": ("parts.js", "unet_sizes.js", "unet_sizes_explorer.js"),
    "skips": (
        *LAB,
        "lab/gradient.js",
        "lab/painter.js",
        "lab/street.js",
        "lab/skips.js",
    ),
    "decoder": (*LAB, "lab/painter.js", "lab/deeplab.js", "lab/decoder.js"),
    "rates": (*LAB, "lab/painter.js", "lab/signs.js", "lab/rates.js"),
    "attention": (*LAB, "lab/lamps.js", "lab/signal.js", "lab/attention.js"),
    "gates": (*LAB, "lab/lamps.js", "lab/cbam.js", "lab/gates.js"),
}


class widget(nodes.General, nodes.Element):
    """A widget's box; its children, or its still picture, stand there without it."""


def address(folder: Path, name: str) -> str:
    """Return a file's name with the digest of what it holds.

    Raises:
        FileNotFoundError: if there is no such file.
    """
    content = (folder / name).read_bytes()
    return f"{name}?v={hashlib.sha256(content).hexdigest()[:8]}"


class Widget(SphinxDirective):
    """The box of one widget."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Make the box, with the addresses of the widget's files."""
        (name,) = self.arguments
        if name not in SCRIPTS:
            raise self.error(f"no widget {name!r}: there are {', '.join(SCRIPTS)}")
        folder = Path(self.env.srcdir, FOLDER)
        still = folder / f"{name}.svg"
        for script in SCRIPTS[name]:
            self.env.note_dependency(str(folder / script))
        try:
            files = [address(folder, script) for script in SCRIPTS[name]]
        except FileNotFoundError as missing:
            raise self.error(f"widget {name!r} lacks a file: {missing}") from missing
        box = widget(widget=name, files=" ".join(files))
        if self.content:
            self.state.nested_parse(self.content, self.content_offset, box)
        elif still.exists():
            self.env.note_dependency(str(still))
            box["still"] = still.read_text(encoding="utf-8")
        else:
            raise self.error(f"widget {name!r} has neither a text nor {still}")
        return [box]


def open_box(writer: Any, box: widget) -> None:
    """Write the box's start, and its picture."""
    writer.body.append(
        f'<div class="widget" data-widget="{escape(box["widget"])}" '
        f'data-scripts="{escape(box["files"])}">{box.get("still", "")}'
    )


def close_box(writer: Any, box: widget) -> None:
    """Write the box's end."""
    writer.body.append("</div>\n")


def place_in_chapter(app: Sphinx, docname: str, content: list[str]) -> None:
    """Put a cell with the directive after each cell whose metadata names a widget."""
    if not app.env.doc2path(docname).endswith(".ipynb"):
        return
    notebook = json.loads(content[0])
    cells = []
    for cell in notebook["cells"]:
        cells.append(cell)
        name = cell["metadata"].get("simseg", {}).get("widget")
        if name:
            cells.append(
                {
                    "cell_type": "markdown",
                    "id": f"widget-{cell['id']}",
                    "metadata": {},
                    "source": f"```{{widget}} {name}\n```",
                }
            )
    notebook["cells"] = cells
    content[0] = json.dumps(notebook)


def add_loader(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any
) -> None:
    """Give the loader and the style to a page that has a box."""
    if doctree is not None and next(doctree.findall(widget), None) is not None:
        app.add_js_file("widgets/loader.js", loading_method="defer")
        app.add_css_file("widgets/widgets.css")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_node(widget, html=(open_box, close_box))
    app.add_directive("widget", Widget)
    app.connect("source-read", place_in_chapter)
    app.connect("html-page-context", add_loader)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
