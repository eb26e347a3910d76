"""Draw a network from its live trace: no diagram by hand, none that can rot.

Time runs to the right, resolution falls downward, a box's area is the activation memory
its operations fill, and every link is a tensor that flowed. A U-Net comes out as a U,
ASPP as parallel branches and a HarDNet block as its harmonic arcs, from the data flow
alone.
"""

import matplotlib.patheffects as effects
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from simseg_core.figures._graph import Graph, condense
from simseg_core.figures._key import (
    DASHES,
    EDGE,
    KINDS,
    LETTERS,
    LINE,
    draw_key,
    draw_legend,
)
from simseg_core.figures._layout import Layout, arrange
from simseg_core.figures._route import route
from simseg_core.figures.style import (
    GREY,
    OKABE_ITO,
    SMALLEST,
    WIDTH,
    new_figure,
    style,
)
from simseg_core.probes._table import binary, times
from simseg_core.probes.shapes import Trace

__all__ = ["draw_trace", "trace_alt_text"]

DEEPEST = 6  # modules nested deeper are folded in any picture
MOST_BOXES = 26  # a longer key is not read


def draw_trace(trace: Trace, *, title: str | None = None) -> Figure:
    """Draw a trace: boxes by resolution, area by activation memory, links by data flow.

    A trace too detailed for the book's width is folded until it fits. The letters
    under the boxes lead to the key, the numbers are channels.

    Args:
        trace: what `trace_shapes` returned, at any depth.
        title: stands above; by default the model's name and its input's size.

    Returns:
        A matplotlib figure as wide as the book's column.

    >>> from torch import nn
    >>> from simseg_core.probes import trace_shapes
    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.MaxPool2d(2))
    >>> figure = draw_trace(trace_shapes(net, (1, 3, 32, 32)))
    >>> figure.get_suptitle()
    'Sequential on 1×3×32×32'
    """
    graph, layout = _plan(trace)
    head, foot = 0.34, 0.62 + LINE * len(graph.boxes)
    height = head + layout.height + foot
    with style():
        figure, axes = new_figure(height)
        figure.set_layout_engine("none")
        figure.set_figwidth(max(WIDTH, layout.width + 2 * EDGE))
        figure.suptitle(
            _title(trace) if title is None else title,
            x=EDGE / figure.get_figwidth(),
            y=1 - 0.05 / height,
            ha="left",
            va="top",
        )
        axes.set_position((0, 0, 1, 1))
        axes.set(
            xlim=(-EDGE, figure.get_figwidth() - EDGE), ylim=(height - head, -head)
        )
        axes.set_axis_off()
        _draw_bands(axes, layout)
        for link in graph.links:
            _draw_link(axes, graph, layout, link)
        for index in range(len(graph.boxes)):
            _draw_box(axes, graph, layout, index)
        draw_legend(axes, graph, layout)
        draw_key(axes, graph, layout.height + foot - LINE * len(graph.boxes))
    return figure


def trace_alt_text(trace: Trace) -> str:
    """Tell in words what `draw_trace` shows: boxes by level, and the skips.

    >>> from torch import nn
    >>> from simseg_core.probes import trace_shapes
    >>> print(trace_alt_text(trace_shapes(nn.Conv2d(3, 8, 3), (1, 3, 32, 32))))
    Data flow of Conv2d on 1×3×32×32, 2 boxes. At 32×32 to 30×30: input (3 channels,
    12.0 KiB), Conv2d (8 channels, 28.1 KiB). No skip connections.
    """
    graph, layout = _plan(trace)
    names = [box.name for box in graph.boxes]
    parts = [f"Data flow of {_title(trace)}, {len(names)} boxes."]
    for level, band in enumerate(layout.bands):
        told = ", ".join(
            f"{box.name} ({box.channels} channels, {binary(box.memory)})"
            for box in graph.boxes
            if box.level == level
        )
        parts.append(f"At {band.title}: {told}.")
    skips = "; ".join(f"{names[a]} to {names[b]}" for a, b in graph.skips)
    parts.append(f"Skip connections: {skips}." if skips else "No skip connections.")
    return " ".join(parts)


def _title(trace: Trace) -> str:
    given = [times(row.output_shape) for row in trace if row.operation == "input"]
    return f"{trace.model} on {', '.join(given)}"


def _plan(trace: Trace) -> tuple[Graph, Layout]:
    """Take the form with the most boxes that fits the column and the alphabet."""
    deepest = trace.depth or DEEPEST
    best: tuple[Graph, Layout] | None = None
    for folded in (trace, *(trace.at_depth(d) for d in range(deepest - 1, 0, -1))):
        for shared in (None, 3, 2, 1, 0):
            graph = condense(folded, shared=shared)
            if best and len(graph.boxes) <= len(best[0].boxes):
                continue
            if len(graph.boxes) > MOST_BOXES:
                continue
            layout = arrange(graph, WIDTH - 2 * EDGE)
            if layout.width <= WIDTH - 2 * EDGE:
                best = graph, layout
    # What folds no further is drawn wider than the column.
    return best or (graph, arrange(graph, WIDTH - 2 * EDGE))


def _draw_bands(axes: Axes, layout: Layout) -> None:
    left, right = axes.get_xlim()
    for number, band in enumerate(layout.bands):
        shade = _shade(number)
        axes.add_patch(
            Rectangle(
                (left, band.top), right - left, band.bottom - band.top, fc=shade, lw=0
            )
        )
        axes.text(
            0,
            band.top + 0.03,
            band.title,
            size=SMALLEST,
            color=GREY,
            va="top",
            zorder=3,
            path_effects=_halo(shade),
        )


def _shade(level: int) -> str:
    return "white" if level % 2 else "#F2F2F2"


def _halo(colour: str) -> list[effects.AbstractPathEffect]:
    """Keep lines out of letters."""
    return [effects.withStroke(linewidth=2.5, foreground=colour)]


def _draw_link(axes: Axes, graph: Graph, layout: Layout, link: tuple[int, int]) -> None:
    is_skip = link in graph.skips
    axes.add_patch(
        FancyArrowPatch(
            path=route(layout, link),
            arrowstyle="-|>,head_length=3,head_width=1.6",
            color=OKABE_ITO["vermillion"] if is_skip else OKABE_ITO["black"],
            linestyle=DASHES if is_skip else "-",
            linewidth=1.1 if is_skip else 0.9,
            shrinkA=0,
            shrinkB=0,
            zorder=1,
        )
    )


def _draw_box(axes: Axes, graph: Graph, layout: Layout, index: int) -> None:
    spot, box = layout.spots[index], graph.boxes[index]
    face, hatch = KINDS[box.kind]
    axes.add_patch(
        Rectangle(
            (spot.x, spot.y - spot.height / 2),
            spot.width,
            spot.height,
            facecolor=face,
            hatch=hatch,
            edgecolor="black",
            linewidth=0.7,
            zorder=4,  # over the halo of its label
        )
    )
    shade = _shade(spot.level)
    below = spot.y + spot.height / 2 + 0.03
    for line, (text, weight) in enumerate(
        ((LETTERS[index % len(LETTERS)], "bold"), (str(box.channels), "normal"))
    ):
        axes.text(
            spot.middle,
            below + 0.13 * line,
            text,
            size=SMALLEST,
            weight=weight,
            ha="center",
            va="top",
            zorder=3,
            path_effects=_halo(shade),
        )
