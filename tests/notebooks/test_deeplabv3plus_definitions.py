"""The classes that chapter 05 defines, held against the package once more.

The chapter compares them on one set of widths at one size; here other widths, odd
sizes, faults that must be seen, and their shape: they inherit nothing of the package.
"""

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from simseg_core import create_model
from simseg_core.models.mobilenet import InvertedResidual
from simseg_core.models.separable import SeparableConv2d
from tests.notebooks.definitions import define, same

CLASSES = (
    "XceptionBlock",
    "Xception",
    "ImagePooling",
    "ASPP",
    "Decoder",
    "DeepLabV3Plus",
    "Bottleneck",
    "ResNet50",
    "InvertedResidual",
)
WIDTHS = (5, 3, 7, 6, 9, 8, 11, 10)


@pytest.fixture
def defined(chapters: dict[str, Any]) -> dict[str, Any]:
    return define(chapters["05_deeplabv3plus"])


def same_but_for_eps(ours: nn.Module, theirs: nn.Module, *shape: int) -> None:
    """The package has TensorFlow's eps of BatchNorm, the chapter PyTorch's."""
    for a, b in zip(ours.modules(), theirs.modules()):
        if isinstance(b, nn.BatchNorm2d):
            a.eps = b.eps  # type: ignore[assignment]
    same(ours, theirs, *shape)


def on_xception(defined: dict[str, Any], decoder: bool = True) -> nn.Module:
    encoder = defined["Xception"](WIDTHS)
    ends = WIDTHS[3], WIDTHS[-1]
    return defined["DeepLabV3Plus"](encoder, ends, 7, 4, 5, decoder)


def packaged(backbone: str, **options: Any) -> nn.Module:
    sizes = {"num_classes": 5, "aspp_channels": 7, "narrow_channels": 4}
    return create_model(f"deeplabv3plus_{backbone}", **sizes, **options)


def test_nothing_is_inherited_from_the_package(defined: dict[str, Any]) -> None:
    for name in CLASSES:
        assert defined[name].__bases__ == (nn.Module,), name


@pytest.mark.parametrize("relu", ["after", "before"])
@pytest.mark.parametrize(("stride", "rate"), [(1, 1), (2, 1), (1, 3)])
def test_separable_convolution(
    defined: dict[str, Any], stride: int, rate: int, relu: str
) -> None:
    theirs = SeparableConv2d(6, 9, stride=stride, dilation=rate, relu=relu)
    same_but_for_eps(
        defined["separable"](6, 9, stride, rate, relu), theirs, 2, 6, 11, 8
    )


@pytest.mark.parametrize("decoder", [True, False])
@pytest.mark.parametrize("size", [(33, 50), (64, 41)])
def test_on_xception(
    defined: dict[str, Any], size: tuple[int, int], decoder: bool
) -> None:
    theirs = packaged("xception65", widths=WIDTHS, decoder=decoder)
    same_but_for_eps(on_xception(defined, decoder), theirs, 2, 3, *size)


@pytest.mark.parametrize("size", [(33, 50), (64, 41)])
def test_on_a_resnet(defined: dict[str, Any], size: tuple[int, int]) -> None:
    widths = (5, 3, 4, 6)
    ours = defined["DeepLabV3Plus"](
        defined["ResNet50"](widths), (20, 24), 7, 4, 5, conv3x3=defined["full"]
    )
    same_but_for_eps(ours, packaged("resnet50", widths=widths), 2, 3, *size)


@pytest.mark.parametrize("expansion", [2, 6])
@pytest.mark.parametrize(("c_out", "stride"), [(5, 1), (8, 1), (5, 2)])
def test_inverted_residual(
    defined: dict[str, Any], c_out: int, stride: int, expansion: int
) -> None:
    ours = defined["InvertedResidual"](5, c_out, stride, expansion)
    options = {"expansion": expansion, "shortcut": (c_out, stride) == (5, 1)}
    theirs = InvertedResidual(5, c_out, stride=stride, **options)
    same_but_for_eps(ours, theirs, 2, 5, 9, 6)


def test_xception_at_output_stride_32(defined: dict[str, Any]) -> None:
    theirs = packaged("xception65", widths=WIDTHS, output_stride=32).encoder
    ours = defined["Xception"](WIDTHS, 32)
    for got, wanted in zip(
        ours(torch.zeros(1, 3, 65, 97)), theirs(torch.zeros(1, 3, 65, 97))
    ):
        assert got.shape == wanted.shape


def in_place(defined: dict[str, Any]) -> nn.Module:
    return defined["with_inplace"](on_xception(defined))


def resized_by_a_factor(defined: dict[str, Any]) -> nn.Module:
    def resize(x: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
        grown = F.interpolate(x, scale_factor=4, mode="bilinear")
        return F.interpolate(grown, like.shape[-2:])

    defined["resize"] = resize
    return on_xception(defined)


def one_convolution_in_the_decoder(defined: dict[str, Any]) -> nn.Module:
    network = on_xception(defined)
    network.decoder.refine[1] = nn.Identity()  # type: ignore[union-attr, index]
    return network


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        (in_place, "not close"),
        (resized_by_a_factor, "not close"),
        (one_convolution_in_the_decoder, "Unexpected key"),
    ],
)
def test_known_faults_are_seen(defined: dict[str, Any], fault: Any, seen: str) -> None:
    theirs = packaged("xception65", widths=WIDTHS)
    with pytest.raises((AssertionError, RuntimeError), match=seen):
        same_but_for_eps(fault(defined), theirs, 2, 3, 33, 50)
