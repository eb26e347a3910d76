"""Receptive fields as pictures: on the image, by phase, with their holes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch, PathPatch, Rectangle
from matplotlib.path import Path
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import avg_pool2d

from simseg_core.figures.fields.facts import (
    effective_alt_text,
    field_on_image_alt_text,
    gridding,
    gridding_alt_text,
    phases,
    phases_alt_text,
    picture,
)
from simseg_core.figures.style import (
    HATCHES,
    OKABE_ITO,
    PAPER,
    SMALLEST,
    WIDTH,
    DescribedFigure,
    new_figure,
    style,
)
from simseg_core.figures.text import wrap
from simseg_core.probes.field.effective import INSIDE, EffectiveField
from simseg_core.probes.field.field import ReceptiveField
from simseg_core.probes.field.report import LayerField
from simseg_core.tables.units import percent

__all__ = [
    "draw_effective",
    "draw_field_on_image",
    "draw_gridding",
    "draw_phases",
]

Array = NDArray[Any]
Interval = tuple[int, int]
_TALLEST = 6.5  # inches of a picture: a phone's screen
_TITLE = 10.5  # points
_BAR = "gradient, square root of its share of the peak"
_GROUND = "#E3E3E3"  # of pixels that are not read: light, on any page
_COUNTS = OKABE_ITO["sky blue"]  # apart from the maps' blue and yellow, and the frame


def draw_field_on_image(
    image: Array | Tensor,
    field: ReceptiveField | LayerField,
    index: Sequence[int],
    effective: EffectiveField | None = None,
) -> DescribedFigure:
    """Outline what one output pixel can see.

    Args:
        image: (H, W[, 3]) or (C, H, W), of the size that `field` was computed for.
        field: of a network or of one of its layers.
        index: row and column of the output pixel.
        effective: of the same pixel; what counts is then outlined too.

    Returns:
        A figure: the image with the theoretical field's box and its middle.

    Raises:
        IndexError: the index is not an output pixel.
        ValueError: the image has another number of dimensions.
    """
    shown = picture(image)
    with style():
        height = min(WIDTH * shown.shape[0] / shown.shape[1], _TALLEST)
        figure, axes = new_figure(height=height + 0.9)
        axes.imshow(shown, cmap="gray")
        if effective is not None:
            _contour(axes, effective)
        box = field.box(index)
        if box is not None:
            _outline(axes, box, "theoretical field")
            middle = [sum(ends) / 2 for ends in field.unclipped_box(index) or box]
            axes.plot(
                middle[1], middle[0], "+", ms=12, mew=2.5, ls="none",
                color=OKABE_ITO["vermillion"], label="its middle",
            )  # fmt: skip
        axes.set(xticks=[], yticks=[])
        seen = [f"{_size(box)} pixels"] if box is not None else []
        seen += ["globally the whole image"] if field.is_global else []
        title = f"Output pixel {tuple(index)}: {', '.join(seen) or 'nothing'}"
        # Above the whole figure: a tall image is narrower than its title.
        figure.suptitle(title, x=0.01, ha="left", size=_TITLE)
        if axes.get_legend_handles_labels()[0]:
            figure.legend(loc="outside lower center", ncols=2)
    figure.alt_text = field_on_image_alt_text(shown, field, index, effective)
    return figure


def draw_gridding(*stacks: Sequence[int]) -> DescribedFigure:
    """Draw which pixels the middle output of 3 x 3 convolutions in a row reads.

    Args:
        *stacks: for each stack the rates of its convolutions, the first layer first.

    Returns:
        A figure with a map a stack, below each other: the square that its middle output
        spans, the pixels read in blue.

    Raises:
        ValueError: a stack is empty or has a rate below 1.
    """
    masks = [gridding(rates) for rates in stacks]
    rows = -(-len(stacks) // 2)
    half, whole = WIDTH / 2, 0.8 * WIDTH  # of a map beside another, of one alone
    sides = [half] * (len(stacks) // 2) + [whole] * (len(stacks) % 2)
    titles = [
        _gridding_title(rates, mask, sides[number // 2] - 0.15)
        for number, (rates, mask) in enumerate(zip(stacks, masks))
    ]
    lines = [max(map(len, titles[i : i + 2])) for i in range(0, len(titles), 2)]
    heights = [side + 0.1 + 0.17 * count for side, count in zip(sides, lines)]
    with style():
        figure, _ = new_figure(height=sum(heights) + 0.1 * rows)
        figure.clear()
        grid = figure.add_gridspec(rows, 2, height_ratios=heights)
        for number, (mask, title) in enumerate(zip(masks, titles)):
            row, column = divmod(number, 2)
            is_alone = number == len(masks) - 1 and not column
            place = grid[row, :] if is_alone else grid[row, column]
            panel = figure.add_subplot(place)
            _show_read(panel, mask)
            panel.set_title("\n".join(title), fontsize=SMALLEST)
    figure.alt_text = gridding_alt_text(stacks, masks)
    return figure


def _show_read(panel: Axes, mask: Array) -> None:
    """Draw a map of pixels: those that are read as squares on a ground."""
    side = mask.shape[0]
    panel.add_patch(Rectangle((0, 0), side, side, facecolor=_GROUND, lw=0))
    gap = 0.1 if side < 40 else 0.0  # the squares of a large map would vanish
    read = _squares(mask, gap)
    panel.add_patch(PathPatch(read, facecolor=OKABE_ITO["blue"], lw=0))
    panel.set(aspect="equal", xlim=(0, side), ylim=(side, 0))
    panel.set_axis_off()


def _squares(mask: Array, gap: float = 0.0) -> Path:
    """Join the squares of a map's pixels to one path: in an SVG, one element."""
    corners = np.argwhere(mask)[:, None, ::-1]
    square = np.array([[gap, gap], [1, gap], [1, 1], [gap, 1]])
    return Path.make_compound_path_from_polys(corners + square)


