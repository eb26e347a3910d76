"""Why neighbours see different sizes: how many of the lowest values each reaches."""

import copy
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from simseg_core.figures.mechanisms.ink import MADE, READ, WIDTH, WORK, Drawing, Sheet
from simseg_core.probes.field.field import receptive_field

__all__ = ["draw_way_up"]

Interval = tuple[int, int]  # first and last

_ROW, _STEP, _LEFT = 15.0, 24.0, 62.0


def draw_way_up(unet: nn.Module, input_size: Sequence[int]) -> Drawing:
    """Draw, for two neighbouring pixels, the values on the way up that each reads.

    They are two whose fields differ in size. What a pixel reads is found by its
    gradient, in a copy of the network whose weights are positive.

    Args:
        unet: with `contract` and `expand`, the stages of its two ways.
        input_size: (B, C, H, W), so high that the output has rows of all phases.

    Returns:
        A band for each pixel, smaller field first: the pixel on top, the lowest stage's
        values at its foot, cells as wide as the rows of the image they stand for.

    Raises:
        ValueError: if all rows of the output have fields of one size, or see what the
            lowest stage does not.
    """
    field = receptive_field(unet, input_size)
    sizes = field.rows.sizes.tolist()
    turns = [row for row, (a, b) in enumerate(pairwise(sizes)) if a != b]
    if not turns:
        raise ValueError(f"all rows see {sizes[0]}: there is nothing to compare")
    first = turns[len(turns) // 2]
    rows = sorted((first, first + 1), key=lambda row: sizes[row])
    read, margins = _reads(unet, input_size, rows)
    lowest = field[f"contract.{len(margins)}"].rows
    assert lowest.size is not None
    assert lowest.stride is not None

    low, high = min(one[-1][0] for one in read), max(one[-1][1] for one in read)
    unit = (WIDTH - 2 - _LEFT) / (high + 1 - low)
    sheet, told, top = Sheet(), [], 26.0
    for row, levels in zip(rows, read):
        size, count = sizes[row], levels[-1][1] - levels[-1][0] + 1
        if lowest.size + (count - 1) * lowest.stride != size:
            raise ValueError(f"row {row} sees more than {count} of the lowest values")
        sum_ = f"{lowest.size} + {count - 1} · {int(lowest.stride)} = {size}"
        sheet.text(
            0, top - 14, f"output row {row} sees {size}", anchor="start", bold=True
        )
        _band(sheet, top, levels, margins, low, unit)
        foot = top + _STEP * (len(levels) - 1) + _ROW
        sheet.text((WIDTH + _LEFT) / 2, foot + 13, f"{sum_} rows of the image")
        top = foot + 62
        steps = ", ".join(str(b - a + 1) for a, b in levels[1:-1])
        told.append(
            f"Output row {row} reads {steps} and at last {count} values of the stages "
            f"below it; the lowest see {lowest.size} rows each, "
            f"{int(lowest.stride)} apart: {sum_}."
        )
    return sheet.finish(top - 38, " ".join(told))


def _band(
    sheet: Sheet,
    top: float,
    levels: Sequence[Interval],
    margins: Sequence[int],
    low: int,
    unit: float,
) -> None:
    """Draw the pixel, and below it the values that it reads, stage by stage."""
    edges = []
    colours = [MADE, *[READ] * (len(levels) - 2), WORK]
    for level, ((first, last), colour) in enumerate(zip(levels, colours)):
        y, depth = top + _STEP * level, len(levels) - 1 - level
        if colour != READ:
            name = "output" if level == 0 else "lowest"
            sheet.text(0, y + _ROW / 2, name, anchor="start")
        if level:
            count = str(last - first + 1)
            sheet.text(_LEFT - 8, y + _ROW / 2, count, anchor="end")
        ends = [
            _LEFT + unit * (_place(index, depth, margins) - low)
            for index in range(first, last + 2)
        ]
        for left, right in pairwise(ends):
            tint = 0.3 if level else 0.8  # the pixel is small
            sheet.box(left, y, right - left, _ROW, colour, tint=tint, round_=0)
        edges.append((ends[0], ends[-1], y))
    for (a, b, y), (c, d, below) in pairwise(edges):
        sheet.line((a, y + _ROW), (c, below), faint=True)
        sheet.line((b, y + _ROW), (d, below), faint=True)


def _place(index: int, depth: int, margins: Sequence[int]) -> float:
    """Give where a stage's value begins, counted in values of the lowest stage.

    Args:
        index: of the value.
        depth: of its stage, counted upwards from the lowest, 0.
        margins: for each stage of the way up, what its convolutions cut off a side.
    """
    place = float(index)
    for margin in reversed(margins[:depth]):
        place = (place + margin) / 2
    return place


def _reads(
    unet: nn.Module, input_size: Sequence[int], rows: Sequence[int]
) -> tuple[list[list[Interval]], list[int]]:
    """Find what output rows read, of the output first and of the lowest stage last.

    Returns:
        For each row, first and last value of each stage; and for each stage of the way
        up, from the lowest, the values that its convolutions cut off a side.
    """
    twin: Any = copy.deepcopy(unet).double().eval()
    for parameter in twin.parameters():
        parameter.data.abs_()  # no ReLU shuts, no sum cancels
    maps: list[Tensor] = []

    def keep(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        output.retain_grad()
        maps.append(output)

    for stage in (twin.contract[-1], *twin.expand):
        stage.register_forward_hook(keep)
    parameter = next(twin.parameters())
    out = twin(torch.ones(*input_size, dtype=parameter.dtype, device=parameter.device))
    read = []
    for row in rows:
        for one in maps:
            one.grad = None
        out[0, :, row].sum().backward(retain_graph=True)
        spans = []
        for one in reversed(maps):
            assert one.grad is not None
            touched = one.grad.abs().sum(dim=(0, 1, 3)).nonzero().flatten().tolist()
            spans.append((touched[0], touched[-1]))
        read.append(spans)
    heights = [one.shape[2] for one in maps]
    margins = [(2 * a - b) // 2 for a, b in pairwise(heights)]
    return read, margins
