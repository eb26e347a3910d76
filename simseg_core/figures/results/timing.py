"""Measured times with their spread, and blocks under a device's roofline."""

from collections.abc import Iterable
from itertools import cycle

import numpy as np
from matplotlib.ticker import EngFormatter, MaxNLocator, NullFormatter

from simseg_core.figures.points import number_points
from simseg_core.figures.style import (
    COLOURS,
    GREY,
    INK,
    MARKERS,
    PAPER,
    SMALLEST,
    DescribedFigure,
    new_figure,
    style,
)
from simseg_core.figures.text import ROOM, name_row, note, wrap
from simseg_core.probes.timing.ceilings import Roofline
from simseg_core.probes.timing.comparison import Comparison
from simseg_core.probes.timing.measurement import Measurement
from simseg_core.tables.units import duration, threaded

__all__ = ["draw_roofline", "draw_timings"]


def draw_timings(
    measurements: Iterable[Measurement] | Comparison,
    *,
    title: str = "Time of one run",
) -> DescribedFigure:
    """Draw the median of each measurement with its middle half, the first on top.

    Args:
        measurements: of one device, as `measure` or `compare` give them.
        title: what is compared.

    Returns:
        A figure that names the device.

    Raises:
        ValueError: if there is nothing to draw, or it comes from several devices.

    >>> import torch
    >>> from simseg_core.probes import measure
    >>> relu = measure(torch.relu, torch.ones(9), min_run_time=0.1, max_run_time=0.1)
    >>> figure = draw_timings([relu])
    >>> figure.axes[0].get_yticklabels()[0].get_text()
    'relu'
    """
    if isinstance(measurements, Comparison):
        measurements = measurements.measurements.values()
    found = list(measurements)
    device = _one_machine(found)
    key = "marker: median; thick line: middle half of the repetitions"
    below = [line for one in (key, device) for line in wrap(one, ROOM, SMALLEST)]
    with style():
        figure, axes = new_figure(height=0.9 + 0.5 * len(found) + 0.17 * len(below))
        for row, (one, colour, marker) in enumerate(
            zip(found, cycle(COLOURS), cycle(MARKERS))
        ):
            axes.barh(row, one.median, height=0.4, color=colour, alpha=0.25)
            low, high = one.quartiles
            axes.plot([low, high], [row, row], "-", color=colour, linewidth=4)
            axes.plot(one.median, row, marker, color=colour, markeredgecolor=INK)
            axes.annotate(
                duration(one.median),
                (max(high, one.median), row),
                xytext=(8, 0),
                textcoords="offset points",
                verticalalignment="center",
            )
            name_row(axes, row - 0.2, one.label)
        axes.set_yticks([])
        axes.set_ylim(len(found) - 0.6, -0.8)
        axes.set_xlim(0, 1.3 * max(one.quartiles[1] for one in found))
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.xaxis.set_major_formatter(EngFormatter("s"))
        axes.set_title(title)
        note(figure, below)
    figure.alt_text = f"{title} on {device}. " + " ".join(map(_sentence, found))
    return figure


