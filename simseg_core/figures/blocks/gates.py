"""What gates let through: by channel for groups of images, and over an image."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from torch import Tensor

from simseg_core.data.normalization import denormalize
from simseg_core.figures.blocks.gate_facts import (
    Gates,
    channel_gates_alt_text,
    channel_tables,
    check_maps,
    contrast,
    spatial_gates_alt_text,
)
from simseg_core.figures.style import (
    COLOURS,
    INK,
    MARKERS,
    SMALLEST,
    WIDTH,
    DescribedFigure,
    new_figure,
    style,
)

__all__ = ["draw_channel_gates", "draw_spatial_gates"]

_TITLE_ROW = 0.22  # inches


def draw_channel_gates(gates: Gates) -> DescribedFigure:
    """Draw each channel's gate as mean and range over the images of a group.

    Args:
        gates: a panel's name (as before, after) -> a group's name -> gates of its
            images, ``(B, C)`` or ``(B, C, 1, 1)``, between 0 and 1. All panels have
            the same channels and the same groups, one or two.

    Returns:
        A figure with one panel below the other. Channels are sorted by what the two
        groups' means differ by in the last panel; a single group by its mean there.

    Raises:
        ValueError: if there is nothing to draw, channels or groups do not fit each
            other, or a value is no gate.

    >>> import torch
    >>> groups = {"stop": torch.rand(4, 8), "go": torch.rand(4, 8)}
    >>> len(draw_channel_gates({"before": groups, "after": groups}).axes)
    2
    """
    panels = channel_tables(gates)
    order = np.argsort(contrast(list(panels.values())[-1]), kind="stable")
    groups = list(next(iter(panels.values())))
    with style():
        figure, axes = new_figure(
            height=0.85 + 2.0 * len(panels),
            nrows=len(panels),
            sharex=True,
            sharey=True,
            squeeze=False,
        )
        for panel, (name, values) in zip(axes[:, 0], panels.items()):
            for group, shift, colour, marker in zip(
                groups, (-0.18, 0.18), COLOURS, MARKERS
            ):
                table = values[group][:, order]
                at = np.arange(len(order)) + (shift if len(groups) > 1 else 0)
                low, high = table.min(axis=0), table.max(axis=0)
                panel.vlines(at, low, high, color=colour, lw=0.9, linestyles="-")
                panel.plot(
                    at,
                    table.mean(axis=0),
                    marker,
                    color=colour,
                    markersize=4,
                    markeredgecolor=INK,
                    markeredgewidth=0.4,
                    clip_on=False,  # a gate at 0 or 1 is a whole dot too
                    zorder=3,
                    label=group,
                )
            panel.set_ylim(0, 1)
            panel.set_ylabel("gate")
            panel.grid(True, axis="y")
            panel.set_title(_headline(name, values), fontsize=SMALLEST)
        axes[-1, 0].set_xlabel(
            f"{len(order)} channels, sorted by the last panel;\n"
            "a line is the range over the images"
        )
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper right", ncols=len(groups))
    figure.alt_text = channel_gates_alt_text(panels)
    return figure


def draw_spatial_gates(
    images: Tensor,
    gates: Mapping[str, Tensor],
    *,
    labels: Tensor | None = None,
    normalized: bool = True,
) -> DescribedFigure:
    """Draw gates over positions beside their images, all on the scale of 0 to 1.

    Args:
        images: ``(B, 3, H, W)`` float.
        gates: a name -> ``(B, 1, h, w)``, between 0 and 1; each is stretched over its
            image, and its cells stay visible.
        labels: ``(B, H, W)``; what is not 0 is outlined on the gates.
        normalized: whether the images are normalised; otherwise they are 0 to 1.

    Returns:
        A figure: a row an image, with the image first and a column a gate; the lowest
        and highest value stand above each gate.

    Raises:
        ValueError: if there is no gate, shapes do not fit, or a value is no gate.

    >>> import torch
    >>> figure = draw_spatial_gates(
    ...     torch.rand(2, 3, 32, 32), {"fresh": torch.full((2, 1, 4, 4), 0.5)})
    >>> figure.axes[3].get_title()
    '0.50 to 0.50'
    """
    check_maps(images, gates)
    count, _, high, wide = images.shape
    columns = 1 + len(gates)
    cell = WIDTH / columns * high / wide
    with style():
        figure, axes = new_figure(
            height=count * (cell + _TITLE_ROW) + 4.5 * _TITLE_ROW,
            nrows=count,
            ncols=columns,
            squeeze=False,
        )
        for row, (image, panels) in enumerate(zip(images, axes)):
            shown = denormalize(image) if normalized else image.clamp(0, 1)
            panels[0].imshow(shown.permute(1, 2, 0).cpu().numpy())
            _finish(panels[0], "image" if row == 0 else "")
            for panel, (name, gate) in zip(panels[1:], gates.items()):
                values = gate[row, 0].detach().cpu().numpy()
                drawn = panel.imshow(
                    values,
                    cmap="cividis",
                    vmin=0,
                    vmax=1,
                    extent=(-0.5, wide - 0.5, high - 0.5, -0.5),
                )
                if labels is not None:
                    _outline(panel, labels[row].cpu().numpy() != 0)
                span = f"{values.min():.2f} to {values.max():.2f}"
                _finish(panel, f"{name}\n{span}" if row == 0 else span)
        figure.set_layout_engine("constrained", w_pad=0.03, h_pad=0.02)
        bar = figure.colorbar(
            drawn, ax=axes, location="bottom", shrink=0.6, aspect=30, ticks=[0, 0.5, 1]
        )
        bar.set_label("gate: 0 shuts, 1 lets through")
    figure.alt_text = spatial_gates_alt_text(gates, labels)
    return figure


def _headline(name: str, groups: Mapping[str, NDArray[np.float64]]) -> str:
    if len(groups) == 1:
        return name
    one, other = groups
    most = np.abs(contrast(groups)).max()
    return f"{name}: {one} and {other} differ by up to {most:.2f}"


def _finish(axes: Axes, title: str) -> None:
    axes.set_axis_off()
    axes.set_title(title, pad=2, fontsize=9, loc="center")


def _outline(axes: Axes, inside: NDArray[np.bool_]) -> None:
    if inside.any() and not inside.all():
        for colour, width in (("black", 2.2), ("white", 1.0)):
            axes.contour(inside, levels=[0.5], colors=[colour], linewidths=width)
