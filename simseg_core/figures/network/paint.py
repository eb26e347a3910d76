"""Paint the boxes, links and bands of a network's picture."""

from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, Rectangle
from matplotlib.path import Path

from simseg_core.figures.network.graph import Graph
from simseg_core.figures.network.key import DASHES, KINDS, LETTERS
from simseg_core.figures.network.layout import STRIP, Layout
from simseg_core.figures.network.route import route
from simseg_core.figures.style import GREY, INK, OKABE_ITO, PALE, PAPER, SMALLEST
from simseg_core.figures.text import width

__all__ = ["band_shade", "draw_bands", "draw_box", "draw_link", "title_places"]


def draw_bands(axes: Axes, graph: Graph, layout: Layout) -> None:
    """Shade the resolutions in turn, and write each where nothing is in the way."""
    left, right = axes.get_xlim()
    places = title_places(graph, layout, right)
    for number, (band, x) in enumerate(zip(layout.bands, places)):
        shade = band_shade(number)
        high = band.bottom - band.top
        axes.add_patch(Rectangle((left, band.top), right - left, high, fc=shade, lw=0))
        axes.text(
            x,
            band.top + 0.03,
            band.title,
            size=SMALLEST,
            color=GREY,
            va="top",
            zorder=3,
            bbox=_ground(shade),
        )


def title_places(graph: Graph, layout: Layout, right: float) -> list[float]:
    """Find for each band's title the leftmost place that no link leads through."""
    ways = [_points(route(layout, link)) for link in graph.links]
    points = np.concatenate(ways) if ways else np.zeros((0, 2))
    places = []
    for band in layout.bands:
        inside = (points[:, 1] > band.top) & (points[:, 1] < band.top + STRIP)
        taken, long = points[inside, 0], width(band.title)
        free = [
            float(x)
            for x in np.arange(0.0, right - long, 0.05)
            if not ((taken > x - 0.04) & (taken < x + long + 0.04)).any()
        ]
        places.append(free[0] if free else 0.0)
    return places


def draw_link(axes: Axes, graph: Graph, layout: Layout, link: tuple[int, int]) -> None:
    """Draw a tensor's way; an SVG names it `link-a-b` after its boxes."""
    is_skip = link in graph.skips
    arrow = FancyArrowPatch(
        path=route(layout, link),
        arrowstyle="-|>,head_length=3,head_width=1.6",
        color=OKABE_ITO["vermillion"] if is_skip else INK,
        linestyle=DASHES if is_skip else "-",
        linewidth=1.1 if is_skip else 0.9,
        shrinkA=0,
        shrinkB=0,
        zorder=1,
    )
    a, b = link
    arrow.set_gid(f"link-{LETTERS[a]}-{LETTERS[b]}")
    axes.add_patch(arrow)


def draw_box(axes: Axes, graph: Graph, layout: Layout, index: int) -> None:
    """Draw a box with its letter and channels; an SVG names it `box-a`."""
    spot, box = layout.spots[index], graph.boxes[index]
    face, hatch = KINDS[box.kind]
    edge = INK if face == PAPER else "black"  # and the hatch
    patch = Rectangle(
        (spot.x, spot.y - spot.height / 2),
        spot.width,
        spot.height,
        facecolor=face,
        hatch=hatch,
        edgecolor=edge,
        linewidth=0.7,
        zorder=4,  # over what lies behind its label
    )
    patch.set_gid(f"box-{LETTERS[index]}")
    axes.add_patch(patch)
    below = spot.y + spot.height / 2 + 0.03
    for line, (text, weight) in enumerate(
        ((LETTERS[index], "bold"), (spot.number, "normal"))
    ):
        axes.text(
            spot.middle,
            below + 0.13 * line,
            text,
            size=SMALLEST,
            weight=weight,
            ha="center",
            va="top",
            zorder=3,
            bbox=_ground(band_shade(spot.level)),
        )


def _points(path: Path) -> np.ndarray:
    """Follow a way in steps of a hundredth of an inch or so."""
    steps = []
    for polygon in path.to_polygons(closed_only=False):
        for start, end in pairwise(np.asarray(polygon, dtype=float)):
            count = 2 + int(100 * np.hypot(*(end - start)))
            steps.append(np.linspace(start, end, count))
    return np.concatenate(steps)


def band_shade(level: int) -> str:
    """Give the colour behind a level: they stand on paper and on grey in turn."""
    return PAPER if level % 2 else PALE


def _ground(colour: str) -> dict[str, object]:
    """Keep lines out of letters: what lies behind them."""
    return {"boxstyle": "square,pad=0.04", "fc": colour, "ec": "none"}
