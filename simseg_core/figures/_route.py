"""Route a link of the picture around the boxes in its way."""

from matplotlib.path import Path

from simseg_core.figures._layout import Layout

__all__ = ["route"]


def route(layout: Layout, link: tuple[int, int]) -> Path:
    """Lead a link straight, over what stands between, or with one vertical."""
    a, b = (layout.spots[index] for index in link)
    high = layout.arcs.get(link)
    if high is not None:
        track = a.y - high
        start = (a.right, track)
        if high > a.height / 2 - 0.02:  # from the top: ways out right, ways in left
            start = (a.x + 0.65 * a.width, a.y - a.height / 2)
        end = (b.x, track)
        if high > b.height / 2 - 0.02:
            end = (b.x + 0.35 * b.width, b.y - b.height / 2)
        corners = [start, (start[0], track), (end[0], track), end]
        return _rounded(corners, radius=0.22)
    if a.y == b.y:
        return Path([(a.right, a.y), (b.x, b.y)])
    near, far = a.span[1] + 0.04, b.span[0] - 0.05
    turn = far
    if a.level != b.level:  # turn where fewer boxes are in the way
        on_a = _crossed(layout, a.level, a.y, a.right, far)
        on_b = _crossed(layout, b.level, b.y, near, b.x)
        turn = far if on_a <= on_b and far > near else near
    return _rounded([(a.right, a.y), (turn, a.y), (turn, b.y), (b.x, b.y)])


def _crossed(layout: Layout, level: int, y: float, left: float, right: float) -> int:
    return sum(
        spot.level == level
        and abs(spot.y - y) < spot.height / 2
        and left < spot.middle < right
        for spot in layout.spots
    )


def _rounded(corners: list[tuple[float, float]], radius: float = 0.07) -> Path:
    """Join points by straight lines with rounded corners."""
    points = [p for i, p in enumerate(corners) if i == 0 or p != corners[i - 1]]
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
