"""Draw the picture that a link to the book is shown with, and its icon for a phone.

Both hold the logo, a U of eight pixels (``book/_static/logo.svg``). The picture also
holds what the book is about: a street through a U-Net with its skips and without them,
pixel by pixel out of chapter 03's run, so that it cannot show what no run has shown.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

from chapter_figure import find_figure
from chapter_outputs import read_run
from figure_strip import SVG, find_row, pixels
from PIL import Image, ImageDraw, ImageFont
from sphinx.application import Sphinx

SIZE = (1200, 630)  # what services ask for
EDGE, GAP = 60, 21
SIDE = (SIZE[0] - 2 * EDGE - 2 * GAP) // 3
NIGHT, WHITE, GREY = "#11161d", "#f0f4f8", "#b0bac5"  # as book.css has them in the dark
COLUMNS = ("image", "with skips", "without")
ROW = 3  # of the figure: as on the home page


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
    if app.builder.format != "html":
        return
    source, built = Path(app.srcdir, "book", "_static"), Path(app.outdir, "_static")
    built.mkdir(parents=True, exist_ok=True)
    _, ran = read_run(app.srcdir, "03_unet")
    found = find_figure(ran, "unet-predictions")
    if found is None:
        return  # the home page, which shows the same figure, warns
    row = [pixels(one.image) for one in find_row(found[0], COLUMNS, ROW)]
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
