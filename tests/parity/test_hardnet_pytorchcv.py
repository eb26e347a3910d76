"""HarDNets equal pytorchcv's.

Its dense networks have ReLU inside the blocks where the authors have ReLU6; that is
changed here before anything is compared.
"""

import pytest
import torch
from pytorchcv.model_provider import get_model
from torch import nn

from simseg_core import create_model
from tests.parity.compare import (
    assert_close,
    assert_same_function,
    gradients,
    shaken,
)


def pair(name: str) -> tuple[nn.Module, nn.Module]:
    theirs = get_model(name)
    theirs.features.final_pool = nn.AdaptiveAvgPool2d(1)  # any size, not 224 only
    for module in list(theirs.modules()):
        for child, part in module.named_children():
            if type(part) is nn.ReLU:
                setattr(module, child, nn.ReLU6())
    theirs = shaken(theirs)
    ours = create_model(name, num_classes=1000).double().eval()
    tensors = theirs.state_dict().values()  # both list layers in order
    ours.load_state_dict(dict(zip(ours.state_dict(), tensors, strict=True)))
    return ours, theirs


@pytest.mark.parametrize("name", ["hardnet39ds", "hardnet68"])
def test_logits_and_gradients_equal_pytorchcv(name: str) -> None:
    ours, theirs = pair(name)
    x = 3 * torch.randn(1, 3, 49, 70, dtype=torch.float64)
    assert_same_function(
        gradients(ours, x, ours.parameters()),
        gradients(theirs, x, theirs.parameters()),
    )


# Depthwise convolutions in float64 are slow on a CPU: the smallest image for 68DS.
@pytest.mark.parametrize(
    ("name", "size"), [("hardnet68ds", (32, 32)), ("hardnet85", (49, 70))]
)
def test_logits_equal_pytorchcv(name: str, size: tuple[int, int]) -> None:
    ours, theirs = pair(name)
    x = 3 * torch.randn(1, 3, *size, dtype=torch.float64)
    with torch.no_grad():
        assert_close(ours(x), theirs(x))


def test_dropout_is_left_out() -> None:
    """HarDNet-85 drops values twice there: behind the last block, and at the end."""
    with torch.device("meta"):
        drops = {
            name: [m.p for m in get_model(name).modules() if isinstance(m, nn.Dropout)]
            for name in ("hardnet39ds", "hardnet68", "hardnet85")
        }
        ours = create_model("hardnet85")
    assert drops == {"hardnet39ds": [0.05], "hardnet68": [0.1], "hardnet85": [0.1, 0.2]}
    assert not any(isinstance(m, nn.Dropout) for m in ours.modules())