def draw_roofline(roofline: Roofline) -> DescribedFigure:
    """Draw blocks under the memory roof and the arithmetic roof of their device.

    Args:
        roofline: as `simseg_core.probes.roofline` gives it.

    Returns:
        A figure with logarithmic axes; its legend tells each block's share of what is
        attainable at its intensity. How a block can stand above, the lines below say.

    >>> from simseg_core.probes.timing.ceilings import Block, Ceilings
    >>> peak = Ceilings(1e11, 1e10, "cpu", "an example", "float32", threads=2)
    >>> figure = draw_roofline(Roofline(peak, (Block("3x3", 1e9, 1e8, 0.04),)))
    >>> figure.axes[0].get_xscale()
    'log'
    """
    top, blocks = roofline.ceilings, roofline.blocks
    intensities = [top.ridge, *(block.intensity for block in blocks)]
    ends = np.array([min(intensities) / 4, max(intensities) * 4])
    corner = [ends[0], top.ridge, ends[1]]
    device = f"{top.device}: {top.device_name}, {threaded(top.threads)}, {top.dtype}"
    titles = [
        f"{number} {block.name}: {roofline.standing(block)}"
        for number, block in enumerate(blocks, start=1)
    ]
    labels, below = (
        ["\n".join(wrap(told, ROOM - 0.3, SMALLEST)) for told in lines]
        for lines in (titles, [device, *roofline.reasons])
    )
    with style():
        lines = sum(label.count("\n") + 1 for label in [*labels, *below])
        figure, axes = new_figure(height=3.4 + 0.175 * lines)
        axes.loglog(corner, [top.attainable(x) for x in corner], "-", color=INK)
        axes.axvline(top.ridge, linestyle=":", color=GREY, linewidth=1)
        colours = [colour for _, colour in zip(blocks, cycle(COLOURS))]
        for block, colour, label in zip(blocks, colours, labels):
            axes.plot([], [], "o", mfc=PAPER, mec=colour, mew=1.8, ms=8, label=label)
            roof = top.attainable(block.intensity)
            axes.vlines(block.intensity, *sorted((block.flops, roof)), colour, ":")
        axes.set_xlim(*ends)
        lowest = min([top.flops, *(block.flops for block in blocks)])
        axes.set_ylim(lowest / 3, top.flops * 4)
        axes.xaxis.set_major_formatter("{x:g}")  # exponents would be too small
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.yaxis.set_major_formatter(EngFormatter("FLOP/s", places=0))
        axes.set_xlabel("arithmetic intensity (FLOP per byte moved)")
        axes.set_title(
            f"Roof: {EngFormatter('FLOP/s', places=0)(top.flops)} matrix product, "
            f"{EngFormatter('B/s', places=0)(top.bandwidth)} copy",
            fontsize=SMALLEST,
            loc="right",
        )
        for words, side, shift in (("arithmetic", "left", 4), ("memory", "right", -4)):
            axes.annotate(
                words,
                (top.ridge, top.flops * 2),
                xytext=(shift, 0),
                textcoords="offset points",
                color=GREY,
                ha=side,
            )
        axes.grid(True, which="major")
        for line in below:  # the legend's last lines
            axes.plot([], [], linestyle="none", label=line)
        figure.legend(
            loc="outside lower left", handlelength=0.9, labelspacing=0.35, borderpad=0
        )
        number_points(axes, [(b.intensity, b.flops) for b in blocks], colours)
    figure.alt_text = _roofline_alt_text(roofline)
    return figure


def _one_machine(found: list[Measurement]) -> str:
    machines = {_machine(one) for one in found}
    if len(machines) != 1:
        raise ValueError(
            "one figure is of one device, thread count and type, got "
            f"{sorted(machines) or 'no measurement'}: draw a figure for each"
        )
    return machines.pop()


def _sentence(one: Measurement) -> str:
    low, high = map(duration, one.quartiles)
    median = duration(one.median)
    return f"{one.label}: median {median}, middle half {low} to {high}."


def _roofline_alt_text(roofline: Roofline) -> str:
    """Say where the roofs meet, and for each block how near it comes to them."""
    top = roofline.ceilings
    sentences = [
        f"A roofline of {top.device_name}, {top.dtype}: memory is the limit below "
        f"{top.ridge:.3g} FLOP per byte, arithmetic above."
    ]
    for block in roofline.blocks:
        verb = "stands" if roofline.passed(block) else "reaches"
        sentences.append(
            f"{block.name} at {block.intensity:.3g} FLOP per byte {verb} "
            f"{roofline.standing(block)}."
        )
    return " ".join([*sentences, *roofline.reasons])


def _machine(one: Measurement) -> str:
    what = "forward and backward" if one.backward else "forward"
    return (
        f"{one.device}: {one.device_name}, {threaded(one.threads)}, {one.dtype}; {what}"
    )
