"""The first use of a glossary's term on a page links to its entry.

No page asks for it: chapters are plain Markdown, and so the words stay as they were
written. Terms are what the ``{glossary}`` of ``book/glossary.md`` lists, other names of
an entry included, in singular and plural, with a small or a capital first letter. The
longest term wins: "atrous convolution" is never a link to "convolution". The link's
tooltip is the first sentence of the entry.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from typing import Any, NamedTuple

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.transforms.post_transforms import SphinxPostTransform

GLOSSARY = "book/glossary"
WITHOUT_LINKS = (GLOSSARY, "book/bibliography")  # the latter is made of titles
# Words that are terms elsewhere, in their everyday sense.
EVERYDAY = (
    *("learning rate", "rate of 0.1", "may skip", "it skips", "key layers"),
    *("claims nothing", "paper’s claim", "share a stem"),
)
# What holds sentences, as headings and signatures do not, and what in it is not words.
PROSE = (nodes.paragraph, nodes.caption)
NOT_PROSE = (
    nodes.thead,
    nodes.literal,
    nodes.math,
    nodes.raw,
    nodes.reference,
    addnodes.literal_emphasis,
    addnodes.literal_strong,
)


class Entry(NamedTuple):
    """An entry of the glossary: its names, its place there, its first sentence."""

    names: tuple[str, ...]
    anchor: str
    sentence: str


def listed_items(glossary: nodes.document) -> Iterator[nodes.definition_list_item]:
    """Yield the items of the page's glossary, in its order."""
    for listed in glossary.findall(addnodes.glossary):
        yield from listed.findall(nodes.definition_list_item)


def read_entries(glossary: nodes.document) -> list[Entry]:
    """Return the entries of the page's glossary, in its order."""
    return [read_entry(item) for item in listed_items(glossary)]


def read_entry(item: nodes.definition_list_item) -> Entry:
    """Return what one entry says."""
    terms = list(item.findall(nodes.term))
    paragraph = next(item.findall(nodes.paragraph))
    words = " ".join(paragraph.astext().split())
    sentence = re.split(r"(?<=[.!?])\s+(?=[A-Z])", words)[0]
    return Entry(tuple(term.astext() for term in terms), terms[0]["ids"][0], sentence)


def pattern(name: str) -> str:
    """Return the pattern of a term, in singular and plural, over line breaks too."""
    first, *rest = name.removesuffix("s").split()
    first = f"[{first[0].upper()}{first[0].lower()}]{re.escape(first[1:])}"
    return r"\s+".join([first, *map(re.escape, rest)]) + "(?:e?s)?"


class Linker:
    """Links the first use of each entry's names, on one page.

    `address` is that of the glossary, as seen from the page.
    """

    def __init__(self, entries: list[Entry], address: str) -> None:
        self.address = address
        pairs: list[tuple[str, Entry | None]] = [(words, None) for words in EVERYDAY]
        pairs += [(name, entry) for entry in entries for name in entry.names]
        pairs.sort(key=lambda pair: len(pair[0]), reverse=True)
        self.entries = [entry for _, entry in pairs]
        either = "|".join(f"({pattern(name)})" for name, _ in pairs)
        # Whole words, and no part of a name in code: `encoder.stem`, `head="paper"`.
        self.term = re.compile(rf"(?<![\w.-])(?:{either})(?![\w=-]|\.\w)")
        self.linked: set[Entry] = set()

    def visit(self, element: nodes.Element, prose: bool = False) -> None:
        """Link the terms in an element and below it, in the order of the page."""
        if isinstance(element, NOT_PROSE):
            return
        prose = prose or isinstance(element, PROSE)
        made: list[nodes.Node] = []
        # A line break ends a text: those side by side are one, or no term would be
        # found across it.
        for is_text, run in groupby(
            element.children, lambda child: isinstance(child, nodes.Text)
        ):
            children = list(run)
            if is_text and prose:
                made += self.link("".join(child.astext() for child in children))
                continue
            for child in children:
                if isinstance(child, nodes.Element):
                    self.visit(child, prose)
            made += children
        element.children = []
        element.extend(made)

    def link(self, text: str) -> Iterator[nodes.Node]:
        """Yield the text in parts, the first uses of terms among them as links."""
        end = 0
        for found in self.term.finditer(text):
            assert found.lastindex is not None
            entry = self.entries[found.lastindex - 1]
            if entry is None or entry in self.linked:
                continue
            self.linked.add(entry)
            yield nodes.Text(text[end : found.start()])
            yield nodes.reference(
                "",
                found.group(),
                internal=True,
                refuri=f"{self.address}#{entry.anchor}",
                reftitle=entry.sentence,
                classes=["glossary-term"],
            )
            end = found.end()
        yield nodes.Text(text[end:])


class LinkTerms(SphinxPostTransform):
    """Link the terms of a page, once all pages are read and its own links are made."""

    default_priority = 20  # behind the links that a page makes itself
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        """Change the page."""
        page = self.env.docname
        if page in WITHOUT_LINKS or GLOSSARY not in self.env.found_docs:
            return
        entries = read_entries(self.env.get_doctree(GLOSSARY))
        address = self.env.app.builder.get_relative_uri(page, GLOSSARY)
        Linker(entries, address).visit(self.document)


def find_outdated(
    app: Sphinx,
    env: BuildEnvironment,
    added: set[str],
    changed: set[str],
    removed: set[str],
) -> set[str]:
    """Have every page made anew when the glossary changed."""
    return set(env.found_docs) if GLOSSARY in added | changed else set()


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_post_transform(LinkTerms)
    app.connect("env-get-outdated", find_outdated)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
