"""Which weights touch which channel: a full convolution beside its two halves."""

from torch import nn

from simseg_core.figures.mechanisms.ink import (
    MADE,
    READ,
    WORK,
    Drawing,
    Sheet,
    number,
)

__all__ = ["draw_separable"]

_CELL = 5.4  # units a weight
_KERNEL, _GAP = 3 * _CELL, 5.0
_STEP = _KERNEL + _GAP
_TOP = 48.0
_CENTRES = (68.0, 190.0, 308.0)
_PANELS = ("full 3×3", "depthwise 3×3", "pointwise 1×1")


def draw_separable(
    full: nn.Conv2d, depthwise: nn.Conv2d, pointwise: nn.Conv2d
) -> Drawing:
    """Draw every weight where it stands: its column reads, its row writes a channel.

    Args:
        full: a 3x3 convolution of up to 4 channels.
        depthwise: one of as many groups as channels.
        pointwise: a 1x1 convolution, to as many channels as `full`.

    Returns:
        Three tables, input channels from left to right and output channels down.

    Raises:
        ValueError: if the halves do not read and write what the full one does, or
            there are more than 4 channels.

    >>> full = nn.Conv2d(3, 4, 3, bias=False)
    >>> each, mix = nn.Conv2d(3, 3, 3, groups=3, bias=False), nn.Conv2d(3, 4, 1)
    >>> draw_separable(full, each, mix).alt_text[-42:]
    'The halves have 39 weights instead of 108.'
    """
    c_in, c_out = full.in_channels, full.out_channels
    ends = (depthwise.in_channels, depthwise.out_channels, pointwise.in_channels)
    if ends != (c_in,) * 3 or pointwise.out_channels != c_out or max(c_in, c_out) > 4:
        raise ValueError(
            f"full convolves {c_in} to {c_out} channels (4 at most), the halves "
            f"{ends[0]} to {ends[1]} and {ends[2]} to {pointwise.out_channels}"
        )
    convs = full, depthwise, pointwise
    counts = [conv.weight.numel() for conv in convs]
    sheet, foot = Sheet(), _TOP + _STEP * max(c_in, c_out)
    for centre, name, conv, count in zip(_CENTRES, _PANELS, convs, counts):
        _table(sheet, centre, conv)
        sheet.text(centre, 10, name, bold=True)
        sheet.text(centre, foot + 8, f"{number(count)} weights")
    corner = _CENTRES[0] - (c_in * _STEP - _GAP) / 2 - 15
    sheet.text(corner, _TOP - 15, "in")
    sheet.text(corner, _TOP + c_out * _STEP + 8, "out")
    halves = map(number, counts[1:])
    sheet.line((_CENTRES[1] - 44, foot + 24), (_CENTRES[2] + 44, foot + 24))
    middle = (_CENTRES[1] + _CENTRES[2]) / 2
    told = f"{' + '.join(halves)} = {number(sum(counts[1:]))} weights"
    sheet.text(middle, foot + 38, told, bold=True)
    return sheet.finish(foot + 50, _alt_text(c_in, c_out, counts))


def _table(sheet: Sheet, centre: float, conv: nn.Conv2d) -> None:
    """Draw a square for each weight, under its channel in, beside its channel out."""
    rows, columns, side = conv.out_channels, conv.in_channels, conv.kernel_size[0]
    left = centre - (columns * _STEP - _GAP) / 2
    inset = (3 - side) / 2 * _CELL
    for column in range(columns):
        sheet.box(left + column * _STEP, _TOP - 20, _KERNEL, 10, READ)
    for row in range(rows):
        sheet.box(left - 20, _TOP + row * _STEP, 10, _KERNEL, MADE)
        each = conv.weight.shape[1]
        group = row * conv.groups // rows
        for column in range(columns):
            x, y = left + column * _STEP, _TOP + row * _STEP
            sheet.box(x, y, _KERNEL, _KERNEL, round_=0, faint=True)
            if column // each == group:
                places = range(side)
                corners = [
                    (x + inset + _CELL * i + 0.4, y + inset + _CELL * j + 0.4)
                    for j in places
                    for i in places
                ]
                sheet.squares(corners, _CELL - 0.8, WORK)


def _alt_text(c_in: int, c_out: int, counts: list[int]) -> str:
    full, depthwise, pointwise = map(number, counts)
    return (
        f"{c_in} channels in, {c_out} out. The full 3x3 convolution has a kernel for "
        f"each pair, {full} weights. Depthwise, each channel has one kernel of its "
        f"own, {depthwise} weights; the pointwise 1x1 one has a weight for each pair, "
        f"{pointwise}. The halves have {number(sum(counts[1:]))} weights instead of "
        f"{full}."
    )
