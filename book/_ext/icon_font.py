"""Write a font of the few icons that the book shows: a fiftieth of the theme's.

``icons.css`` offers it for exactly its own characters (``unicode-range``), so an icon
that it lacks is still drawn, by the theme's whole font. The theme's script that draws
the same icons once more is taken out of the built book; no page loads it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from fontTools import subset
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)

# In the theme's stylesheet: the font with all that describes it, the class of an icon
# with its character, and a character that a rule draws by itself, escaped or not.
FACE = re.compile(r"@font-face\{([^}]*?)src:[^}]*url\(([^)]*/fa-solid-900\.ttf)\)")
ICON = re.compile(r'((?:\.fa-[\w-]+:before,?)+)\{content:"\\([0-9a-f]+)"\}')
DRAWN = re.compile(r'"(?:\\([ef][0-9a-f]{3})|([\ue000-\uf8ff]))"')

# The script made SVGs of the icons, and the themes' rules for those do not reach a
# font's characters: sizes and gaps would change, and the lens lie on the search's text.
LAYOUT = """\
.bd-header-article .btn :is(.fas, .fa-solid) { text-align: center; width: 1.3rem; }
.bd-header-article .theme-switch-button .theme-switch { font-size: 1.3rem; }
.bd-search .fa-solid.fa-magnifying-glass { color: inherit; position: static; }
#pst-search-dialog[open] .bd-search .fa-solid { font-size: var(--pst-font-size-icon); }
.bd-sidebar-secondary .onthispage .fa-solid { padding: 0; }
.prev-next-area a :is(.fa-angle-left, .fa-angle-right) { font-size: 1em; }
"""


def used_characters(static: Path) -> set[int]:
    """Return the code points of the icons that the pages around `static` may show."""
    styles = "".join(file.read_text("utf-8") for file in static.rglob("*.css"))
    used = {
        int(code, 16) if code else ord(character)
        for code, character in DRAWN.findall(ICON.sub("", styles))
    }
    words: set[str] = set()
    for file in (*static.parent.rglob("*.html"), *static.rglob("*.js")):
        words.update(re.findall(r"\bfa-[\w-]+", file.read_text("utf-8")))
    for classes, code in ICON.findall(styles):
        if words.intersection(re.findall(r"fa-[\w-]+", classes)):
            used.add(int(code, 16))
    return used


def write_font(app: Sphinx, exception: Exception | None) -> None:
    """Write icons.woff and icons.css beside what Sphinx has copied."""
    if exception or app.builder.format != "html":
        return
    static = Path(app.outdir, "_static")
    for script in (static / "scripts").glob("fontawesome.js*"):
        script.unlink()
    sheet = static / "styles" / "pydata-sphinx-theme.css"
    face = FACE.search(sheet.read_text("utf-8"))
    if face is None:
        logger.warning("no font of icons in %s: see book/_ext/icon_font.py", sheet)
        return
    options = subset.Options(flavor="woff", layout_features=[], name_IDs=["*"])
    font = subset.load_font(sheet.parent / face[2], options)
    used = used_characters(static) & font.getBestCmap().keys()
    if not used:
        logger.warning("no icon of %s is used: see book/_ext/icon_font.py", sheet)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=used)
    subsetter.subset(font)
    subset.save_font(font, static / "icons.woff", options)
    characters = ",".join(f"U+{code:X}" for code in sorted(used))
    (static / "icons.css").write_text(
        f'@font-face{{{face[1]}src:url(icons.woff) format("woff");'
        f"unicode-range:{characters}}}\n{LAYOUT}",
        "utf-8",
    )


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_css_file("icons.css")
    app.connect("build-finished", write_font)
    return {"version": "1", "parallel_read_safe": True}
