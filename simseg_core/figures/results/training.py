"""Losses over the steps, and the scores of several seeds side by side."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import count, cycle
from textwrap import fill

import numpy as np
from matplotlib.ticker import MaxNLocator

from simseg_core.figures.style import (
    COLOURS,
    INK,
    LINES,
    MARKERS,
    OKABE_ITO,
    DescribedFigure,
    new_figure,
    style,
)
from simseg_core.figures.text import name_row
from simseg_core.training.seeds import SeedRuns, measure_name

__all__ = ["draw_losses", "draw_run", "draw_seed_spread"]

_ROW = 0.5  # inches of a network: its name, and its seeds below each other


def draw_losses(
    losses: Mapping[str, Sequence[float] | SeedRuns], *, smooth: int = 10
) -> DescribedFigure:
    """Draw the loss of each training over its steps.

    Args:
        losses: name -> loss of every step, or the runs of several seeds: then a line
            is the mean over the seeds and a band their range.
        smooth: steps that one point is the mean of; 1 shows every step.

    Returns:
        A figure with a logarithmic loss axis.

    Raises:
        ValueError: if there is nothing to draw, or seeds ran for different steps.

    >>> figure = draw_losses({"with skips": [2.0, 1.0, 0.5]}, smooth=1)
    >>> [text.get_text() for text in figure.legends[0].get_texts()]
    ['with skips']
    """
    if not losses or smooth < 1:
        raise ValueError(
            f"nothing to draw: {len(losses)} trainings, smooth={smooth}; give a name "
            "and the losses of one training at least, and smooth=1 or more"
        )
    with style():
        rows = sum(fill(name, 44).count("\n") + 1 for name in losses)
        figure, axes = new_figure(height=3.2 + 0.2 * rows)
        sentences = []
        for (name, runs), (colour, line) in zip(losses.items(), _lines()):
            each = runs.losses.values() if isinstance(runs, SeedRuns) else [runs]
            steps, curves = _smoothed(name, list(each), smooth)
            mean = curves.mean(axis=0)
            sentences.append(f"{name}: from {mean[0]:.2g} to {mean[-1]:.2g}.")
            dot = "o" if len(steps) == 1 else ""
            label = fill(name, 44)
            axes.plot(steps, mean, dot + line, color=colour, label=label, linewidth=1.8)
            if len(curves) > 1:
                low, high = curves.min(axis=0), curves.max(axis=0)
                axes.fill_between(steps, low, high, color=colour, alpha=0.2, lw=0)
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(_plain)
        axes.yaxis.set_minor_formatter(_plain_if_leading)
        mean_of = f", mean of {smooth} steps" if smooth > 1 else ""
        axes.set_ylabel(f"cross-entropy{mean_of}")
        axes.set_xlabel("step")
        if axes.dataLim.width == 0:  # one point
            axes.set_xlim(axes.dataLim.x0 - 1, axes.dataLim.x0 + 1)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(True, which="major", axis="y")
        figure.legend(loc="outside upper left")
    figure.alt_text = " ".join([f"The loss{mean_of}.", *sentences])
    return figure


def draw_run(
    losses: Sequence[tuple[int, float]], scores: Sequence[tuple[int, float]]
) -> DescribedFigure:
    """Draw how a run goes: its loss, and below it what validation says.

    Args:
        losses: steps and the loss there.
        scores: steps and the mean IoU there, 0 to 1; there may be none yet.

    Returns:
        A figure of two panels over the same steps, the loss on a logarithmic axis.

    Raises:
        ValueError: if there is no loss.

    >>> draw_run([(1, 2.0), (2, 1.0)], [(2, 0.5)]).alt_text
    'The loss from 2 to 1 over 2 steps. Mean IoU in validation: 0.50 at step 2.'
    """
    if not losses:
        raise ValueError("nothing to draw: give the loss of one step at least")
    with style():
        figure, (above, below) = new_figure(height=4.4, nrows=2, sharex=True)
        above.plot(*zip(*losses), "o" if len(losses) == 1 else "-", linewidth=1.2)
        above.set_yscale("log")
        above.yaxis.set_major_formatter(_plain)
        above.yaxis.set_minor_formatter(_plain_if_leading)
        above.set_ylabel("loss")
        if scores:
            below.plot(*zip(*scores), marker="o", linestyle="-")
        below.set_ylim(0, 1)
        below.set_ylabel("mean IoU, validation")
        below.set_xlabel("step")
        below.xaxis.set_major_locator(MaxNLocator(integer=True))
        for axes in (above, below):
            axes.grid(True, which="major", axis="y")
    told = ", ".join(f"{score:.2f} at step {step}" for step, score in scores)
    figure.alt_text = (
        f"The loss from {losses[0][1]:.2g} to {losses[-1][1]:.2g} over "
        f"{losses[-1][0]} steps. Mean IoU in validation: {told or 'none yet'}."
    )
    return figure


def draw_seed_spread(
    variants: Mapping[str, SeedRuns], measures: Sequence[str] = ("miou",)
) -> DescribedFigure:
    """Draw each seed's score as a dot and the median as a bar, with its value.

    Args:
        variants: the network's name -> its runs.
        measures: ``"miou"``, ``"boundary_miou"``, ``"pixel_accuracy"`` or names of
            classes, for their IoU; one panel each.

    Returns:
        A figure with one panel a measure, all on the scale of 0 to 1.

    Raises:
        ValueError: if there is nothing to draw or no such measure.

    >>> from simseg_core.training.metrics import Scores
    >>> runs = SeedRuns({seed: Scores({"pole": 0.5}, {}, 0.9) for seed in (0, 1)})
    >>> figure = draw_seed_spread({"U-Net": runs}, ["pole", "miou"])
    >>> [axes.get_title(loc="left") for axes in figure.axes]
    ['IoU of pole', 'mIoU']
    """
    if not variants or not measures:
        raise ValueError("nothing to draw: give one network and one measure at least")
    rows = len(variants)
    with style():
        figure, panels = new_figure(
            height=0.65 + len(measures) * (0.42 + _ROW * rows),
            nrows=len(measures),
            sharex=True,
            squeeze=False,
        )
        for axes, measure in zip(panels[:, 0], measures):
            for row, ((name, runs), colour, marker) in enumerate(
                zip(variants.items(), cycle(COLOURS), cycle(MARKERS))
            ):
                values, middle = runs.values(measure), runs.median(measure)
                # Seeds of equal scores stand below each other, the first on top.
                at = row + np.linspace(-1, 1, len(values) + 2)[1:-1] * 0.24
                axes.plot(
                    values,
                    at,
                    marker,
                    color=colour,
                    markeredgecolor=INK,
                    markersize=5.5,
                    clip_on=False,  # a score of 0 is a whole dot too
                    zorder=3,
                )
                axes.vlines(middle, row - 0.27, row + 0.27, INK, "-", lw=2)
                name_row(axes, row - 0.26, name)
                # Beside the axis, where no dot can lie under it.
                axes.text(1.03, row, f"{middle:.2f}", verticalalignment="center")
            axes.set_yticks([])
            axes.set_ylim(rows - 0.6, -0.75)
            axes.set_xlim(0, 1)
            axes.grid(True, axis="x")
            axes.set_title(measure_name(measure))
        seeds = len(next(iter(variants.values())).scores)
        panels[-1, 0].set_xlabel(f"a dot a seed ({seeds}); bar and number: median")
    figure.alt_text = _spread_alt_text(variants, measures)
    return figure


def _spread_alt_text(variants: Mapping[str, SeedRuns], measures: Sequence[str]) -> str:
    """Say median and range of each network, measure by measure."""
    seeds = len(next(iter(variants.values())).scores)
    sentences = [f"The scores of {seeds} seeds."]
    for measure in measures:
        scores = "; ".join(
            f"{name} {runs.median(measure):.2f}, {low:.2f} to {high:.2f}"
            for name, runs in variants.items()
            for low, high in [runs.spread(measure)]
        )
        sentences.append(f"{measure_name(measure)}, median and range: {scores}.")
    return " ".join(sentences)


def _lines() -> Iterator[tuple[str, str]]:
    """Give colours and dashes, no two pairs alike; yellow is too faint for a line."""
    dark = [colour for colour in COLOURS if colour != OKABE_ITO["yellow"]]
    for number in count():
        yield (
            dark[number % len(dark)],
            LINES[(number % len(dark) + number // len(dark)) % 4],
        )


def _smoothed(
    name: str, curves: Sequence[Sequence[float]], smooth: int
) -> tuple[np.ndarray, np.ndarray]:
    """Give the middle step of each group of `smooth` steps, and the groups' means."""
    lengths = {len(curve) for curve in curves}
    if len(lengths) != 1 or 0 in lengths:
        raise ValueError(
            f"{name!r} has runs of {sorted(lengths)} steps: give runs of equal length, "
            "one step or more"
        )
    length = lengths.pop()
    smooth = min(smooth, length)
    groups = length // smooth
    kept = np.asarray(curves, dtype=float)[:, : groups * smooth]
    steps = np.arange(groups) * smooth + (smooth - 1) / 2
    return steps, kept.reshape(len(curves), groups, smooth).mean(axis=2)


def _plain(value: float, position: int | None = None) -> str:
    return f"{value:g}"


def _plain_if_leading(value: float, position: int | None = None) -> str:
    """Label 2 and 5 between the powers of ten: 0.2, 0.5, 2, 5."""
    return f"{value:g}" if f"{value:e}"[0] in "25" else ""
