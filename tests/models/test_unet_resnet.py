"""The U-Net on a ResNet: any size, and which maps it reads."""

import pytest
import torch
from hypothesis import given, settings, strategies as st

from simseg_core import create_model
from simseg_core.models.unet_resnet import UNetResNet

TINY = {"widths": (2, 3, 4, 5), "decoder_widths": (7, 6, 5, 4, 3)}


@given(height=st.integers(32, 99), width=st.integers(32, 99))
@settings(deadline=None, max_examples=20, derandomize=True)
def test_any_size_from_32_on(height: int, width: int) -> None:
    model = create_model("unet_resnet18", preset="tiny", num_classes=2).eval()
    with torch.no_grad():
        logits = model(torch.zeros(1, 3, height, width))
    assert logits.shape == (1, 2, height, width)


def test_smaller_images_are_told_the_stride() -> None:
    model = create_model("unet_resnet18", preset="tiny")
    with pytest.raises(ValueError, match=r"64x31 is below .* of 32: .* least 64x32"):
        model(torch.zeros(1, 3, 64, 31))


def test_stages_read_the_map_below_and_the_skip() -> None:
    model = UNetResNet(depth=50, **TINY)
    found = [stage[0][0].in_channels for stage in model.expand]
    # Encoder: 2, then 4 times 2, 3, 4, 5. The last stage has no skip to read.
    assert found == [20 + 16, 7 + 12, 6 + 8, 5 + 2, 4]


def test_decoder_needs_five_widths() -> None:
    with pytest.raises(ValueError, match="widths must hold 5 numbers, got 4"):
        UNetResNet(decoder_widths=(8, 8, 8, 8))
