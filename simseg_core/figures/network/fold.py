"""Fold the rows of a trace into the groups that a picture draws as boxes."""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from simseg_core.figures.network.levels import levels
from simseg_core.figures.network.names import shared_path
from simseg_core.probes.trace.shapes import Row, Trace

__all__ = ["Net", "Runs"]


class Runs(NamedTuple):
    """How to draw as one what stands in a row, whatever its names.

    Attributes:
        length: so many in a row are one.
        whole: count units between which a single tensor passes on, as residual units;
            the network's inputs do not count. Otherwise count boxes.
        across: whether what is joined may stand on several levels.
    """

    length: int
    whole: bool = True
    across: bool = False


class Net:
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

    @property
    def order(self) -> list[int]:
        """The nodes by call order: none is read before it."""
        return sorted(self.members, key=lambda node: self.members[node][-1])

    def rows_of(self, node: int) -> list[Row]:
        """List the rows merged into a node."""
        return [self.rows[row] for row in self.members[node]]

    def is_light(self, node: int) -> bool:
        """Whether it multiplies nothing and is no input."""
        return not self.is_input(node) and not any(r.macs for r in self.rows_of(node))

    def is_input(self, node: int) -> bool:
        """Whether it is an input of the network."""
        return self.rows[node].operation == "input"

    def is_output(self, node: int) -> bool:
        """Whether the network returns something made in it."""
        return bool(self.outputs.intersection(self.members[node]))

    def fold_light(self) -> None:
        """Draw what multiplies nothing with the product it belongs to."""
        for node in list(self.members):  # with what made its input: BatchNorm, ReLU
            before = self.into.get(node, set())
            if self.is_light(node) and len(before) == 1:
                (source,) = before
                alone = self.out[source] == {node} and not self.is_input(source)
                if alone and self.level[source] == self.level[node]:
                    self.merge(node, source, self.level[node])
        for node in list(self.members):  # with its reader: pooling, crop, concatenation
            if self.is_light(node) and len(self.out[node]) == 1:
                (target,) = self.out[node]
                if not self.is_output(node):
                    self.merge(node, target, self.level[target])

    def fold_paths(self, shared: int) -> None:
        """Draw as one a run on one level whose paths have `shared` names in common."""
        for node in list(self.members):
            if len(self.out[node]) != 1 or self.is_input(node) or self.is_output(node):
                continue
            (target,) = self.out[node]
            alike = len(shared_path(self.rows_of(node) + self.rows_of(target)))
            level = self.level[node] == self.level[target]
            if self.into[target] == {node} and level and alike >= shared:
                self.merge(node, target, self.level[target])

    def fold_runs(self, runs: Runs) -> None:
        """Draw as one what stands in a row."""
        for stretch in list(self._stretches(runs)):
            for start in range(0, len(stretch), runs.length):
                cells = stretch[start : start + runs.length]
                group = [node for cell in cells for node in cell]
                for node, following in pairwise(group):
                    self.merge(node, following, self.level[following])

    def _stretches(self, runs: Runs) -> Iterator[list[list[int]]]:
        """Give the cells that may be joined: those of one level, and no inputs."""
        stretch: list[list[int]] = []
        levels: set[int] = set()
        for cell in self._cells() if runs.whole else [[node] for node in self.order]:
            if self.is_input(cell[-1]):
                continue
            here = {self.level[node] for node in cell}
            if stretch and len(levels | here) > 1 and not runs.across:
                yield stretch
                stretch, levels = [], set()
            stretch, levels = [*stretch, cell], levels | here
        yield stretch

    def _cells(self) -> Iterator[list[int]]:
        """Cut the call order where one tensor, or none, passes on."""
        cell: list[int] = []
        waiting: dict[int, int] = {}  # source -> its readers still to come
        for node in self.order:
            cell.append(node)
            for source in self.into[node]:
                if not self.is_input(source):
                    waiting[source] -= 1
            waiting[node] = 0 if self.is_input(node) else len(self.out[node])
            waiting = {source: left for source, left in waiting.items() if left}
            if len(waiting) < 2:
                yield cell
                cell = []
        if cell:
            yield cell

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
