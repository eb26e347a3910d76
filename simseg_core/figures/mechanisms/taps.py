"""Where the taps of a 3x3 kernel stand at several rates, and what three layers read."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from simseg_core.figures.mechanisms.ink import READ, WIDTH, WORK, Drawing, Sheet
from simseg_core.probes.field.brute_force import gradient_support

__all__ = ["draw_taps"]

_PANEL, _GAP = 108.0, 16.0


def draw_taps(rates: Sequence[int] = (1, 2, 3), *, layers: int = 3) -> Drawing:
    """Draw for each rate the pixels that one kernel reads, and that a stack reads.

    The pixels are those with a gradient: a network of such layers is run.

    Args:
        rates: up to three, one panel each.
        layers: how many convolutions of the same rate the lower row stacks.

    Returns:
        All panels on one scale.

    Raises:
        ValueError: if there are no rates, more than three, or one below 1.

    >>> draw_taps((2,)).alt_text
    'Rate 2: one 3x3 kernel reads 9 of 25 pixels, 3 layers in a row read 49 of 169.'
    """
    if not 1 <= len(rates) <= 3 or min(rates) < 1:
        raise ValueError(f"give one to three rates of at least 1, not {tuple(rates)}")
    sheet, told = Sheet(), []
    unit = _PANEL / (2 * layers * max(rates) + 1)
    start = (WIDTH - len(rates) * _PANEL - (len(rates) - 1) * _GAP) / 2
    sheet.text(WIDTH / 2, 174, f"{layers} such layers in a row", bold=True)
    for place, rate in enumerate(rates):
        left = start + place * (_PANEL + _GAP)
        one, many = _read([rate]), _read([rate] * layers)
        sheet.text(left + _PANEL / 2, 10, f"rate {rate}", bold=True)
        _panel(sheet, left, 22, one, unit, WORK)
        sheet.text(left + _PANEL / 2, 144, _share(one))
        _panel(sheet, left, 190, many, unit, READ)
        sheet.text(left + _PANEL / 2, 312, _share(many))
        told.append(
            f"Rate {rate}: one 3x3 kernel reads {_share(one)} pixels, {layers} layers "
            f"in a row read {_share(many)}."
        )
    return sheet.finish(322, " ".join(told))


def _read(rates: Sequence[int]) -> Tensor:
    """Find the pixels that the middle output of a stack reads: a square mask."""
    with torch.random.fork_rng(devices=[]):  # a chapter's random numbers stay its own
        stack = nn.Sequential(*(nn.Conv2d(1, 1, 3, dilation=rate) for rate in rates))
    side = 1 + 2 * sum(rates)
    return gradient_support(stack, (1, side, side), (0, 0))


def _share(mask: Tensor) -> str:
    return f"{int(mask.sum())} of {mask.numel()}"


def _panel(
    sheet: Sheet, left: float, top: float, mask: Tensor, unit: float, colour: str
) -> None:
    inset = (_PANEL - len(mask) * unit) / 2
    sheet.box(left, top, _PANEL, _PANEL, round_=0, faint=True)
    sheet.box(
        left + inset, top + inset, len(mask) * unit, len(mask) * unit, colour, round_=0
    )
    corners = [
        (left + inset + x * unit + 0.4, top + inset + y * unit + 0.4)
        for y, x in torch.nonzero(mask).tolist()
    ]
    sheet.squares(corners, unit - 0.8, colour)
