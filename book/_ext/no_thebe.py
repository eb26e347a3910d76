"""Take Thebe out of the pages: Jupyter Book loads it always, the book never uses it.

It would name a content delivery network in every page, and declare one constant twice,
which is an error in the reader's console.
"""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx


def drop_styles(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any
) -> None:
    """Remove Thebe's styles from one page."""
    context["css_files"] = [
        file for file in context.get("css_files", []) if "thebe" not in str(file)
    ]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx, and take back what Thebe has registered before."""
    for listeners in app.events.listeners.values():
        listeners[:] = [
            one for one in listeners if one.handler.__module__ != "sphinx_thebe"
        ]
    app.connect("html-page-context", drop_styles, priority=900)
    return {"version": "1", "parallel_read_safe": True}
