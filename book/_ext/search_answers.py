"""Give the search page the glossary: what a term means, and which chapter teaches it.

Both come from ``book/glossary.md``: an entry that links to a chapter is taught there.
``book/_static/search.js`` answers with them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from docutils import nodes
from glossary_links import GLOSSARY, listed_items, read_entry
from sphinx import addnodes
from sphinx.application import Sphinx

CHAPTERS = "chapters/"


def taught_in(item: nodes.definition_list_item) -> str:
    """Return the first chapter that an entry links to, "" if it links to none."""
    targets = (
        link.get("reftarget", "") for link in item.findall(addnodes.pending_xref)
    )
    return next((one for one in targets if one.startswith(CHAPTERS)), "")


def definition(item: nodes.definition_list_item) -> str:
    """Return an entry's words, less the link to its chapter at their end."""
    paragraph = next(item.findall(nodes.paragraph)).deepcopy()
    for link in list(paragraph.findall(addnodes.pending_xref)):
        if link.get("reftarget", "").startswith(CHAPTERS):
            link.parent.remove(link)
    return " ".join(paragraph.astext().split()).removesuffix(" .")


def write_terms(app: Sphinx, exception: Exception | None) -> None:
    """Write the glossary beside the script that reads it."""
    if exception or app.builder.format != "html":
        return
    entries = []
    for item in listed_items(app.env.get_doctree(GLOSSARY)):
        entry, chapter = read_entry(item), taught_in(item)
        title = app.env.titles[chapter].astext() if chapter else ""
        place = f"{app.builder.get_target_uri(GLOSSARY)}#{entry.anchor}"
        entries.append(
            {
                "names": entry.names,
                "place": place,
                "words": definition(item),
                "chapter": chapter,
                "title": title,
            }
        )
    listed = ",\n".join(json.dumps(one, ensure_ascii=False) for one in entries)
    Path(app.outdir, "_static", "search_terms.js").write_text(
        f"const GLOSSARY = [\n{listed}\n];\n", "utf-8"
    )


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("build-finished", write_terms)
    return {"version": "1", "parallel_read_safe": True}
