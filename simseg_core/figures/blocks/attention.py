"""Attention maps as pictures: where a chosen position looks.

A row of an attention map is the receptive field that this position took for itself, in
this image. Two numbers describe it: how many positions it amounts to, and how much of
it falls on what matters.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from torch import Tensor

from simseg_core.figures.fields.facts import picture
from simseg_core.figures.style import (
    OKABE_ITO,
    SMALLEST,
    WIDTH,
    DescribedFigure,
    new_figure,
    style,
)
from simseg_core.figures.text import wrap
from simseg_core.probes.attention import effective_positions
from simseg_core.tables.units import percent

__all__ = ["draw_attention"]

Array = NDArray[Any]
Position = Sequence[int]
_TEXT = 0.46  # inches of title above a panel
_ROOM = 0.93 * WIDTH / 2  # inches for a line of it


def draw_attention(
    image: Array | Tensor,
    fields: Array | Tensor,
    positions: Sequence[Position],
    target: Array | Tensor | None = None,
    *,
    target_name: str = "target",
) -> DescribedFigure:
    """Draw where chosen positions of a map look, beside the image.

    Args:
        image: (H, W[, 3]) or (C, H, W), 0 to 1.
        fields: (P, h, w), for each of P positions its row of the attention map, laid
            out over the map. The map lies over the image, so h is H over the stride.
        positions: row and column on the map of each of the P.
        target: bool (h, w), the positions that ought to be looked at.
        target_name: what these are, in a word.

    Returns:
        A figure: the image with the positions numbered, then a panel for each. Each
        panel has its own scale, 0 to its largest weight, and tells the number of
        positions that the field amounts to.

    Raises:
        ValueError: if the shapes do not fit each other, or a field is no distribution.

    >>> fields = np.full((1, 2, 3), 1 / 6)
    >>> figure = draw_attention(np.zeros((16, 24)), fields, [(0, 1)])
    >>> figure.axes[1].get_title(loc="left")
    '1: amounts to 6.0 of 6'
    """
    shown, maps, aims = _read(image, fields, positions, target)
    rows = len(maps) // 2 + 1  # two columns: on a phone, three would be too small
    cell = WIDTH / 2 * maps.shape[1] / maps.shape[2]
    with style():
        figure, axes = new_figure(
            height=rows * (cell + _TEXT), nrows=rows, ncols=2, squeeze=False
        )
        for panel in axes.flat:
            panel.set_axis_off()
        first, *others = axes.flat
        _show_image(first, shown, maps.shape[1:], positions)
        for number, (panel, field) in enumerate(zip(others, maps), start=1):
            # The square root shows faint weights too; one position alone stays one.
            panel.imshow(np.sqrt(field / field.max()), cmap="cividis", vmin=0, vmax=1)
            if aims is not None:
                _outline(panel, aims)
            _frame(panel, positions[number - 1], OKABE_ITO["vermillion"])
            told = [f"{number}: amounts to {_count(field)}"]
            if aims is not None:
                told.append(f"{percent(float(field[aims].sum()))} on the {target_name}")
            lines = [line for one in told for line in wrap(one, _ROOM, SMALLEST)]
            panel.set_title("\n".join(lines), fontsize=SMALLEST)
    figure.alt_text = _alt_text(maps, positions, aims, target_name)
    return figure


def _alt_text(
    maps: Array, positions: Sequence[Position], aims: Array | None, target_name: str
) -> str:
    """Say of each position how far its field spreads, and where its weight is largest.

    >>> _alt_text(np.eye(6)[4].reshape(1, 2, 3), [(0, 1)], None, "target")
    'An image and its attention on a map of 2 x 3. From 1 at row 0, column 1: amounts to
    1.0 of 6 positions, the largest weight, 1.00, at row 1, column 1.'
    """
    height, width = maps.shape[1:]
    sentences = [f"An image and its attention on a map of {height} x {width}."]
    for number, ((row, column), field) in enumerate(zip(positions, maps), start=1):
        y, x = np.unravel_index(int(field.argmax()), field.shape)
        sentence = (
            f"From {number} at row {row}, column {column}: amounts to "
            f"{_count(field)} positions, the largest "
            f"weight, {field.max():.2f}, at row {y}, column {x}"
        )
        if aims is not None:
            sentence += f", {percent(float(field[aims].sum()))} on the {target_name}"
        sentences.append(sentence + ".")
    return " ".join(sentences)


def _count(field: Array) -> str:
    return f"{effective_positions(field):.1f} of {field.size}"


def _read(
    image: Array | Tensor,
    fields: Array | Tensor,
    positions: Sequence[Position],
    target: Array | Tensor | None,
) -> tuple[Array, Array, Array | None]:
    """Check that everything fits; give plain arrays."""
    maps = np.asarray(fields, dtype=float)
    if maps.ndim != 3 or len(maps) != len(positions) or not len(maps):
        raise ValueError(
            f"fields {maps.shape} and {len(positions)} positions: give (P, h, w), a "
            "field for each of P positions, one at least"
        )
    height, width = maps.shape[1:]
    for row, column in positions:
        if not (0 <= row < height and 0 <= column < width):
            raise ValueError(
                f"({row}, {column}) is not on the map of {height} x {width}: divide "
                "the pixel's row and column by the stride"
            )
    aims = None if target is None else np.asarray(target, dtype=bool)
    if aims is not None and aims.shape != (height, width):
        raise ValueError(
            f"target {aims.shape} is not of the map's size {(height, width)}: give a "
            "value for each position of the map"
        )
    return picture(image), maps, aims


def _show_image(
    panel: Axes, shown: Array, size: Sequence[int], positions: Sequence[Position]
) -> None:
    """Lay the image over the map's extent and number the positions."""
    height, width = size
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)
    panel.imshow(shown, cmap="gray", extent=extent)
    for number, (row, column) in enumerate(positions, start=1):
        _frame(panel, (row, column), OKABE_ITO["vermillion"])
        # Beside the frame, on the side where there is room.
        right = column < width - 2
        panel.text(
            column + (0.7 if right else -0.7), row, str(number), fontsize=11,
            fontweight="bold", color="black", verticalalignment="center",
            horizontalalignment="left" if right else "right",
            bbox={"boxstyle": "round,pad=0.15", "fc": "white", "ec": "none"},
        )  # fmt: skip
    panel.set_title("The image, and the\npositions that look", fontsize=SMALLEST)


