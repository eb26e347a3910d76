"""Cut from the styles what no page can use: two thirds of a text page's bytes.

The themes bring styles for all that they could show. A rule goes if it asks for a class
or an id that stands as a word in no page and in no script. That is careful: a word of
the prose keeps a rule too, and so does a script's start of a name, as ``"tab-"``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import tinycss2
from sphinx.application import Sphinx
from tinycss2.ast import LiteralToken, Node

NAME = re.compile(r"[\w-]+")
PUT_TOGETHER = ("bs-",)  # names that Bootstrap makes of two: "bs-tooltip", "auto"
GROUPS = ("media", "supports", "layer")  # at-rules that hold rules


class Words:
    """The words of pages and scripts, among them all names that they can use."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.words = {word for text in texts for word in NAME.findall(text)}
        self.starts = PUT_TOGETHER + tuple(
            word for word in self.words if len(word) > 3 and word.endswith("-")
        )

    def __contains__(self, name: str) -> bool:
        return name in self.words or name.startswith(self.starts)


def split(prelude: list[Node]) -> Iterator[list[Node]]:
    """Yield the selectors of a rule."""
    selector: list[Node] = []
    for token in prelude:
        if token == ",":
            yield selector
            selector = []
        else:
            selector.append(token)
    yield selector


def names(selector: list[Node]) -> Iterator[str]:
    """Yield the classes and ids that an element needs for a selector to fit.

    What stands in brackets, as in ``:not(.a)``, is not asked for.
    """
    for before, token in zip([None, *selector], selector):
        if token.type == "hash" or (token.type == "ident" and before == "."):
            yield token.value


def cut(rules: list[Node], words: Words) -> list[Node]:
    """Return the rules that can be of use, each with such of its selectors.

    Of the comments those stay that say whose a style is, ``/*! ... */``.
    """
    kept = []
    for rule in rules:
        if rule.type == "qualified-rule":
            selectors = [
                selector
                for selector in split(rule.prelude)
                if all(name in words for name in names(selector))
            ]
            if not selectors:
                continue
            comma = LiteralToken(rule.source_line, rule.source_column, ",")
            first, *others = selectors
            rule.prelude = sum(([comma, *one] for one in others), first)
        elif rule.type == "at-rule" and rule.lower_at_keyword in GROUPS:
            rule.content = rule.content and cut(parse(rule.content), words)
        elif rule.type == "comment" and not rule.value.startswith("!"):
            continue
        kept.append(rule)
    return kept


def parse(style: str | list[Node]) -> list[Node]:
    """Return the rules of a stylesheet, or of an at-rule's content."""
    return tinycss2.parse_rule_list(style, skip_whitespace=True)


def cut_styles(app: Sphinx, exception: Exception | None) -> None:
    """Write the styles anew."""
    if exception or app.builder.format != "html":
        return
    site = Path(app.outdir)
    words = Words(
        file.read_text("utf-8")
        for file in (*site.rglob("*.html"), *site.rglob("*.js"))
        if file.name != "searchindex.js"
    )
    for sheet in (site / "_static").rglob("*.css"):
        rules = cut(parse(sheet.read_text("utf-8")), words)
        sheet.write_text(tinycss2.serialize(rules), "utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx, after what writes styles and scripts."""
    app.connect("build-finished", cut_styles, priority=800)
    return {"version": "1", "parallel_read_safe": True}
