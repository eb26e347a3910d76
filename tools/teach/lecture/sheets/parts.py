"""Tasks with blanks, and the two that most chapters have: shapes, and a field."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from random import Random
from typing import NamedTuple

import torch
from torch import nn

from simseg_core.probes import receptive_field, trace_shapes


class Blank(str):
    """An entry of a table that is left to write in; as text, what belongs there."""


Rows = Sequence[Sequence[str]]
Layer = nn.Conv2d | nn.MaxPool2d


class Task(NamedTuple):
    """One task of a worksheet.

    Attributes:
        title: a heading.
        words: paragraphs of plain text.
        header: names of the table's columns.
        rows: entries; those that are `Blank` are asked.
        lines: empty lines to write on, below the table.
    """

    title: str
    words: Sequence[str]
    header: Sequence[str]
    rows: Rows
    lines: int = 0


def without_answers(task: Task) -> Task:
    """Return a task whose blanks hold nothing."""
    rows = [[Blank() if isinstance(e, Blank) else e for e in row] for row in task.rows]
    return task._replace(rows=rows)


def number(value: float) -> str:
    """Write a number as one does by hand: two decimals at most, thousands set apart.

    >>> number(0.5), number(1 / 3), number(2304.0)
    ('0.5', '0.33', '2,304')
    """
    short = f"{value:,.2f}"
    return short.rstrip("0").rstrip(".")


def ask(draw: Random, answer: float | str, share: float = 1.0) -> str:
    """Return an entry: with a probability of `share` a blank."""
    text = answer if isinstance(answer, str) else number(answer)
    return Blank(text) if draw.random() < share else text


# --- a network's shapes ---------------------------------------------------------------


def shapes_task(
    model: nn.Module,
    size: tuple[int, int, int],
    words: Sequence[str],
    steps: Mapping[str, str],
    draw: Random,
    *,
    depth: int,
) -> Task:
    """Ask for channels and side of maps, row by row from a network's live trace.

    Args:
        model: on the device `meta`, where nothing is computed.
        size: channels, height and width of the image; a square.
        words: the rules that solve it.
        steps: from a pattern of ``stage operation`` to what a pupil reads of that row.
            Rows that match none are left out.
        draw: decides which entries are given.
        depth: of the trace.
    """
    rows = [["the image", number(size[0]), number(size[1])]]
    for row in trace_shapes(model, (1, *size), depth=depth):
        called = f"{row.stage} {row.operation}"
        told = next((steps[one] for one in steps if re.fullmatch(one, called)), None)
        if told is None:
            continue
        channels, side = row.output_shape[1], row.output_shape[-1]
        name = f"{row.stage}: " if row.stage else ""
        rows.append([name + told, ask(draw, channels, 0.7), ask(draw, side, 0.8)])
    header = ("step", "channels", "side")
    return Task("Trace the shapes", words, header, rows)


# --- a receptive field ----------------------------------------------------------------


def conv(kernel: int, stride: int = 1, rate: int = 1) -> nn.Conv2d:
    """Return a padded convolution of one channel."""
    padding = rate * (kernel // 2)
    return nn.Conv2d(1, 1, kernel, stride, padding=padding, dilation=rate)


def pool(kernel: int, stride: int) -> nn.MaxPool2d:
    """Return a max-pooling."""
    return nn.MaxPool2d(kernel, stride, padding=(kernel - 1) // 2)


def describe(layer: Layer) -> str:
    """Say what a layer is, as far as its field depends on it.

    >>> describe(conv(3, rate=2)), describe(pool(2, 2))
    ('convolution 3x3, rate 2', 'max-pooling 2x2, stride 2')
    """
    kernel, stride, rate = (
        value[0] if isinstance(value, tuple) else value
        for value in (layer.kernel_size, layer.stride, layer.dilation)
    )
    kind = "convolution" if isinstance(layer, nn.Conv2d) else "max-pooling"
    extras = [f"stride {stride}"] * (stride != 1) + [f"rate {rate}"] * (rate != 1)
    return ", ".join([f"{kind} {kernel}x{kernel}", *extras])


def field_task(layers: Sequence[Layer], side: int = 512) -> Task:
    """Ask what one value sees after each of several layers in a row."""
    with torch.device("cpu"):
        field = receptive_field(nn.Sequential(*layers), (1, 1, side, side))
    rows = [["the image", "1", "1"]]
    for place, layer in enumerate(layers):
        seen = field[str(place)]
        asked = Blank if place else str
        rows.append([describe(layer), asked(seen.size[0]), asked(seen.rows.stride)])
    words = (
        "How many pixels of a row does one value of the last map see? Walk forward. A "
        "layer of kernel k and rate r reads k values that are r values apart, and "
        "neighbours are a step apart in the image: the field grows by (k - 1) · r "
        "steps. Then a stride multiplies the step.",
    )
    header = ("layer", "field (pixels)", "step (pixels)")
    return Task("A receptive field by hand", words, header, rows, lines=2)
