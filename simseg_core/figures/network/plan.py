"""Choose how much of a trace a picture tells: the most that its width can hold."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from simseg_core.figures.network.fold import Runs
from simseg_core.figures.network.graph import Graph, condense
from simseg_core.figures.network.layout import Layout, arrange, fits, stack
from simseg_core.figures.network.route import tangle
from simseg_core.figures.style import WIDTH
from simseg_core.probes.trace.shapes import Trace

__all__ = ["EDGE", "MOST", "ROOM", "Plan", "make_plan"]

_DEEPEST = 6  # modules nested deeper are folded in any picture
_ENOUGH = 12  # boxes that tell enough to be drawn large, each with its number
_FEW = 6  # boxes of a chain that tell anything
EDGE = 0.06  # inches between the picture and the figure's edge
ROOM = WIDTH - 2 * EDGE  # inches
MOST = 26  # boxes whose key is read on a phone


@dataclass(frozen=True)
class Plan:
    """What is drawn, and where."""

    graph: Graph
    layout: Layout
    operations: int  # that the boxes stand for, the inputs not counted

    @property
    def note(self) -> str:
        """Say how much was folded, and what the numbers are."""
        drawn = sum(box.kind != "input" for box in self.graph.boxes)
        text = f"{self.operations} operation{'s' * (self.operations != 1)}"
        if drawn < self.operations:
            text += f" in {drawn} box{'es' * (drawn != 1)}"
        spare = ", where they change" if self.layout.spare else ""
        return f"{text}; the numbers are channels{spare}"


def make_plan(trace: Trace) -> Plan:
    """Choose what is drawn of a trace, then where it stands."""
    graph, spare = _choose(trace)
    layout = arrange(graph, ROOM, spare=spare)
    _untangle(graph, layout)
    operations = sum(row.operation != "input" for row in trace.at_depth(None))
    return Plan(graph, layout, operations)


def _choose(trace: Trace) -> tuple[Graph, bool]:
    """Find the graph with the most boxes that fits the page and its key.

    Returns:
        The graph, and whether it fits only with fewer numbers and smaller boxes.
    """
    graphs = [graph for graph in _by_modules(trace) if len(graph.boxes) <= MOST]
    graphs.sort(key=lambda graph: len(graph.boxes), reverse=True)
    best: tuple[Graph, bool] | None = None
    for spare in (False, True):
        found = next((g for g in graphs if fits(g, ROOM, spare=spare)), None)
        if found and (best is None or len(found.boxes) > len(best[0].boxes)):
            best = found, spare
        if best and len(best[0].boxes) >= _ENOUGH:
            break
    if best:
        return best
    folded = trace.at_depth(1)
    for runs in _runs(len(trace)):
        graph = condense(folded, shared=0, runs=runs)
        tells = len(graph.boxes) >= _FEW or runs.across
        if tells and len(graph.boxes) <= MOST and fits(graph, ROOM, spare=True):
            return graph, True
    raise AssertionError("a single box fits every page")


def _untangle(graph: Graph, layout: Layout) -> None:
    """Exchange lanes of a level where links then lead through fewer boxes."""
    least = tangle(layout, graph.links)
    for level in {spot.level for spot in layout.spots}:
        here = [spot for spot in layout.spots if spot.level == level]
        for pair in combinations(sorted({spot.branch for spot in here}), 2):
            if not least:
                return
            other = dict(zip(pair, reversed(pair)))
            before = [spot.branch for spot in here]
            for spot in here:
                spot.branch = other.get(spot.branch, spot.branch)
            stack(graph, layout)
            now = tangle(layout, graph.links)
            if now < least:
                least = now
                continue
            for spot, branch in zip(here, before):
                spot.branch = branch
            stack(graph, layout)


def _by_modules(trace: Trace) -> Iterator[Graph]:
    """Fold by modules: first as given, then ever coarser."""
    deepest = trace.depth or _DEEPEST
    for depth in range(deepest, 0, -1):
        folded = trace if depth == deepest else trace.at_depth(depth)
        for shared in (None, 3, 2, 1, 0):
            yield condense(folded, shared=shared)


def _runs(boxes: int) -> Iterator[Runs]:
    """Fold what no module holds: ever longer runs of units, then of boxes."""
    for whole, across in ((True, False), (False, False), (False, True)):
        for length in range(1, boxes + 1):
            yield Runs(length, whole, across)
