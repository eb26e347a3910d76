"""What networks share: input checks that carry the fix, and first weights."""

import pytest
import torch
from torch import nn

from simseg_core.models.layers import (
    check_counts,
    check_images,
    check_widths,
    conv_bn_relu,
    init_he,
)


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        (torch.zeros(3, 8, 8), ValueError, r"add the batch axis with x\[None\]"),
        (
            torch.zeros(8, 8),
            ValueError,
            r"expected \(B, C, H, W\), got 2 axes: \(8, 8\)",
        ),
        (torch.zeros(1, 3, 8, 8).byte(), TypeError, r"uint8: .* x\.float\(\) / 255"),
        (torch.zeros(1, 1, 8, 8), ValueError, "build the network with in_channels=1"),
        (torch.zeros(1, 8, 9, 3), ValueError, r"second: x\.permute\(0, 3, 1, 2\)"),
        (torch.zeros(1, 3, 3, 9), ValueError, "3x9 is below .* 4: .* least 4x9"),
    ],
)
def test_refused_images_are_told_the_fix(
    images: torch.Tensor, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        check_images(images, in_channels=3, stride=4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_floating_images_from_the_stride_on_pass(dtype: torch.dtype) -> None:
    check_images(torch.zeros(2, 3, 4, 9, dtype=dtype), in_channels=3, stride=4)


@pytest.mark.parametrize(
    ("value", "error"), [(0, ValueError), (-1, ValueError), (2.0, TypeError)]
)
def test_counts_are_whole_and_positive(value: object, error: type[Exception]) -> None:
    with pytest.raises(error, match="num_classes must be"):
        check_counts(in_channels=3, num_classes=value)


def test_true_is_not_a_count() -> None:
    with pytest.raises(TypeError, match="must be an int, got True"):
        check_counts(in_channels=True)


@pytest.mark.parametrize(
    ("widths", "error", "message"),
    [
        (64, TypeError, "must be a sequence such as"),
        ("64", TypeError, "must be a sequence such as"),
        ((64,), ValueError, "must hold two numbers or more"),
        ((64, 0), ValueError, r"widths\[1\] must be 1 or more"),
    ],
)
def test_widths(widths: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        check_widths(widths)


def test_first_weights_count_the_inputs_of_one_output() -> None:
    grouped = nn.Conv2d(64, 4096, 3, groups=32)
    init_he(nn.Sequential(grouped))
    assert grouped.weight.std().item() == pytest.approx((2 / 18) ** 0.5, rel=0.02)
    assert not grouped.bias.any()


def test_dilated_blocks_keep_the_size() -> None:
    x = torch.zeros(1, 3, 9, 14)
    assert conv_bn_relu(3, 4, dilation=3)(x).shape == (1, 4, 9, 14)
    assert conv_bn_relu(3, 4, kernel_size=7, stride=2)(x).shape == (1, 4, 5, 7)
