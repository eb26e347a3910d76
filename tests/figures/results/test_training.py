"""Figures of trainings: every seed is drawn, and text fits the page."""

import matplotlib.pyplot as plt
import pytest
from matplotlib.colors import to_rgba

from simseg_core import figures
from simseg_core.figures import draw_losses, draw_run, draw_seed_spread
from simseg_core.figures.style import COLOURS, PAPER, new_figure, style
from simseg_core.training.metrics import Scores
from simseg_core.training.seeds import SeedRuns
from tests.figures.page import check_page


def runs(*poles: float, losses: tuple[tuple[float, ...], ...] = ()) -> SeedRuns:
    scores = {
        seed: Scores({"pole or wire": pole, "sky": 0.9}, {"sky": 0.5}, 0.8)
        for seed, pole in enumerate(poles)
    }
    return SeedRuns(scores, dict(enumerate(losses)))


def test_every_seed_is_a_dot_and_the_median_a_number() -> None:
    figure = draw_seed_spread(
        {
            "with skips": runs(0.5, 0.25, 0.75),
            "the same network without": runs(0, 0, 1),
        },
        ["pole or wire", "boundary_miou"],
    )
    check_page(figure)
    poles, boundaries = figure.axes
    assert poles.get_title(loc="left") == "IoU of pole or wire"
    assert boundaries.get_title(loc="left") == "boundary mIoU"
    with_skips, without = poles.lines
    assert list(with_skips.get_xdata()) == [0.5, 0.25, 0.75]
    assert list(without.get_xdata()) == [0, 0, 1]
    assert with_skips.get_marker() != without.get_marker()
    told = [text.get_text() for text in poles.texts]
    assert told == ["with skips", "0.50", "the same network without", "0.00"]
    medians = [bar.get_segments()[0][0][0] for bar in poles.collections]
    assert medians == [0.5, 0.0]
    assert figure.alt_text.startswith("The scores of 3 seeds. IoU of pole or wire, ")
    assert "with skips 0.50, 0.25 to 0.75; " in figure.alt_text
    assert "the same network without 0.00, 0.00 to 1.00." in figure.alt_text


def test_losses_of_seeds_are_a_mean_and_a_band() -> None:
    two = runs(0.1, 0.2, losses=((4.0, 2.0, 2.0, 1.0), (2.0, 2.0, 1.0, 1.0)))
    figure = draw_losses({"U-Net": two, "one": [1.0, 0.5, 0.5, 0.25]}, smooth=2)
    check_page(figure)
    seeds, one = figure.axes[0].lines
    assert list(seeds.get_xdata()) == [0.5, 2.5]
    assert list(seeds.get_ydata()) == [2.5, 1.25]
    assert list(one.get_ydata()) == [0.75, 0.375]
    (band,) = figure.axes[0].collections
    assert set(band.get_paths()[0].vertices[:, 1]) >= {3.0, 2.0, 1.5, 1.0}
    assert seeds.get_linestyle() != one.get_linestyle()
    assert figure.alt_text == (
        "The loss, mean of 2 steps. U-Net: from 2.5 to 1.2. one: from 0.75 to 0.38."
    )


def test_smoothing_longer_than_the_training_gives_one_point() -> None:
    line = draw_losses({"short": [2.0, 4.0]}, smooth=10).axes[0].lines[0]
    assert list(line.get_ydata()) == [3.0]


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing to draw"):
        draw_losses({})
    with pytest.raises(ValueError, match="nothing to draw"):
        draw_seed_spread({})
    with pytest.raises(ValueError, match=r"'a' has runs of \[1, 2\] steps"):
        draw_losses({"a": runs(0, 0, losses=((1.0,), (1.0, 1.0)))})
    with pytest.raises(ValueError, match=r"'none' has runs of \[0\] steps"):
        draw_losses({"none": []})


def test_the_style_ends_with_its_block() -> None:
    before = dict(plt.rcParams)
    with style():
        figure, axes = new_figure(height=2)
        drawn = [axes.plot([0, 1])[0] for _ in COLOURS]
    assert dict(plt.rcParams) == before
    assert [line.get_color() for line in drawn] == list(COLOURS)
    assert plt.get_fignums() == []  # or a notebook would show it twice
    assert figure.get_facecolor() == to_rgba(PAPER)


def test_every_name_of_the_package_is_there() -> None:
    for name in figures.__all__:
        assert callable(getattr(figures, name))
    with pytest.raises(AttributeError, match="draw_nothing"):
        figures.draw_nothing  # noqa: B018


def test_a_run_is_drawn_over_its_own_steps() -> None:
    figure = draw_run([(1, 4.0), (11, 2.0), (21, 1.0)], [(10, 0.25), (20, 0.5)])
    above, below = figure.axes
    assert above.lines[0].get_xydata().tolist() == [[1, 4], [11, 2], [21, 1]]
    assert below.lines[0].get_xydata().tolist() == [[10, 0.25], [20, 0.5]]
    assert "0.25 at step 10, 0.50 at step 20" in figure.alt_text
    assert "none yet" in draw_run([(1, 4.0)], []).alt_text
    with pytest.raises(ValueError, match="nothing to draw"):
        draw_run([], [])
