"""The U-Net on a ResNet equals segmentation_models_pytorch's."""

import pytest
import segmentation_models_pytorch as smp
import torch
from torch import nn

from simseg_core import create_model
from simseg_core.convert import RESNET, rename
from tests.parity.compare import assert_same_function, gradients, shaken


def pair(name: str) -> tuple[nn.Module, nn.Module]:
    """Build ours and theirs, with the same random weights."""
    theirs = shaken(smp.Unet(name, encoder_weights=None, classes=5))
    theirs.requires_divisible_input_shape = False  # else 32 n only
    ours = create_model(f"unet_{name}", num_classes=5).double().eval()
    state = {}
    for key, value in theirs.state_dict().items():
        part, _, rest = key.partition(".")
        if part == "encoder":
            key = rename(rest, RESNET)
        elif part == "decoder":  # blocks.0.conv1.1.bias -> expand.0.0.1.bias
            _, block, conv, tail = rest.split(".", 3)
            key = f"expand.{block}.{int(conv[-1]) - 1}.{tail}"
        else:
            key = key.replace("segmentation_head.0", "classify")
        state[key] = value
    ours.load_state_dict(state, strict=True)
    return ours, theirs


@pytest.mark.parametrize(
    ("name", "size"),
    [("resnet18", (32, 64)), ("resnet34", (45, 70)), ("resnet50", (33, 50))],
)
def test_equals_smp(name: str, size: tuple[int, int]) -> None:
    ours, theirs = pair(name)
    x = torch.randn(2, 3, *size, dtype=torch.float64)
    names = dict(theirs.named_parameters())
    assert len(names) == len(list(ours.parameters()))
    # Both list the tensors in the order in which they are made.
    assert_same_function(
        gradients(ours, x, ours.parameters()), gradients(theirs, x, names.values())
    )
