"""Small networks whose every weight shows, and what it means that two agree."""

import torch
from torch import Tensor, nn

from simseg_core import list_models
from simseg_core.models.presets import TABLE

NAMES = list_models()
# Names of one class differ in a depth. The slow tests take the first of each.
ONE_A_CLASS = list({TABLE[name].target: name for name in reversed(NAMES)}.values())


def shown(model: nn.Module) -> nn.Module:
    """Leave no weight at a value that hides it, in eval mode.

    A BatchNorm at its start does nothing in eval mode, and a gate whose gain starts at
    0 leaves its block out.
    """
    for name, parameter in model.named_parameters():
        if parameter.ndim <= 1:
            nn.init.uniform_(parameter, 0.5, 1.0)
            if name.endswith("bias"):
                nn.init.uniform_(parameter, -0.1, 0.4)  # few dead ReLUs
    for name, buffer in model.named_buffers():
        if name.endswith("running_mean"):
            buffer.uniform_(-0.2, 0.2)
    return model.eval()


def close(found: Tensor, expected: Tensor, tolerance: float = 1e-4) -> None:
    """Require equality to a share of the largest value."""
    scale = expected.abs().max().item()
    assert scale > 1e-6, "nothing to compare"
    torch.testing.assert_close(found, expected, rtol=0, atol=tolerance * scale)
