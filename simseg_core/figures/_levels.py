"""Find the resolution level of every row of a trace.

Levels follow the halvings and doublings of the map along the data's way. A crop keeps
its level, however much it takes, and so does what only reshapes.
"""

from math import log2, prod

from simseg_core.probes.shapes import Edge, Row, Shape, Trace

__all__ = ["levels"]

_KEEPS_LEVEL = {"slice", "slice_assign", "pad", "matmul", "bmm", "einsum"}
_KEEPS_LEVEL |= {"scaled_dot_product_attention", "softmax"}


def levels(trace: Trace) -> tuple[dict[int, int], dict[int, Shape]]:
    """Count the halvings from the input to each row it reaches; find its map's size.

    Where tensors meet, the finest counts: unpadded convolutions on a small map look
    like halvings, and a skip knows better.
    """
    level: dict[int, int] = {}
    size: dict[int, Shape] = {}
    reads: dict[int, list[Edge]] = {}
    for edge in trace.edges:
        reads.setdefault(edge.target, []).append(edge)
    for index, row in enumerate(trace.rows):
        known = [edge for edge in reads.get(index, ()) if edge.source in level]
        if row.operation == "input":
            level[index], size[index] = 0, row.output_shape[2:]
        elif known:
            found = [(level[e.source] + _halvings(e.shape, row), e) for e in known]
            level[index], finest = min(found, key=lambda pair: pair[0])
            inherits = _halvings(finest.shape, row) == 0 and not (
                len(finest.shape) == len(row.output_shape) >= 4
                and finest.shape[2:] == size[finest.source]
            )
            size[index] = size[finest.source] if inherits else row.output_shape[2:]
    return level, size


def _halvings(read: Shape, row: Row) -> int:
    """How many times the row halved the side of the map it read; doubling is minus."""
    made = row.output_shape
    is_same = prod(read) == prod(made) and len(read) != len(made)  # flatten, unsqueeze
    if is_same or row.operation in _KEEPS_LEVEL or len(read) < 4 or len(made) == 3:
        return 0
    ratio = log2(_side(read) / _side(made))
    return round(ratio - 0.1) if ratio > 0 else round(ratio)


def _side(shape: Shape) -> float:
    """The side of a square map of this size; a vector's is 1."""
    return prod(shape[2:]) ** (1 / (len(shape) - 2)) if len(shape) > 2 else 1.0
