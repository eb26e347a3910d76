"""Put a figure of matplotlib's into a page, in the page's own ink.

A notebook shows a figure as a white card. A page takes its SVG into the HTML, where the
words stay words, in the page's font, and where the colours that stand for ink and paper
(``simseg_core/figures/style.py``) are those of the theme, light or dark. Nothing that
shows data changes its colour or its place.

What matplotlib writes for other readers is left out: groups and names that nothing
refers to, digits below a hundredth of a point. Ids begin with the figure's name, so
that figures of one page cannot meet.
"""

from __future__ import annotations

import base64
import io
import re
import xml.etree.ElementTree as ET
from html import escape

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath
from PIL import Image

from simseg_core.figures import style

__all__ = ["for_page"]

SVG, LINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}href"
THEME = {
    style.INK: "currentColor",
    style.GREY: "var(--pst-color-text-muted)",
    style.GRID: "var(--pst-color-border)",
    style.PALE: "var(--pst-color-surface)",
    style.PAPER: "var(--pst-color-background)",
}
INKS = {colour.lower(): page for colour, page in THEME.items()}
WIDEST = 32  # rem, of a figure as wide as the book's: on a desk, letters of 16 px
PHOTO = 160  # pixels a side: a larger picture of many colours is a photograph
STEP = 8  # of 256 levels, between two colours of a scene

COLOUR = re.compile(r"#[0-9a-f]{6}\b")
REFERENCE = re.compile(r"(?<=url\(#)[^)]+")
LONG = re.compile(r"-?\d+\.\d{3,}")
MOVED = re.compile(r"(?:rotate\(-0 [^)]*|translate\((\S+) ([^)]+))\)")
MEASURE = TextToPath()
WORDS = ("font-size", "font-weight", "font-style", "text-anchor", "fill", "opacity")


def for_page(svg: str, name: str, alt: str) -> str:
    """Return a figure as an ``<svg>`` element of HTML.

    Args:
        svg: as matplotlib writes it, with text as text.
        name: no other figure of the page has it.
        alt: what the figure shows.
    """
    root = ET.fromstring(svg[svg.index("<svg") :])
    ids = {one: f"{name}-{number}" for number, one in enumerate(_referred(root))}
    drawn = [_write(child, ids) for child in root]
    box = root.attrib["viewBox"]
    share = float(box.split()[2]) / (72 * style.WIDTH)
    return (
        f'<svg class="drawn" viewBox="{box}" role="img" aria-label="{escape(alt)}" '
        f'style="max-width:{WIDEST * share:.4g}rem">{"".join(drawn)}</svg>'
    )


def _referred(root: ET.Element) -> dict[str, None]:
    """List the ids that something refers to, once each."""
    found: dict[str, None] = {}
    for element in root.iter():
        for key, value in element.attrib.items():
            if key == LINK and value.startswith("#"):
                found[value[1:]] = None
            for one in REFERENCE.findall(value):
                found[one] = None
    return found


def _write(element: ET.Element, ids: dict[str, str]) -> str:
    """Write an element and what is in it."""
    tag = element.tag.removeprefix(SVG)
    if tag in ("metadata", "style"):
        return ""
    look = _attributes(element, ids)
    if tag == "text":
        look = _words(look)
    elif tag == "image":
        look["href"] = _packed(look["href"])
    elif tag == "g":
        _align(element)
    inside = escape(element.text or "", quote=False) if tag == "text" else ""
    inside += "".join(_write(child, ids) for child in element)
    if (tag == "g" and not look) or (tag in ("g", "defs") and not inside):
        return inside  # a group that says nothing of its members, or has none
    attributes = "".join(f' {key}="{escape(value)}"' for key, value in look.items())
    return f"<{tag}{attributes}>{inside}</{tag}>" if inside else f"<{tag}{attributes}/>"


