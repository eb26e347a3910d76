"""The rates of an ASPP as a picture: which weights still meet the map.

Above, figure 4 of Chen et al. 2017 (arXiv 1706.05587) as areas: the share of output
pixels that all weights of the filter serve, some, or one alone, as the rate grows.
Below, the pixels that the live branches read, in the middle and in the corner.
"""

from collections.abc import Iterator, Sequence
from itertools import cycle
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import MaxNLocator
from torch import nn

from simseg_core.figures.style import (
    COLOURS,
    INK,
    MARKERS,
    OKABE_ITO,
    PALE,
    SMALLEST,
    WIDTH,
    DescribedFigure,
    new_figure,
    style,
)
from simseg_core.probes.rates import (
    Branch,
    Pair,
    RateSweep,
    rate_sweep,
)
from simseg_core.tables.units import percent

__all__ = ["draw_rate_sweep", "middle_of"]

Window = tuple[tuple[float, float], tuple[float, float]]
_MEAN = OKABE_ITO["blue"]
_AREAS = (  # light, on any page; from the bottom: label, colour, hatch
    ("all weights", OKABE_ITO["sky blue"], ""),
    ("some", OKABE_ITO["yellow"], "//"),
    ("one alone", "#E3E3E3", ".."),
)


def draw_rate_sweep(module: nn.Module, input_size: Sequence[int]) -> DescribedFigure:
    """Draw how many weights fall on the map at every rate, and where the branches read.

    Args:
        module: an ASPP, or a network with one; its rates are heard while it runs.
        input_size: (B, C, H, W) of the module's input.

    Returns:
        A figure: shares of output pixels over the rate, with the module's own rates
        marked; below, the pixels read for the middle and for the corner.

    Raises:
        ValueError: no convolution larger than 1x1 runs in the module.

    >>> figure = draw_rate_sweep(nn.Conv2d(8, 8, 3, padding=6, dilation=6),
    ...                          (1, 8, 33, 33))
    >>> figure.axes[-1].get_xlabel()
    'rate'
    """
    sweep = rate_sweep(module, input_size)
    height, width = sweep.size
    longer = max(height, width)
    tall = min(max(height / width, 0.5), 1.6)
    with style():
        figure, axes = new_figure(
            height=3.3 + WIDTH / 2 * tall,
            nrows=2,
            ncols=2,
            height_ratios=(2.4, WIDTH / 2 * tall),
        )
        grid = axes[0, 0].get_gridspec()
        for panel in axes[0]:
            panel.remove()
        _areas(figure.add_subplot(grid[0, :]), sweep)
        handles: list[Any] = []
        # One scale: padding all round the middle, before and above the corner.
        m = min(max(max(branch.rate) for branch in sweep.branches), 0.6 * longer) + 1.5
        about = ((-m / 2, width + m / 2), (-m / 2, height + m / 2))
        before = ((-m, width), (-m, height))
        for panel, index, name, window in (
            (axes[1, 0], middle_of(sweep), "middle", about),
            (axes[1, 1], (0, 0), "corner", before),
        ):
            handles = _taps(panel, sweep, index, window)
            count = len(sweep.read(index))
            told = f"The {name} pixel\nreads {count} of {height * width}"
            panel.set_title(told, fontsize=SMALLEST)
        columns = 2 if len(handles) == 4 else 3
        figure.legend(handles=handles, loc="outside lower center", ncols=columns)
        engine: Any = figure.get_layout_engine()
        engine.set(h_pad=0.06)  # inches; above the title too
    figure.alt_text = _alt_text(sweep)
    return figure


