"""Draw the picture that a link to the book is shown with, and its icon for a phone.

Both hold the logo, a U of eight pixels (``book/_static/logo.svg``). The picture also
holds what the book is about: a street through a U-Net with its skips and without them,
pixel by pixel out of chapter 03's run, so that it cannot show what no run has shown.
"""

from __future__ import annotations

import base64
import io
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

from chapter_figure import find_figure
from figure_strip import SVG, pictures
from PIL import Image, ImageDraw, ImageFont, ImageOps
from sphinx.application import Sphinx

SIZE = (1200, 630)  # what services ask for
EDGE, GAP = 60, 21
SIDE = (SIZE[0] - 2 * EDGE - 2 * GAP) // 3
NIGHT, WHITE, GREY = "#11161d", "#f0f4f8", "#b0bac5"  # as book.css has them in the dark
COLUMNS = ("image", "with skips", "without")
ROW = 1  # of the figure's scenes, each of two rows: the one on the home page
HREF = "{http://www.w3.org/1999/xlink}href"


def draw_logo(logo: Path, side: int) -> Image.Image:
    """Return the logo's rectangles as pixels, on nothing."""
    root = ET.parse(logo).getroot()
    unit = side / float(root.attrib["viewBox"].split()[2])
    image = Image.new("RGBA", (side, side))
    draw = ImageDraw.Draw(image)
    for group in root.iterfind("g", SVG):
        for one in group.iterfind("rect", SVG):
            x, y = (round(unit * float(one.get(axis, "0"))) for axis in "xy")
            last = round(unit * float(one.attrib["width"])) - 1
            draw.rectangle((x, y, x + last, y + last), fill=group.attrib["fill"])
    return image


def scenes(ran: dict[str, Any]) -> list[Image.Image]:
    """Return the pictures of one row of chapter 03's predictions."""
    found = find_figure(ran, "unet-predictions")
    shown = list(pictures(found[0])) if found else []
    row = sorted({one.y for one in shown})[2 * ROW : 2 * ROW + 1]
    kept = sorted((one for one in shown if one.y in row), key=lambda one: one.x)
    return [pixels(one.image) for one in kept]


def pixels(image: ET.Element) -> Image.Image:
    """Return what an image of an SVG shows; matplotlib turns some upside down."""
    code = image.attrib[HREF].partition(",")[2]
    stored = Image.open(io.BytesIO(base64.b64decode(code)))
    turned = re.search(r"scale\(1,? -1\)", image.get("transform", ""))
    return ImageOps.flip(stored) if turned else stored


def draw_social(
    title: str, row: list[Image.Image], logo: Image.Image, font: Path
) -> Image.Image:
    """Return the picture: three scenes over their names, and the book's title."""

    def write(place: tuple[int, int], text: str, size: int, colour: str) -> None:
        letters = ImageFont.truetype(str(font), size)
        letters.set_variation_by_axes([700 if colour == WHITE else 450])
        draw.text(place, text, fill=colour, font=letters)

    image = Image.new("RGB", SIZE, NIGHT)
    draw = ImageDraw.Draw(image)
    for place, (scene, name) in enumerate(zip(row, COLUMNS)):
        x = EDGE + place * (SIDE + GAP)
        large = scene.convert("RGB").resize((SIDE, SIDE), Image.Resampling.NEAREST)
        image.paste(large, (x, EDGE))
        write((x, EDGE + SIDE + 10), name, 26, GREY)
    image.paste(logo, (EDGE, SIZE[1] - EDGE - logo.height), logo)
    write((EDGE + logo.width + 28, SIZE[1] - EDGE - 76), title, 52, WHITE)
    return image


def write_pictures(app: Sphinx) -> None:
    """Write both pictures into the book before its pages, which may name them."""
    path = Path(app.srcdir, ".ran", "03_unet.ipynb")
    if app.builder.format != "html" or not path.exists():
        return
    source, built = Path(app.srcdir, "book", "_static"), Path(app.outdir, "_static")
    built.mkdir(parents=True, exist_ok=True)
    row = scenes(json.loads(path.read_text(encoding="utf-8")))
    font = source / "fonts" / "figtree.woff2"
    logo = source / "logo.svg"
    title = re.sub(r"\s+", " ", app.config.html_title)
    social = draw_social(title, row, draw_logo(logo, 88), font)
    social.quantize(128).save(built / "social.png", optimize=True)
    icon = Image.new("RGB", (180, 180), "#fff")
    small = draw_logo(logo, 128)
    icon.paste(small, (26, 26), small)
    icon.save(built / "touch-icon.png", optimize=True)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("builder-inited", write_pictures)
    return {"version": "1", "parallel_read_safe": True}
