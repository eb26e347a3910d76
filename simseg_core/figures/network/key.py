"""The key below a network's picture: what colours and lines mean, what each box is."""

from math import log2
from string import ascii_letters

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from simseg_core.figures.network.graph import Graph
from simseg_core.figures.network.layout import Layout
from simseg_core.figures.style import OKABE_ITO, SMALLEST
from simseg_core.figures.text import fit, width
from simseg_core.tables.units import binary, times

__all__ = ["DASHES", "KINDS", "LETTERS", "LINE", "draw_key", "draw_legend"]

LETTERS = ascii_letters  # more than any page has boxes
LINE = 0.165  # a line of the key
_SPACE = 0.1  # between its columns
DASHES = (0, (4, 1.5))  # of a skip connection
KINDS = {
    "convolution": (OKABE_ITO["sky blue"], ""),
    "matrix product": (OKABE_ITO["reddish purple"], "xx"),
    "no product": (OKABE_ITO["yellow"], "//"),
    "input": ("white", ""),
}


def draw_legend(axes: Axes, graph: Graph, layout: Layout) -> None:
    """Say what colours, areas and lines mean."""
    x, y = 0.0, layout.height + 0.1
    for kind in KINDS:
        if any(box.kind == kind for box in graph.boxes):
            face, hatch = KINDS[kind]
            axes.add_patch(
                Rectangle(
                    (x, y), 0.13, 0.13, facecolor=face, hatch=hatch, ec="black", lw=0.7
                )
            )
            axes.text(x + 0.18, y + 0.065, kind, size=SMALLEST, va="center")
            x += 0.36 + width(kind)
    y += 0.2
    unit = 2.0 ** round(log2(0.03 / layout.square_inches_per_byte))
    side = (unit * layout.square_inches_per_byte) ** 0.5
    axes.add_patch(Rectangle((0, y), side, side, fc="none", ec="black", lw=0.7))
    label = f"{binary(unit)} of activations"
    axes.text(side + 0.06, y + side / 2, label, size=SMALLEST, va="center")
    if graph.skips:
        x = max(2.3, side + width(label) + 0.3)
        axes.plot(
            [x, x + 0.4],
            [y + side / 2] * 2,
            color=OKABE_ITO["vermillion"],
            linestyle=DASHES,
            linewidth=1.1,
        )
        axes.text(x + 0.48, y + side / 2, "skip connection", size=SMALLEST, va="center")


def draw_key(axes: Axes, graph: Graph, top: float, right: float) -> None:
    """List the boxes: letter, where in the model, what it does, shape, memory."""
    sizes = [times(box.extent) for box in graph.boxes]
    memories = [binary(box.memory) for box in graph.boxes]
    shape = right - max(map(width, memories)) - _SPACE
    room = shape - max(map(width, sizes)) - 0.2 - 2 * _SPACE
    names = max(width(box.name) for box in graph.boxes)
    actions = max(width(box.does) for box in graph.boxes)
    names = min(names, max(room - actions, 0.6 * room))  # a path tells more
    for index, box in enumerate(graph.boxes):
        y = top + LINE * (index + 0.5)
        for x, text, align, weight in (
            (0.0, LETTERS[index], "left", "bold"),
            (0.2, fit(box.name, names), "left", "normal"),
            (0.2 + names + _SPACE, fit(box.does, room - names), "left", "normal"),
            (shape, sizes[index], "right", "normal"),
            (right, memories[index], "right", "normal"),
        ):
            axes.text(x, y, text, size=SMALLEST, ha=align, va="center", weight=weight)
