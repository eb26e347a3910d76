"""Figures of gates: every channel and every cell is drawn, in an order that is told."""

import numpy as np
import pytest
import torch

from simseg_core.figures import (
    draw_channel_gates,
    draw_spatial_gates,
)
from tests.figures.page import check_page


@pytest.fixture
def gates() -> dict[str, dict[str, torch.Tensor]]:
    """Three channels, two images a group; only the last panel tells the groups."""
    alike = torch.tensor([[0.5, 0.25, 0.75], [0.5, 0.75, 0.75]])
    stop = torch.tensor([[0.5, 1.0, 0.25], [0.5, 0.5, 0.0]])
    go = torch.tensor([[0.5, 0.25, 0.75], [0.5, 0.0, 1.0]])
    return {
        "before": {"stop": alike, "go": alike},
        "after": {"stop": stop, "go": go[:, :, None, None]},
    }


def test_every_channel_is_a_dot_and_a_line(gates) -> None:
    figure = draw_channel_gates(gates)
    check_page(figure)
    before, after = figure.axes
    stop, go = after.lines
    # Sorted by stop minus go: -0.75, 0, 0.625.
    assert stop.get_ydata().tolist() == [0.125, 0.5, 0.75]
    assert go.get_ydata().tolist() == [0.875, 0.5, 0.125]
    assert before.lines[0].get_ydata().tolist() == [0.75, 0.5, 0.5]
    assert stop.get_marker() != go.get_marker()
    assert stop.get_color() != go.get_color()
    ranges = [segment[:, 1].tolist() for segment in after.collections[0].get_segments()]
    assert ranges == [[0.0, 0.25], [0.5, 0.5], [0.5, 1.0]]
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "before: stop and go differ by up to 0.00",
        "after: stop and go differ by up to 0.75",
    ]
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["stop", "go"]


def test_one_group_is_sorted_by_its_mean() -> None:
    figure = draw_channel_gates({"fresh": {"all": torch.tensor([[0.5, 0.25, 1.0]])}})
    check_page(figure)
    assert figure.axes[0].lines[0].get_ydata().tolist() == [0.25, 0.5, 1.0]
    assert figure.axes[0].get_title(loc="left") == "fresh"


def test_alt_text_of_channels_tells_what_is_drawn(gates) -> None:
    told = draw_channel_gates(gates).alt_text
    assert told.startswith("Gates of 3 channels.")
    assert "Before: stop 0.25 to 0.75, go 0.25 to 0.75" in told
    assert "differ by up to 0.00" in told
    assert "After: stop 0.00 to 1.00, go 0.00 to 1.00" in told
    assert "differ by up to 0.75" in told
    assert "over 0.5 they are higher for stop in 1 channels, for go in 1." in told


def test_spatial_gates_lie_over_their_images() -> None:
    images = torch.rand(2, 3, 16, 32)
    fresh = torch.full((2, 1, 2, 4), 0.5)
    trained = fresh.clone()
    trained[1, 0, 0] = torch.tensor([0.0, 0.25, 0.75, 1.0])
    labels = torch.zeros(2, 16, 32).long()
    labels[0, 4:8, 4:8] = 2
    gates = {"fresh": fresh, "trained": trained}
    figure = draw_spatial_gates(images, gates, labels=labels, normalized=False)
    check_page(figure)
    panels = figure.axes[:6]
    assert [panel.get_title() for panel in panels] == [
        "image",
        "fresh\n0.50 to 0.50",
        "trained\n0.50 to 0.50",
        "",
        "0.50 to 0.50",
        "0.00 to 1.00",
    ]
    shown = panels[5].images[0]
    assert np.array_equal(np.asarray(shown.get_array()), trained[1, 0].numpy())
    for index in (1, 2, 4, 5):  # a constant map too: no scale of its own
        norm = panels[index].images[0].norm
        assert (norm.vmin, norm.vmax) == (0, 1)
    assert tuple(shown.get_extent()) == tuple(panels[3].images[0].get_extent())
    assert panels[2].collections  # the outline, of the image that has one
    assert not panels[5].collections
    assert np.allclose(panels[3].images[0].get_array(), images[1].permute(1, 2, 0))
    assert figure.alt_text == (
        "2 images beside their gates of 2 by 4 cells. Fresh: 0.50 to 0.50, mean 0.50 "
        "on what is outlined and 0.50 elsewhere. Trained: 0.00 to 1.00, mean 0.50 on "
        "what is outlined and 0.50 elsewhere."
    )
    bare = draw_spatial_gates(images, gates, normalized=False).alt_text
    assert bare.endswith("Fresh: 0.50 to 0.50. Trained: 0.00 to 1.00.")


@pytest.mark.parametrize(
    ("gates", "words"),
    [
        ({}, "same groups"),
        ({"a": {}}, "same groups"),
        ({"a": {"x": torch.ones(1, 2)}, "b": {"y": torch.ones(1, 2)}}, "same groups"),
        ({"a": dict.fromkeys("xyz", torch.ones(1, 2))}, "one or two"),
        ({"a": {"x": torch.ones(1, 2), "y": torch.ones(1, 3)}}, "the same C"),
        ({"a": {"x": torch.ones(0, 2)}}, "one image at least"),
        ({"a": {"x": torch.full((1, 2), 1.5)}}, "not scores"),
    ],
)
def test_what_are_no_channel_gates_is_refused(gates, words) -> None:
    with pytest.raises(ValueError, match=words):
        draw_channel_gates(gates)


@pytest.mark.parametrize(
    ("gates", "words"),
    [
        ({}, "gates is empty"),
        ({"a": torch.ones(2, 2, 4, 4)}, r"wanted \(2, 1, h, w\)"),
        ({"a": torch.ones(3, 1, 4, 4)}, r"wanted \(2, 1, h, w\)"),
        ({"a": torch.ones(2, 4, 4)}, r"wanted \(2, 1, h, w\)"),
        ({"a": torch.full((2, 1, 4, 4), -0.5)}, "not scores"),
    ],
)
def test_what_are_no_spatial_gates_is_refused(gates, words) -> None:
    with pytest.raises(ValueError, match=words):
        draw_spatial_gates(torch.rand(2, 3, 8, 8), gates)
