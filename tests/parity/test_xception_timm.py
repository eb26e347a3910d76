"""Xception-65 equals timm's, which follows the authors' TensorFlow code."""

from functools import partial

import pytest
import timm
import torch
from timm.models.xception_aligned import XceptionAligned
from torch import nn

from simseg_core.models.xception import Xception, XceptionEncoder
from tests.parity.by_execution import copy_by_execution
from tests.parity.compare import (
    assert_close,
    assert_same_function,
    gradients,
    shaken,
)


def narrow_peer(output_stride: int) -> nn.Module:
    """Their network with few channels; only the stem's 32 and 64 cannot be changed."""
    blocks = [
        {"in_chs": 64, "out_chs": 8, "stride": 2},
        {"in_chs": 8, "out_chs": 10, "stride": 2},
        {"in_chs": 10, "out_chs": 12, "stride": 2},
        *({"in_chs": 12, "out_chs": 12, "stride": 1} for _ in range(16)),
        {"in_chs": 12, "out_chs": (12, 14, 14), "stride": 2},
        {
            "in_chs": 14,
            "out_chs": (16, 16, 18),
            "stride": 1,
            "no_skip": True,
            "start_with_relu": False,
        },
    ]
    norm = partial(nn.BatchNorm2d, eps=1e-3)
    return shaken(
        XceptionAligned(
            blocks, num_classes=5, output_stride=output_stride, norm_layer=norm
        )
    )


@pytest.mark.parametrize("output_stride", [16, 8])
def test_logits_and_gradients_equal_timm(output_stride: int) -> None:
    theirs = narrow_peer(output_stride)
    widths = (32, 64, 8, 10, 12, 14, 16, 18)
    ours = Xception(num_classes=5, widths=widths, output_stride=output_stride)
    ours = ours.double().eval()
    x = torch.randn(2, 3, 45, 70, dtype=torch.float64)
    pairs = copy_by_execution(theirs, ours)
    assert len(pairs) == len(list(ours.parameters()))
    our_weights, their_weights = zip(*pairs)
    assert_same_function(
        gradients(ours, x, our_weights), gradients(theirs, x, their_weights)
    )


def test_both_maps_equal_timm_at_full_width() -> None:
    theirs = shaken(
        timm.create_model(
            "xception65", features_only=True, output_stride=16, out_indices=(1, 4)
        )
    )
    ours = XceptionEncoder(output_stride=16).double().eval()
    x = torch.randn(1, 3, 33, 50, dtype=torch.float64)
    # A weight each of 132 convolutions, a weight and a bias of as many BatchNorms.
    assert len(copy_by_execution(theirs, ours)) == 132 + 2 * 132
    with torch.no_grad():
        (low, last), (their_low, their_last) = ours(x), theirs(x)
    assert_close(low.relu(), their_low)  # timm taps it behind the next ReLU
    assert_close(last, their_last)