def _areas(axes: Axes, sweep: RateSweep) -> None:
    """Stack the shares of output pixels that all, some and one of the weights serve."""
    some = [1 - a - b for a, b in zip(sweep.whole, sweep.centre)]
    drawn = axes.stackplot(
        sweep.rates,
        sweep.whole,
        some,
        sweep.centre,
        colors=[colour for _, colour, _ in _AREAS],
        edgecolor="black",
        linewidth=0.5,
    )
    for area, (_, _, hatch) in zip(drawn, _AREAS):
        area.set_hatch(hatch)
    axes.plot(sweep.rates, sweep.mean, "-", color=_MEAN, linewidth=2.4)
    for branch, look in zip(sweep.branches, _looks()):
        rate = max(branch.rate)
        axes.plot([rate] * 2, [0, branch.share], ":", color="black", lw=1.4, zorder=3)
        axes.plot(rate, branch.share, mec=INK, zorder=4, clip_on=False, **look)
    ends = sweep.rates[0], sweep.rates[-1]
    axes.set(xlim=ends, ylim=(0, 1), xlabel="rate", ylabel="output pixels")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_yticks([0, 0.5, 1], ["0 %", "50 %", "100 %"])
    height, width = sweep.size
    axes.set_title(f"Weights that meet a map of {height} × {width}")
    handles: list[Any] = [
        Patch(facecolor=colour, hatch=hatch, edgecolor="black", label=name)
        for name, colour, hatch in _AREAS
    ]
    (mean,) = axes.plot([], [], color=_MEAN, ls="-", lw=2.4, label="mean share")
    axes.legend(
        handles=[*handles, mean],
        loc="upper center",
        bbox_to_anchor=(0.5, -0.22),
        ncols=2,
        columnspacing=1.0,
        handlelength=1.4,
    )


def _looks() -> Iterator[dict[str, Any]]:
    for colour, marker in zip(cycle(COLOURS), cycle(MARKERS)):
        yield {"color": colour, "marker": marker, "ls": "none", "ms": 5.5}


def _taps(axes: Axes, sweep: RateSweep, index: Pair, window: Window) -> list[Any]:
    """Mark the pixels read on the map, and hollow those that are padding."""
    height, width = sweep.size
    axes.add_patch(
        Rectangle((-0.5, -0.5), width, height, facecolor=PALE, edgecolor=INK)
    )
    (left, right), (top, low) = window
    handles: list[Any] = []
    for branch, look in zip(sweep.branches, _looks()):
        taps = branch.taps(index)
        seen = [(y, x) for y, x in taps if left < x < right and top < y < low]
        on_map = [(y, x) for y, x in seen if 0 <= y < height and 0 <= x < width]
        lost = [tap for tap in seen if tap not in on_map]
        for some, fill in ((on_map, "full"), (lost, "none")):
            axes.plot(
                [x for _, x in some], [y for y, _ in some], fillstyle=fill, **look
            )
        label = f"rate {_label(branch)}: {percent(branch.share)}"
        handles += axes.plot([], [], label=label, **look)
    hollow: Any = {**look, "color": INK, "marker": "o", "fillstyle": "none"}
    handles += axes.plot([], [], label="padding", **hollow)
    axes.set(xlim=(left, right), ylim=(low, top), aspect="equal", xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    return handles


def _alt_text(sweep: RateSweep) -> str:
    """Say how many weights each rate keeps on the map, and what is read.

    >>> net = nn.Conv2d(8, 8, 3, padding=6, dilation=6)
    >>> print(_alt_text(rate_sweep(net, (1, 8, 33, 33))))
    Rates of Conv2d on a map of 33 by 33. Of the weights of a filter 77 % at rate 6 fall
    on the map, not in padding. From rate 17 on no output has all of them. From rate 33
    on every output has one alone. The middle pixel reads 9 of the 1089 pixels, the
    corner pixel 4.
    """
    height, width = sweep.size
    sentences = [f"Rates of {sweep.model} on a map of {height} by {width}."]
    shares = ", ".join(
        f"{percent(branch.share)} at rate {_label(branch)}" for branch in sweep.branches
    )
    sentences.append(
        f"Of the weights of a filter {shares} fall on the map, not in padding."
    )
    partial = [rate for rate, share in zip(sweep.rates, sweep.whole) if share == 0]
    if partial:
        sentences.append(f"From rate {partial[0]} on no output has all of them.")
    alone = [rate for rate, share in zip(sweep.rates, sweep.centre) if share == 1]
    if alone:
        sentences.append(f"From rate {alone[0]} on every output has one alone.")
    middle, corner = (len(sweep.read(at)) for at in (middle_of(sweep), (0, 0)))
    sentences.append(
        f"The middle pixel reads {middle} of the {height * width} pixels, the corner "
        f"pixel {corner}."
    )
    return " ".join(sentences)


def _label(branch: Branch) -> str:
    """Write a rate: one number where rows and columns agree."""
    rows, columns = branch.rate
    return str(rows) if rows == columns else f"{rows}×{columns}"


def middle_of(sweep: RateSweep) -> Pair:
    """Find the middle output pixel."""
    rows, columns = sweep.branches[-1].valid.shape
    return rows // 2, columns // 2
