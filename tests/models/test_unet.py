"""The valid U-Net: the paper's sizes, counts, crops and first weights."""

import math

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import Tensor, nn

from simseg_core import create_model
from simseg_core.models import unet as unet_module
from simseg_core.models.unet import UNet, center_crop, nearest_valid_size
from tests.models.counting import macs, parameters


@pytest.fixture(scope="module")
def paper() -> nn.Module:
    """The network of figure 1; the meta device computes shapes and no values."""
    return create_model("unet", in_channels=1, num_classes=2).to("meta")


def meta(*size: int) -> Tensor:
    return torch.zeros(*size, device="meta")


def chain_by_hand(size: int, depth: int) -> int | None:
    """Follow one axis through the valid network; None where it does not fit."""
    for _ in range(depth):
        size -= 4
        if size < 2 or size % 2:
            return None
        size //= 2
    size -= 4
    for _ in range(depth):
        size = 2 * size - 4
    return size if size > 0 else None


def test_the_papers_counts(paper: nn.Module) -> None:
    convolutions = [
        m for m in paper.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)
    ]
    assert len(convolutions) == 23  # section 2, last paragraph
    assert parameters(paper) == 31_030_658
    assert macs(paper, meta(1, 1, 572, 572)) == 150_428_424_448


def test_the_sizes_of_figure_1(paper: nn.Module) -> None:
    seen = []
    hooks = [
        module.register_forward_hook(lambda _m, _x, y: seen.append(y.shape[-1]))
        for module in paper.modules()
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d)
    ]
    paper(meta(1, 1, 572, 572))
    for hook in hooks:
        hook.remove()
    down = [570, 568, 282, 280, 138, 136, 66, 64, 30, 28]
    up = [56, 54, 52, 104, 102, 100, 200, 198, 196, 392, 390, 388]
    assert seen == [*down, *up, 388]


def test_the_crops_of_figure_1(
    paper: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = []

    def spy(x: Tensor, size: tuple[int, int]) -> Tensor:
        cut.append((x.shape[-1] - size[1]) / 2)
        return center_crop(x, size)

    monkeypatch.setattr(unet_module, "center_crop", spy)
    paper(meta(1, 1, 572, 572))
    assert cut == [4, 16, 40, 88]


def test_oblong_images_keep_their_shape(paper: nn.Module) -> None:
    assert paper(meta(1, 1, 700, 572)).shape == (1, 2, 516, 388)


def test_crop_is_central_on_both_axes() -> None:
    # Value = 100 row + column, so that a crop tells where it was taken.
    x = (100 * torch.arange(9)[:, None] + torch.arange(13)).float()[None, None]
    y = center_crop(x, (5, 3))
    assert y.shape == (1, 1, 5, 3)
    assert y[0, 0, 0, 0] == 205
    assert y[0, 0, -1, -1] == 607


@pytest.mark.parametrize("size", [(10, 3), (5, 14)])
def test_crop_refuses_to_grow(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="cannot crop 9x13 to the larger"):
        center_crop(torch.zeros(1, 1, 9, 13), size)


@given(pixels=st.integers(1, 900), depth=st.integers(1, 6))
@settings(deadline=None, max_examples=40, derandomize=True)
def test_nearest_size_fits_and_no_nearer_one_does(pixels: int, depth: int) -> None:
    nearest = nearest_valid_size(pixels, depth=depth)
    assert chain_by_hand(nearest, depth) is not None
    distance = abs(nearest - pixels)
    for other in range(pixels - distance + 1, pixels + distance):
        assert chain_by_hand(other, depth) is None, other
    if chain_by_hand(pixels + distance, depth) is not None:
        assert nearest == pixels + distance  # the larger of two


@given(rows=st.integers(0, 2), columns=st.integers(0, 2))
@settings(deadline=None, max_examples=9, derandomize=True)
def test_output_is_184_smaller(rows: int, columns: int) -> None:
    model = UNet(widths=(1, 1, 1, 1, 1), num_classes=2).to("meta")
    height, width = 188 + 16 * rows, 188 + 16 * columns
    expected = (1, 2, height - 184, width - 184)
    assert model(meta(1, 3, height, width)).shape == expected
    assert chain_by_hand(height, 4) == height - 184


@pytest.mark.parametrize(
    ("depth", "size", "message"),
    [
        (4, (200, 190), "200x190 does not fit four valid poolings: .* is 204x188"),
        (4, (172, 1000), "172x1000 does not fit four .* is 188x1004"),
        (4, (140, 140), "140x140 does not fit four .* is 188x188"),
        (1, (17, 18), "17x18 does not fit one valid pooling: .* is 18x18"),
    ],
)
def test_sizes_that_do_not_fit_name_the_nearest(
    depth: int, size: tuple[int, int], message: str
) -> None:
    model = UNet(widths=(1,) * (depth + 1))
    with pytest.raises(ValueError, match=message):
        model(torch.zeros(1, 3, *size))


def test_first_weights_have_variance_2_over_n() -> None:
    model = UNet(widths=(64, 128, 256))
    conv = model.contract[2][0]  # reads 128 channels through 3x3 taps
    up = model.up[0]  # reads 256 channels; its 2x2 windows do not overlap
    assert conv.weight.std().item() == pytest.approx(math.sqrt(2 / (9 * 128)), rel=0.02)
    assert up.weight.std().item() == pytest.approx(math.sqrt(2 / 256), rel=0.02)
    assert not conv.bias.any()
    assert not up.bias.any()


def test_dropout_acts_in_training_only() -> None:
    model = UNet(widths=(4, 6, 8), dropout=0.5)
    x = torch.randn(1, 3, 60, 60)
    assert not torch.equal(model(x), model(x))
    model.eval()
    assert torch.equal(model(x), model(x))
