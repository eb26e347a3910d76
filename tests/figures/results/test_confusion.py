"""The confusion matrix as a picture, and the sheet of the worst pictures."""

import pytest
import torch

from simseg_core.figures import draw_confusion, draw_predicted
from tests.figures.legible import assert_legible

NAMES = ["sky", "road", "a class with a very long name indeed, and more"]


def test_rows_are_labels_and_add_up() -> None:
    figure = draw_confusion(torch.tensor([[6, 2, 0], [1, 3, 0], [0, 0, 0]]), NAMES)
    assert_legible(figure)
    (axes,) = figure.axes
    written = [text.get_text() for text in axes.texts]
    assert written == ["75", "25", "0", "25", "75", "0"]
    assert axes.get_ylabel() == "label"
    assert "sky 75 %" in figure.alt_text
    assert "indeed, and more never occurs" in figure.alt_text
    assert "confused: sky as road 25 %, road as sky 25 %." in figure.alt_text


def test_many_classes_have_colours_alone() -> None:
    names = [f"class {i}" for i in range(40)]
    figure = draw_confusion(torch.eye(40, dtype=torch.long), names)
    assert_legible(figure)
    assert not figure.axes[0].texts
    assert "confused: nothing." in figure.alt_text


def test_a_matrix_of_other_classes_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit 3 classes"):
        draw_confusion(torch.zeros(2, 2), NAMES)


def test_the_worst_keep_their_sizes_and_titles() -> None:
    samples = {}
    for title, size in {"wide": (10, 40), "tall": (40, 10)}.items():
        label = torch.zeros(size).long()
        label[0, 0] = 255
        samples[f"{title}.png: mean IoU 0.5"] = torch.rand(3, *size), label, label * 0
    figure = draw_predicted(samples, classes=["all"], palette=[(0, 0, 0)])
    assert_legible(figure)
    assert len(figure.axes) == 6
    assert figure.axes[3].get_title(loc="left") == "tall.png: mean IoU 0.5"
    assert figure.axes[0].images[0].get_array().shape == (10, 40, 3)
    assert "wide.png: mean IoU 0.5; tall.png" in figure.alt_text
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["all", "ignored"]
    with pytest.raises(ValueError, match="no sample"):
        draw_predicted({}, classes=["all"], palette=[(0, 0, 0)])
