"""Take Thebe out of the pages: Jupyter Book loads it always, the book never uses it.

It would name a content delivery network in every page, and declare one constant twice,
which is an error in the reader's console.
"""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx


def drop(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any
) -> None:
    """Remove Thebe's scripts and styles from one page."""
    for kind in ("script_files", "css_files"):
        context[kind] = [
            file
            for file in context.get(kind, [])
            if "thebe" not in f"{file} {getattr(file, 'attributes', '')}".lower()
        ]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx, after everything that adds files."""
    app.connect("html-page-context", drop, priority=900)
    return {"version": "1", "parallel_read_safe": True}
