"""Draw a network from its live trace: no diagram by hand, none that can rot.

Time runs to the right, resolution falls downward, a box's area is the activation memory
its operations fill, and every link is a tensor that flowed. A U-Net comes out as a U,
ASPP as parallel branches and a HarDNet block as its harmonic arcs, from the data flow
alone.
"""

from simseg_core.figures.network.key import LINE, draw_key, draw_legend, foot
from simseg_core.figures.network.paint import draw_bands, draw_box, draw_link
from simseg_core.figures.network.plan import EDGE, ROOM, Plan, make_plan
from simseg_core.figures.style import (
    GREY,
    SMALLEST,
    WIDTH,
    DescribedFigure,
    new_figure,
    style,
)
from simseg_core.figures.text import wrap
from simseg_core.probes.trace.shapes import Trace
from simseg_core.tables.units import binary, times

__all__ = ["draw_trace"]

_TITLE, _TITLE_LINE = 10.5, 0.2  # points, inches


def draw_trace(trace: Trace) -> DescribedFigure:
    """Draw a trace: boxes by resolution, area by activation memory, links by data flow.

    A trace too detailed for the width is folded until it fits, by modules and, where
    there are none, by what repeats; a note says how many operations the boxes stand
    for. The letters under the boxes lead to the key, the numbers are channels. In an
    SVG each box and each link has an id (`box-a`, `link-a-b`).

    Args:
        trace: what `trace_shapes` returned, at any depth.

    Returns:
        A figure of the book's width, legible on a screen of 390 pixels.

    >>> from torch import nn
    >>> from simseg_core.probes import trace_shapes
    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.MaxPool2d(2))
    >>> figure = draw_trace(trace_shapes(net, (1, 3, 32, 32)))
    >>> figure.get_suptitle()
    'Sequential on 1×3×32×32'
    """
    plan = make_plan(trace)
    graph, layout = plan.graph, plan.layout
    lines = wrap(_title(trace), ROOM, _TITLE)
    note = wrap(plan.note, ROOM, SMALLEST)
    head = 0.13 + _TITLE_LINE * len(lines) + LINE * len(note)
    below = foot(graph, ROOM)
    height = head + layout.height + below
    with style():
        figure, axes = new_figure(height)
        figure.set_layout_engine("none")
        figure.suptitle(
            "\n".join(lines),
            x=EDGE / WIDTH,
            y=1 - 0.05 / height,
            ha="left",
            va="top",
            size=_TITLE,
        )
        axes.set_position((0, 0, 1, 1))
        axes.set(xlim=(-EDGE, WIDTH - EDGE), ylim=(height - head, -head))
        axes.set_axis_off()
        told = "\n".join(note)
        axes.text(0, -0.06, told, size=SMALLEST, color=GREY, va="bottom")
        draw_bands(axes, graph, layout)
        for link in graph.links:
            draw_link(axes, graph, layout, link)
        for index in range(len(graph.boxes)):
            draw_box(axes, graph, layout, index)
        draw_legend(axes, graph, layout, ROOM)
        bottom = layout.height + below - LINE * len(graph.boxes)
        draw_key(axes, graph, bottom, ROOM)
    figure.alt_text = _alt_text(trace, plan)
    return figure


def _alt_text(trace: Trace, plan: Plan) -> str:
    """Tell in words what is drawn: its course, boxes by level, branches and skips.

    >>> from torch import nn
    >>> from simseg_core.probes import trace_shapes
    >>> print(draw_trace(trace_shapes(nn.Conv2d(3, 8, 3), (1, 3, 32, 32))).alt_text)
    Data flow of Conv2d on 1×3×32×32: 1 operation; 2 boxes, 1 link. At 32×32 to 30×30:
    input (3 channels, 12.0 KiB), Conv2d (8 channels, 28.1 KiB). No link skips a box.
    """
    graph, layout = plan.graph, plan.layout
    names = [box.name for box in graph.boxes]
    boxes, links = _count(len(names), "box"), _count(len(graph.links), "link")
    operations = _count(plan.operations, "operation")
    parts = [f"Data flow of {_title(trace)}: {operations}; {boxes}, {links}."]
    lowest = len(layout.bands) - 1
    down, up = (lowest - graph.boxes[end].level for end in (0, -1))
    if down:
        parts.append(f"It goes down {_count(down, 'level')} and up {up or 'none'}.")
    for level, band in enumerate(layout.bands):
        boxes = ", ".join(
            f"{box.name} ({box.channels} channels, {binary(box.memory)})"
            for box in graph.boxes
            if box.level == level
        )
        parts.append(f"At {band.title}: {boxes}.")
    for index, name in enumerate(names):
        readers = [
            names[b] for a, b in graph.links if a == index and (a, b) not in graph.skips
        ]
        if len(readers) > 1:
            parts.append(f"{name} is read by {', '.join(readers)}.")
    skips = "; ".join(f"{names[a]} to {names[b]}" for a, b in sorted(graph.skips))
    parts.append(f"Skip connections: {skips}." if skips else "No link skips a box.")
    return " ".join(parts)


def _count(number: int, noun: str) -> str:
    plural = f"{noun}es" if noun.endswith("x") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"


def _title(trace: Trace) -> str:
    given = [times(row.output_shape) for row in trace if row.operation == "input"]
    return f"{trace.model} on {', '.join(given)}"
