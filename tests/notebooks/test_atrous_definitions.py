"""The classes that chapter 04 defines, held against the package once more.

The chapter compares them on narrow widths at one size; here other widths, odd sizes,
a fault that must be seen, and their shape: they inherit nothing of the package.
"""

from collections import OrderedDict
from typing import Any

import pytest
import torch
from torch import nn

from simseg_core import create_model
from simseg_core.models.aspp import ASPP
from simseg_core.models.atrous import atrous_conv2d
from simseg_core.models.multiscale import MultiScale
from tests.models.gridding import pixels_read
from tests.notebooks.definitions import define, same

CLASSES = (
    "Bottleneck",
    "DilatedResNet",
    "ImagePooling",
    "ASPP",
    "DeepLabV3",
    "SmallNet",
    "ImagePyramid",
    "EncoderDecoder",
)


@pytest.fixture(scope="module")
def defined(chapters: dict[str, Any]) -> dict[str, Any]:
    return define(chapters["04_atrous_aspp"], OrderedDict=OrderedDict)


def test_nothing_is_inherited_from_the_package(defined: dict[str, Any]) -> None:
    for name in CLASSES:
        assert defined[name].__bases__ == (nn.Module,), name


@pytest.mark.parametrize("rate", [1, 2, 5])
@pytest.mark.parametrize("kernel", [(1, 1), (3, 3), (3, 5)])
def test_atrous_convolution(
    defined: dict[str, Any], kernel: tuple[int, int], rate: int
) -> None:
    x = torch.randn(2, 3, 7, 12, dtype=torch.float64)
    weight = torch.randn(4, 3, *kernel, dtype=torch.float64)
    ours = defined["atrous_conv"](x, weight, rate)
    torch.testing.assert_close(ours, atrous_conv2d(x, weight, rate=rate))


@pytest.mark.parametrize("rates", [(1,), (2, 3), (1, 2, 5), (4, 4, 2)])
def test_share_that_is_read(defined: dict[str, Any], rates: tuple[int, ...]) -> None:
    share = (pixels_read(rates) > 0).double().mean().item()
    assert defined["share_read"](rates) == pytest.approx(share, abs=1e-12)


@pytest.mark.parametrize(
    ("output_stride", "multi_grid", "size"),
    [
        (8, None, (49, 75)),
        (8, (3, 1, 2), (64, 33)),
        (16, None, (64, 33)),
        (16, (1, 2, 4), (49, 75)),
        (32, (3, 1, 2), (65, 47)),
    ],
)
def test_deeplab(
    defined: dict[str, Any],
    output_stride: int,
    multi_grid: tuple[int, ...] | None,
    size: tuple[int, int],
) -> None:
    options = {
        "num_classes": 3,
        "widths": (4, 3, 6, 5),
        "output_stride": output_stride,
        "multi_grid": multi_grid,
        "aspp_channels": 4,
    }
    theirs = create_model("deeplabv3_resnet50", **options)
    same(defined["DeepLabV3"](**options), theirs, 2, 3, *size)


@pytest.mark.parametrize("rates", [(), (2,), (1, 3, 5, 7)])
def test_aspp_of_any_number_of_rates(
    defined: dict[str, Any], rates: tuple[int, ...]
) -> None:
    same(defined["ASPP"](6, 4, rates), ASPP(6, 4, rates=rates), 2, 6, 9, 7)


@pytest.mark.parametrize("size", [(32, 61), (47, 40)])
@pytest.mark.parametrize(
    ("way", "build"),
    [
        ("image_pyramid", "ImagePyramid"),
        ("encoder_decoder", "EncoderDecoder"),
        ("atrous_cascade", "cascade"),
        ("pyramid_pooling", "pyramid_pooling"),
    ],
)
def test_four_ways(
    defined: dict[str, Any], way: str, build: str, size: tuple[int, int]
) -> None:
    ours = defined["SmallNet"](defined[build](5), 5, num_classes=3)
    same(ours, MultiScale(way=way, num_classes=3, width=5), 2, 3, *size)


def test_known_faults_are_seen(defined: dict[str, Any]) -> None:
    """The comparison can fail: a first unit dilated too, or rates not doubled."""
    options = {"widths": (4, 3, 6, 5), "aspp_channels": 4, "num_classes": 3}
    options |= {"output_stride": 8, "multi_grid": None}
    theirs = create_model("deeplabv3_resnet50", **options)
    early = defined["DeepLabV3"](**options)
    defined["dilate_whole_stages"](early.encoder, 8)
    with pytest.raises(AssertionError, match="not close"):
        same(early, theirs, 2, 3, 49, 75)
    short = defined["DeepLabV3"](**options)
    for branch, rate in zip(short.aspp.branches[1:4], (6, 12, 18)):
        branch[0].dilation = branch[0].padding = (rate, rate)
    with pytest.raises(AssertionError, match="not close"):
        same(short, theirs, 2, 3, 129, 75)
    same(defined["DeepLabV3"](**options), theirs, 2, 3, 49, 75)
