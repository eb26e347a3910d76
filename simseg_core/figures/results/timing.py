"""Measured times with their spread, and blocks under a device's roofline."""

from collections.abc import Iterable
from itertools import cycle
from textwrap import fill

import numpy as np
from matplotlib.ticker import EngFormatter, MaxNLocator

from simseg_core.figures.style import (
    COLOURS,
    GREY,
    MARKERS,
    SMALLEST,
    DescribedFigure,
    new_figure,
    style,
)
from simseg_core.probes.timing.ceilings import Roofline
from simseg_core.probes.timing.comparison import Comparison
from simseg_core.probes.timing.measurement import Measurement
from simseg_core.tables.units import duration, threaded

__all__ = ["draw_roofline", "draw_timings"]

_LINE = 60  # characters of the smallest text that fit the figure's width


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
    with style():
        figure, axes = new_figure(height=1.4 + 0.55 * len(found))
        for row, (one, colour, marker) in enumerate(
            zip(found, cycle(COLOURS), cycle(MARKERS))
        ):
            axes.barh(row, one.median, height=0.55, color=colour, alpha=0.25)
            low, high = one.quartiles
            axes.plot([low, high], [row, row], "-", color=colour, linewidth=4)
            axes.plot(one.median, row, marker, color=colour, markeredgecolor="black")
            axes.annotate(
                duration(one.median),
                (max(high, one.median), row),
                xytext=(8, 0),
                textcoords="offset points",
                verticalalignment="center",
            )
        axes.set_yticks(range(len(found)), [fill(one.label, 18) for one in found])
        axes.set_ylim(len(found) - 0.35, -0.6)
        axes.set_xlim(0, 1.3 * max(one.quartiles[1] for one in found))
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.xaxis.set_major_formatter(EngFormatter("s"))
        axes.set_title(title)
        key = "marker: median; thick line: middle half of the repetitions"
        figure.supxlabel(
            f"{fill(key, _LINE)}\n{fill(device, _LINE)}", fontsize=SMALLEST
        )
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
    reasons = [fill(reason, _LINE) for reason in roofline.reasons]
    intensities = [top.ridge, *(block.intensity for block in blocks)]
    ends = np.array([min(intensities) / 4, max(intensities) * 4])
    corner = [ends[0], top.ridge, ends[1]]
    with style():
        lines = sum(len(reason.splitlines()) for reason in reasons)
        height = 3.6 + 0.22 * len(blocks) + 0.17 * lines
        figure, axes = new_figure(height=height)
        axes.loglog(corner, [top.attainable(x) for x in corner], "-", color="black")
        axes.axvline(top.ridge, linestyle=":", color=GREY, linewidth=1)
        for i, (block, colour) in enumerate(zip(blocks, cycle(COLOURS))):
            # One further with each round of colours: no two blocks look the same.
            marker = MARKERS[(i + i // len(COLOURS)) % len(MARKERS)]
            axes.plot(
                block.intensity,
                block.flops,
                marker,
                color=colour,
                markeredgecolor="black",
                markersize=9,
                linestyle="none",
                label=f"{block.name}: {roofline.standing(block)}",
            )
            roof = top.attainable(block.intensity)
            axes.vlines(block.intensity, *sorted((block.flops, roof)), colour, ":")
        for reason in reasons:  # the legend's last lines
            axes.plot([], [], linestyle="none", label=reason)
        axes.set_xlim(*ends)
        lowest = min([top.flops, *(block.flops for block in blocks)])
        axes.set_ylim(lowest / 3, top.flops * 3)
        axes.xaxis.set_major_formatter("{x:g}")  # exponents would be too small
        axes.yaxis.set_major_formatter(EngFormatter("FLOP/s", places=0))
        device = (
            f"{top.device}: {top.device_name}, {threaded(top.threads)}, {top.dtype}"
        )
        key = "arithmetic intensity (FLOP per byte moved)"
        axes.set_xlabel(f"{key}\n{fill(device, 48)}")
        axes.set_title(
            f"Roof: {EngFormatter('FLOP/s', places=0)(top.flops)} matrix product, "
            f"{EngFormatter('B/s', places=0)(top.bandwidth)} copy"
        )
        axes.text(top.ridge, top.flops * 1.9, " arithmetic", color=GREY)
        axes.text(
            top.ridge,
            top.flops * 1.9,
            "memory ",
            color=GREY,
            horizontalalignment="right",
        )
        axes.grid(True, which="major")
        figure.legend(loc="outside lower left")
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
