"""Name what a box of a network's picture holds: its path, its operations, its kind."""

from collections import Counter
from collections.abc import Sequence

from simseg_core.probes.trace.shapes import Row

__all__ = ["does", "kind", "names", "shared_path"]


def names(boxes: Sequence[list[Row]]) -> list[str]:
    """Name each box by the path its products share, no two alike.

    Where paths repeat, their ends are told (`up.0 to up.1`), and where those repeat
    too, because a module is called again, they are numbered.
    """
    names = [_name(rows) for rows in boxes]
    for detail in range(1, max(map(_depth, boxes), default=0) + 1):
        counts = Counter(names)
        names = [
            _range(rows, detail) or name if counts[name] > 1 else name
            for rows, name in zip(boxes, names)
        ]
    seen: Counter[str] = Counter()
    for index, name in enumerate(names):
        seen[name] += 1
        if seen[name] > 1:
            names[index] = f"{name} #{seen[name]}"
    return names


def shared_path(rows: list[Row]) -> list[str]:
    """List the leading names shared by the rows with products, else of the last."""
    shared: list[str] = []
    for parts in zip(*(stage.split(".") for stage in _stages(rows))):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    return shared


def kind(rows: list[Row]) -> str:
    """Tell `input`, `convolution`, `matrix product` or `no product`."""
    if rows[0].operation == "input":
        return "input"
    if not any(row.macs for row in rows):
        return "no product"
    in_convolutions = any(row.conv_elements for row in rows)
    return "convolution" if in_convolutions else "matrix product"


def does(rows: list[Row]) -> str:
    """List the telling operations, each with how often it runs."""
    counts = Counter(row.operation for row in _telling(rows)) or {rows[-1].operation: 1}
    return ", ".join(
        f"{name} (×{times})" if times > 1 else name for name, times in counts.items()
    )


def _stages(rows: list[Row]) -> list[str]:
    return [row.stage for row in rows if row.macs] or [rows[-1].stage]


def _depth(rows: list[Row]) -> int:
    return max(len(stage.split(".")) for stage in _stages(rows))


def _name(rows: list[Row]) -> str:
    """The path that the products share, else the operation that tells most."""
    last = [row for row in rows if row.macs] or _telling(rows) or rows
    return ".".join(shared_path(rows)) or _range(rows, 1) or last[-1].operation


def _range(rows: list[Row], detail: int) -> str:
    """The paths from the first product to the last: `layers.2 to 5`."""
    shared, stages = shared_path(rows), _stages(rows)
    ends = [stage.split(".")[len(shared) :] for stage in (stages[0], stages[-1])]
    distinct = dict.fromkeys(".".join(end[:detail]) for end in ends if end)
    return ".".join(filter(None, [*shared, " to ".join(distinct)]))


def _telling(rows: list[Row]) -> list[Row]:
    """The rows that multiply, join, or change a shape."""
    return [
        row
        for row in rows
        if row.macs
        or len(row.input_shapes) > 1
        or row.output_shapes != row.input_shapes
    ]