def _gridding_title(rates: Sequence[int], mask: Array, room: float) -> list[str]:
    side = mask.shape[0]
    told = (
        f"Rates {', '.join(map(str, rates))}",
        f"{int(mask.sum())} of {mask.size} pixels",
        f"{percent(mask.mean())} of {side} × {side}",
    )
    return [line for one in told for line in wrap(one, room, SMALLEST)]


def draw_phases(field: ReceptiveField) -> DescribedFigure:
    """Colour one period of output pixels by the size of their field.

    Args:
        field: of a network whose sizes repeat with a short period, as a U-Net's do.

    Returns:
        A figure: a cell a phase, and below the share of the phases of each size.

    Raises:
        ValueError: the sizes have no short period, or are too many to tell apart.
    """
    table, kinds = phases(field)
    colours = list(OKABE_ITO.values())[: len(kinds)]
    with style():
        ratio = min(max(table.shape[0] / table.shape[1], 0.15), 1.0)
        figure, axes = new_figure(height=1.4 + 3.2 * ratio)
        engine: Any = figure.get_layout_engine()
        engine.set(h_pad=0.1)  # inches; a tall map needs them
        height, width = table.shape
        for kind, colour in enumerate(colours):
            axes.add_patch(
                PathPatch(
                    _squares(table == kind),
                    facecolor=colour,
                    edgecolor=PAPER,
                    hatch=HATCHES[kind],
                    linewidth=0.8,
                )
            )
        axes.set(xlim=(0, width), ylim=(height, 0), aspect="equal")
        axes.set_xticks(np.arange(0, width, max(width // 4, 1)) + 0.5)
        axes.set_xticklabels(range(0, width, max(width // 4, 1)))
        axes.set_yticks(np.arange(0, height, max(height // 4, 1)) + 0.5)
        axes.set_yticklabels(range(0, height, max(height // 4, 1)))
        axes.set(xlabel=f"column modulo {width}", ylabel=f"row modulo {height}")
        axes.set_title("Size of the field by the output pixel's phase")
        shares = np.bincount(table.ravel(), minlength=len(kinds)) / table.size
        handles = [
            Patch(
                facecolor=c,
                hatch=HATCHES[k],
                edgecolor=PAPER,
                label=f"{rows} × {columns}: {percent(shares[k])}",
            )
            for k, (c, (rows, columns)) in enumerate(zip(colours, kinds))
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=2)
    figure.alt_text = phases_alt_text(table, kinds)
    return figure


def draw_effective(before: EffectiveField, after: EffectiveField) -> DescribedFigure:
    """Compare two effective fields, as untrained and trained, on one scale.

    Args:
        before: of the untrained network.
        after: of the same output pixel, trained.

    Returns:
        A figure: two maps of the gradient at each input pixel, as the square root of
        its share of the peak, with the theoretical field outlined, and a square of as
        many pixels as count.
    """
    height, width = before.map.shape
    is_flat = height < width / 2  # then below each other
    room = WIDTH if is_flat else WIDTH / 2
    panel_height = min(room * height / width, _TALLEST)
    with style():
        figure, axes = new_figure(
            height=1.4 + (2 if is_flat else 1) * (panel_height + 0.3),
            nrows=2 if is_flat else 1,
            ncols=1 if is_flat else 2,
        )
        for panel, field, when in zip(axes, (before, after), ("Before", "After")):
            # Each map's square root of the share of its peak: faint pixels show too.
            shown = (field.map / field.map.max()).sqrt().numpy()
            drawn = panel.imshow(shown, cmap="cividis", vmin=0, vmax=1)
            if field.box is not None:
                _outline(panel, field.box, "theoretical field")
            _as_square(panel, field)
            panel.set(xticks=[], yticks=[])
            panel.spines[:].set_visible(False)
            title = f"{when}: {field.size:.0f} pixels a side"
            told = "\n".join(wrap(title, 0.95 * room, SMALLEST))
            panel.set_title(told, fontsize=SMALLEST)
        bar = figure.colorbar(
            drawn, ax=axes, location="bottom", shrink=0.9, aspect=30, ticks=[0, 0.5, 1]
        )
        bar.set_label(_BAR, fontsize=SMALLEST)
        figure.legend(
            handles=axes[0].get_legend_handles_labels()[0],
            loc="outside lower center",
            ncols=2,
        )
    figure.alt_text = effective_alt_text(before, after)
    return figure


def _outline(axes: Axes, box: tuple[Interval, Interval], label: str) -> None:
    (top, bottom), (left, right) = box
    for colour, width in (("white", 4.5), (OKABE_ITO["vermillion"], 2.2)):
        axes.add_patch(
            Rectangle(
                (left - 0.5, top - 0.5),
                right - left + 1,
                bottom - top + 1,
                fill=False,
                edgecolor=colour,
                linewidth=width,
                label=label if width < 3 else None,
            )
        )


def _contour(axes: Axes, effective: EffectiveField) -> None:
    """Outline what counts, on a map blurred enough for the outline to be one line."""
    width = max(effective.map.shape) // 16 * 2 + 1
    blurred = avg_pool2d(effective.map[None], width, 1, width // 2)[0]
    level = INSIDE * float(blurred.max())
    for colour, line in (("black", 3.2), (_COUNTS, 1.8)):
        axes.contour(blurred.numpy(), levels=[level], colors=[colour], linewidths=line)
    axes.plot([], [], color=_COUNTS, ls="-", lw=2.4, label="above 4.55 % of the peak")


def _as_square(axes: Axes, field: EffectiveField) -> None:
    """Frame as many pixels as count: they are scattered, their outline is a tangle."""
    row, column = field.output_index[-2:]
    height, width = field.map.shape
    side = min(field.size, height, width)
    left = min(max(column - side / 2, 0), width - side) - 0.5
    top = min(max(row - side / 2, 0), height - side) - 0.5
    for colour, line, label in (
        ("black", 3.2, None),
        (_COUNTS, 1.8, "as many as count"),
    ):
        axes.add_patch(
            Rectangle(
                (left, top), side, side,
                fill=False, edgecolor=colour, linewidth=line, label=label,
            )
        )  # fmt: skip


def _size(box: tuple[Interval, Interval]) -> str:
    (top, bottom), (left, right) = box
    return f"{bottom - top + 1} × {right - left + 1}"
