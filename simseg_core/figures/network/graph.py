"""Condense a trace into the boxes and links of a picture; no model is known here.

What multiplies nothing (normalisation, ReLU, pooling, resizing, concatenation) is drawn
with the product it belongs to, unless several boxes read it or it is the output.
"""

from dataclasses import dataclass, field
from functools import cached_property

from simseg_core.figures.network.fold import Net, Runs
from simseg_core.figures.network.names import does, kind, names
from simseg_core.probes.trace.shapes import Shape, Trace

__all__ = ["Box", "Graph", "condense"]


@dataclass
class Box:
    """Rows of a trace that are drawn as one, and where they stand.

    `kind` is `input`, `convolution`, `matrix product` or `no product`.
    """

    name: str
    does: str
    kind: str
    shape: Shape
    size: Shape  # of the map it belongs to: tokens have it too, vectors have ()
    level: int  # 0 is the finest resolution drawn
    memory: int  # bytes of activations its operations fill

    @property
    def is_map(self) -> bool:
        """Whether it made a map, (B, C, ...), and no tokens or vectors."""
        return len(self.shape) > 2 and self.shape[2:] == self.size

    @property
    def channels(self) -> int:
        """The channels of a map, the width of tokens and vectors."""
        return self.shape[1] if self.is_map else (1, *self.shape)[-1]

    @property
    def extent(self) -> Shape:
        """What the key tells of its shape: a map's size, else all but the batch."""
        if self.is_map or (self.size and self.shape[1:-1] == self.size):
            return self.size
        shape = self.shape[1:]
        while len(shape) > 2 and shape[0] == 1:  # attention with a single head
            shape = shape[1:]
        return shape


@dataclass
class Graph:
    """Boxes in call order, and the links between them by index."""

    boxes: list[Box] = field(default_factory=list)
    links: list[tuple[int, int]] = field(default_factory=list)

    @cached_property
    def sources(self) -> list[list[int]]:
        """For each box those that feed it."""
        return [[a for a, b in self.links if b == i] for i in range(len(self.boxes))]

    @cached_property
    def skips(self) -> set[tuple[int, int]]:
        """The links that some longer way through other boxes leads around."""
        after: dict[int, set[int]] = {}  # box -> all that its data reaches
        for box in reversed(range(len(self.boxes))):
            nexts = {b for a, b in self.links if a == box}
            after[box] = nexts.union(*(after[b] for b in nexts))
        return {
            (a, b)
            for a, b in self.links
            if any(b in after[c] for s, c in self.links if s == a)
        }


def condense(
    trace: Trace, *, shared: int | None = None, runs: Runs | None = None
) -> Graph:
    """Merge what a picture need not tell apart.

    Args:
        trace: what `trace_shapes` returned.
        shared: also draw as one a run of boxes on one level whose paths have this many
            names in common: 2 joins `encoder.0.conv` and `encoder.0.skip`, 0 any.
        runs: also draw as one what stands in a row.
    """
    net = Net(trace)
    net.fold_light()
    if shared is not None:
        net.fold_paths(shared)
    if runs is not None:
        net.fold_runs(runs)
    return _graph(net)


def _graph(net: Net) -> Graph:
    order = net.order
    place = {node: index for index, node in enumerate(order)}
    ranks = {level: rank for rank, level in enumerate(sorted(set(net.level.values())))}
    graph = Graph()
    groups = [net.rows_of(node) for node in order]
    for node, rows, name in zip(order, groups, names(groups)):
        graph.boxes.append(
            Box(
                name,
                does(rows),
                kind(rows),
                rows[-1].output_shape,
                net.size[net.members[node][-1]],
                ranks[net.level[node]],
                sum(row.activation_bytes for row in rows)
                or (rows[-1].output_bytes if net.is_input(node) else 0),
            )
        )
    graph.links = sorted(
        (place[source], place[node]) for node in order for source in net.into[node]
    )
    return graph
