"""Sheets of samples and predictions: what is in which panel."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg

from simseg_core.data import Signs, Street, colorize, denormalize
from simseg_core.data.palettes import IGNORE
from simseg_core.figures import draw_predictions, draw_samples
from simseg_core.figures.style import SMALLEST, WIDTH
from simseg_core.tables.units import percent

PALETTE = [(255, 0, 0), (0, 0, 255)]
NAMES = ["left", "right"]


def panels(figure):
    """The pixels of every panel that has any, in drawing order."""
    return [axis.images[0].get_array() for axis in figure.axes if axis.images]


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def assert_legible(figure):
    """As wide as the book, no text under 9 pt, none cut off and none on a panel."""
    assert figure.get_figwidth() == WIDTH
    FigureCanvasAgg(figure).draw()
    edges = figure.bbox
    pictures = [axis.get_window_extent() for axis in figure.axes if axis.images]
    texts = [axis.title for axis in figure.axes] + figure.legends[0].get_texts()
    for text in texts:
        if text.get_text():
            assert text.get_fontsize() >= SMALLEST
            box = text.get_window_extent()
            assert edges.x0 <= box.x0
            assert box.x1 <= edges.x1
            assert edges.y0 <= box.y0
            assert box.y1 <= edges.y1
            middle = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
            assert not any(picture.contains(*middle) for picture in pictures)


@pytest.mark.parametrize("normalize", [True, False])
def test_each_image_is_over_its_label(normalize):
    data = Street(size=(32, 48), length=5, normalize=normalize)
    figure = draw_samples(data, count=5, columns=3)
    shown = panels(figure)
    assert len(shown) == 10
    # Rows: images 0-2, labels 0-2, images 3-4, labels 3-4.
    for i, (at, below) in enumerate([(0, 3), (1, 4), (2, 5), (6, 8), (7, 9)]):
        image, label = data[i]
        plain = denormalize(image) if normalize else image
        np.testing.assert_allclose(shown[at], plain.permute(1, 2, 0), atol=1e-6)
        assert np.array_equal(shown[below], colorize(label, data.palette))
    assert legend(figure) == list(Street.classes)
    assert_legible(figure)
    assert figure.alt_text.startswith("5 images in rows of 3, each over its label map:")
    labels = torch.stack([label for _, label in data])
    for index, name in enumerate(Street.classes):
        inside = (labels == index).float().mean(dim=(1, 2))
        told = f"{name} {percent(inside.mean().item())} of the pixels"
        assert f"{told}, in {(inside > 0).sum()}" in figure.alt_text


def test_a_sheet_fits_other_counts_and_classes():
    figure = draw_samples(Signs(size=64, length=2), count=2)
    assert len(panels(figure)) == 4
    assert_legible(figure)


@pytest.mark.parametrize(("count", "columns"), [(0, 4), (3, 4), (2, 0)])
def test_counts_that_cannot_be_drawn_are_named(count, columns):
    with pytest.raises(ValueError, match=f"count={count}, columns={columns}.* has 2 "):
        draw_samples(Signs(size=32, length=2), count=count, columns=columns)


def halves():
    """Two images, their labels, and two guesses: half wrong, one pixel wrong."""
    label = torch.zeros(2, 32, 40, dtype=torch.long)
    label[:, :, 20:] = 1
    label[0, :8] = 255
    near = label.clone()
    near[label == 255] = 0
    near[1, 0, 0] = 1
    guesses = {"all left": torch.zeros_like(label), "nearly": near}
    return torch.rand(2, 3, 32, 40), label, guesses


def test_errors_are_black_and_counted_where_labels_count():
    images, label, guesses = halves()
    figure = draw_predictions(
        images, label, guesses, classes=NAMES, palette=PALETTE, normalized=False
    )
    shown, titles = panels(figure), [axis.get_title() for axis in figure.axes]
    assert len(shown) == 2 * 2 * 3
    assert titles[:3] == ["image", "all left", "nearly"]
    assert titles[3:6] == ["label", "50.0 % wrong", "0.0 % wrong"]
    assert titles[9:] == ["label", "50.0 % wrong", f"{100 / (32 * 40):.1f} % wrong"]
    np.testing.assert_allclose(shown[0], images[0].permute(1, 2, 0))
    assert np.array_equal(shown[1], colorize(guesses["all left"][0], PALETTE))
    assert np.array_equal(shown[3], colorize(label[0], PALETTE))
    errors = shown[4]
    assert (errors[8:, 20:] == 0).all()
    assert (errors[8:, :20] > 200).all()
    assert {tuple(c) for c in errors[:8].reshape(-1, 3).tolist()} == set(IGNORE)
    black = (shown[11] == 0).all(-1)
    assert black.sum() == 1
    assert black[0, 0]
    assert figure.alt_text == (
        "2 images: each with its label, the predictions of all left, nearly, and a map "
        "of the errors of each. Wrong, all left: 50 %, 50 % of the pixels; 0.0 % of "
        "left, 100 % of right. Wrong, nearly: 0.0 %, 0.1 % of the pixels; 0.1 % of "
        "left, 0.0 % of right."
    )
    assert legend(figure) == ["left", "right", "ignored"]
    assert_legible(figure)


def test_one_prediction_of_one_image_is_legible_too():
    images, label, guesses = halves()
    figure = draw_predictions(
        images[1:],
        label[1:],
        {"with a rather long name": guesses["nearly"][1:]},
        classes=NAMES,
        palette=PALETTE,
        normalized=False,
    )
    assert legend(figure) == NAMES  # nothing is ignored here
    assert_legible(figure)


def test_what_does_not_fit_is_named():
    images, label, guesses = halves()
    options = {"classes": NAMES, "palette": PALETTE, "normalized": False}
    with pytest.raises(ValueError, match=r"'logits' is \(2, 2, 32, 40\).*argmax\(1\)"):
        draw_predictions(images, label, {"logits": torch.rand(2, 2, 32, 40)}, **options)
    with pytest.raises(ValueError, match="predictions is empty"):
        draw_predictions(images, label, {}, **options)
    with pytest.raises(ValueError, match=r"images .* must be"):
        draw_predictions(images[..., :5], label, guesses, **options)


def test_no_figure_stays_open():
    before = plt.get_fignums()
    draw_samples(Signs(size=32, length=1), count=1)
    assert plt.get_fignums() == before
