"""Palettes: apart for every kind of vision, by an independent measure too."""

from itertools import combinations

import numpy as np
import pytest
import torch
from skimage.color import deltaE_cie76, rgb2lab

from simseg_core.data import OKABE_ITO, Signal, Signs, Street, colorize
from simseg_core.data.palettes import IGNORE, default_palette
from tests.data.color_vision import MIN_DISTANCE, VISIONS, color_distance, simulate


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("kind", [Street, Signal, Signs])
def test_any_two_classes_are_far_apart_for_everyone(kind, vision):
    for a, b in combinations(kind.palette, 2):
        assert color_distance(a, b, vision) >= MIN_DISTANCE


def luminance(color):
    values = np.asarray(color) / 255
    linear = np.where(
        values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4
    )
    return linear @ [0.2126, 0.7152, 0.0722]


def neighbours(data):
    """Pairs of classes with their share of all borders between classes."""
    counts = np.zeros((6, 6))
    for index in range(len(data)):
        label = data[index][1].numpy()
        for a, b in ((label[1:], label[:-1]), (label[:, 1:], label[:, :-1])):
            np.add.at(counts, (a[a != b], b[a != b]), 1)
    counts = counts + counts.T
    return {
        (i, j): counts[i, j] / counts.sum() * 2 for i, j in combinations(range(6), 2)
    }


@pytest.mark.parametrize("kind", [Street, Signal, Signs])
def test_common_neighbours_differ_in_lightness_too(kind):
    """Contrast as in WCAG: a border is seen in a grey print, if it is a common one."""
    for (i, j), share in neighbours(kind(length=40)).items():
        if share > 0.05:
            light, dark = sorted(map(luminance, (kind.palette[i], kind.palette[j])))[
                ::-1
            ]
            assert (light + 0.05) / (dark + 0.05) >= 1.5, (i, j)


def test_distance_agrees_with_scikit_image():
    rng = np.random.default_rng(0)
    for a, b in rng.integers(0, 256, (30, 2, 3)):
        expected = deltaE_cie76(rgb2lab(a / 255), rgb2lab(b / 255))
        assert color_distance(tuple(a), tuple(b)) == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize("vision", VISIONS)
def test_greys_stay_greys(vision):
    seen = simulate([(g, g, g) for g in (0, 60, 128, 255)], vision)
    np.testing.assert_allclose(seen, seen[:, :1].repeat(3, 1), atol=2e-6)


def test_what_dichromats_confuse_comes_together():
    reddish, greenish = (163, 110, 70), (120, 125, 70)
    plain = color_distance(reddish, greenish)
    assert color_distance(reddish, greenish, "deuteranopia") < plain / 2
    blueish, tealish = (86, 140, 200), (60, 148, 150)
    plain = color_distance(blueish, tealish)
    assert color_distance(blueish, tealish, "tritanopia") < plain / 2


def test_an_unknown_vision_is_named():
    with pytest.raises(ValueError, match="vision='cat' is not one of"):
        simulate([(0, 0, 0)], "cat")


def test_colorize_paints_each_class_and_stripes_what_is_ignored():
    palette = Street.palette
    label = torch.arange(6).repeat(6, 1)
    label[:, 5] = 255
    painted = colorize(label, palette)
    assert painted.dtype == np.uint8
    assert painted.shape == (6, 6, 3)
    for index in range(5):
        assert (painted[:, index] == palette[index]).all()
    assert {tuple(c) for c in painted[:, 5].tolist()} == set(IGNORE)
    assert np.array_equal(painted, colorize(label.numpy(), palette))


@pytest.mark.parametrize("kind", [Street, Signal, Signs])
def test_stripes_are_no_class(kind):
    assert not set(IGNORE) & set(kind.palette)


def test_colorize_names_values_without_colour():
    with pytest.raises(ValueError, match=r"label values \[-1, 3\] have no colour"):
        colorize(torch.tensor([[0, 3, -1]]), [(0, 0, 0), (9, 9, 9)])


def test_colorize_refuses_a_batch():
    with pytest.raises(ValueError, match=r"one label map \(H, W\), not \(2, 4, 4\)"):
        colorize(torch.zeros(2, 4, 4), [(0, 0, 0)])


def test_default_palette_begins_with_okabe_and_ito_and_never_repeats():
    assert default_palette(8) == tuple(OKABE_ITO.values())
    assert len(default_palette(8)) == len(set(default_palette(8)))
