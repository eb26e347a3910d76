"""Figures stay legible at a phone's width, however awkward their data is."""

from itertools import groupby

import numpy as np
import pytest
import torch
from torch import nn

from simseg_core.data import Street
from simseg_core.figures import (
    draw_effective,
    draw_field_on_image,
    draw_gridding,
    draw_growth,
    draw_losses,
    draw_phases,
    draw_predictions,
    draw_samples,
    draw_seed_spread,
)
from simseg_core.figures.fields.facts import growth
from simseg_core.figures.style import TALLEST, WIDTH
from simseg_core.probes import receptive_field
from simseg_core.probes.field.effective import EffectiveField
from simseg_core.training.metrics import Scores
from simseg_core.training.seeds import SeedRuns
from tests.figures.legible import assert_legible

LONG = "DeepLabV3+ with Xception-65 and output stride 16"


class Mean(nn.Module):
    """Global, without a local field."""

    def forward(self, x):
        return x.mean((2, 3), keepdim=True).expand_as(x)


class Stairs(nn.Module):
    """Down by strides and up again within the last few operations."""

    def __init__(self):
        super().__init__()
        self.down = nn.Sequential(*(nn.Conv2d(1, 1, 3, 2, 1) for _ in range(5)))
        self.up = nn.Sequential(
            *(nn.ConvTranspose2d(1, 1, 4, 2, 1) for _ in range(5)),
        )

    def forward(self, x):
        return self.up(self.down(x))


def local(depth=2):
    return nn.Sequential(*(nn.Conv2d(1, 1, 3, padding=1) for _ in range(depth)))


@pytest.mark.parametrize(
    ("net", "size", "index"),
    [
        (local(), (4, 4), (0, 0)),
        (local(), (300, 40), (299, 0)),
        (local(), (40, 300), (0, 299)),
        (Mean(), (32, 32), (3, 3)),
    ],
)
def test_field_on_an_image_of_any_shape(net, size, index):
    figure = draw_field_on_image(
        torch.rand(3, *size), receptive_field(net, (1, *size)), index
    )
    assert_legible(figure)
    assert figure.get_figheight() <= TALLEST
    told = figure.get_suptitle()
    assert f"Output pixel {index}" in told
    assert ("the whole image" in told) == isinstance(net, Mean)
    assert "no local" not in told


@pytest.mark.parametrize("net", [Stairs(), local(1), local(60)])
def test_growth_names_every_stride_apart(net):
    field = receptive_field(net, (1, 64, 128))
    figure = draw_growth(field)
    assert_legible(figure)
    told = [text.get_text() for text in figure.axes[0].texts]
    strides = [name for name in told if name.startswith("stride")]
    changes = [stride for stride, _ in groupby(stride for *_, stride in growth(field))]
    assert strides == [f"stride {stride}" for stride in changes if changes != [1]]
    assert (len(strides) > 5) == isinstance(net, Stairs)
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    frame = figure.axes[0].get_window_extent()
    for box in boxes:
        assert frame.x0 <= box.x0 <= box.x1 <= frame.x1 + 1
        assert box.y1 <= frame.y1 + 1


def test_one_step_of_growth_is_seen():
    figure = draw_growth(receptive_field(local(1), (1, 32, 32)))
    x, y = figure.axes[0].lines[0].get_data()
    assert x[-1] > x[0]
    assert set(y) == {3}


@pytest.mark.parametrize(
    "stacks", [[(1,)], [(1, 1, 1, 2, 2, 2, 4, 4, 4, 8, 8, 8, 16), (1, 2, 5)]]
)
def test_gridding_of_long_stacks(stacks):
    assert_legible(draw_gridding(*stacks))


def test_phases_that_lie_flat():
    net = nn.Sequential(nn.MaxPool2d((1, 8)), nn.Upsample(scale_factor=(1, 8)))
    figure = draw_phases(receptive_field(net, (1, 32, 64)))
    assert_legible(figure)
    assert figure.get_figheight() < WIDTH / 2


@pytest.mark.parametrize("size", [(64, 64), (4, 4), (40, 200), (200, 40)])
def test_effective_fields_of_any_shape(size):
    height, width = size
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    far = (y - height / 2) ** 2 + (x - width / 2) ** 2
    maps = [torch.exp(-far / spread).double() for spread in (20.0, 200.0)]
    box = ((0, height - 1), (0, width - 1))
    fields = [
        EffectiveField(m / m.sum(), (height // 2, width // 2), box, False, 1)
        for m in maps
    ]
    figure = draw_effective(*fields)
    assert_legible(figure)
    assert figure.get_figheight() <= TALLEST


@pytest.mark.parametrize(("count", "columns"), [(1, 4), (3, 1), (7, 4)])
def test_samples_of_any_number(count, columns):
    figure = draw_samples(Street(size=32, length=8), count, columns=columns)
    assert_legible(figure)
    assert figure.get_figheight() <= TALLEST


CLASSES = {
    1: ["all"],
    3: ["road", "a class whose name a reader wrote out in full", "sky"],
    21: [
        "background",
        "a class name of some length",
        *map("class {}".format, range(19)),
    ],
}


@pytest.mark.parametrize("classes", CLASSES.values(), ids=CLASSES)
@pytest.mark.parametrize("names", [["U-Net"], [LONG, "U-Net", "FCN"], list("abcdef")])
@pytest.mark.parametrize("size", [(16, 16), (48, 16)])
def test_predictions_of_any_number_with_names_of_any_length(classes, names, size):
    label = torch.zeros(1, *size).long()
    label[:, :2] = 255
    figure = draw_predictions(
        torch.rand(1, 3, *size),
        label,
        {name: torch.randint(0, len(classes), label.shape) for name in names},
        classes=classes,
        palette=[(9 * i, 255 - 9 * i, 128) for i in range(len(classes))],
        normalized=False,
    )
    assert_legible(figure)
    told = [text.get_text() for text in figure.legends[0].get_texts()]
    assert told == [*classes, "ignored"]


@pytest.mark.parametrize("networks", [1, 2, 16])
@pytest.mark.parametrize("steps", [1, 2, 300])
def test_losses_of_any_number(networks, steps):
    losses = {
        f"{LONG}, number {n}": np.linspace(1 + n, 0.1, steps) for n in range(networks)
    }
    figure = draw_losses(losses, smooth=1)
    assert_legible(figure)
    (axes,) = figure.axes
    looks = {(line.get_color(), line.get_linestyle()) for line in axes.lines}
    assert len(looks) == networks
    assert all(line.get_marker() == "o" for line in axes.lines) == (steps == 1)
    assert all(float(tick).is_integer() for tick in axes.get_xticks())


@pytest.mark.parametrize("seeds", [1, 10])
@pytest.mark.parametrize("networks", [1, 12])
def test_seeds_of_any_number(seeds, networks):
    runs = {
        f"{LONG} {n}": SeedRuns(
            {s: Scores({"pole": (s + n) / 30}, {}, 1.0) for s in range(seeds)}
        )
        for n in range(networks)
    }
    figure = draw_seed_spread(runs, ["miou", "pole"])
    assert_legible(figure)
    dots = [line for line in figure.axes[0].lines if line.get_marker() != "None"]
    assert [len(line.get_xdata()) for line in dots] == [seeds] * networks