def _frame(panel: Axes, position: Position, colour: str) -> None:
    row, column = position
    for edge, wide in (("white", 3.6), (colour, 2.0)):
        panel.add_patch(
            Rectangle(
                (column - 0.5, row - 0.5),
                1,
                1,
                fill=False,
                edgecolor=edge,
                lw=wide,
                clip_on=False,
            )
        )


def _outline(panel: Axes, aims: Array) -> None:
    """Outline the target along the edges of its positions, dashed."""
    padded = np.pad(aims, 1)
    for row, column in np.argwhere(aims):
        for down, across, ends in (
            (-1, 0, ((-0.5, 0.5), (-0.5, -0.5))),
            (1, 0, ((-0.5, 0.5), (0.5, 0.5))),
            (0, -1, ((-0.5, -0.5), (-0.5, 0.5))),
            (0, 1, ((0.5, 0.5), (-0.5, 0.5))),
        ):
            if not padded[row + 1 + down, column + 1 + across]:
                xs, ys = ends
                for colour, style_, wide in (("black", "-", 3.0), ("white", "--", 1.8)):
                    panel.plot(
                        [column + x for x in xs],
                        [row + y for y in ys],
                        color=colour,
                        linestyle=style_,
                        lw=wide,
                        clip_on=False,
                    )
