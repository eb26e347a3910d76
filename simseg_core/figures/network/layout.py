"""Place the boxes of a condensed trace: time to the right, coarser maps further down.

All lengths are inches; y grows downward. Boxes of one level that exist side by side in
time (parallel branches) get lanes of their own.
"""

from dataclasses import dataclass, field
from math import prod, sqrt

from simseg_core.figures.network.graph import Box, Graph
from simseg_core.tables.units import si

__all__ = [
    "LABEL",
    "LEAST",
    "STRIP",
    "Band",
    "Layout",
    "Spot",
    "arrange",
    "fits",
    "stack",
]

LABEL = 0.30  # two lines of 9 points under a box
_DIGIT = 0.072  # one of their digits
_GAP = 0.10
STRIP = 0.19  # a band's own label
_CLEAR = 0.07  # between an arc and the boxes under it
LEAST = 0.05  # no box is drawn thinner
_MIDDLE = -1  # the lane of boxes that stand alone: halfway down


@dataclass
class Spot:
    """Where a box stands: its left edge, its middle line, its size."""

    x: float
    width: float
    height: float
    label: float  # width of the label under it
    level: int
    number: str  # its channels, under its letter
    branch: int = 0  # of boxes side by side in time
    lane: int = 0
    y: float = 0.0

    @property
    def right(self) -> float:
        """Where the box ends."""
        return self.x + self.width

    @property
    def middle(self) -> float:
        """Halfway between its sides."""
        return self.x + self.width / 2

    @property
    def span(self) -> tuple[float, float]:
        """What the box and its label take of the width."""
        half = max(self.width, self.label) / 2
        return self.middle - half, self.middle + half


@dataclass
class Band:
    """A strip of the picture for one resolution."""

    top: float
    bottom: float
    title: str


@dataclass
class Layout:
    """A spot for each box, an arc's height for each link that needs one, the bands."""

    spots: list[Spot]
    arcs: dict[tuple[int, int], float] = field(default_factory=dict)
    bands: list[Band] = field(default_factory=list)
    square_inches_per_byte: float = 0.0
    spare: bool = False  # whether a number stands only where it is new
    width: float = 0.0
    height: float = 0.0


def arrange(graph: Graph, width: float, *, spare: bool = False) -> Layout:
    """Lay the graph out with the largest boxes that fit `width`, or the smallest.

    Args:
        graph: what `condense` returned.
        width: inches.
        spare: whether to leave out a box's channels where all that feeds it has them,
            and to draw smaller boxes.
    """
    layout = _largest(graph, width, spare)
    for gap in (0.45, 0.36, 0.28, 0.21, 0.15):  # spread what room is left
        wider = _across(graph, layout.square_inches_per_byte, gap, spare)
        if wider.width <= width:
            layout = wider
            break
    stack(graph, layout)
    return layout


def fits(graph: Graph, width: float, *, spare: bool = False) -> bool:
    """Say whether `arrange` can lay the graph out in `width` inches."""
    return _largest(graph, width, spare).width <= width


def _largest(graph: Graph, width: float, spare: bool) -> Layout:
    """Place the boxes in time, as large as fits; at their smallest, if nothing does."""
    most = max((box.memory for box in graph.boxes), default=0) or 1
    sizes = (0.36, 0.28, 0.21, 0.16, 0.12, 0.09, 0.06)
    for largest in (*sizes, 0.04, 0.025, 0.016) if spare else sizes:
        layout = _across(graph, largest / most, _GAP, spare)
        if layout.width <= width:
            break
    return layout


def _spot(box: Box, scale: float, number: str) -> Spot:
    """Size a box: area by memory, wider with channels, taller with resolution."""
    area = max(box.memory * scale, LEAST**2)
    aspect = min(max(sqrt(box.channels / sqrt(prod(box.size))), 0.36), 2.2)
    height = max(sqrt(area / aspect), LEAST)
    wide = max(area / height, LEAST)
    label = _DIGIT * max(len(number), 1.5)
    return Spot(0.0, wide, area / wide, label, box.level, number)


def _number(graph: Graph, index: int, spare: bool) -> str:
    channels = graph.boxes[index].channels
    before = {graph.boxes[a].channels for a in graph.sources[index]}
    if spare and before == {channels}:
        return ""
    return str(channels) if channels < 100_000 else si(channels)


def _across(graph: Graph, scale: float, gap: float, spare: bool) -> Layout:
    """Give each box its place in time, right of all that feeds it, and a lane."""
    spots: list[Spot] = []
    for index, box in enumerate(graph.boxes):
        spot = _spot(box, scale, _number(graph, index, spare))
        sources = [spots[a] for a in graph.sources[index]]
        overhang = max(0.0, spot.label - spot.width) / 2
        spot.x = max([_GAP, *(s.span[1] + gap for s in sources)]) + overhang
        beside = [s for s in spots if s.level == spot.level and _touch(s, spot)]
        wish = min((s.branch for s in sources if s.level == spot.level), default=0)
        taken = {s.branch for s in beside}
        lanes = sorted(range(len(taken) + wish + 1), key=lambda n: (abs(n - wish), n))
        spot.branch = next(lane for lane in lanes if lane not in taken)
        spots.append(spot)
    right = max((spot.span[1] for spot in spots), default=0.0) + _GAP
    return Layout(spots, square_inches_per_byte=scale, spare=spare, width=right)


