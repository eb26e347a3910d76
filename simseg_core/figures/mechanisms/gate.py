"""A channel gate at work: what it reads of a map, and how far it opens for it."""

from typing import Any

import torch
from torch import Tensor, nn

from simseg_core.figures.mechanisms.ink import (
    MADE,
    READ,
    WORK,
    Drawing,
    Sheet,
    number,
)

__all__ = ["draw_gate"]

_CENTRES = (144.0, 282.0)  # of the two channels
_CELL, _TALL = 44.0, 26.0


def draw_gate(gate: nn.Module, x: Tensor) -> Drawing:
    """Draw a channel gate on a toy map: mean and maximum, MLP, sigmoid, product.

    Args:
        gate: a channel attention: `mlp` takes (B, 2), the gate itself the map.
        x: (1, 2, 1, 2): two channels of two places.

    Returns:
        One column a channel, from the map down to the map that has passed the gate.

    Raises:
        ValueError: if the map has another shape, or the gate does not give the map
            times sigmoid(mlp(mean) + mlp(max)).

    >>> from simseg_core.models import ChannelAttention
    >>> _ = torch.manual_seed(0)
    >>> toy = torch.tensor([[[[1.0, 3.0]], [[-3.0, 1.0]]]])
    >>> draw_gate(ChannelAttention(2, reduction=1), toy).alt_text[:44]
    'Channel 1 holds 1 and 3: mean 2, maximum 3; '
    """
    if x.shape != (1, 2, 1, 2):
        raise ValueError(f"the toy map is (1, 2, 1, 2), not {tuple(x.shape)}")
    mlp: Any = gate.mlp
    with torch.no_grad():
        mean, most = x.mean(dim=(2, 3)), x.amax(dim=(2, 3))
        halves = torch.stack([mlp(mean)[0], mlp(most)[0]])
        scores = halves.sum(dim=0)
        gates = scores.sigmoid()
        passed = gates.view(1, 2, 1, 1) * x
        if not torch.allclose(gate(x), passed):
            raise ValueError("this gate is not sigmoid(mlp(mean) + mlp(max)) times x")

    sheet = Sheet()
    for y, words in (
        (18, "map"),
        (76, "reads"),
        (178, "score"),
        (226, "gate"),
        (322, "passes"),
    ):
        sheet.text(0, y, words, anchor="start", bold=True)
    sheet.box(_CENTRES[0] - 62, 112, _CENTRES[1] - _CENTRES[0] + 124, _TALL, WORK)
    sheet.text(sum(_CENTRES) / 2, 125, "one MLP, for mean and maximum")
    for channel, x0 in enumerate(_CENTRES):
        _cells(sheet, x0, 5, x[0, channel, 0].tolist(), READ)
        sheet.arrow((x0, 31), (x0, 61))
        for side, (words, value) in enumerate((("mean", mean), ("max", most))):
            left = x0 - 62 + 64 * side
            sheet.box(left, 63, 60, _TALL, READ)
            sheet.text(left + 30, 76, f"{words} {number(value[0, channel].item())}")
            sheet.arrow((left + 30, 89), (left + 30, 111))
        sheet.arrow((x0, 138), (x0, 166))
        a, b = (number(half) for half in halves[:, channel].tolist())
        sheet.text(x0, 178, f"{a} + {b} = {number(scores[channel].item())}")
        sheet.arrow((x0, 190), (x0, 212))
        sheet.box(x0 - 46, 213, 92, _TALL, faint=True)
        sheet.box(x0 - 46, 213, 92 * gates[channel].item(), _TALL, WORK)
        sheet.text(x0, 226, number(gates[channel].item()))
        sheet.arrow((x0, 239), (x0, 262))
        sheet.text(x0, 272, "×", size=18)
        outer = x0 + (70 if channel else -70)
        near = x0 + (10 if channel else -10)
        edge = x0 + (_CELL if channel else -_CELL)
        sheet.arrow((edge, 18), (outer, 18), (outer, 272), (near, 272))
        sheet.arrow((x0, 282), (x0, 307))
        _cells(sheet, x0, 309, passed[0, channel, 0].tolist(), MADE)
    sheet.text(sum(_CENTRES) / 2, 202, "sigmoid")
    told = [
        f"Channel {n + 1} holds {_pair(x[0, n, 0])}: mean {number(mean[0, n].item())}, "
        f"maximum {number(most[0, n].item())}; the MLP's two answers, "
        f"{_pair(halves[:, n])}, add up to {number(scores[n].item())}, the sigmoid "
        f"opens its gate to {number(gates[n].item())}, and {_pair(passed[0, n, 0])} "
        "pass."
        for n in range(2)
    ]
    return sheet.finish(340, " ".join(told))


def _cells(
    sheet: Sheet, centre: float, top: float, values: list[float], colour: str
) -> None:
    for place, value in enumerate(values):
        left = centre + _CELL * (place - 1)
        sheet.box(left, top, _CELL, _TALL, colour, round_=0)
        sheet.text(left + _CELL / 2, top + _TALL / 2, number(value))


def _pair(values: Tensor) -> str:
    return " and ".join(map(number, values.tolist()))
