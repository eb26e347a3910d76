"""The sheet that every drawing of a mechanism is drawn on: SVG in the page's own ink.

Lines and words are in `currentColor`, the colour of the text around them, so that a
drawing needs no card behind it: not in the book's dark pages, nor in a notebook, nor on
Colab. Words stay words, in the page's own font. There are no ids, so that drawings on
one page cannot meet.

A colour has one meaning in all drawings: `READ` is a map that comes in, `WORK` is what
the mechanism does (weights, gates, taps), `MADE` is what comes out; where two maps
meet, `DEEP` is the one from below. Areas have a tint of their colour inside its
outline, on which the ink can be read, light or dark.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from simseg_core.figures.style import OKABE_ITO

__all__ = [
    "DEEP",
    "MADE",
    "READ",
    "SMALL",
    "WIDTH",
    "WORK",
    "Drawing",
    "Sheet",
    "number",
    "shape",
    "vector",
]

READ = OKABE_ITO["blue"]
WORK = OKABE_ITO["vermillion"]
MADE = OKABE_ITO["bluish green"]
DEEP = OKABE_ITO["reddish purple"]

WIDTH = 360.0  # units: all of the column, which on a phone has 342 CSS pixels
SMALL = 12.0  # units: the smallest text, 11.4 CSS pixels there
_WIDEST = "32rem"  # on a desk, where the text of a drawing is as large as the page's
_FAINT = ' stroke-opacity="0.35"'  # guides

Point = tuple[float, float]


@dataclass(frozen=True)
class Drawing:
    """A drawing that a notebook shows as it is.

    Attributes:
        svg: the picture; it names itself by `alt_text`.
        alt_text: what it shows, told from the numbers that are drawn.
    """

    svg: str
    alt_text: str

    def _repr_html_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return self.alt_text


class Sheet:
    """Collects boxes, arrows and words; what is drawn later lies on top.

    >>> sheet = Sheet()
    >>> sheet.text(180, 10, "one word")
    >>> sheet.finish(20, "A word.").alt_text
    'A word.'
    """

    def __init__(self) -> None:
        self._parts: list[str] = []

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        colour: str | None = None,
        *,
        tint: float = 0.22,
        dashed: bool = False,
        round_: float = 2.0,
        faint: bool = False,
    ) -> None:
        """Draw an outlined box: x, y of its upper left corner; ink without a colour."""
        fill = f'fill="{colour}" fill-opacity="{tint}"' if colour else 'fill="none"'
        look = ' stroke-dasharray="4 3"' if dashed else ""
        look += _FAINT if faint else ""
        self._parts.append(
            f'<rect x="{x:.5g}" y="{y:.5g}" width="{width:.5g}" height="{height:.5g}" '
            f'rx="{round_:g}" {fill} stroke="{colour or "currentColor"}"{look}/>'
        )

    def area(self, corners: Sequence[Point], colour: str, tint: float) -> None:
        """Draw an outlined polygon."""
        self._parts.append(
            f'<polygon points="{_way(corners)}" fill="{colour}" fill-opacity="{tint}" '
            f'stroke="{colour}" stroke-linejoin="round"/>'
        )

    def squares(self, corners: Sequence[Point], side: float, colour: str) -> None:
        """Fill many equal squares: x, y of their upper left corners."""
        way = "".join(
            f"M{x:.5g} {y:.5g}h{side:.5g}v{side:.5g}h-{side:.5g}z" for x, y in corners
        )
        self._parts.append(f'<path d="{way}" fill="{colour}" stroke="none"/>')

    def dots(self, points: Sequence[Point], radius: float, colour: str) -> None:
        """Fill many equal dots."""
        self._parts.extend(
            f'<circle cx="{x:.5g}" cy="{y:.5g}" r="{radius:g}" fill="{colour}" '
            'stroke="none"/>'
            for x, y in points
        )

    def line(self, *points: Point, faint: bool = False) -> None:
        """Draw a line through points, in ink; a faint one guides the eye."""
        self._parts.append(
            f'<polyline points="{_way(points)}" fill="none" stroke="currentColor"'
            f"{_FAINT if faint else ''}/>"
        )

    def arrow(self, *points: Point) -> None:
        """Draw a line with a head; its last stretch is level or upright."""
        (x0, y0), (x, y) = points[-2:]
        length = max(abs(x - x0), abs(y - y0))
        dx, dy = (x - x0) / length, (y - y0) / length
        a, b = x - 8 * dx, y - 8 * dy  # where the head begins
        self.line(*points[:-1], (a, b))
        head = [(x, y), (a - 4 * dy, b + 4 * dx), (a + 4 * dy, b - 4 * dx)]
        self._parts.append(f'<polygon points="{_way(head)}" stroke="none"/>')

    def arc(
        self, left: float, right: float, y: float, height: float, colour: str
    ) -> None:
        """Draw half an ellipse over a level line, from left to right."""
        self._parts.append(
            f'<path d="M{left:.5g} {y:.5g}A{(right - left) / 2:.5g} {height:.5g} 0 0 1 '
            f'{right:.5g} {y:.5g}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
        )

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        size: float = SMALL,
        anchor: str = "middle",
        bold: bool = False,
    ) -> None:
        """Write words about x, the middle of their height at y."""
        weight = ' font-weight="600"' if bold else ""
        place = "" if anchor == "middle" else f' text-anchor="{anchor}"'
        self._parts.append(
            f'<text x="{x:.5g}" y="{y + 0.35 * size:.5g}" font-size="{size:g}"'
            f"{place}{weight}>{escape(words)}</text>"
        )

    def finish(self, height: float, alt_text: str) -> Drawing:
        """Close the sheet at a height, with the words for who cannot see it."""
        svg = (
            f'<svg viewBox="0 0 {WIDTH:g} {height:g}" role="img" '
            f'aria-label="{escape(alt_text)}" text-anchor="middle" '
            'fill="currentColor" stroke-width="1.2" style="display:block;width:100%;'
            f'max-width:{_WIDEST};height:auto;margin:0 auto">{"".join(self._parts)}'
            "</svg>"
        )
        return Drawing(svg, alt_text)


def _way(points: Sequence[Point]) -> str:
    return " ".join(f"{x:.5g},{y:.5g}" for x, y in points)


def number(value: float) -> str:
    """Write a number briefly: thousands apart, two digits behind the point at most.

    >>> number(1024), number(0.6931), number(-2.0), number(0.1)
    ('1,024', '0.69', '−2', '0.1')
    """
    written = f"{round(value, 2):,.2f}".rstrip("0").rstrip(".")
    return written.replace("-0", "0") if written == "-0" else written.replace("-", "−")


def vector(values: Sequence[float]) -> str:
    """Write one number bare, several in brackets.

    >>> vector([1.0]), vector([1.0, 0.5])
    ('1', '(1, 0.5)')
    """
    written = ", ".join(map(number, values))
    return written if len(values) == 1 else f"({written})"


def shape(channels: int, height: int, width: int) -> str:
    """Write a map's size, as the book does.

    >>> shape(512, 64, 64)
    '512 × 64 × 64'
    """
    return f"{channels:,} × {height:,} × {width:,}"
