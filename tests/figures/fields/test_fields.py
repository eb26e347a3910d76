"""Pictures of receptive fields: what is painted is what the probes return."""

import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import nn

from simseg_core.figures.fields.draw import (
    draw_effective,
    draw_field_on_image,
    draw_gridding,
    draw_phases,
)
from simseg_core.figures.fields.growth import draw_growth
from simseg_core.figures.style import TALLEST, WIDTH
from simseg_core.probes import effective_receptive_field, receptive_field


@pytest.fixture
def stack():
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(4, 4, 5, padding=2),
    )


@pytest.fixture
def upsampled():
    return nn.Sequential(
        nn.Conv2d(1, 1, 2, stride=2), nn.ConvTranspose2d(1, 1, 2, stride=2),
        nn.Conv2d(1, 1, (2, 1)),
    )  # fmt: skip


def texts(figure):
    FigureCanvasAgg(figure).draw()
    return [
        text
        for text in figure.findobj(lambda artist: hasattr(artist, "get_fontsize"))
        if text.get_visible() and text.get_text()
    ]


def squares(patch):
    """Where the squares of a joined path stand: x, y of each, in whole pixels."""
    return np.floor(patch.get_path().vertices[::5]).astype(int)


def legible(figure):
    assert figure.get_figwidth() == WIDTH
    assert figure.get_figheight() <= TALLEST
    assert min(text.get_fontsize() for text in texts(figure)) >= 9
    drawn = Figure.get_tightbbox(figure)  # inches
    width, height = figure.get_size_inches()
    assert drawn.x0 >= -0.01
    assert drawn.y0 >= -0.01
    assert drawn.x1 <= width + 0.01
    assert drawn.y1 <= height + 0.01


def test_the_rectangle_on_the_image_is_the_box(stack):
    field = receptive_field(stack, (3, 40, 48))
    effective = effective_receptive_field(stack, (3, 40, 48), output_index=(10, 12))
    image = torch.rand(3, 40, 48)
    figure = draw_field_on_image(image, field, (10, 12), effective)
    legible(figure)
    (top, bottom), (left, right) = field.box((10, 12))
    drawn = [p for p in figure.axes[0].patches if isinstance(p, Rectangle)][-1]
    assert drawn.get_xy() == (left - 0.5, top - 0.5)
    assert drawn.get_width() == right - left + 1
    assert drawn.get_height() == bottom - top + 1
    assert f"{bottom - top + 1} × {right - left + 1}" in figure.get_suptitle()
    told = figure.alt_text
    assert f"rows {top} to {bottom} and columns {left} to {right}" in told
    assert "40 by 48" in told
    grey = draw_field_on_image(np.zeros((40, 48)), field["0"], (0, 0))
    assert len(grey.axes[0].images) == 1
    with pytest.raises(ValueError, match="image has shape"):
        draw_field_on_image(np.zeros(4), field, (0, 0))


def test_growth_is_the_sizes_of_the_layers_that_widen_it(stack):
    field = receptive_field(stack, (3, 40, 40))
    figure = draw_growth(field)
    legible(figure)
    sizes = [field["0"].rows.size, field["2"].rows.size]
    assert figure.axes[0].lines[0].get_ydata().tolist() == [*sizes, sizes[-1]]
    labels = [text.get_text() for text in figure.axes[0].texts]
    assert sorted(labels) == ["stride 2", "the image: 40"]
    told = figure.alt_text
    assert told.endswith("The image has 40 pixels.")
    small = draw_growth(receptive_field(stack, (3, 8, 8))).alt_text
    assert small.endswith("The image has 8 pixels, which 2 is the first to pass.")
    assert f"2 steps, from {sizes[0]} to {sizes[1]} pixels" in told
    with pytest.raises(ValueError, match="no layer"):
        draw_growth(receptive_field(nn.AdaptiveAvgPool2d(1), (3, 8, 8)))


def test_gridding_counts_the_pixels_that_it_paints():
    figure = draw_gridding((1, 2, 5), (2, 2, 2))
    legible(figure)
    for panel, count, side in zip(figure.axes, (17**2, 7**2), (17, 13)):
        ground, read = panel.patches
        assert (ground.get_width(), ground.get_height()) == (side, side)
        corners = squares(read)
        assert len({tuple(corner) for corner in corners}) == count
        assert np.abs(corners).max() < side
        assert f"{count} of {side**2} pixels" in panel.get_title("left")
    told = draw_gridding((1, 2, 5), (2, 2, 2), (6, 12, 18)).alt_text
    assert [s in told for s in ("100 %", "29 %", "3.2 %")] == [True] * 3
    with pytest.raises(ValueError, match="at least 1"):
        draw_gridding((1, 0))


def test_phases_are_painted_by_their_size(upsampled):
    field = receptive_field(upsampled, (1, 16, 16))
    assert (field.rows.phases, field.columns.phases) == ((2, 4), (2, 2))
    figure = draw_phases(field)
    legible(figure)
    upper, lower = figure.axes[0].patches
    assert squares(upper).tolist() == [[0, 0], [1, 0]]
    assert squares(lower).tolist() == [[0, 1], [1, 1]]
    assert upper.get_facecolor() != lower.get_facecolor()
    entries = [text.get_text() for text in figure.legends[0].get_texts()]
    assert entries == ["2 × 2: 50 %", "4 × 2: 50 %"]
    assert "4 by 2 for 50 % of the output pixels" in figure.alt_text
    no_period = receptive_field(nn.Upsample((45, 45), mode="bilinear"), (1, 32, 32))
    with pytest.raises(ValueError, match="no short period"):
        draw_phases(no_period)


def test_effective_fields_are_drawn_beside_each_other(stack):
    before = effective_receptive_field(stack, (3, 40, 40))
    with torch.no_grad():
        stack[2].weight[:, :, :, 3:] = 0
    after = effective_receptive_field(stack, (3, 40, 40))
    assert after.size < before.size
    figure = draw_effective(before, after)
    legible(figure)
    titles = [axes.get_title("left").replace("\n", " ") for axes in figure.axes[:2]]
    assert titles == [
        f"Before: {before.size:.0f} pixels a side",
        f"After: {after.size:.0f} pixels a side",
    ]
    for axes, field in zip(figure.axes, (before, after)):
        *_, square = [p for p in axes.patches if isinstance(p, Rectangle)]
        assert square.get_width() == square.get_height() == field.size
    told = figure.alt_text
    assert f"{before.size:.0f} a side" in told
    assert f"{after.size:.0f} a side" in told
