"""Receptive fields as pictures: on the image, by layer, by phase, with their holes.

Each `draw_*` has a `*_alt_text` with the same arguments (from `field_facts`), so that
what a caption claims can be asserted on the numbers that are drawn.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import avg_pool2d

from simseg_core.figures.field_facts import (
    effective_alt_text,
    field_on_image_alt_text,
    gridding,
    gridding_alt_text,
    growth,
    growth_alt_text,
    percent,
    phases,
    phases_alt_text,
    picture,
)
from simseg_core.figures.style import GREY, HATCHES, OKABE_ITO, new_figure, style
from simseg_core.probes.effective import INSIDE, EffectiveField
from simseg_core.probes.field_report import LayerField
from simseg_core.probes.receptive_field import ReceptiveField

__all__ = [
    "draw_effective",
    "draw_field_on_image",
    "draw_gridding",
    "draw_growth",
    "draw_phases",
    "effective_alt_text",
    "field_on_image_alt_text",
    "gridding_alt_text",
    "growth_alt_text",
    "phases_alt_text",
]

Array = NDArray[Any]
Interval = tuple[int, int]


def draw_field_on_image(
    image: Array | Tensor,
    field: ReceptiveField | LayerField,
    index: Sequence[int],
    effective: EffectiveField | None = None,
) -> Figure:
    """Outline what one output pixel can see: (H, W[, 3]) or (C, H, W) -> figure."""
    shown = picture(image)
    with style():
        figure, axes = new_figure(height=5.2 * shown.shape[0] / shown.shape[1] + 0.9)
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
        title = f"Output pixel {tuple(index)}: {_size(box)} pixels"
        axes.set_title(title + (" and the whole image" if field.is_global else ""))
        figure.legend(loc="outside lower center", ncols=2)
    return figure


def draw_growth(field: ReceptiveField) -> Figure:
    """Draw the size of the field after each operation, and where the stride changes."""
    steps = growth(field)
    sizes = [size for _, size, _ in steps]
    image = max(field.input_shape[2:])
    with style():
        figure, axes = new_figure(height=4.2)
        axes.step(range(1, len(sizes) + 1), sizes, where="post", lw=2, label="field")
        before: Any = 1
        for place, (_, size, stride) in enumerate(steps, start=1):
            if stride != before and stride is not None:
                axes.plot(place, size, "s", ms=7, color=OKABE_ITO["vermillion"])
                axes.annotate(
                    f"stride {stride}",
                    (place, size),
                    xytext=(-6, 5),
                    ha="right",
                    textcoords="offset points",
                    fontsize=9,
                )
                before = stride
        axes.axhline(image, color=GREY, ls="--", lw=1.2)
        axes.annotate(
            f"the image: {image}",
            (1, image),
            xytext=(0, 4),
            textcoords="offset points",
            fontsize=9,
            color=GREY,
        )
        axes.set(xlabel="operations that widen the field", ylabel="pixels a side")
        axes.set_title(f"The field grows to {sizes[-1]} pixels")
        axes.set_yscale("log", base=2)
        axes.yaxis.set_major_formatter("{x:.0f}")
        axes.set_ylim(min(sizes) / 1.5, max(*sizes, image) * 1.3)
        axes.set_xlim(-0.15 * len(sizes), len(sizes) + 0.5)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(axis="y")
    return figure


def draw_gridding(*stacks: Sequence[int]) -> Figure:
    """Draw which pixels stacks of 3 x 3 convolutions read, for each list of rates."""
    with style():
        figure, axes = new_figure(
            height=0.3 + 3.3 * len(stacks), nrows=len(stacks), squeeze=False
        )
        for panel, rates in zip(axes[:, 0], stacks):
            mask = gridding(rates)
            side = mask.shape[0]
            panel.pcolormesh(
                mask,
                cmap=ListedColormap(["#E3E3E3", OKABE_ITO["blue"]]),
                vmin=0,
                vmax=1,
                edgecolors="white",
                linewidth=0.6 if side < 40 else 0.0,
            )
            panel.set(aspect="equal", xticks=[], yticks=[])
            panel.invert_yaxis()
            panel.spines[:].set_visible(False)
            told = ", ".join(map(str, rates))
            panel.set_title(
                f"Rates {told}: {int(mask.sum())} of {mask.size} pixels, "
                f"{percent(mask.mean())}\nof a field of {side} × {side}"
            )
    return figure


def draw_phases(field: ReceptiveField) -> Figure:
    """Colour one period of output pixels by the size of their field."""
    table, kinds = phases(field)
    colours = list(OKABE_ITO.values())[: len(kinds)]
    with style():
        figure, axes = new_figure(height=5.6)
        engine: Any = figure.get_layout_engine()
        engine.set(h_pad=0.1)  # inches; a tall map needs them
        height, width = table.shape
        for y in range(height):
            for x in range(width):
                kind = int(table[y, x])
                axes.add_patch(
                    Rectangle(
                        (x, y),
                        1,
                        1,
                        facecolor=colours[kind],
                        edgecolor="white",
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
                edgecolor="white",
                label=f"{rows} × {columns}: {percent(shares[k])}",
            )
            for k, (c, (rows, columns)) in enumerate(zip(colours, kinds))
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure


def draw_effective(before: EffectiveField, after: EffectiveField) -> Figure:
    """Compare two effective fields, as untrained and trained, on one scale."""
    with style():
        figure, axes = new_figure(height=8.6, nrows=2)
        for panel, field, when in zip(axes, (before, after), ("Before", "After")):
            # Each map's square root of the share of its peak: faint pixels show too.
            shown = (field.map / field.map.max()).sqrt().numpy()
            drawn = panel.imshow(shown, cmap="cividis", vmin=0, vmax=1)
            if field.box is not None:
                _outline(panel, field.box, "theoretical field")
            panel.contour(
                field.inside.numpy(),
                levels=[0.5],
                colors="white",
                linewidths=1.2,
                linestyles="--",
            )
            panel.set(xticks=[], yticks=[])
            panel.set_title(f"{when}: {field.size:.0f} pixels a side count")
        bar = figure.colorbar(drawn, ax=axes, shrink=0.5, ticks=[0, 0.5, 1])
        bar.set_label("gradient, square root of its share of the peak")
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
    for colour, line in (("black", 3.6), ("white", 1.8)):
        axes.contour(blurred.numpy(), levels=[level], colors=[colour], linewidths=line)
    axes.plot([], [], color="black", lw=2, label="counts above 4.55 % of the peak")


def _size(box: tuple[Interval, Interval] | None) -> str:
    if box is None:
        return "no local"
    (top, bottom), (left, right) = box
    return f"{bottom - top + 1} × {right - left + 1}"
