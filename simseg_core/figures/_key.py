"""The key below a network's picture: what colours and lines mean, what each box is."""

from math import log2
from string import ascii_letters

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from simseg_core.figures._graph import Graph
from simseg_core.figures._layout import Layout
from simseg_core.figures.style import OKABE_ITO, SMALLEST
from simseg_core.probes._table import binary, times

__all__ = ["DASHES", "EDGE", "KINDS", "LETTERS", "LINE", "draw_key", "draw_legend"]

LETTERS = ascii_letters  # after the last they begin again
EDGE = 0.06  # inches between the picture and the figure's edge
LINE = 0.165  # a line of the key
LETTER = 0.075  # a letter of it, on average
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
            x += 0.3 + 0.07 * len(kind)
    y += 0.2
    unit = 2.0 ** round(log2(0.03 / layout.square_inches_per_byte))
    side = (unit * layout.square_inches_per_byte) ** 0.5
    axes.add_patch(Rectangle((0, y), side, side, fc="none", ec="black", lw=0.7))
    axes.text(
        side + 0.06,
        y + side / 2,
        f"{binary(unit)} of activations",
        size=SMALLEST,
        va="center",
    )
    if graph.skips:
        axes.plot(
            [2.3, 2.7],
            [y + 0.08] * 2,
            color=OKABE_ITO["vermillion"],
            linestyle=DASHES,
            linewidth=1.1,
        )
        axes.text(2.78, y + 0.08, "skip connection", size=SMALLEST, va="center")


def draw_key(axes: Axes, graph: Graph, top: float) -> None:
    """List the boxes: letter, where in the model, what it does, shape, memory."""
    right = axes.get_xlim()[1] - EDGE
    sizes = [
        times(box.shape[2:] if box.is_map else box.shape[1:]) for box in graph.boxes
    ]
    shape = right - 0.72
    does = 0.3 + LETTER * min(max(len(box.name) for box in graph.boxes), 24)
    room = shape - does - LETTER * max(map(len, sizes)) - 0.1
    for index, box in enumerate(graph.boxes):
        y = top + LINE * (index + 0.5)
        for x, text, align, weight in (
            (0.0, LETTERS[index % len(LETTERS)], "left", "bold"),
            (0.2, _cut(box.name, 24), "left", "normal"),
            (does, _cut(box.does, int(room / LETTER)), "left", "normal"),
            (shape, sizes[index], "right", "normal"),
            (right, binary(box.memory), "right", "normal"),
        ):
            axes.text(x, y, text, size=SMALLEST, ha=align, va="center", weight=weight)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
