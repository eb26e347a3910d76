"""Which classes are taken for which: the confusion matrix as a picture."""

import math
from collections.abc import Sequence

import numpy as np
from torch import Tensor

from simseg_core.figures.style import (
    GRID,
    SMALLEST,
    WIDTH,
    DescribedFigure,
    new_figure,
    style,
)
from simseg_core.figures.text import fit, width
from simseg_core.tables.units import percent

__all__ = ["draw_confusion"]

_LONGEST = 1.0  # inches of a class's name
_LINE = 0.17  # inches between two names, or one is left out
_CELL = 0.42  # inches that a written percentage needs
_TOLD = 5  # of the most frequent confusions, in the alt text


def draw_confusion(confusion: Tensor, classes: Sequence[str]) -> DescribedFigure:
    """Draw of each class's pixels the share that was predicted as each class.

    Args:
        confusion: pixels, ``(C, C)``; rows: label, columns: predicted, as
            `simseg_core.training.ScoreMeter.confusion` gives it.
        classes: the classes' names.

    Returns:
        A figure with a row a class, whose shares add up to 100 %; grey where the label
        never has the class. Shares are written where there is room.

    Raises:
        ValueError: if the matrix does not fit the classes.

    >>> import torch
    >>> figure = draw_confusion(torch.tensor([[3, 1], [0, 0]]), ["sky", "pole"])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['75', '25']
    """
    if confusion.shape != (len(classes), len(classes)):
        raise ValueError(
            f"a confusion matrix of shape {tuple(confusion.shape)} does not fit "
            f"{len(classes)} classes"
        )
    pixels = confusion.double().numpy()
    totals = pixels.sum(1, keepdims=True)
    shares = np.divide(
        pixels, totals, where=totals > 0, out=np.full_like(pixels, np.nan)
    )
    names = [fit(name, _LONGEST) for name in classes]
    room = max(map(width, names))
    side = WIDTH - room - 0.6
    cell = side / len(classes)
    with style():
        figure, axes = new_figure(height=side + room + 0.5)
        axes.set_facecolor(GRID)
        axes.imshow(shares, cmap="cividis", vmin=0, vmax=1)
        ticks = range(0, len(classes), math.ceil(_LINE / cell))
        axes.set_xticks(ticks, [names[i] for i in ticks], rotation=90)
        axes.set_yticks(ticks, [names[i] for i in ticks])
        axes.set_xlabel("predicted")
        axes.set_ylabel("label")
        axes.set_title("Percent of each class's pixels", fontsize=SMALLEST + 1)
        if cell >= _CELL:
            for row, column in np.argwhere(~np.isnan(shares)):
                number = f"{100 * shares[row, column]:.0f}"
                # White is read on the darker colours, black on the lighter ones.
                colour = "white" if shares[row, column] < 0.45 else "black"
                axes.text(column, row, number, color=colour, ha="center", va="center")
    figure.alt_text = _alt_text(shares, classes)
    return figure


def _alt_text(shares: np.ndarray, classes: Sequence[str]) -> str:
    """Say how much of each class is right, and what is confused most."""
    right = [
        f"{name} {percent(share)}" if share == share else f"{name} never occurs"
        for name, share in zip(classes, shares.diagonal())
    ]
    wrong = np.nan_to_num(shares)
    np.fill_diagonal(wrong, 0)
    most = np.argsort(-wrong, axis=None, kind="stable")[:_TOLD]
    told = [
        f"{classes[row]} as {classes[column]} {percent(wrong[row, column])}"
        for row, column in zip(*np.unravel_index(most, wrong.shape))
        if wrong[row, column] > 0
    ]
    return (
        f"Confusion matrix of {len(classes)} classes. Rightly predicted: "
        f"{', '.join(right)}. Most often confused: {', '.join(told) or 'nothing'}."
    )
