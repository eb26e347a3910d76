"""Lay a figure that was drawn for a phone out for a projector.

A figure of the book is 4 inches wide and as tall as it needs to be. A slide is wide. So
what stands below each other there, panels or rows of pictures, comes side by side here,
and letters grow by a sixth: the slides' font is narrower than the one that was drawn
with. Of a figure that would still be small only the main part is shown: the first of
several scenes with the legend, a network's drawing without the list below it.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from figure_strip import pictures

SVG = "{http://www.w3.org/2000/svg}"
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")
MOVED = re.compile(r"translate\(\S+ ([-\d.]+)\)")
SIZE = re.compile(r"(?:font-size|font): ?([\d.]+)px")
SIZE_IN_PAGE = re.compile(r'font-size="([\d.]+)"')
OPENED = re.compile(
    r'<svg class="drawn" viewBox="0 0 \S+ ([\d.]+)"([^>]*?) style="[^"]*">'
)

WIDE, HIGH = 1180, 500  # CSS pixels below a heading and above a caption
BESIDE, TALL = 780, 640  # pixels beside the words
GAP = 8.5  # points: less lies between an axis and its numbers
SCENE_GAP = 6.5  # points: less lies between a scene and its title
SMALL_GAP = 2.0  # points between the last scene and the legend
BETWEEN = 14  # points between two columns
LETTERS = 7 / 6
LEAST = 1.6  # CSS pixels a point: letters of 9 points become 17 pixels


class Laid(NamedTuple):
    """A figure on a slide.

    Attributes:
        svg: an element of HTML.
        beside: whether it is larger beside the words than below them.
        scale: CSS pixels a point, on a slide of 1280 by 720.
        whole: whether all of the figure is shown.
    """

    svg: str
    beside: bool
    scale: float
    whole: bool

    @property
    def letters(self) -> float:
        """CSS pixels of the smallest letters, which every figure has at 9 points."""
        return 9 * LETTERS * self.scale


def lay_out(drawn: str, page: str, name: str) -> Laid:
    """Lay a figure out where it is largest.

    Args:
        drawn: the SVG as matplotlib writes it.
        page: the same as an element of HTML, by `page_figure.for_page`.
        name: no other figure of the slides has it.
    """
    root = ET.fromstring(drawn[drawn.index("<svg") :])
    width, height = (float(side) for side in root.attrib["viewBox"].split()[2:])
    parts = list(parts_of(root, SCENE_GAP if any(pictures(drawn)) else GAP))
    scale, beside = fit(width, height)
    columns, whole = [[(0.0, height)]], True
    for other in (
        in_columns(parts, 2),
        in_columns(parts, 3),
        [main_part(drawn, parts)],
    ):
        found, side = fit(*extent(other, width))
        if scale < LEAST and found > 1.05 * scale:
            columns, scale, beside = other, found, side
            whole = sum(map(len, other)) == len(parts)
    return Laid(write(page, columns, width, name), beside, scale, whole)


def fit(width: float, height: float) -> tuple[float, bool]:
    """Return how large a box of points can stand on a slide, and whether beside."""
    below = min(WIDE / width, HIGH / height)
    beside = min(BESIDE / width, TALL / height)
    return max(below, beside), beside > below


def extent(
    columns: Sequence[Sequence[tuple[float, float]]], width: float
) -> tuple[float, float]:
    """Return width and height of columns, in points."""
    heights = [sum(last - first for first, last in column) for column in columns]
    return len(columns) * (width + BETWEEN) - BETWEEN, max(heights)


def in_columns(
    parts: Sequence[tuple[float, float]], many: int
) -> list[list[tuple[float, float]]]:
    """Deal parts into columns, in order, so that the tallest column is short."""
    if many == 1 or len(parts) <= many:
        return [[part] for part in parts] if many > 1 else [list(parts)]
    ways = (
        [list(parts[:cut]), *in_columns(parts[cut:], many - 1)]
        for cut in range(1, len(parts) - many + 2)
    )
    return min(ways, key=lambda columns: extent(columns, 0)[1])


def main_part(
    drawn: str, parts: Sequence[tuple[float, float]]
) -> list[tuple[float, float]]:
    """Return the first scene and the legend, or all down to the tallest part."""
    scenes = list(pictures(drawn))
    if scenes:
        last = max(scene.y + scene.height for scene in scenes)
        return [parts[0], (last + SMALL_GAP, parts[-1][1])]
    tallest = max(parts, key=lambda part: part[1] - part[0])
    return [(0.0, tallest[1])]


def parts_of(root: ET.Element, gap: float) -> Iterator[tuple[float, float]]:
    """Cut a figure where nothing is drawn across it: first and last point of parts.

    The parts touch each other, and together they are the figure.
    """
    height = float(root.attrib["viewBox"].split()[3])
    clips = {
        f"url(#{clip.get('id')})": clip.find(f"{SVG}rect")
        for clip in root.iter(f"{SVG}clipPath")
    }
    start, end = 0.0, 0.0
    for first, last in sorted(rows_drawn(root, clips, None)):
        if last - first > 0.97 * height:
            continue  # the paper
        if end and first - end >= gap:
            yield start, (end + first) / 2
            start = (end + first) / 2
        end = max(end, last)
    yield start, height


def rows_drawn(
    element: ET.Element,
    clips: dict[str, ET.Element | None],
    clip: tuple[float, float] | None,
) -> Iterator[tuple[float, float]]:
    """Give the first and the last point of each thing that is drawn, from the top."""
    tag = element.tag.removeprefix(SVG)
    if tag in ("defs", "metadata", "style"):
        return
    window = clips.get(element.get("clip-path", ""))
    if window is not None:
        top = float(window.attrib["y"])
        clip = top, top + float(window.attrib["height"])
    found: list[float] = []
    if tag == "path":
        found = [float(n) for n in NUMBER.findall(element.get("d", ""))][1::2]
    elif tag == "use":
        found = [float(element.get("y", 0))]
    elif tag == "image" and clip:
        found = list(clip)
    elif tag == "text":
        moved = MOVED.search(element.get("transform", ""))
        size = SIZE.search(element.get("style", ""))
        baseline = float(moved[1] if moved else element.get("y", 0))
        points = float(size[1]) if size else 9.0
        found = [baseline - 0.8 * points, baseline + 0.2 * points]
    if found:
        first, last = min(found), max(found)
        if clip:
            first, last = max(first, clip[0]), min(last, clip[1])
        if first <= last:
            yield first, last
    for child in element:
        yield from rows_drawn(child, clips, clip)


def write(
    page: str,
    columns: Sequence[Sequence[tuple[float, float]]],
    width: float,
    name: str,
) -> str:
    """Write the figure of a page anew, in columns and with larger letters."""
    opened = OPENED.match(page)
    if not opened:
        raise ValueError(f"not a figure of a page: {page[:60]!r}")
    inside = page[opened.end() : -len("</svg>")]
    inside = SIZE_IN_PAGE.sub(
        lambda size: f'font-size="{float(size[1]) * LETTERS:.3g}"', inside
    )
    wide, high = extent(columns, width)
    box = f'viewBox="0 0 {wide:g} {high:g}"'
    if len(columns) == 1 and high == float(opened[1]):
        return f'<svg class="drawn" {box}{opened[2]}>{inside}</svg>'
    shown = ""
    for place, column in enumerate(columns):
        below = 0.0
        for first, last in column:
            shown += (
                f'<svg x="{place * (width + BETWEEN):g}" y="{below:g}" '
                f'width="{width:g}" height="{last - first:g}" '
                f'viewBox="0 {first:g} {width:g} {last - first:g}">'
                f'<use href="#{name}-drawn"/></svg>'
            )
            below += last - first
    kept = f'<defs><g id="{name}-drawn">{inside}</g></defs>'
    return f'<svg class="drawn" {box}{opened[2]}>{kept}{shown}</svg>'
