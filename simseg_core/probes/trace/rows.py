"""Fold what was heard into rows: operations, or modules with all that ran in them."""

import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from simseg_core.probes.running.tensors import Shape
from simseg_core.probes.trace.listener import Listener
from simseg_core.probes.trace.record import INPUT

__all__ = ["Edge", "Row", "fold", "left_out", "module_rows", "not_counted_note"]


@dataclass(frozen=True)
class Row:
    """One line of a trace: an operation, or a module with all that ran in it.

    Attributes:
        stage: the module's path in the model; for a functional operation the path of
            the module it stands in, empty for the model itself.
        operation: the module's class or the function's name; `input` for an input.
        input_shapes: of each tensor read that came from the network's input.
        output_shapes: of each tensor returned.
        parameters: those first used here; a shared weight counts once.
        macs: multiply-accumulates of convolutions and matrix products.
        activation_bytes: memory newly filled, all of which training may have to keep;
            0 for a view or an operation in place.
        output_bytes: size of the tensors returned.
        moved_bytes: all tensors and weights read plus all tensors written, each
            operation once; 0 for a view.
        conv_elements: values that convolutions read and write, without weights (CIO).
        not_counted: operations that may multiply and have no formula, so that `macs`
            leaves them out, and how often each ran.
    """

    stage: str
    operation: str
    input_shapes: tuple[Shape, ...]
    output_shapes: tuple[Shape, ...]
    parameters: int
    macs: int
    activation_bytes: int
    output_bytes: int
    moved_bytes: int
    conv_elements: int
    not_counted: dict[str, int] = field(default_factory=dict, hash=False)

    @property
    def output_shape(self) -> Shape:
        """The shape of the first tensor returned."""
        return self.output_shapes[0]


@dataclass(frozen=True)
class Edge:
    """A tensor that flows from one row to another, by their indices."""

    source: int
    target: int
    shape: Shape


def fold(
    listener: Listener, depth: int | None
) -> tuple[tuple[Row, ...], tuple[Edge, ...], list[int]]:
    """Gather the calls into rows: one for each module that is not unfolded.

    Returns:
        The rows in call order, the edges between them, and the row of each call.
    """
    keys = [_key(listener, index, depth) for index in range(len(listener.calls))]
    place = {key: row for row, key in enumerate(dict.fromkeys(keys))}
    row_of = [place[key] for key in keys]
    members: list[list[int]] = [[] for _ in place]
    edges: dict[Edge, None] = {}  # a set that keeps its order
    for index, (call, row) in enumerate(zip(listener.calls, row_of)):
        members[row].append(index)
        for source, shape in call.reads:
            if row_of[source] != row:
                edges[Edge(row_of[source], row, shape)] = None
    rows = [_row(listener, key, calls) for key, calls in zip(place, members)]
    return tuple(rows), tuple(edges), row_of


def module_rows(listener: Listener) -> tuple[Row, ...]:
    """Make a row of every call of a module: the network itself first, as it began."""
    members: list[list[int]] = [[] for _ in listener.frames]
    for index, call in enumerate(listener.calls):
        frame = call.frame
        while frame != INPUT:
            members[frame].append(index)
            frame = listener.frames[frame].parent
    return tuple(
        _row(listener, ("module", frame), calls) for frame, calls in enumerate(members)
    )


def _key(listener: Listener, index: int, depth: int | None) -> tuple[str, int]:
    """Find the row of a call: the outermost folded module around it, or itself."""
    chain: list[int] = []
    frame = listener.calls[index].frame
    while frame != INPUT:
        chain.insert(0, frame)
        frame = listener.frames[frame].parent
    for level, frame in enumerate(chain):
        here = listener.frames[frame]
        if level == depth or (here.is_builtin and not here.has_children):
            return "module", frame
    return "call", index


def _row(listener: Listener, key: tuple[str, int], members: list[int]) -> Row:
    calls = [listener.calls[index] for index in members]
    kind, index = key
    if kind == "module":
        frame = listener.frames[index]
        stage, operation = frame.stage, frame.operation
        read, made, size = frame.input_shapes, frame.output_shapes, frame.output_bytes
    else:
        call = listener.calls[index]
        is_input = call.frame == INPUT
        stage = call.operation if is_input else listener.frames[call.frame].stage
        operation = "input" if is_input else call.operation
        read = [shape for _, shape in call.reads]
        made, size = call.output_shapes, call.output_bytes
    return Row(
        stage,
        operation,
        tuple(read),
        tuple(made),
        sum(call.parameters for call in calls),
        sum(call.macs for call in calls),
        sum(call.new_bytes for call in calls),
        size,
        sum(call.moved_bytes for call in calls),
        sum(call.conv_elements for call in calls),
        dict(Counter(call.operation for call in calls if not call.is_counted)),
    )


def left_out(parts: Iterable[Row]) -> dict[str, int]:
    """Add up what the MACs of several rows leave out."""
    return dict(sum((Counter(part.not_counted) for part in parts), Counter()))


def not_counted_note(names: Mapping[str, int]) -> list[str]:
    """Write what the MACs leave out, for below a table; nothing where that is nothing.

    >>> not_counted_note({"fft_rfft2": 2, "linalg_svd": 1})
    ['Not counted in the MACs, having no formula: fft_rfft2 (2 times), linalg_svd']
    """
    parts = [name + (f" ({n} times)" if n > 1 else "") for name, n in names.items()]
    text = f"Not counted in the MACs, having no formula: {', '.join(parts)}"
    return textwrap.wrap(text, 88) if parts else []
