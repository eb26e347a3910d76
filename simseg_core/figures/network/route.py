"""Route a link of the picture around the boxes in its way."""

from collections.abc import Iterable, Iterator
from itertools import pairwise

from matplotlib.path import Path

from simseg_core.figures.network.layout import LABEL, Layout

__all__ = ["route", "tangle"]

Point = tuple[float, float]


def route(layout: Layout, link: tuple[int, int]) -> Path:
    """Lead a link straight, over what stands between, or around it."""
    return _rounded(_corners(layout, link), 0.22 if link in layout.arcs else 0.07)


def _corners(layout: Layout, link: tuple[int, int]) -> list[Point]:
    """List the points of the way that crosses the fewest boxes and labels."""
    a, b = (layout.spots[index] for index in link)
    high = layout.arcs.get(link)
    if high is None:
        return min(_ways(layout, link), key=lambda way: _cost(layout, link, way))
    track = a.y - high
    start = (a.right, track)
    if high > a.height / 2 - 0.02:  # from the top: ways out right, ways in left
        start = (a.x + 0.65 * a.width, a.y - a.height / 2)
    end = (b.x, track)
    if high > b.height / 2 - 0.02:
        end = (b.x + 0.35 * b.width, b.y - b.height / 2)
    return [start, (start[0], track), (end[0], track), end]


def _ways(layout: Layout, link: tuple[int, int]) -> Iterator[list[Point]]:
    """Give the ways from box to box: with one vertical, then with two."""
    a, b = (layout.spots[index] for index in link)
    start, end = (a.right, a.y), (b.x, b.y)
    if a.y == b.y:
        yield [start, end]
    near, far = a.span[1] + 0.04, b.span[0] - 0.05
    turns = [far, near] if far > near else [near]
    if a.y != b.y:
        for turn in turns:
            yield [start, (turn, a.y), (turn, b.y), end]
    if far > near:
        for spot in layout.spots:  # between lanes, over the boxes or under the labels
            if spot.level not in (a.level, b.level):
                continue
            for track in (spot.y - spot.height / 2 - 0.05, _below(spot.y, spot.height)):
                yield [start, (near, a.y), (near, track), (far, track), (far, b.y), end]


def _below(y: float, height: float) -> float:
    return y + height / 2 + LABEL + 0.02


def tangle(layout: Layout, links: Iterable[tuple[int, int]]) -> float:
    """Sum what the links lead through, as `route` leads them."""
    return sum(_crossings(layout, link, _corners(layout, link)) for link in links)


def _cost(layout: Layout, link: tuple[int, int], way: list[Point]) -> float:
    """Prefer a clear way to a short one, and that to one with few corners."""
    length = sum(abs(a - c) + abs(b - d) for (a, b), (c, d) in pairwise(way))
    return 10 * _crossings(layout, link, way) + length + 0.2 * len(way)


def _crossings(layout: Layout, link: tuple[int, int], way: list[Point]) -> float:
    """Count the boxes a way leads through, and the labels, that weigh a third."""
    cost = 0.0
    for (x0, y0), (x1, y1) in pairwise(way):
        left, right, top, low = min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1)
        for index, spot in enumerate(layout.spots):
            upper, lower = spot.y - spot.height / 2, spot.y + spot.height / 2
            if index not in link and _meet(
                (left, right, top, low), (spot.x, spot.right, upper, lower)
            ):
                cost += 1
            half = spot.label / 2
            words = (spot.middle - half, spot.middle + half, lower, lower + LABEL)
            if _meet((left, right, top, low), words):
                cost += 1 / 3
    return cost


def _meet(
    line: tuple[float, ...], box: tuple[float, ...], slack: float = 0.005
) -> bool:
    left, right, top, low = box
    return (
        line[0] < right - slack
        and line[1] > left + slack
        and line[2] < low - slack
        and line[3] > top + slack
    )


def _rounded(points: list[Point], radius: float) -> Path:
    """Join points by straight lines with rounded corners."""
    points = [p for i, p in enumerate(points) if i == 0 or p != points[i - 1]]
    vertices, codes = [points[0]], [Path.MOVETO]
    for before, corner, after in zip(points, points[1:], points[2:]):
        for other, last in ((before, False), (after, True)):
            dx, dy = other[0] - corner[0], other[1] - corner[1]
            length = max((dx * dx + dy * dy) ** 0.5, 1e-9)
            share = min(radius / length, 0.5)
            near = (corner[0] + dx * share, corner[1] + dy * share)
            vertices += [corner, near] if last else [near]
            codes += [Path.CURVE3, Path.CURVE3] if last else [Path.LINETO]
    return Path([*vertices, points[-1]], [*codes, Path.LINETO])
