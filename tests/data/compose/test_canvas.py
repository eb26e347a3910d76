"""The canvas: blending by hand, and labels where at least half a pixel is covered."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image

from simseg_core.data.compose.canvas import Canvas, coverage
from simseg_core.data.compose.dice import Dice
from simseg_core.data.compose.pictograms import CODES, pictogram, pictogram_folder


def test_blending_by_hand():
    canvas = Canvas(1, 3)
    canvas.image[:] = 100
    alpha = np.array([[0.0, 0.25, 1.0]], dtype=np.float32)
    canvas.paint(alpha, np.array([200, 0, 40]), top=0, left=0, class_index=2)
    assert canvas.image[0, 0].tolist() == [100, 125, 200]
    assert canvas.image[1, 0].tolist() == [100, 75, 0]
    assert canvas.image[2, 0].tolist() == [100, 85, 40]
    assert canvas.label.tolist() == [[0, 0, 2]]


def test_half_covered_belongs_and_less_does_not():
    canvas = Canvas(1, 3)
    alpha = np.array([[0.49, 0.5, 0.51]], dtype=np.float32)
    canvas.paint(alpha, None, top=0, left=0, class_index=7)
    assert canvas.label.tolist() == [[0, 7, 7]]


@settings(deadline=None, max_examples=40, derandomize=True)
@given(top=st.integers(-6, 6), left=st.integers(-7, 8))
def test_what_hangs_over_the_edge_is_cut(top, left):
    """Painting and covering equal painting on a large canvas and cutting it out."""
    alpha = Dice(1).generator.random((3, 4)).astype(np.float32)
    color = Dice(2).generator.random((3, 3, 4)).astype(np.float32)
    wide = np.zeros((3, 25, 27), dtype=np.float32)
    wide[:, 10 + top : 13 + top, 10 + left : 14 + left] = color * alpha
    small = Canvas(5, 7)
    small.paint(alpha, color, top=top, left=left, class_index=1)
    np.testing.assert_allclose(small.image, wide[:, 10:15, 10:17])
    opaque = Canvas(5, 7)
    opaque.cover(color, top=top, left=left, class_index=1)
    wide[:, 10 + top : 13 + top, 10 + left : 14 + left] = color
    np.testing.assert_array_equal(opaque.image, wide[:, 10:15, 10:17])
    assert opaque.label.sum() == (wide[0, 10:15, 10:17] > 0).sum()


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_stamp_is_labelled_by_the_pictograms_alpha(mirrored):
    canvas = Canvas(40, 60)
    width = canvas.stamp(
        "bus",
        height=20,
        bottom=30,
        center=30,
        class_index=4,
        gain=1.0,
        mirrored=mirrored,
    )
    alpha = pictogram("bus", 20)[3]
    if mirrored:
        alpha = alpha[:, ::-1]
    left = round(30 - width / 2)
    expected = np.zeros((40, 60), dtype=bool)
    expected[10:30, left : left + width] = alpha >= 0.5
    assert np.array_equal(canvas.label == 4, expected)
    assert canvas.label[29].any()  # it stands on row `bottom`
    assert not canvas.label[30:].any()


def test_a_stamp_blends_as_pillow_does():
    """Half-covered rims are neither darkened nor doubled."""
    canvas = Canvas(80, 100)
    canvas.image[:] = 200
    path = pictogram_folder() / f"{CODES['bus']}.png"
    with Image.open(path) as file:
        original = file.convert("RGBA")
    original = original.crop(original.getchannel("A").getbbox())
    width = canvas.stamp(
        "bus", height=original.height, bottom=79, center=50, class_index=1, gain=1.0
    )
    assert width == original.width
    expected = Image.new("RGBA", original.size, (200, 200, 200, 255))
    expected.alpha_composite(original)
    left = round(50 - width / 2)
    drawn = canvas.image[:, 79 - original.height : 79, left : left + width]
    rgb = np.asarray(expected)[..., :3].transpose(2, 0, 1)
    np.testing.assert_allclose(drawn, rgb, atol=1.5)


def test_a_shadow_darkens_and_labels_nothing():
    canvas = Canvas(20, 40)
    canvas.image[:] = 100
    canvas.shadow(center=20, width=20, bottom=10, depth=0.5)
    assert not canvas.label.any()
    assert canvas.image.min() == pytest.approx(50)
    assert canvas.image[:, :, 35:].min() == 100


@settings(deadline=None, max_examples=40, derandomize=True)
@given(low=st.floats(0, 9), length=st.floats(0, 6))
def test_coverage_adds_up_to_the_length(low, length):
    shares = coverage(low, low + length, 0, 16)
    assert shares.shape == (16, 1)
    assert shares.min() >= 0
    assert shares.max() <= 1 + 1e-6
    assert shares.sum() == pytest.approx(length, abs=1e-4)


def test_a_disc_has_the_area_of_a_disc():
    canvas = Canvas(60, 60)
    canvas.disc(np.array([9, 9, 9]), center=(30.3, 29.6), radius=20.5, class_index=1)
    assert canvas.label.sum() == pytest.approx(np.pi * 20.5**2, rel=0.01)
    rows, columns = np.nonzero(canvas.label)
    assert rows.mean() + 0.5 == pytest.approx(30.3, abs=0.1)
    assert columns.mean() + 0.5 == pytest.approx(29.6, abs=0.1)


def test_exposure_clips_and_is_noisy_as_told():
    canvas = Canvas(100, 100)
    canvas.image[:] = 100
    taken = canvas.expose(np.float32(1.2), noise=5, dice=Dice(0)).astype(float)
    assert taken.mean() == pytest.approx(119.5, abs=0.3)  # whole numbers, cut downwards
    assert taken.std() == pytest.approx(5, rel=0.05)
    assert (canvas.expose(np.float32(9), noise=5, dice=Dice(0)) == 255).all()


def test_dice_are_fair_and_keyed():
    dice = Dice(5)
    draws = [dice.integer(2, 6) for _ in range(4000)]
    assert set(draws) == {2, 3, 4, 5}
    assert np.mean(draws) == pytest.approx(3.5, abs=0.08)
    assert np.mean([dice.chance(0.3) for _ in range(4000)]) == pytest.approx(
        0.3, abs=0.03
    )
    noise = dice.noise((3, 100, 100))
    assert noise.dtype == np.float32
    assert noise.mean() == pytest.approx(0, abs=0.02)
    assert noise.std() == pytest.approx(1, abs=0.02)
    assert Dice(1, 2).uniform(0, 1) != Dice(2, 1).uniform(0, 1)
