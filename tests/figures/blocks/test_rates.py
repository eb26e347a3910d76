"""`draw_rate_sweep` counts weights as the live convolutions lay them on the map."""

from itertools import chain

import pytest
import torch
from torch import nn

from simseg_core.figures.blocks.rates import draw_rate_sweep, middle_of
from simseg_core.probes.rates import rate_sweep
from tests.figures.legible import assert_legible


class Pyramid(nn.Module):
    """A pyramid of other people's making: 1x1, 3x3 at several rates, pooling."""

    def __init__(self, rates=(6, 12, 18), groups=1):
        super().__init__()
        self.mix = nn.Conv2d(8, 4, 1)
        self.branches = nn.ModuleList(
            nn.Conv2d(8, 8, 3, padding=r, dilation=r, groups=groups) for r in rates
        )

    def forward(self, x):
        maps = [branch(x).mean(1, keepdim=True) for branch in self.branches]
        return torch.cat([self.mix(x), x.mean((2, 3), keepdim=True) + x, *maps], 1)


def brute_force(size, rate):
    """Count by hand, for each pixel, the weights of a padded 3x3 on the map."""
    height, width = size
    return [
        [
            sum(
                0 <= y + i * rate < height and 0 <= x + j * rate < width
                for i in (-1, 0, 1)
                for j in (-1, 0, 1)
            )
            for x in range(width)
        ]
        for y in range(height)
    ]


@pytest.mark.parametrize(("height", "width"), [(33, 33), (9, 14)])
def test_shares_are_those_of_counting_by_hand(height, width):
    sweep = rate_sweep(Pyramid(), (2, 8, height, width))
    assert [branch.rate for branch in sweep.branches] == [(6, 6), (12, 12), (18, 18)]
    for branch in sweep.branches:
        counts = brute_force((height, width), branch.rate[0])
        assert branch.valid.tolist() == counts
    for rate in (1, 5, height - 1, height, max(height, width)):
        flat = list(chain(*brute_force((height, width), rate)))
        at = sweep.rates.index(rate)
        assert sweep.mean[at] == pytest.approx(sum(flat) / 9 / len(flat))
        assert sweep.whole[at] == pytest.approx(flat.count(9) / len(flat))
        assert sweep.centre[at] == pytest.approx(flat.count(1) / len(flat))


def test_at_the_rate_of_the_maps_side_one_weight_is_left():
    """The paper's reason for image-level features (section 3.3)."""
    sweep = rate_sweep(Pyramid(rates=(33,)), (1, 8, 33, 33))
    before, at = (sweep.centre[sweep.rates.index(rate)] for rate in (32, 33))
    assert before < 1
    assert at == 1
    assert sweep.read(middle_of(sweep)) == {(16, 16)}
    # Of 65 rows the middle one stands 32 from both edges.
    assert len(rate_sweep(Pyramid((32,)), (1, 8, 65, 65)).read((32, 32))) == 9


@pytest.mark.parametrize(
    ("conv", "valid"),
    [
        (nn.Conv2d(1, 1, 3), [[9, 9], [9, 9]]),  # no padding: none is lost
        (nn.Conv2d(1, 1, 3, stride=2, padding=1), [[4, 6], [6, 9]]),
        (nn.Conv2d(1, 1, (1, 3), padding="same"), [[2, 3, 3, 2]] * 4),
    ],
)
def test_padding_and_stride_are_the_convolutions_own(conv, valid):
    (branch,) = rate_sweep(conv, (1, 1, 4, 4)).branches
    assert branch.valid.tolist() == valid
    assert branch.share == pytest.approx(
        sum(map(sum, valid)) / sum(map(len, valid)) / branch.weights
    )


def test_in_a_network_the_pyramid_is_found_and_left_as_it_was():
    net = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), Pyramid(groups=8))
    sweep = rate_sweep(net.train(), (1, 3, 64, 96))
    assert [branch.name for branch in sweep.branches] == [
        f"1.branches.{index}" for index in range(3)
    ]
    assert sweep.size == (32, 48)
    assert net.training
    assert not net[1].branches[0]._forward_hooks
    assert next(net.parameters()).device.type == "cpu"


def test_without_a_larger_convolution_the_error_tells_what_to_give():
    with pytest.raises(
        ValueError, match="no convolution larger than 1x1 ran in Conv2d"
    ):
        draw_rate_sweep(nn.Conv2d(3, 8, 1), (1, 3, 8, 8))


@pytest.mark.parametrize(
    ("rates", "size"),
    [
        ((6, 12, 18), (33, 33)),
        ((1, 2, 3, 4, 6, 8, 12, 16), (16, 32)),
        ((5,), (4, 4)),
        ((6, 12, 18), (40, 12)),
    ],
)
def test_the_figure_is_legible_and_its_alt_text_tells_its_numbers(rates, size):
    net, given = Pyramid(rates), (1, 8, *size)
    figure = draw_rate_sweep(net, given)
    assert_legible(figure)
    text, sweep = figure.alt_text, rate_sweep(net, given)
    told = [entry.get_text() for entry in figure.legends[0].get_texts()]
    for branch in sweep.branches:
        share = f"{100 * branch.share:.0f} %"
        assert f"{share} at rate {branch.rate[0]}" in text
        assert f"rate {branch.rate[0]}: {share}" in told
    assert f"map of {size[0]} by {size[1]}" in text
    assert f"middle pixel reads {len(sweep.read(middle_of(sweep)))} of the" in text
    marks = [
        line
        for axes in figure.axes[:-1]
        for line in axes.lines
        if line.get_fillstyle() == "full"
    ]
    shown = {(int(y), int(x)) for line in marks for x, y in zip(*line.get_data())}
    assert shown == sweep.read(middle_of(sweep)) | sweep.read((0, 0))
