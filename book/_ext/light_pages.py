"""Make pages light: nothing loads that a page does not use, or before it is needed.

The theme loads on every page a script that draws the icons again which its web font
draws already (the greatest file of all), and the index for a search while one types,
which is switched off. ``book/_templates/layout.html`` takes both out. Names, commas and
gaps of code, which have the colour of the text, need no element each. Pictures load
when near, those within a figure come from files of their own, and scripts run when the
page is read: none holds up the first words.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from PIL import Image
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)

# What Pygments marks and the theme's two styles draw as any text: names, signs, gaps.
PLAIN = re.compile(r'<span class="(?:n|p|w)">([^<]*)</span>')
PIXELS = {"pt": 4 / 3, "px": 1.0, "": 1.0}
WITHIN = re.compile(r' href="data:image/(\w+);base64,([^"]+)"')
WITHIN_PAGE = (
    2000  # characters of a picture at most: a file's address and answer cost too
)
ONLY_NAMES = re.compile(r'styles/theme\.css[^"]*')
PRELOAD = re.compile(r'<link rel="preload" as="script"[^>]*>\s*')
PICTURE = re.compile(r'<img (?![^>]*\bstyle=)(?=[^>]*\bsrc="[^"]*_images/([^"/]+)")')


def without_scripts(markup: str, *names: str) -> str:
    """Return markup of the theme's without the scripts whose addresses end so."""
    for name in names:
        tag = rf'<script[^>]* src="[^"]*{re.escape(name)}(\?[^"]*)?"[^>]*></script>'
        markup, found = re.subn(tag, "", markup)
        if found != 1:
            logger.warning(
                "the theme loads %s %d times where once was expected: "
                "see book/_templates/layout.html",
                *(name, found),
            )
    return markup


def without_detours(markup: str) -> str:
    """Return the theme's markup with nothing that comes before the first words.

    Its first style only names another, which would be known one answer later. And it
    asks at once, before the styles, for the scripts that run last.
    """
    return PRELOAD.sub("", ONLY_NAMES.sub("basic.css", markup))


def size_of(picture: Path) -> tuple[int, int] | None:
    """Return width and height in CSS pixels, None where an SVG does not say them."""
    if picture.suffix != ".svg":
        with Image.open(picture) as pixels:
            return pixels.size
    _, root = next(ElementTree.iterparse(picture, events=["start"]))
    sides = []
    for side in ("width", "height"):
        found = re.fullmatch(r"([\d.]+)(pt|px|)", root.get(side, ""))
        if not found:
            return None
        sides.append(round(float(found[1]) * PIXELS[found[2]]))
    return sides[0], sides[1]


def load_when_near(body: str, pictures: dict[str, Path]) -> str:
    """Return a page's body with all pictures but the first to be loaded when near.

    The first, which many pages open with, loads before those within figures. Sizes are
    told, so that the text below them stays where it is. A picture of unknown size is
    left as it is.

    Args:
        body: HTML.
        pictures: the file of each picture by its name in the built book.
    """
    order = itertools.count()

    def mend(image: re.Match[str]) -> str:
        size = size_of(pictures[image[1]])
        when = 'loading="lazy" ' if next(order) else 'fetchpriority="high" '
        if size is None:
            return image[0]
        return f'<img {when}width="{size[0]}" height="{size[1]}" style="height: auto" '

    return PICTURE.sub(mend, body)


def in_files(body: str, folder: Path, address: str) -> str:
    """Return a page's body with the larger pictures of its figures in files.

    In the page they would come before its words. A file's name is made from what is in
    it, so that a changed picture has a new address.

    Args:
        body: HTML.
        folder: where the pictures go.
        address: of the folder, as seen from the page.
    """

    def move(found: re.Match[str]) -> str:
        kind, packed = found.groups()
        if len(packed) <= WITHIN_PAGE:
            return found[0]
        picture = base64.b64decode(packed)
        name = f"{hashlib.sha256(picture).hexdigest()[:16]}.{kind}"
        folder.mkdir(exist_ok=True)
        (folder / name).write_bytes(picture)
        return f' href="{address}/{name}"'

    return WITHIN.sub(move, body)


def run_late(script: Any) -> Any:
    """Return a script's file as one that runs when the page is read.

    The scripts that stand in the page set what documentation_options.js defines, so
    that does not wait.
    """
    name = script.filename
    if not name or str(name).endswith("documentation_options.js"):
        return script
    attributes = script.attributes | {"defer": "defer"}
    return type(script)(name, priority=script.priority, **attributes)


def lighten(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any
) -> None:
    """Take from one page what it does not use, and give its template the means."""
    context["without_scripts"] = without_scripts
    context["without_detours"] = without_detours
    if page != "search":  # its own scripts, which do not wait, need those before them
        context["script_files"] = list(map(run_late, context["script_files"]))
    body = context.get("body", "")
    if body:
        images = app.builder.images.items()
        pictures = {name: Path(app.srcdir, source) for source, name in images}
        body = PLAIN.sub(r"\1", load_when_near(body, pictures))
        folder = app.builder.imagedir
        context["body"] = in_files(
            body, Path(app.outdir, folder), context["pathto"](folder, resource=True)
        )


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx, after everything that adds files."""
    app.connect("html-page-context", lighten, priority=900)
    return {"version": "1", "parallel_read_safe": True}
