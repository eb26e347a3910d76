"""The key below a network's picture: what colours and lines mean, what each box is."""

from math import log2
from string import ascii_letters

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from simseg_core.figures.network.graph import Graph
from simseg_core.figures.network.layout import Layout
from simseg_core.figures.style import INK, OKABE_ITO, PAPER, SMALLEST
from simseg_core.figures.text import fit, width
from simseg_core.tables.units import binary, times

__all__ = ["DASHES", "KINDS", "LETTERS", "LINE", "draw_key", "draw_legend", "foot"]

LETTERS = ascii_letters  # more than any page has boxes
LINE = 0.165  # a line of the key
_SPACE = 0.1  # between its columns
_LEGEND_LINE = 0.2
DASHES = (0, (4, 1.5))  # of a skip connection
KINDS = {
    "convolution": (OKABE_ITO["sky blue"], ""),
    "matrix product": (OKABE_ITO["reddish purple"], "xx"),
    "no product": (OKABE_ITO["yellow"], "//"),
    "input": (PAPER, ""),
}


def kinds_by_line(graph: Graph, right: float) -> list[list[str]]:
    """Share the kinds of boxes that there are out among as few lines as hold them."""
    lines: list[list[str]] = [[]]
    for kind in KINDS:
        if any(box.kind == kind for box in graph.boxes):
            if sum(map(_room, [*lines[-1], kind])) > right:
                lines.append([])
            lines[-1].append(kind)
    return lines


def foot(graph: Graph, right: float) -> float:
    """Give the height of legend and key."""
    lines = len(kinds_by_line(graph, right))
    return 0.42 + _LEGEND_LINE * lines + LINE * len(graph.boxes)


def draw_legend(axes: Axes, graph: Graph, layout: Layout, right: float) -> None:
    """Say what colours, areas and lines mean."""
    y = layout.height + 0.1
    for line in kinds_by_line(graph, right):
        x = 0.0
        for kind in line:
            face, hatch = KINDS[kind]
            edge = INK if face == PAPER else "black"
            axes.add_patch(
                Rectangle(
                    (x, y), 0.13, 0.13, facecolor=face, hatch=hatch, ec=edge, lw=0.7
                )
            )
            axes.text(x + 0.18, y + 0.065, kind, size=SMALLEST, va="center")
            x += _room(kind)
        y += _LEGEND_LINE
    unit = 2.0 ** round(log2(0.03 / layout.square_inches_per_byte))
    side = (unit * layout.square_inches_per_byte) ** 0.5
    axes.add_patch(Rectangle((0, y), side, side, fc="none", ec=INK, lw=0.7))
    label = f"{binary(unit)} of activations"
    axes.text(side + 0.06, y + side / 2, label, size=SMALLEST, va="center")
    if graph.skips:
        x = max(0.58 * right, side + width(label) + 0.3)
        axes.plot(
            [x, x + 0.4],
            [y + side / 2] * 2,
            color=OKABE_ITO["vermillion"],
            linestyle=DASHES,
            linewidth=1.1,
        )
        axes.text(x + 0.48, y + side / 2, "skip connection", size=SMALLEST, va="center")


def _room(kind: str) -> float:
    return 0.32 + width(kind)


def draw_key(axes: Axes, graph: Graph, top: float, right: float) -> None:
    """List the boxes: letter, where in the model, what it does, shape, memory."""
    sizes = [times(box.extent) for box in graph.boxes]
    memories = [binary(box.memory) for box in graph.boxes]
    shape = right - max(map(width, memories)) - _SPACE
    room = shape - max(map(width, sizes)) - 0.2 - 2 * _SPACE
    names = max(width(box.name) for box in graph.boxes)
    actions = max(width(box.does) for box in graph.boxes)
    told = names + actions <= room  # a path tells more, and the trace tells both
    names = min(names, room)
    if not told:  # the columns that are left stand near each other
        start = 0.2 + names + 2 * _SPACE
        shape = min(shape, start + max(map(width, sizes)))
        right = min(right, shape + 2 * _SPACE + max(map(width, memories)))
    for index, box in enumerate(graph.boxes):
        y = top + LINE * (index + 0.5)
        for x, text, align, weight in (
            (0.0, LETTERS[index], "left", "bold"),
            (0.2, fit(box.name, names), "left", "normal"),
            (0.2 + names + _SPACE, box.does if told else "", "left", "normal"),
            (shape, sizes[index], "right", "normal"),
            (right, memories[index], "right", "normal"),
        ):
            axes.text(x, y, text, size=SMALLEST, ha=align, va="center", weight=weight)
