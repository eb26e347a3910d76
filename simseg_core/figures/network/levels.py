"""Find the resolution level of every row of a trace.

Levels follow the halvings and doublings of the map along the data's way. A crop keeps
its level, however much it takes, and so does what only reshapes.
"""

from collections.abc import Sequence
from math import log, log2, prod

from simseg_core.probes.trace.shapes import Edge, Row, Shape, Trace

__all__ = ["levels"]

_KEEPS_LEVEL = {"slice", "slice_assign", "pad", "matmul", "bmm", "einsum"}
_KEEPS_LEVEL |= {"scaled_dot_product_attention", "softmax"}
_KEEPS_LEVEL |= {"permute", "transpose", "movedim", "swapaxes", "roll", "Permute"}
_SAME, _OTHER = 0.1, 0.3  # logarithms of proportions that agree, that do not


def levels(trace: Trace) -> tuple[dict[int, int], dict[int, Shape]]:
    """Count the halvings from the input to each row it reaches; find its map's size.

    Where tensors meet, the finest counts: unpadded convolutions on a small map look
    like halvings, and a skip knows better.
    """
    level: dict[int, int] = {}
    size: dict[int, Shape] = {}
    is_last: dict[
        int, bool
    ] = {}  # whether channels come last, as in Swin's (B, H, W, C)
    reads: dict[int, list[Edge]] = {}
    for edge in trace.edges:
        reads.setdefault(edge.target, []).append(edge)
    for index, row in enumerate(trace.rows):
        known = [edge for edge in reads.get(index, ()) if edge.source in level]
        if row.operation == "input":
            level[index], size[index] = 0, row.output_shape[2:]
            is_last[index] = False
        elif known:
            made, found = row.output_shape, []
            for edge in known:
                source = trace.rows[edge.source]
                before = is_last[edge.source]
                read = _spatial(edge.shape, before)
                last = _channels_last(made, read, before)
                at = level[edge.source] + _halvings(
                    edge.shape, made, read, _spatial(made, last), row
                )
                if edge.shape != source.output_shape:  # one of several maps
                    whole = _spatial(source.output_shape, before)
                    at += _halvings(
                        source.output_shape, edge.shape, whole, read, source
                    )
                found.append((at, edge, read, last))
            level[index], finest, read, is_last[index] = min(found, key=lambda f: f[0])
            whole_row = _cut_from(trace, reads, index)
            if whole_row is not None:  # Swin's patch merging, YOLO's focus
                cut = trace.rows[whole_row].output_shape
                layout = is_last[whole_row]
                level[index] = level[whole_row] + _halvings(
                    cut, made, _spatial(cut, layout), _spatial(made, layout), row
                )
            inherits = level[index] == level[finest.source] and not (
                len(finest.shape) == len(made) >= 4 and read == size[finest.source]
            )
            map_size = _spatial(made, is_last[index])
            size[index] = size[finest.source] if inherits else map_size
    return level, size


def _cut_from(trace: Trace, reads: dict[int, list[Edge]], row: int) -> int | None:
    """Find the map that was cut into all that this row joins: pixels to channels."""
    if trace.rows[row].operation != "cat" or len(reads[row]) < 2:
        return None
    roots = set()
    for edge in reads[row]:
        root = edge.source
        while trace.rows[root].operation == "slice" and len(reads[root]) == 1:
            root = reads[root][0].source
        roots.add(root)
    root = roots.pop()
    whole = prod(trace.rows[root].output_shape) == prod(trace.rows[row].output_shape)
    return root if not roots and whole else None


def _spatial(shape: Shape, channels_last: bool) -> Shape:
    return shape[1:-1] if channels_last and len(shape) > 3 else shape[2:]


def _channels_last(made: Shape, read: Sequence[int], before: bool) -> bool:
    """Tell where the channels stand: a map keeps the picture's proportions."""
    if len(made) != 4 or len(read) != 2:
        return before
    proportion = log(read[0] / read[1])
    first, last = (abs(log(a / b) - proportion) for a, b in (made[2:], made[1:-1]))
    if before:
        return not (first < _SAME and last > _OTHER)
    return last < _SAME and first > _OTHER


def _halvings(read: Shape, made: Shape, old: Shape, new: Shape, row: Row) -> int:
    """How often the row halved the side of the map it read; doubling is minus.

    Args:
        read: the tensor's shape.
        made: the shape that became of it.
        old: the height and width in `read`.
        new: those in `made`.
        row: what made it.
    """
    # flatten, unsqueeze, the windows of an attention
    is_same = prod(read) == prod(made) and (len(read) != len(made) or len(made) > 4)
    if is_same or row.operation in _KEEPS_LEVEL or len(read) < 4 or len(made) == 3:
        return 0
    ratio = log2(_side(old) / _side(new))
    return round(ratio - 0.1) if ratio > 0 else round(ratio)


def _side(size: Shape) -> float:
    """The side of a square map of this size; a vector's is 1."""
    return prod(size) ** (1 / len(size)) if size else 1.0
