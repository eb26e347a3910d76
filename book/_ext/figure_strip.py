"""Cut a strip out of a figure: some pictures of one of its rows, side by side.

As an SVG it keeps every pixel; as a picture in a list it is small and light.

The figure is an SVG of matplotlib's, a grid of pictures whose first row carries the
columns' names as titles (`simseg_core.figures.draw_predictions` draws such a grid).
Titles and background stay behind: a page writes the names in its own type and colours.
"""

from __future__ import annotations

import base64
import io
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from PIL import Image, ImageOps

SVG = {"": "http://www.w3.org/2000/svg"}  # the prefix of a name without one
BOX = ("x", "y", "width", "height")
GAP = 0.04  # between two pictures, in widths of a picture
SIDE = 160  # of a picture in a small strip, in pixels
HREF = "{http://www.w3.org/1999/xlink}href"

ET.register_namespace("xlink", "http://www.w3.org/1999/xlink")


class Picture(NamedTuple):
    """One picture: its title or "", its box in the figure's units, its pixels."""

    title: str
    x: float
    y: float
    width: float
    height: float
    image: ET.Element


def cut_strip(svg: str, columns: Sequence[str], row: int) -> str:
    """Return an SVG of the pictures in one row and the columns of these names.

    Args:
        svg: the figure.
        columns: titles of pictures in its first row, in the order wanted.
        row: 1 for the first row of pictures.

    Raises:
        ValueError: if the figure has no such row or no such column.
    """
    strip = find_row(svg, columns, row)
    width, height = strip[0].width, strip[0].height
    step = width * (1 + GAP)
    wide, high = f"{step * len(strip) - GAP * width:.6g}", f"{height:.6g}"
    size = {"width": f"{wide}pt", "height": f"{high}pt"}
    drawing = ET.Element(
        "svg", {"xmlns": SVG[""], "viewBox": f"0 0 {wide} {high}", **size}
    )
    for place, one in enumerate(strip):
        box = {
            "x": f"{place * step:.6g}",
            "width": f"{width:.6g}",
            "height": f"{height:.6g}",
            "viewBox": f"{one.x} {one.y} {width} {height}",
        }
        one.image.tag = "image"  # in the default namespace, as all here
        ET.SubElement(drawing, "svg", box).append(one.image)
    return ET.tostring(drawing, encoding="unicode")


def find_row(svg: str, columns: Sequence[str], row: int) -> list[Picture]:
    """Return the pictures in one row and the columns of these names, as `cut_strip`."""
    found = list(pictures(svg))
    rows = sorted({one.y for one in found})
    if not 1 <= row <= len(rows):
        raise ValueError(f"row {row} of a figure of {len(rows)} rows of pictures")
    places = {one.title: one.x for one in found if one.y == rows[0]}
    missing = [name for name in columns if name not in places]
    if missing:
        raise ValueError(f"columns {missing} are not among {list(places)}")
    in_row = {one.x: one for one in found if one.y == rows[row - 1]}
    return [in_row[places[name]] for name in columns]


def small_strip(svg: str, columns: Sequence[str], row: int) -> Image.Image:
    """Return the same pictures as pixels, `SIDE` high, on nothing."""
    shown = [pixels(one.image) for one in find_row(svg, columns, row)]
    step = round(SIDE * (1 + GAP))
    small = Image.new("RGBA", (step * (len(shown) - 1) + SIDE, SIDE))
    for place, one in enumerate(shown):
        resized = one.convert("RGB").resize((SIDE, SIDE), Image.Resampling.NEAREST)
        small.paste(resized, (place * step, 0))
    return small


def pixels(image: ET.Element) -> Image.Image:
    """Return what an image of an SVG shows; matplotlib turns some upside down."""
    code = image.attrib[HREF].partition(",")[2]
    stored = Image.open(io.BytesIO(base64.b64decode(code)))
    turned = re.search(r"scale\(1,? -1\)", image.get("transform", ""))
    return ImageOps.flip(stored) if turned else stored


def pictures(svg: str) -> Iterator[Picture]:
    """Find the axes that show pixels, each clipped to its box.

    A title is the text of such axes; one of several lines is several texts.
    """
    figure = ET.fromstring(svg)
    clips = {
        f"url(#{clip.get('id')})": clip.find("rect", SVG)
        for clip in figure.iterfind(".//clipPath", SVG)
    }
    for axes in figure.iterfind("g/g", SVG):
        image = axes.find("g/image", SVG)
        clipped = axes.find("g[@clip-path]", SVG)
        box = None if clipped is None else clips[clipped.attrib["clip-path"]]
        if image is None or box is None:
            continue
        lines = (one.text or "" for one in axes.iterfind(".//text", SVG))
        title = " ".join(lines)
        x, y, width, height = (float(box.attrib[side]) for side in BOX)
        yield Picture(title, x, y, width, height, image)
