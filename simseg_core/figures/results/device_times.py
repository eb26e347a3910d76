"""The times of many blocks on one device, beside those of other devices."""

from collections.abc import Sequence
from itertools import cycle
from textwrap import shorten

from matplotlib.ticker import EngFormatter, LogLocator

from simseg_core.figures.style import (
    COLOURS,
    GREY,
    INK,
    PAPER,
    SMALLEST,
    DescribedFigure,
    new_figure,
    style,
)
from simseg_core.figures.text import ROOM, fit, note, wrap
from simseg_core.probes.timing.device_times import DeviceTimes
from simseg_core.tables.units import duration

__all__ = ["draw_device_times"]

_NAME = 1.9  # inches of a block's name
_OTHERS = ("D", "v", "P", "X")  # markers of stored results, hollow


def draw_device_times(
    times: DeviceTimes,
    *,
    mode: str | None = None,
    stored: Sequence[DeviceTimes] = (),
    this_run: bool = True,
) -> DescribedFigure:
    """Draw each block's forward pass and training step, on a logarithmic axis.

    Args:
        times: of the reader's device, or of another.
        mode: which of its modes; None takes the first.
        stored: of other devices or other days; the training steps of blocks of the same
            name and input are drawn hollow, each file's origin below the figure.
        this_run: whether `times` were just measured; the words below say so.

    Returns:
        A figure with a row a block; each file's device and day stand below it.

    Raises:
        ValueError: if there is no such mode, or more stored results than markers.
    """
    mode = _mode(times, mode)
    if len(stored) > len(_OTHERS):
        raise ValueError(
            f"{len(stored)} stored results in one figure: draw {len(_OTHERS)} at most"
        )
    blocks = times.modes[mode]
    rows = {name: row for row, name in enumerate(blocks)}
    which = "This run" if this_run else "Stored, not this run"
    notes = [f"{which}, {mode}: {times.origin}"]
    with style():
        figure, axes = new_figure(height=2.1 + 0.29 * len(blocks) + 0.45 * len(stored))
        for key, marker, colour in (
            ("forward", "o", COLOURS[0]),
            ("step", "s", COLOURS[1]),
        ):
            found = [getattr(block, key) for block in blocks.values()]
            for row, one in enumerate(found):
                axes.plot(one.quartiles, [row, row], "-", color=colour, linewidth=4)
            label = "forward" if key == "forward" else "step: forward and backward"
            axes.plot(
                [one.median for one in found],
                range(len(found)),
                marker,
                color=colour,
                markeredgecolor=INK,
                label=label,
            )
        for other, marker in zip(stored, cycle(_OTHERS)):
            same = _alike(times, other, mode)
            if not same:
                notes.append(f"Not drawn, other blocks or sizes: {other.origin}")
                continue
            axes.plot(
                [other.modes[mode][name].step.median for name in same],
                [rows[name] + 0.3 for name in same],
                marker,
                color=GREY,
                markerfacecolor=PAPER,
                label=_short(other),
            )
            notes.append(f"Stored, not this run, {mode}: {other.origin}")
        axes.set_yticks(range(len(rows)), [fit(name, _NAME) for name in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(10))
        axes.xaxis.set_major_formatter(EngFormatter("s"))
        axes.grid(True, axis="x", which="major")
        axes.set_title("Time of each block")
        figure.legend(loc="outside upper left")
        note(figure, [line for one in notes for line in wrap(one, ROOM, SMALLEST)])
    figure.alt_text = _alt_text(times, mode, notes)
    return figure


def _alt_text(times: DeviceTimes, mode: str, notes: Sequence[str]) -> str:
    """Say each block's two times, and whose times stand beside them."""
    parts = [
        f"{name}: {duration(block.forward.median)} forward, "
        f"{duration(block.step.median)} forward and backward"
        for name, block in times.modes[mode].items()
    ]
    return ". ".join([notes[0], "; ".join(parts), *notes[1:], ""]).rstrip()


def _mode(times: DeviceTimes, mode: str | None) -> str:
    mode = next(iter(times.modes)) if mode is None else mode
    if mode not in times.modes:
        raise ValueError(f"no times in mode {mode!r}; there are {list(times.modes)}")
    return mode


def _alike(times: DeviceTimes, other: DeviceTimes, mode: str) -> list[str]:
    """Name the blocks that both timed, in the same mode on the same input."""
    theirs = other.modes.get(mode, {})
    return [
        name
        for name, block in times.modes[mode].items()
        if name in theirs and theirs[name].shape == block.shape
    ]


def _short(times: DeviceTimes) -> str:
    name = shorten(times.device_name, 34, placeholder=" …")
    return f"step, stored, not this run: {name}"
