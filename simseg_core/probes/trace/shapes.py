"""Trace a network: which operations run, on which shapes, and what feeds what.

The table is heard from torch while the network runs, never written for one model, so
that it shows what a list of modules cannot: concatenations, additions, crops, resizes,
matrix products and attention, in the order in which they happen.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import nn

from simseg_core.probes.running.tensors import Shape
from simseg_core.probes.trace.listener import Listener
from simseg_core.probes.trace.rows import (
    Edge,
    Row,
    fold,
    left_out,
    module_rows,
    not_counted_note,
)
from simseg_core.probes.trace.run import Sizes, listen
from simseg_core.tables import Column, Table, Tabled
from simseg_core.tables.units import binary, si, times

__all__ = ["Edge", "Row", "Trace", "trace_shapes"]


@dataclass(frozen=True, repr=False)
class Trace(Tabled):
    """What ran, row by row in call order, and the tensors that flow between the rows.

    Attributes:
        model: the name of the model's class or function.
        rows: the inputs, then the operations.
        edges: which row's output is read by which.
        outputs: indices of the rows that made what the model returned.
        unused_parameters: those of the model that took no part.
        depth: modules nested deeper than this are one row; None shows every operation.
    """

    model: str
    rows: tuple[Row, ...]
    edges: tuple[Edge, ...]
    outputs: tuple[int, ...]
    unused_parameters: int
    depth: int | None
    _heard: Listener
    _made_output: tuple[int, ...]

    def at_depth(self, depth: int | None) -> "Trace":
        """Show the same run folded at another depth, without running it again."""
        return _trace(self._heard, self._made_output, self.unused_parameters, depth)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Row:
        return self.rows[index]

    @cached_property
    def modules(self) -> tuple[Row, ...]:
        """Every call of a module in call order, containers too, with all it holds.

        Unlike `rows`, one operation is in the row of each module around it, and
        parameters count in every module that uses them first.
        """
        return module_rows(self._heard)

    @cached_property
    def parameters(self) -> int:
        """Parameters of the model, used or not."""
        return sum(row.parameters for row in self.rows) + self.unused_parameters

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one forward pass, for the whole batch."""
        return sum(row.macs for row in self.rows)

    @cached_property
    def not_counted(self) -> dict[str, int]:
        """Operations that may multiply and that `macs` leaves out, and how often."""
        return left_out(self.rows)

    @property
    def activation_bytes(self) -> int:
        """Memory newly filled in one forward pass, the inputs not counted."""
        return sum(row.activation_bytes for row in self.rows)

    @property
    def moved_bytes(self) -> int:
        """Bytes read and written if each operation fetches what it needs once."""
        return sum(row.moved_bytes for row in self.rows)

    def to_dict(self) -> dict[str, Any]:
        """Give everything as plain dictionaries, lists and numbers, ready for JSON."""
        return {
            "model": self.model,
            "depth": self.depth,
            "parameters": self.parameters,
            "unused_parameters": self.unused_parameters,
            "macs": self.macs,
            "not_counted": self.not_counted,
            "activation_bytes": self.activation_bytes,
            "moved_bytes": self.moved_bytes,
            "rows": [asdict(row) for row in self.rows],
            "edges": [asdict(edge) for edge in self.edges],
            "outputs": list(self.outputs),
        }

    def _table(self) -> Table:
        return Table(self._title(), _COLUMNS, self._lines(), self._notes())

    def _lines(self) -> list["_Line"]:
        sources: dict[int, set[int]] = {}
        for edge in self.edges:
            sources.setdefault(edge.target, set()).add(edge.source)
        lines = [_Line(row, goes_on=False) for row in self.rows]
        for place, (before, row) in enumerate(pairwise(self.rows), 1):
            alone = sources.get(place) == {place - 1}
            if alone and row.input_shapes == before.output_shapes:
                lines[place] = _Line(row, goes_on=True)
        return lines

    def _title(self) -> str:
        given = ", ".join(
            times(row.output_shape) for row in self.rows if row.operation == "input"
        )
        return f"{self.model} on {given}"

    def _notes(self) -> list[str]:
        unused = self.unused_parameters
        return [
            f"Parameters {self.parameters:,}"
            + (f", {unused:,} of them unused here" if unused else ""),
            f"MACs {self.macs:,} · activations {binary(self.activation_bytes)} · "
            f"moved {binary(self.moved_bytes)}",
            *not_counted_note(self.not_counted),
            "An input is shown where it is not the output of the row before.",
        ]


