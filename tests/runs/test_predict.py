"""From a picture of any kind to classes at its own size."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from simseg_core.data import FolderDataset, normalize
from simseg_core.runs import Network, Predictor
from simseg_core.runs.checkpoint import BEST, save_trained
from tests.models.tiny import shown

CLASSES = ("sky", "road", "pole")


def network(**settings: object) -> Network:
    return Network("unet_padded", CLASSES, preset="tiny", **settings)  # type: ignore[arg-type]


def model() -> nn.Module:
    torch.manual_seed(0)
    return shown(network().build())


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor(network(), model(), device="cpu")


def pixels(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


# --- pictures of every kind -------------------------------------------------------


def test_a_prediction_is_what_the_network_says(predictor: Predictor) -> None:
    image = torch.rand(3, 37, 50)
    with torch.no_grad():
        logits = predictor.model(normalize(image)[None])[0]
    found = predictor(image)
    torch.testing.assert_close(found.logits, logits)
    assert found.label.equal(logits.argmax(0))
    assert len(found.label.unique()) > 1
    torch.testing.assert_close(found.probabilities, logits.softmax(0))
    assert found.image.equal(image)


def test_a_picture_is_the_same_however_it_comes(
    predictor: Predictor, tmp_path: Path
) -> None:
    array = pixels(20, 30, 3)
    picture = Image.fromarray(array)
    picture.save(tmp_path / "a.png")
    expected = predictor(torch.from_numpy(array).permute(2, 0, 1) / 255)
    for same in (
        tmp_path / "a.png",
        str(tmp_path / "a.png"),
        picture,
        array,
        array / 255,
        torch.from_numpy(array).permute(2, 0, 1),
        torch.from_numpy(array / 255).permute(2, 0, 1),
    ):
        found = predictor(same)
        torch.testing.assert_close(found.image, expected.image)
        torch.testing.assert_close(found.logits, expected.logits)


def test_grey_is_repeated_and_transparency_laid_on_white(predictor: Predictor) -> None:
    grey = pixels(20, 30)
    expected = predictor(np.repeat(grey[..., None], 3, 2)).image
    for same in (grey, grey[..., None], Image.fromarray(grey), grey / 255):
        torch.testing.assert_close(predictor(same).image, expected)
    see_through = np.concatenate([pixels(20, 30, 3), np.zeros((20, 30, 1), "u1")], 2)
    for same in (see_through, Image.fromarray(see_through)):
        assert (predictor(same).image == 1).all()


def test_pictures_are_read_as_a_folder_data_set_reads_them(
    predictor: Predictor, tmp_path: Path
) -> None:
    """Turned by their tag, with palettes, grey, transparent: one way, not two."""
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    tag = Image.Exif()
    tag[274] = 6  # lies on its side
    rgb = Image.fromarray(pixels(20, 30, 3))
    rgb.save(tmp_path / "images/turned.jpg", exif=tag)
    rgb.quantize(16).save(tmp_path / "images/palette.gif")
    Image.fromarray(pixels(20, 30)).save(tmp_path / "images/grey.png")
    Image.fromarray(pixels(20, 30, 4)).save(tmp_path / "images/alpha.png")
    for file in (tmp_path / "images").iterdir():
        size = (20, 30) if file.stem == "turned" else (30, 20)
        Image.new("L", size).save(tmp_path / "masks" / f"{file.stem}.png")
    data = FolderDataset(tmp_path, classes=CLASSES, normalize=False)
    for (file, _), (image, _) in zip(data.files, data, strict=False):
        found = predictor(file)
        assert found.image.equal(image)
        assert found.label.shape == image.shape[1:]
    assert len(data) == 4


def test_a_scaled_network_answers_at_the_pictures_own_size() -> None:
    half = Predictor(network(scale=0.5), model(), device="cpu")
    image = torch.rand(3, 41, 64)
    found = half(image)
    small = nn.functional.interpolate(
        image[None], (20, 32), mode="bilinear", antialias=True
    )
    with torch.no_grad():
        logits = half.model(normalize(small))
    torch.testing.assert_close(found.logits, logits[0])
    large = nn.functional.interpolate(logits, (41, 64), mode="bilinear")[0]
    assert found.label.equal(large.argmax(0))
    torch.testing.assert_close(found.probabilities, large.softmax(0))


def test_mean_and_deviation_are_the_networks_own() -> None:
    own = Predictor(network(mean=(0, 0, 0), std=(1, 1, 1)), model(), device="cpu")
    image = torch.rand(3, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(own(image).logits, own.model(image[None])[0])


def test_options_reach_the_tiles() -> None:
    image = torch.rand(3, 64, 200)
    one, other = (
        Predictor(network(), model(), device="cpu", tile=64, overlap=shared)
        for shared in (0, 32)
    )
    exact = Predictor(network(), model(), device="cpu")(image).logits
    off = [(each(image).logits - exact).abs().mean() for each in (one, other)]
    assert off[0] > off[1] > 0


# --- what can be done with it -----------------------------------------------------


def test_shares_add_up(predictor: Predictor) -> None:
    found = predictor(pixels(20, 30, 3))
    assert tuple(found.shares) == CLASSES
    assert sum(found.shares.values()) == pytest.approx(1)
    for number, share in enumerate(found.shares.values()):
        assert share == pytest.approx((found.label == number).float().mean().item())


def test_a_mask_keeps_class_numbers_and_shows_their_colours(
    predictor: Predictor, tmp_path: Path
) -> None:
    found = predictor(pixels(20, 30, 3))
    found.mask().save(tmp_path / "mask.png")
    mask = Image.open(tmp_path / "mask.png")
    assert mask.mode == "P"
    assert np.array_equal(np.asarray(mask), found.label.numpy())
    assert predictor.network.palette is not None
    painted = np.asarray(mask.convert("RGB"))
    for number, color in enumerate(predictor.network.palette):
        assert (painted[found.label.numpy() == number] == color).all()


def test_an_overlay_lies_between_picture_and_colours(predictor: Predictor) -> None:
    array = pixels(20, 30, 3)
    found = predictor(array)
    colors = np.asarray(found.mask().convert("RGB"))
    assert np.array_equal(np.asarray(found.overlay(0)), array)
    assert np.array_equal(np.asarray(found.overlay(1)), colors)
    mixed = np.asarray(found.overlay()).astype(float)
    assert abs(mixed - (array / 2 + colors / 2)).max() <= 0.5
    with pytest.raises(ValueError, match="alpha=2 is not 0 to 1"):
        found.overlay(2)


# --- from a run's folder ----------------------------------------------------------


def test_a_run_is_loaded_with_its_weights(tmp_path: Path) -> None:
    save_trained(tmp_path / BEST, model(), network(), step=1, scores={})
    image = torch.rand(3, 20, 20)
    found = Predictor.load(tmp_path, device="cpu", tile=64)(image)
    assert found.logits.equal(Predictor(network(), model(), device="cpu")(image).logits)
    assert found.network == network()
    with pytest.raises(FileNotFoundError, match=r"holds no last\.safetensors"):
        Predictor.load(tmp_path, "last")


@pytest.mark.gpu
def test_a_gpu_says_the_same(tmp_path: Path) -> None:
    save_trained(tmp_path / BEST, model(), network(), step=1, scores={})
    image = torch.rand(3, 100, 90)
    expected = Predictor(network(), model(), device="cpu")(image).logits
    found = Predictor.load(tmp_path, device="cuda")(image)
    torch.testing.assert_close(found.logits, expected, rtol=1e-3, atol=1e-3)
    assert found.label.device.type == "cpu"
    mixed = Predictor.load(tmp_path, device="cuda", amp=True)(image)
    assert mixed.logits.dtype == torch.float32
    torch.testing.assert_close(mixed.logits, expected, rtol=0.1, atol=0.1)


# --- what is no picture -----------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (torch.rand(2, 3, 8, 8), "one picture at a time"),
        (torch.rand(8, 8, 3), "no picture"),
        (np.zeros((3, 8, 9), np.uint8), "no picture"),
        (np.zeros((8, 0, 3), np.uint8), "no picture"),
        (np.zeros((8, 9, 3), np.uint16), "divide by the greatest value"),
        (np.full((8, 9, 3), 7.0), "do not normalise it"),
        (torch.full((3, 8, 9), float("nan")), "floats from 0 to 1"),
        (Image.new("I;16", (8, 9)), "more than 8 bits"),
        (Image.new("F", (8, 9)), "more than 8 bits"),
    ],
)
def test_what_is_no_picture_is_refused(
    wrong: object, told: str, predictor: Predictor
) -> None:
    with pytest.raises(ValueError, match=told):
        predictor(wrong)  # type: ignore[arg-type]


def test_files_that_are_no_pictures_are_named(
    predictor: Predictor, tmp_path: Path
) -> None:
    with pytest.raises(FileNotFoundError, match=r"no picture .*gone\.png"):
        predictor(tmp_path / "gone.png")
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(ValueError, match=r"text\.png cannot be read"):
        predictor(tmp_path / "text.png")
    with pytest.raises(TypeError, match="not list"):
        predictor([1, 2])  # type: ignore[arg-type]
