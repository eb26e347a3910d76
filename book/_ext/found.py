"""What search engines, and previews of shared links, are told of each page.

Each page says in a sentence what it is about: ``myst.html_meta.description``, in its
front matter or in the notebook's metadata. A page without one draws a warning.

Once the book has an address (``html.baseurl``, written by ``make address``), each page
tells it (Sphinx's own canonical link) with what a shared link shows, and the site gets
``sitemap.xml`` and ``robots.txt``. Before that there is nothing true to say.

``404.html`` is what GitHub Pages shows in place of a page that is not there, however
deep the reader looked: its links start from the address, by ``<base>``.

Written here and not taken from sphinx-sitemap, sphinxext-opengraph and
sphinx-notfound-page: the first lists only the pages of the last build, the second does
not read a page's own description, the third leaves the theme's sidebar relative.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)

LOST = "404"
PICTURE = "_static/social.png"
# The pages that Sphinx makes by itself.
GENERATED = {
    "genindex": "All names of the package simseg_core, and all terms of the book, by "
    "the alphabet.",
    "py-modindex": "The modules of the package simseg_core, by the alphabet, with the "
    "page that tells of each.",
    "search": "Search the book: terms with their definitions, the chapters that teach "
    "them, and the package's names.",
    LOST: "This page is not in the book. Its chapters, its reference and its search "
    "are one step away.",
}


def description(page: str, doctree: nodes.document | None) -> str:
    """Return what a page says of itself, "" if it says nothing."""
    if doctree is None:
        return GENERATED.get(page, "")
    described = (
        meta["content"]
        for meta in doctree.findall(nodes.meta)
        if meta.get("name") == "description"
    )
    return next(described, "")


def preview(
    app: Sphinx, page: str, words: str, address: str
) -> Iterator[tuple[str, str, str]]:
    """Yield the tags (attribute, key, value) that make the preview of a shared link."""
    yield "property", "og:type", "website"
    yield "property", "og:site_name", app.config.html_title
    yield "property", "og:title", app.env.titles[page].astext()
    yield "property", "og:description", words
    yield "property", "og:url", address
    if Path(app.outdir, PICTURE).exists():
        yield "property", "og:image", posixpath.join(app.config.html_baseurl, PICTURE)
        yield "property", "og:image:width", "1200"
        yield "property", "og:image:height", "630"
        yield "property", "og:image:alt", app.config.html_title
        yield "name", "twitter:card", "summary_large_image"


def tell(
    app: Sphinx,
    page: str,
    template: str,
    context: dict[str, Any],
    doctree: nodes.document | None,
) -> None:
    """Add to the head of one page what it says to others."""
    words = description(page, doctree)
    tags: list[tuple[str, str, str]] = []
    if not words:
        logger.warning(
            "%s has no description: give its front matter, or the notebook's metadata, "
            "a myst.html_meta.description",
            page,
        )
    if doctree is None:
        tags.append(("name", "description", words))
    if page == LOST:
        context.pop("pageurl", None)
        tags.append(("name", "robots", "noindex"))
    elif doctree is not None and app.config.html_baseurl:
        tags += preview(app, page, words, context["pageurl"])
    lines = [f'<meta {kind}="{key}" content="{escape(v)}" />' for kind, key, v in tags]
    if page == LOST and app.config.html_baseurl:
        lines.insert(0, f'<base href="{urlsplit(app.config.html_baseurl).path}" />')
    context["metatags"] = "\n".join([context.get("metatags", ""), *lines])


def add_lost_page(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Have the page for what is not there made, by its own template."""
    yield LOST, {"title": "Page not found"}, f"{LOST}.html"


def write_map(app: Sphinx, exception: Exception | None) -> None:
    """Write sitemap.xml and robots.txt, of all pages and not only those made anew."""
    address = app.config.html_baseurl
    if exception or app.builder.format != "html" or not address:
        return
    targets = sorted(map(app.builder.get_target_uri, app.env.found_docs))
    urls = (f"<url><loc>{posixpath.join(address, one)}</loc></url>" for one in targets)
    Path(app.outdir, "sitemap.xml").write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
        + "\n".join(urls)
        + "\n</urlset>\n",
        "utf-8",
    )
    Path(app.outdir, "robots.txt").write_text(
        f"User-agent: *\nAllow: /\nSitemap: {posixpath.join(address, 'sitemap.xml')}\n",
        "utf-8",
    )


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("html-page-context", tell)
    app.connect("html-collect-pages", add_lost_page)
    app.connect("build-finished", write_map)
    return {"version": "1", "parallel_read_safe": True}