def _attributes(element: ET.Element, ids: dict[str, str]) -> dict[str, str]:
    """Give an element's attributes: ids and colours of the page, fewer digits."""
    look: dict[str, str] = {}
    for key, value in element.attrib.items():
        if key == "id":
            if value in ids:
                look["id"] = ids[value]
        elif key == LINK:
            look["href"] = f"#{ids[value[1:]]}" if value.startswith("#") else value
        elif key == "transform" and "matrix" in value:
            look[key] = value
        else:
            value = REFERENCE.sub(lambda found: ids[found[0]], value)
            value = COLOUR.sub(lambda found: INKS.get(found[0], found[0]), value)
            value = LONG.sub(
                lambda n: f"{float(n[0]):.2f}".rstrip("0").rstrip("."), value
            )
            look[key] = " ".join(value.split()).replace("; ", ";").replace(": ", ":")
    return look


def _words(look: dict[str, str]) -> dict[str, str]:
    """Give the attributes of a text: no font but the page's, no turn by nothing."""
    moved = MOVED.fullmatch(look.get("transform", ""))
    if moved:
        del look["transform"]
        if moved[1]:
            look["x"], look["y"] = moved[1], moved[2]
    rules = dict(rule.split(":", 1) for rule in look.pop("style").split(";") if rule)
    kept = {key: rules[key] for key in WORDS if key in rules}
    kept["font-size"] = kept["font-size"].removesuffix("px")
    if kept.get("text-anchor") == "start":
        del kept["text-anchor"]
    return look | kept


def _align(group: ET.Element) -> None:
    """Say of several lines of text how they stand below each other.

    matplotlib writes where each line begins in its own font. The page's is narrower,
    so that lines with one middle, or one end, need to be told which.
    """
    lines = group.findall(f"{SVG}text")
    moved = [MOVED.fullmatch(line.get("transform", "")) for line in lines]
    if len(lines) < 2 or not all(found and found[1] for found in moved):
        return
    starts = [float(found[1]) for found in moved if found]
    widths = [_width(line) for line in lines]
    for anchor, share in (("start", 0.0), ("middle", 0.5), ("end", 1.0)):
        at = [x + share * wide for x, wide in zip(starts, widths, strict=True)]
        if max(at) - min(at) < 1:
            for line, x, found in zip(lines, at, moved, strict=True):
                assert found
                line.set("transform", f"translate({x:.2f} {found[2]})")
                line.set("style", f"{line.get('style', '')}; text-anchor: {anchor}")
            return


def _width(line: ET.Element) -> float:
    """Measure a line in the font that it was laid out in, in points."""
    rules = dict(rule.split(": ", 1) for rule in line.get("style", "").split("; "))
    font = FontProperties(
        size=float(rules["font-size"].removesuffix("px")),
        weight=int(rules.get("font-weight", 400)),
    )
    words = line.text or ""
    return float(MEASURE.get_text_width_height_descent(words, font, False)[0])


def _packed(address: str) -> str:
    """Give a picture in fewer bytes.

    A label map or a map of numbers keeps every pixel's colour. A scene, whose colours
    are mostly noise, keeps every pixel, in steps of `STEP`: that halves it, and no eye
    sees it. A photograph is compressed as photographs are.
    """
    png = base64.b64decode(address.partition(",")[2])
    opened = Image.open(io.BytesIO(png)).convert("RGBA")
    opaque = opened.getchannel("A").getextrema() == (255, 255)
    picture = opened.convert("RGB") if opaque else opened
    has_many = picture.getcolors(256) is None
    is_photo = has_many and min(picture.size) > PHOTO
    if has_many and not is_photo:
        picture = picture.point(
            [min(round(value / STEP) * STEP, 255) for value in range(256)]
            * len(picture.getbands())
        )
    packed = io.BytesIO()
    picture.save(packed, "WEBP", lossless=not is_photo, quality=85, method=6)
    smaller = min(
        (png, "png"), (packed.getvalue(), "webp"), key=lambda one: len(one[0])
    )
    return f"data:image/{smaller[1]};base64,{base64.b64encode(smaller[0]).decode()}"
