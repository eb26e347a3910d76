"""The figure of a network's cost: the shares it draws are those of the counts."""

import pytest
from torch import nn

from simseg_core.figures import draw_cost
from simseg_core.probes import cost
from tests.figures.page import check_page

NET = nn.Sequential(
    nn.Conv2d(3, 8, 3, padding=1), nn.MaxPool2d(2), nn.Conv2d(8, 24, 1, bias=False)
)
SIZE = (1, 3, 32, 32)
# By hand: weights with biases; kernel sizes times positions; no MACs in pooling.
WEIGHTS = [3 * 8 * 9 + 8, 0, 8 * 24]
MACS = [32 * 32 * 8 * 27, 0, 16 * 16 * 24 * 8]


def percents(counts: list[int]) -> list[float]:
    return [pytest.approx(100 * count / sum(counts)) for count in counts]


def test_each_bar_is_a_stages_share() -> None:
    figure = draw_cost(cost(NET, SIZE))
    figure.draw_without_rendering()
    weights, macs, moved = (
        [bar.get_width() for bar in panel.patches] for panel in figure.axes
    )
    assert weights == percents(WEIGHTS)
    assert macs == percents(MACS)
    assert sum(moved) == pytest.approx(100)
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == ["0", "1", "2"]
    check_page(figure)


def test_the_alt_text_tells_the_same_shares() -> None:
    told = draw_cost(cost(NET, SIZE)).alt_text
    assert f"0 {100 * WEIGHTS[0] / sum(WEIGHTS):.0f}, " in told
    assert f"2 {100 * WEIGHTS[2] / sum(WEIGHTS):.0f}, " in told
    assert "Sequential on 1×3×32×32" in told


def test_a_network_without_weights_is_drawn_and_too_many_stages_are_refused() -> None:
    assert draw_cost(cost(nn.ReLU(), SIZE)).axes[1].patches[0].get_width() == 0
    deep = nn.Sequential(*(nn.Conv2d(3, 3, 1) for _ in range(41)))
    with pytest.raises(ValueError, match=r"41 stages.*smaller depth"):
        draw_cost(cost(deep, SIZE))