class _Line(NamedTuple):
    """A row of the table; `goes_on` if all it reads is what the row before it made."""

    row: Row
    goes_on: bool


def _all(shapes: tuple[Shape, ...]) -> str:
    return "\N{NO-BREAK SPACE}+ ".join(map(times, shapes))


def _first(shapes: tuple[Shape, ...]) -> str:
    others = f" +{len(shapes) - 1}" if len(shapes) > 1 else ""
    return (times(shapes[0]) if shapes else "") + others


def _elements(shapes: tuple[Shape, ...]) -> int:
    return sum(map(math.prod, shapes))


def _number(
    heading: str, value: Callable[[Row], int], write: Callable[[float], str]
) -> Column:
    return Column(
        heading,
        lambda line: write(value(line.row)),
        True,
        value=lambda line: value(line.row),
    )


_COLUMNS = (
    Column("Stage", lambda line: line.row.stage or "(top)"),
    Column("Operation", lambda line: line.row.operation, width=15),
    Column(
        "Input",
        lambda line: "" if line.goes_on else _all(line.row.input_shapes),
        width=16,
        brief=lambda line: "" if line.goes_on else _first(line.row.input_shapes),
        value=lambda line: _elements(line.row.input_shapes),
    ),
    Column(
        "Output",
        lambda line: _all(line.row.output_shapes),
        width=15,
        brief=lambda line: _first(line.row.output_shapes),
        value=lambda line: _elements(line.row.output_shapes),
    ),
    _number("Params", lambda row: row.parameters, si),
    _number("MACs", lambda row: row.macs, si),
    _number("Memory", lambda row: row.activation_bytes, binary),
)


def trace_shapes(
    model: nn.Module | Callable[..., Any],
    input_size: Sizes | None = None,
    *,
    inputs: Any = None,
    depth: int | None = None,
    device: str | torch.device | None = None,
) -> Trace:
    """Run a network once and tell every operation, its shapes, its cost and its source.

    The model runs in evaluation mode without gradients and is left as it was. With no
    device named nothing is computed, only shapes are followed, unless the network
    looks at numbers on its way. Modules in which nothing runs (`nn.Identity`) have no
    row.

    Args:
        model: any module or function of tensors.
        input_size: (B, C, H, W), or several such sizes for several inputs.
        inputs: in place of sizes a tensor, a tuple of positional arguments or a
            dictionary of named ones.
        depth: fold modules nested deeper than this into one row; None shows every
            operation, with a module of torch.nn as one.
        device: compute with real numbers there ("cpu", "cuda").

    Raises:
        TypeError: the model cannot be called, or `inputs` holds no tensor.
        ValueError: the sizes are wrong, or the model refused the input.

    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU())
    >>> [row.output_shape for row in trace_shapes(net, (1, 3, 32, 32))]
    [(1, 3, 32, 32), (1, 8, 30, 30), (1, 8, 30, 30)]
    """
    if depth is not None and (type(depth) is not int or depth < 1):
        raise ValueError(f"depth must be 1 or more, or None for all, not {depth!r}")
    listener, made_output = listen(model, input_size, inputs, device)
    used = sum(call.parameters for call in listener.calls)
    owned = model.parameters() if isinstance(model, nn.Module) else ()
    unused = max(0, sum(p.numel() for p in owned) - used)
    return _trace(listener, tuple(made_output), unused, depth)


def _trace(
    listener: Listener, made_output: tuple[int, ...], unused: int, depth: int | None
) -> Trace:
    rows, edges, row_of = fold(listener, depth)
    outputs = tuple(sorted({row_of[call] for call in made_output}))
    name = listener.frames[0].operation
    return Trace(name, rows, edges, outputs, unused, depth, listener, made_output)
