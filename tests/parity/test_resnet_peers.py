"""ResNets equal torchvision's (v1.5) and pytorchcv's (v1)."""

import pytest
import torch
import torchvision
from pytorchcv.model_provider import get_model
from torch import nn

from simseg_core import create_model
from simseg_core.convert import load_torchvision
from tests.parity.compare import assert_close, assert_same_function, gradients, shaken


def images(*size: int) -> torch.Tensor:
    return torch.randn(*size, dtype=torch.float64)


@pytest.mark.parametrize("depth", [34, 101])
def test_equals_torchvision(depth: int) -> None:
    theirs = shaken(torchvision.models.get_model(f"resnet{depth}", weights=None))
    ours = create_model(f"resnet{depth}", num_classes=1000).double().eval()
    load_torchvision(ours, theirs.state_dict())
    x = images(1, 3, 49, 70)
    with torch.no_grad():
        assert_close(ours(x), theirs(x))


@pytest.mark.parametrize("depth", [18, 50])
def test_gradients_equal_torchvision(depth: int) -> None:
    theirs = shaken(torchvision.models.get_model(f"resnet{depth}", weights=None))
    ours = create_model(f"resnet{depth}", num_classes=1000).double().eval()
    load_torchvision(ours, theirs.state_dict())
    x = images(2, 3, 33, 50)
    # Both list a unit's tensors in the same order, the shortcut's last.
    assert_same_function(
        gradients(ours, x, ours.parameters()),
        gradients(theirs, x, theirs.parameters()),
    )


@pytest.mark.parametrize(
    ("output_stride", "replaced"),
    [(16, (False, False, True)), (8, (False, True, True))],
)
def test_output_stride_equals_torchvision(
    output_stride: int, replaced: tuple[bool, ...]
) -> None:
    theirs = shaken(torchvision.models.resnet50(replace_stride_with_dilation=replaced))
    ours = create_model("resnet50", num_classes=1000, output_stride=output_stride)
    ours = ours.double().eval()
    load_torchvision(ours, theirs.state_dict())
    x = images(1, 3, 65, 90)
    with torch.no_grad():
        assert_close(ours(x), theirs(x))


@pytest.mark.parametrize("depth", [18, 50])
def test_v1_equals_pytorchcv(depth: int) -> None:
    theirs = get_model(f"resnet{depth}")
    theirs.features.final_pool = nn.AdaptiveAvgPool2d(1)  # any size, not 224 only
    theirs = shaken(theirs)
    ours = create_model(f"resnet{depth}", num_classes=1000, version="v1")
    ours = ours.double().eval()
    tensors = theirs.state_dict().values()
    ours.load_state_dict(dict(zip(ours.state_dict(), tensors, strict=True)))
    x = images(2, 3, 49, 70)
    assert_same_function(
        gradients(ours, x, ours.parameters()),
        gradients(theirs, x, theirs.parameters()),
    )


def test_v1_is_not_v15() -> None:
    # Else the two equalities above would say less than they seem to.
    v15 = shaken(create_model("resnet50"))
    v1 = create_model("resnet50", version="v1").double().eval()
    v1.load_state_dict(v15.state_dict())
    x = images(1, 3, 64, 64)
    with torch.no_grad():
        assert (v1(x) - v15(x)).abs().max() > 1e-3 * v15(x).abs().max()
