"""A skip of the valid U-Net: its centre, stacked on the map that comes from below."""

from collections.abc import Sequence

import torch

from simseg_core.figures.mechanisms.ink import (
    DEEP,
    READ,
    WIDTH,
    WORK,
    Drawing,
    Sheet,
    number,
    shape,
)
from simseg_core.figures.mechanisms.maps import Scale, slab
from simseg_core.models.unet import center_crop

__all__ = ["draw_crop"]

_SIDE, _DEPTH = 92.0, 20.0  # units of the skip
_LEFT, _RIGHT = 14.0, 214.0
_TOP, _LOW = 44.0, 216.0


def draw_crop(skip: Sequence[int], below: Sequence[int]) -> Drawing:
    """Draw how a skip meets the map that comes back up: crop, then concatenation.

    Sides are to scale, and so are the depths, which stand for channels.

    Args:
        skip: (B, C, H, W) of the map that was left behind.
        below: (B, C, H, W) of the map that has come up, square like the skip.

    Returns:
        The skip and its centre above, the map from below and the stack under them.

    Raises:
        ValueError: if the map from below is larger than the skip, or they are not
            square.

    >>> draw_crop((1, 512, 64, 64), (1, 512, 56, 56)).alt_text[:55]
    'A skip of 512 × 64 × 64 loses 4 pixels on each side, wh'
    """
    if skip[-1] != skip[-2] or below[-1] != below[-2] or below[-1] > skip[-1]:
        raise ValueError(
            "crop a square skip to a square map no larger than itself, not "
            f"{tuple(skip)} to {tuple(below)}"
        )
    with torch.device("meta"):  # sizes without numbers
        whole, low = torch.empty(tuple(skip)), torch.empty(tuple(below))
        centre = center_crop(whole, low.shape[-2:])
        stacked = torch.cat([centre, low], dim=1)
    was, cut, came, joined = (
        (m.shape[1], m.shape[2], m.shape[3]) for m in (whole, centre, low, stacked)
    )
    margin = (was[1] - cut[1]) // 2
    scale = Scale(_SIDE / was[1], _DEPTH / max(was[0], came[0]))
    inset, kept = margin * scale.pixel, cut[1] * scale.pixel
    channels = f"{number(cut[0])} + {number(came[0])} = {number(joined[0])} channels"

    sheet = Sheet()
    sheet.text(_LEFT + _SIDE / 2, 12, "skip: where", bold=True)
    slab(sheet, (_LEFT, _TOP), [(was, READ)], scale)
    corner = _LEFT + inset, _TOP + inset
    sheet.box(*corner, kept, kept, WORK, tint=0, dashed=True, round_=0)
    level, between = _TOP + _SIDE / 2, (_LEFT + _SIDE + _DEPTH + _RIGHT) / 2
    sheet.arrow((_LEFT + _SIDE + 24, level), (_RIGHT - 8, level))
    sheet.text(between, level - 28, f"cut {margin} off")
    sheet.text(between, level - 13, "each side")
    sheet.text(_RIGHT + kept / 2, 12, "its centre", bold=True)
    slab(sheet, (_RIGHT, _TOP + inset), [(cut, READ)], scale)

    down = _RIGHT + kept / 2
    sheet.arrow((down, _TOP + _SIDE + 22), (down, _LOW - 24))
    sheet.text(_LEFT + _SIDE / 2, _LOW - 32, "from below: what", bold=True)
    slab(sheet, (_LEFT + inset, _LOW), [(came, DEEP)], scale)
    level = _LOW + kept / 2
    sheet.arrow((_LEFT + _SIDE + 24, level), (_RIGHT - 8, level))
    sheet.text(WIDTH, _LOW - 32, "stacked", anchor="end", bold=True)
    slab(sheet, (_RIGHT, _LOW), [(cut, READ), (came, DEEP)], scale, channels)
    return sheet.finish(
        _LOW + kept + 24,
        f"A skip of {shape(*was)} loses {margin} pixels on each side, which leaves "
        f"{shape(*cut)}. Behind it goes the map from below, {shape(*came)}: "
        f"{channels}, {shape(*joined)}.",
    )
