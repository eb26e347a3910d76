"""Tiles give what the whole image gives, wherever the receptive field fits."""

import warnings

import pytest
import torch
from torch import Tensor, nn

from simseg_core import create_model, list_models
from simseg_core.models.presets import TABLE
from simseg_core.probes import receptive_field
from simseg_core.runs.tiles import fit_of, mirror, segment
from tests.models.tiny import shown

# What should be exact says nothing.
pytestmark = pytest.mark.filterwarnings("error:.*in tiles differs")
SEGMENTATION = list_models("segmentation")
ONE_A_CLASS = list({TABLE[name].target: name for name in SEGMENTATION[::-1]}.values())
LOCAL = {  # name -> widths, side of a tile that its field leaves half of, image
    "unet": ((4, 6, 8, 12, 16), 64, (150, 203)),
    "unet_padded": ((4, 6, 8, 12), 192, (261, 300)),
    "unet_residual": ((4, 6, 8, 12), 192, (300, 261)),
}


def tiny(name: str, **options: object) -> nn.Module:
    return shown(create_model(name, preset="tiny", num_classes=3, **options)).double()


def picture(*size: int) -> Tensor:
    return torch.rand(3, *size, dtype=torch.float64)


def whole(model: nn.Module, image: Tensor) -> Tensor:
    with torch.no_grad():
        return model(image[None])[0]


def close(found: Tensor, expected: Tensor) -> None:
    assert expected.std() > 1e-3, "nothing to compare"
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


# --- tiles are the whole image ----------------------------------------------------


@pytest.mark.parametrize("name", LOCAL)
def test_tiles_equal_the_whole_image(name: str) -> None:
    widths, tile, size = LOCAL[name]
    model, image = tiny(name, widths=widths), picture(*size)
    close(segment(model, image, tile=tile), segment(model, image, tile=None))


def test_tiles_equal_the_whole_image_of_a_residual_encoder() -> None:
    """Which resizes by nearest neighbour: at multiples of its stride."""
    model, image = tiny("unet_resnet18"), picture(64, 1472)
    close(segment(model, image, tile=1152), whole(model, image))


@pytest.mark.parametrize("options", [{"up": "bilinear"}, {"skips": False}])
def test_tiles_equal_the_whole_image_whatever_the_way_up(options: dict) -> None:
    model = tiny("unet_padded", widths=(4, 6, 8), **options)
    image = picture(33, 402)
    close(segment(model, image, tile=160), whole(model, image))


@pytest.mark.parametrize("name", ["unet_padded", "unet_residual"])
def test_whole_is_the_network_itself(name: str) -> None:
    model, image = tiny(name), picture(37, 50)
    close(segment(model, image), whole(model, image))


@pytest.mark.parametrize("name", ["unet_padded", "unet_residual"])
def test_a_smaller_overlap_than_the_field_asks_for_shows(name: str) -> None:
    """So the margin is no larger than it has to be: a stride less, and it differs."""
    widths, tile, size = LOCAL[name]
    model, image = tiny(name, widths=widths), picture(*size)
    needed, stride = 2 * fit_of(model).margin, fit_of(model).stride
    exact = whole(model, image)
    close(segment(model, image, tile=tile, overlap=needed), exact)
    less = segment(model, image, tile=tile, overlap=needed - 2 * stride)
    assert not torch.allclose(less, exact, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["unet_padded", "unet_residual"])
def test_the_margin_covers_the_field_of_every_pixel(name: str) -> None:
    """Against the probe's boxes: no kept pixel reads beyond its tile's cut edge."""
    model, side = tiny(name), 320
    margin = fit_of(model).margin
    field = receptive_field(model, side)
    for at in range(margin, side - margin):
        (top, bottom), _ = field.unclipped_box((at, at))
        assert top >= 0
        assert bottom < side
    before = range(margin - fit_of(model).stride, margin)
    assert min(field.unclipped_box((at, at))[0][0] for at in before) < 0


def test_a_valid_unet_needs_no_overlap() -> None:
    """Its border already is what its field asks for."""
    fit = fit_of(tiny("unet"))
    assert (fit.border, fit.margin) == (92, 0)


# --- the valid U-Net: the paper's tiles -------------------------------------------


def test_a_valid_unet_sees_mirrored_borders() -> None:
    model, image = tiny("unet"), picture(200, 216)  # 384 and 400 are 0 mod 16: not 12
    bordered = mirror(image, (92, 92 + 12), (92, 92 + 12))
    expected = whole(model, bordered)[:, :200, :216]
    close(segment(model, image), expected)
    inside = whole(model, image[:, 4:192, 4:192])  # 92 + 4 is a multiple of 16
    close(segment(model, image)[:, 96:100, 96:100], inside)


