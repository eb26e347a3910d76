"""Condense a trace into the boxes and links of a picture; no model is known here.

What multiplies nothing (normalisation, ReLU, pooling, resizing, concatenation) is drawn
with the product it belongs to, unless several boxes read it or it is the output.
"""

from dataclasses import dataclass, field
from functools import cached_property

from simseg_core.figures._levels import levels
from simseg_core.probes.shapes import Row, Shape, Trace

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


class _Net:
    """The rows that the input reaches, merged step by step."""

    def __init__(self, trace: Trace) -> None:
        self.rows = trace.rows
        self.outputs = set(trace.outputs)
        self.level, self.size = levels(trace)
        self.members = {row: [row] for row in self.level}
        self.into: dict[int, set[int]] = {row: set() for row in self.level}
        self.out: dict[int, set[int]] = {row: set() for row in self.level}
        for edge in trace.edges:
            if edge.source in self.level:
                self.into[edge.target].add(edge.source)
                self.out[edge.source].add(edge.target)

    def is_light(self, node: int) -> bool:
        return not any(
            self.rows[r].macs or self.rows[r].operation == "input"
            for r in self.members[node]
        )

    def is_input(self, node: int) -> bool:
        return self.rows[node].operation == "input"

    def is_output(self, node: int) -> bool:
        return bool(self.outputs.intersection(self.members[node]))

    def share(self, *nodes: int) -> int:
        """Count the leading names that the nodes' paths have in common."""
        return len(_path([self.rows[r] for n in nodes for r in self.members[n]]))

    def merge(self, node: int, into: int, level: int) -> None:
        """Make `node` part of `into`, which then stands at `level`."""
        for source in self.into.pop(node) - {into}:
            self.out[source] = self.out[source] - {node} | {into}
            self.into[into].add(source)
        for target in self.out.pop(node) - {into}:
            self.into[target] = self.into[target] - {node} | {into}
            self.out[into].add(target)
        self.into[into].discard(node)
        self.out[into].discard(node)
        self.members[into] = sorted(self.members[into] + self.members.pop(node))
        self.level[into] = level
        del self.level[node]


def condense(trace: Trace, *, shared: int | None = None) -> Graph:
    """Merge what a picture need not tell apart.

    Args:
        trace: what `trace_shapes` returned.
        shared: also draw as one a run of boxes on one level whose paths have this many
            names in common: 2 joins `encoder.0.conv` and `encoder.0.skip`, 0 any.
    """
    net = _Net(trace)
    for node in list(net.members):  # with what made its input: BatchNorm, ReLU
        before = net.into.get(node, set())
        if net.is_light(node) and len(before) == 1:
            (source,) = before
            alone = net.out[source] == {node} and not net.is_input(source)
            if alone and net.level[source] == net.level[node]:
                net.merge(node, source, net.level[node])
    for node in list(net.members):  # with what reads it: pooling, crop, concatenation
        if net.is_light(node) and len(net.out[node]) == 1:
            (target,) = net.out[node]
            if not net.is_output(node):
                net.merge(node, target, net.level[target])
    for node in list(net.members) if shared is not None else ():
        if len(net.out[node]) == 1 and not net.is_input(node):
            (target,) = net.out[node]
            single = net.into[target] == {node} and not net.is_output(node)
            level = net.level[node] == net.level[target]
            if single and level and net.share(node, target) >= (shared or 0):
                net.merge(node, target, net.level[target])
    return _graph(net)


def _graph(net: _Net) -> Graph:
    order = sorted(net.members, key=lambda node: net.members[node][-1])
    place = {node: index for index, node in enumerate(order)}
    ranks = {level: rank for rank, level in enumerate(sorted(set(net.level.values())))}
    graph = Graph()
    names = [_name([net.rows[i] for i in net.members[node]]) for node in order]
    for node, name in zip(order, names):
        rows = [net.rows[index] for index in net.members[node]]
        graph.boxes.append(
            Box(
                name if names.count(name) == 1 else _range(rows),
                _does(rows),
                _kind(rows),
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


def _name(rows: list[Row]) -> str:
    """The path that the products share, else the operation that tells most."""
    last = [row for row in rows if row.macs] or _telling(rows) or rows
    return ".".join(_path(rows)) or _range(rows) or last[-1].operation


def _range(rows: list[Row]) -> str:
    """The paths from the first product to the last: `layers.2 to 5`."""
    shared = _path(rows)
    stages = [row.stage for row in rows if row.macs] or [rows[-1].stage]
    ends = [stage.split(".")[len(shared) :] for stage in (stages[0], stages[-1])]
    names = dict.fromkeys(end[0] for end in ends if end)
    return ".".join(filter(None, [*shared, " to ".join(names)]))


def _path(rows: list[Row]) -> list[str]:
    """The leading names shared by the rows with products, else those of the last."""
    heavy = [row.stage for row in rows if row.macs] or [rows[-1].stage]
    shared: list[str] = []
    for names in zip(*(stage.split(".") for stage in heavy)):
        if len(set(names)) > 1:
            break
        shared.append(names[0])
    return shared


def _kind(rows: list[Row]) -> str:
    if rows[0].operation == "input":
        return "input"
    if not any(row.macs for row in rows):
        return "no product"
    in_convolutions = any(row.conv_elements for row in rows)
    return "convolution" if in_convolutions else "matrix product"


def _telling(rows: list[Row]) -> list[Row]:
    """The rows that multiply, join, or change a shape."""
    return [
        row
        for row in rows
        if row.macs
        or len(row.input_shapes) > 1
        or row.output_shapes != row.input_shapes
    ]


def _does(rows: list[Row]) -> str:
    """List the telling operations, each once."""
    told = dict.fromkeys(row.operation for row in _telling(rows))
    return ", ".join(told) or rows[-1].operation
