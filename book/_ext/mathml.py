"""Write formulas as MathML, which browsers draw by themselves: no page loads a script.

Each formula is made when the book is built, so that it stands there at once, also
without JavaScript, and a screen reader finds its structure. One that cannot be read
draws a warning. ``math.woff2`` draws them alike everywhere; ``book.css`` names it.
"""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from math_core import LatexError, LatexToMathML
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number
from sphinx.writers.html5 import HTML5Translator

logger = logging.getLogger(__name__)

POINTS = re.compile(r"(</math>)(</span>)([.,;:!?)]+)")
converter = LatexToMathML(fancy_error=False)


def to_mathml(node: nodes.math | nodes.math_block, *, display: bool) -> str:
    """Return a formula as MathML."""
    try:
        return converter.convert_with_local_state(node.astext(), displaystyle=display)
    except LatexError as fault:
        logger.warning("%s in the formula %r", fault, node.astext(), location=node)
        return ""


def write_inline(writer: HTML5Translator, node: nodes.math) -> None:
    """Write a formula within a sentence."""
    writer.body.append(writer.starttag(node, "span", "", CLASS="math"))
    writer.body.append(to_mathml(node, display=False) + "</span>")
    raise nodes.SkipNode


def write_display(writer: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula on lines of its own, with its number if it has one."""
    writer.body.append(writer.starttag(node, "div", CLASS="math"))
    if node["number"]:
        number = get_node_equation_number(writer, node)
        writer.body.append(f'<span class="eqno">({number})</span>')
    writer.body.append(to_mathml(node, display=True) + "</div>\n")
    raise nodes.SkipNode


def keep_points(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any
) -> None:
    """Take the comma behind a formula into its element, which no line breaks."""
    if context.get("body"):
        context["body"] = POINTS.sub(r"\1\3\2", context["body"])


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_html_math_renderer("mathml", (write_inline, None), (write_display, None))
    app.connect("html-page-context", keep_points)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
