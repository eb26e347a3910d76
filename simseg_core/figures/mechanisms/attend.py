"""Attention for one asking pixel of a 2x2 map, each number on the way shown."""

from torch import Tensor

from simseg_core.figures.mechanisms.ink import (
    MADE,
    READ,
    WORK,
    Drawing,
    Sheet,
    number,
    vector,
)

__all__ = ["draw_query_key_value"]

_NAMES = "ABCD"
_TOP, _STEP, _TALL = 78.0, 38.0, 24.0  # of the four rows


def draw_query_key_value(query: Tensor, key: Tensor, value: Tensor) -> Drawing:
    """Draw how one query reads four pixels: scores, softmax, weighted sum.

    Args:
        query: (D,), of the pixel that asks.
        key: (4, D), of the pixels of a 2x2 map, row by row.
        value: (4, E).

    Returns:
        One row a pixel; below them the sum of the weights, and what is read.

    Raises:
        ValueError: if the shapes are others.

    >>> import torch
    >>> ones = torch.ones(4, 1)
    >>> draw_query_key_value(torch.ones(1), ones, ones).alt_text[:38]
    'A query 1 scores four keys, A 1, B 1, '
    """
    if query.dim() != 1 or key.shape != (4, len(query)) or len(value) != 4:
        raise ValueError(
            f"give a query (D,), keys (4, D) and values (4, E), not "
            f"{tuple(query.shape)}, {tuple(key.shape)} and {tuple(value.shape)}"
        )
    scores = key @ query
    weights = scores.softmax(dim=0)
    parts = weights[:, None] * value
    read = parts.sum(dim=0)

    sheet = Sheet()
    sheet.box(58, 6, 64, _TALL, READ)
    sheet.text(90, 18, f"query {vector(query.tolist())}")
    sheet.arrow((90, 30), (90, 50))
    sheet.text(148, _TOP - 32, "query · key")
    sheet.text(216, _TOP - 32, "softmax")
    for x, words in ((90, "key"), (146, "score"), (216, "weight"), (290, "value")):
        sheet.text(x, _TOP - 16, words, bold=True)
    tall = 3 * _STEP + _TALL
    sheet.box(128, _TOP - 4, 36, tall + 8, WORK, tint=0)
    for row, name in enumerate(_NAMES):
        top = _TOP + row * _STEP
        middle = top + _TALL / 2
        _pixel(sheet, row, middle)
        sheet.text(12, middle, name, bold=True)
        sheet.box(60, top, 60, _TALL, READ)
        sheet.text(90, middle, vector(key[row].tolist()))
        sheet.text(146, middle, number(scores[row].item()))
        sheet.text(196, middle, number(weights[row].item()))
        sheet.box(212, middle - 6, 38, 12, faint=True)
        sheet.box(212, middle - 6, 38 * weights[row].item(), 12, WORK, tint=0.5)
        sheet.text(258, middle, "×")
        sheet.box(268, top, 44, _TALL, READ)
        sheet.text(290, middle, vector(value[row].tolist()))
        sheet.text(320, middle, "=")
        sheet.text(342, middle, vector(parts[row].tolist()))
    centre = _TOP + tall / 2
    sheet.arrow((166, centre), (181, centre))
    end = _TOP + tall + 10
    sheet.line((182, end), (250, end))
    sheet.line((324, end), (360, end))
    sheet.text(214, end + 18, f"sum {number(weights.sum().item())}")
    sheet.text(318, end + 18, "sum", anchor="end")
    sheet.box(325, end + 6, 34, _TALL, MADE)
    sheet.text(342, end + 18, vector(read.tolist()), bold=True)
    return sheet.finish(end + 36, _alt_text(query, scores, weights, value, parts))


def _pixel(sheet: Sheet, index: int, middle: float) -> None:
    """Show where the pixel lies in the map of 2x2."""
    for place in range(4):
        x, y = 26 + 11 * (place % 2), middle - 11 + 11 * (place // 2)
        sheet.box(x, y, 11, 11, READ, tint=0.8 if place == index else 0, round_=0)


def _alt_text(
    query: Tensor, scores: Tensor, weights: Tensor, value: Tensor, parts: Tensor
) -> str:
    def each(values: Tensor) -> str:
        rows = values.reshape(4, -1).tolist()
        return ", ".join(f"{name} {vector(row)}" for name, row in zip(_NAMES, rows))

    return (
        f"A query {vector(query.tolist())} scores four keys, {each(scores)}. The "
        f"softmax over the keys gives the weights {each(weights)}, together "
        f"{number(weights.sum().item())}. They weigh the values {each(value)}, and the "
        f"shares, {each(parts)}, add up to {vector(parts.sum(dim=0).tolist())}."
    )