def _touch(a: Spot, b: Spot) -> bool:
    return a.span[0] < b.span[1] + _GAP / 2 and b.span[0] < a.span[1] + _GAP / 2


def stack(graph: Graph, layout: Layout) -> None:
    """Stack the levels, and in each its lanes with room for arcs and labels."""
    spots, y = layout.spots, 0.0
    layout.arcs, layout.bands = {}, []
    for spot in spots:
        spot.lane = spot.branch
    for level in range(max((spot.level for spot in spots), default=-1) + 1):
        here = [i for i, spot in enumerate(spots) if spot.level == level]
        for i in _unaccompanied(graph, spots, here):
            spots[i].lane = _MIDDLE
        alone = [i for i in here if spots[i].lane == _MIDDLE]
        branches = [i for i in here if spots[i].lane != _MIDDLE]
        top, y = y, y + STRIP
        first = y
        for lane in sorted({spots[i].lane for i in branches}):
            ours = [i for i in branches if spots[i].lane == lane]
            layout.arcs |= _arcs(graph, spots, ours, ours)
            y = _place(layout, ours, y) + LABEL
        if alone:
            reach = (y - LABEL - first) / 2  # from the middle lane to the top of all
            layout.arcs |= _arcs(graph, spots, alone, here, reach)
            lower = _place(layout, alone, first)
            middle = spots[alone[0]].y
            shift = middle - (first + reach) if branches else 0.0
            for i in alone:
                spots[i].y -= min(shift, 0.0)
            for i in branches:
                spots[i].y += max(shift, 0.0)
            y = max(y + max(shift, 0.0), lower - min(shift, 0.0) + LABEL)
        y += 0.05
        layout.bands.append(Band(top, y, _title([graph.boxes[i] for i in here])))
    layout.height = y


def _place(layout: Layout, lane: list[int], top: float) -> float:
    """Line the boxes of a lane up below `top`; return where the lowest ends."""
    half = max(layout.spots[i].height / 2 for i in lane)
    high = max((h for (a, _), h in layout.arcs.items() if a in lane), default=0.0)
    for i in lane:
        layout.spots[i].y = top + max(half, high)
    return top + max(half, high) + half


def _unaccompanied(graph: Graph, spots: list[Spot], here: list[int]) -> list[int]:
    """Find the boxes that no branch runs beside: between them, branches fan out."""
    busy = []
    for i in here:
        if spots[i].lane:
            before = [spots[a].right for a in graph.sources[i]]
            after = [spots[b].x for a, b in graph.links if a == i]
            left, right = max(before, default=0), min(after, default=spots[i].right)
            busy.append((left, max(right, spots[i].right)))
    return [
        i
        for i in here
        if not any(a < spots[i].right and spots[i].x < b for a, b in busy)
    ]


def _arcs(
    graph: Graph, spots: list[Spot], lane: list[int], near: list[int], reach: float = 0
) -> dict[tuple[int, int], float]:
    """Tell how high above its lane a link must rise to clear the boxes in between.

    Args:
        graph: whose links they are.
        spots: where the boxes stand.
        lane: the boxes whose links are asked for.
        near: the boxes that may stand in between.
        reach: how high those of other lanes reach.
    """
    arcs: dict[tuple[int, int], float] = {}
    under: dict[tuple[int, int], int] = {}  # how many lie one below the other there
    links = [(a, b) for b in lane for a in graph.sources[b] if a in lane]
    for a, b in sorted(links, key=lambda link: link[1] - link[0]):
        between = [spots[i] for i in near if spots[a].x < spots[i].x < spots[b].x]
        ours = [spot.height / 2 for spot in between if spot.lane == spots[a].lane]
        if ours or (between and (a, b) in graph.skips):
            others = [reach] if len(between) > len(ours) else []
            lower = [n + 1 for (c, d), n in under.items() if a < d and c < b]
            under[a, b] = max(lower, default=0)
            # Clear of its ends too where it leaves or enters by their tops.
            high = max(ours + others) + _CLEAR
            ends = [spots[i].height / 2 for i in (a, b)]
            tops = [end + _CLEAR for end in ends if high > end - 0.02]
            arcs[a, b] = max([high, *tops])
    apart = min(0.075, 1.2 / (1 + max(under.values(), default=0)))
    done: dict[tuple[int, int], float] = {}
    for (a, b), high in arcs.items():  # short ones first
        below = [h + apart for (c, d), h in done.items() if a < d and c < b]
        done[a, b] = max([high, *below])
    return done


def _title(boxes: list[Box]) -> str:
    sizes = {box.size for box in boxes} - {()}
    if not sizes:
        return "vectors"
    most, least = max(sizes), min(sizes)
    names = ["×".join(map(str, size)) for size in (most, least)]
    return names[0] if most == least else f"{names[0]} to {names[1]}"
