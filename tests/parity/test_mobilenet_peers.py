"""MobileNetV2 equals torchvision's, and timm's with an output stride."""

import pytest
import timm
import torch
import torchvision

from simseg_core import create_model
from simseg_core.models.mobilenet import MobileNetV2Encoder
from tests.parity.by_execution import copy_by_execution
from tests.parity.compare import (
    assert_close,
    assert_same_function,
    gradients,
    shaken,
)


def test_logits_and_gradients_equal_torchvision() -> None:
    theirs = shaken(torchvision.models.mobilenet_v2())
    ours = create_model("mobilenetv2", num_classes=1000).double().eval()
    tensors = theirs.state_dict().values()  # both list layers in order
    ours.load_state_dict(dict(zip(ours.state_dict(), tensors, strict=True)))
    x = torch.randn(1, 3, 49, 70, dtype=torch.float64)
    assert_same_function(
        gradients(ours, x, ours.parameters()),
        gradients(theirs, x, theirs.parameters()),
    )


def test_map_equals_timm_with_tensorflows_padding_and_eps() -> None:
    """At sizes that are odd at every stride; at even ones the padding differs."""
    theirs = shaken(
        timm.create_model(
            "mobilenetv2_100",
            features_only=True,
            out_indices=(4,),
            bn_eps=1e-3,
            pad_type="same",
        )
    )
    ours = MobileNetV2Encoder(eps=1e-3).double().eval()
    default = MobileNetV2Encoder().double().eval()
    x = torch.randn(1, 3, 33, 65, dtype=torch.float64)
    copy_by_execution(theirs, ours)
    default.load_state_dict(ours.state_dict())
    with torch.no_grad():
        expected = theirs(x)[-1]
        assert_close(ours(x)[-1], expected)
        assert not torch.allclose(default(x)[-1], expected, rtol=1e-4)
        even = x[..., :32, :64]
        assert not torch.allclose(ours(even)[-1], theirs(even)[-1], rtol=1e-2)


@pytest.mark.parametrize("output_stride", [8, 16])
def test_map_equals_timm_with_an_output_stride(output_stride: int) -> None:
    theirs = shaken(
        timm.create_model(
            "mobilenetv2_100",
            features_only=True,
            output_stride=output_stride,
            out_indices=(4,),
        )
    )
    ours = MobileNetV2Encoder(output_stride=output_stride).double().eval()
    x = torch.randn(1, 3, 33, 50, dtype=torch.float64)
    copy_by_execution(theirs, ours)
    with torch.no_grad():
        assert_close(ours(x)[-1], theirs(x)[-1])