def test_mirroring_is_torchs_where_that_reaches() -> None:
    image = torch.arange(12.0).view(1, 3, 4)
    expected = nn.functional.pad(image, (3, 2, 2, 1), mode="reflect")
    assert mirror(image, (2, 1), (3, 2)).equal(expected)


def test_a_single_row_is_mirrored_into_itself() -> None:
    image = torch.tensor([[1, 2]])
    assert mirror(image, (1, 2), (0, 3)).tolist() == [[1, 2, 1, 2, 1]] * 4


# --- any size, any network --------------------------------------------------------


@pytest.mark.parametrize("name", ONE_A_CLASS)
def test_every_network_takes_every_size(name: str) -> None:
    model = tiny(name)
    for size in [(1, 1), (5, 70), (131, 33)]:
        with warnings.catch_warnings(action="ignore"):
            logits = segment(model, picture(*size), tile=128)
        assert logits.shape == (3, *size)
        assert logits.isfinite().all()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("unet_cbam", "saw the whole image see a tile"),
        ("deeplabv3_resnet50", "saw the whole image see a tile"),
        ("fchardnet70", "resizes its maps depends on their size"),
        ("unet_padded", "share 64, and its receptive field asks for 192"),
    ],
)
def test_what_tiles_cannot_give_is_told(name: str, told: str) -> None:
    model = tiny(name)
    with pytest.warns(UserWarning, match=told):
        segment(model, picture(129, 64), tile=128)
    segment(model, picture(128, 128), tile=128)  # whole: nothing to tell


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (47, 193), (192, 193), (500, 7)])
def test_every_pixel_is_placed_once(size: tuple[int, int]) -> None:
    class GivesBack(nn.Module):
        """The image itself, but by way of maps at a stride of 16."""

        def forward(self, x: Tensor) -> Tensor:
            coarse = nn.functional.max_pool2d(x, 16)
            coarse = nn.functional.interpolate(coarse, x.shape[-2:])
            return x + 0 * coarse

    image = picture(*size)
    assert segment(GivesBack().eval(), image, tile=48, overlap=16).equal(image)


def test_tiles_are_no_larger_than_asked_for() -> None:
    seen = []

    class Sees(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            seen.append(x.shape)
            return x + 0

    segment(Sees().eval(), picture(100, 130), tile=40)
    tiles = seen[1:]  # the first is the probe's
    assert len(tiles) == 3 * 4
    assert all(max(shape[-2:]) == 40 for shape in tiles)


def test_mixed_precision_gives_floats() -> None:
    model = create_model("unet_padded", preset="tiny", num_classes=3).eval()
    image = torch.rand(3, 32, 32)
    logits = segment(model, image, amp=torch.bfloat16)
    assert logits.dtype == torch.float32
    exact = segment(model, image)
    assert not logits.equal(exact)
    torch.testing.assert_close(logits, exact, rtol=0.1, atol=0.1)


@pytest.mark.gpu
def test_tiles_on_a_gpu_come_back_to_the_cpu() -> None:
    model, image = tiny("unet_padded", widths=(4, 6, 8, 12)), picture(261, 300)
    expected = whole(model, image)
    found = segment(model.cuda(), image, tile=192)
    assert found.device.type == "cpu"
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


def test_a_tile_is_a_stride_at_least() -> None:
    model, image = tiny("unet"), picture(20, 40)
    close(segment(model, image, tile=3), segment(model, image))


# --- mistakes ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"tile": 64, "overlap": 64}, "give 0 to 48, or None"),
        ({"tile": 64, "overlap": -16}, "leaves nothing of tiles of 64"),
    ],
)
def test_tiles_that_cannot_be_are_refused(options: dict, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        segment(tiny("unet_padded"), picture(100, 100), **options)


def test_what_is_no_image_is_refused() -> None:
    model = tiny("unet_padded")
    for wrong in (torch.rand(1, 3, 9, 9), torch.rand(9, 9), torch.rand(3, 0, 9)):
        with pytest.raises(ValueError, match="one image"):
            segment(model, wrong)
    with pytest.raises(ValueError, match=r"call model.eval\(\) first"):
        segment(model.train(), picture(32, 32))


def test_a_network_of_another_scale_is_refused() -> None:
    with pytest.raises(ValueError, match="as large as the image, or its centre"):
        segment(nn.MaxPool2d(2).eval(), picture(32, 32))
