"""The picture of where positions look: its numbers, its marks, what it refuses."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from simseg_core.figures import draw_attention
from simseg_core.figures.style import SMALLEST, WIDTH
from simseg_core.probes.attention import effective_positions


def scene(height=6, width=10, count=2):
    """Position 0 looks at one place, the others everywhere alike."""
    fields = torch.full((count, height, width), 1 / (height * width))
    fields[0] = 0
    fields[0, 4, width - 3] = 1
    target = torch.zeros(height, width, dtype=torch.bool)
    target[3:5, width - 3] = True
    image = torch.rand(3, 8 * height, 8 * width)
    positions = [(1, 2), (5, 9), (0, 0), (2, 3), (4, 4)][:count]
    return image, fields, positions, target


def frames(panel):
    """The middles of the framed positions, row first."""
    found = [patch for patch in panel.patches if isinstance(patch, Rectangle)]
    return {(p.get_y() + 0.5, p.get_x() + 0.5) for p in found}


def test_effective_positions_of_known_distributions():
    half = [0.5, 0.5, 0.0]
    assert effective_positions(torch.tensor(half)) == pytest.approx(2)
    assert effective_positions(np.eye(5)[2]) == pytest.approx(1)
    assert effective_positions(torch.full((6, 10), 1 / 60)) == pytest.approx(60)
    skewed = [0.9, 0.1]
    entropy = -sum(p * math.log(p) for p in skewed)
    assert effective_positions(np.array(skewed)) == pytest.approx(math.e**entropy)


@pytest.mark.parametrize("weights", [[0.5, 0.6], [1.5, -0.5], [0.0, 0.0]])
def test_what_is_no_distribution_is_refused(weights):
    with pytest.raises(ValueError, match="after the softmax over the keys"):
        effective_positions(np.array(weights))


def test_each_panel_shows_its_field_and_tells_its_numbers():
    image, fields, positions, target = scene()
    figure = draw_attention(image, fields, positions, target, target_name="lamp")
    left, *panels = [panel for panel in figure.axes if panel.images]
    np.testing.assert_allclose(left.images[0].get_array(), image.permute(1, 2, 0))
    assert frames(left) == set(positions)
    assert len(panels) == 2
    for panel, field, position in zip(panels, fields, positions):
        expected = (field / field.max()).sqrt()
        np.testing.assert_allclose(panel.images[0].get_array(), expected, atol=1e-6)
        assert frames(panel) == {position}
    titles = [panel.get_title(loc="left") for panel in panels]
    assert titles == [
        "1: amounts to 1.0 of 60\n100 % on the lamp",
        f"2: amounts to 60.0 of 60\n{200 / 60:.1f} % on the lamp",
    ]


def test_the_image_lies_over_the_map():
    """An image eight times the map's size: both span the same positions."""
    image, fields, positions, _ = scene()
    left, panel, *_ = draw_attention(image, fields, positions).axes
    assert left.images[0].get_extent() == panel.images[0].get_extent()


def test_the_target_is_outlined_along_its_edges():
    image, fields, positions, target = scene()
    panel = draw_attention(image, fields, positions, target).axes[1]
    edges = {
        tuple(sorted(zip(line.get_xdata(), line.get_ydata()))) for line in panel.lines
    }
    # Two positions, one over the other: six of their eight edges are outer ones.
    assert len(edges) == 6
    assert ((6.5, 3.5), (7.5, 3.5)) not in edges
    assert ((6.5, 2.5), (7.5, 2.5)) in edges
    assert ((7.5, 3.5), (7.5, 4.5)) in edges


def test_alt_text_says_what_is_drawn():
    text = draw_attention(*scene(), target_name="lamp").alt_text
    assert "map of 6 x 10" in text
    assert "From 1 at row 1, column 2: amounts to 1.0 of 60 positions" in text
    assert "weight, 1.00, at row 4, column 7, 100 % on the lamp." in text
    assert "From 2 at row 5, column 9: amounts to 60.0 of 60" in text
    assert "lamp" not in draw_attention(*scene()[:3]).alt_text


@pytest.mark.parametrize("count", [1, 2, 3, 5])
@pytest.mark.parametrize("size", [(8, 8), (6, 10), (8, 16), (10, 6)])
def test_it_is_legible_at_any_count_and_size(count, size):
    image, fields, positions, target = scene(*size, count)
    positions = [(row, min(column, size[1] - 1)) for row, column in positions]
    target_name = "lamp's square"
    figure = draw_attention(image, fields, positions, target, target_name=target_name)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    assert figure.get_figwidth() == WIDTH
    drawn = Figure.get_tightbbox(figure)
    assert drawn.x0 >= -0.01
    assert drawn.y0 >= -0.01
    assert drawn.x1 <= figure.get_figwidth() + 0.01
    assert drawn.y1 <= figure.get_figheight() + 0.01
    boxes = []
    for panel in figure.axes:
        for text in [panel.title, panel._left_title, *panel.texts]:
            if text.get_text():
                assert text.get_fontsize() >= SMALLEST
                boxes.append(text.get_window_extent())
    pairs = [(a, b) for i, a in enumerate(boxes) for b in boxes[i + 1 :]]
    assert not any(a.overlaps(b) for a, b in pairs)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"positions": [(0, 0)]}, r"2, 6, 10.* and 1 positions"),
        ({"positions": [(0, 0), (6, 0)]}, r"\(6, 0\) is not on the map of 6 x 10"),
        ({"target": torch.zeros(3, 3)}, r"target \(3, 3\) is not of the map's size"),
        ({"fields": torch.ones(2, 60)}, r"give \(P, h, w\)"),
        ({"fields": torch.ones(2, 6, 10)}, "after the softmax"),
        ({"image": torch.zeros(5)}, "image has shape"),
    ],
)
def test_what_does_not_fit_is_named(change, words):
    names = ("image", "fields", "positions", "target")
    arguments = dict(zip(names, scene())) | change
    with pytest.raises(ValueError, match=words):
        draw_attention(**arguments)


def test_no_figure_stays_open():
    before = plt.get_fignums()
    draw_attention(*scene())
    assert plt.get_fignums() == before
