"""HarDNet-68 against pytorchcv's, with the same weights.

    python benchmarks/bench_hardnet.py [--size 224]

pytorchcv has ReLU inside the blocks where the authors have ReLU6; that is changed here
first, or the outputs would differ.
"""

import sys
from typing import Any

import torch
from pytorchcv.model_provider import get_model
from side_by_side import main, side_by_side
from torch import nn

from simseg_core import create_model


def peer() -> nn.Module:
    """Return pytorchcv's network, its activations the authors'."""
    theirs = get_model("hardnet68")
    theirs.features.final_pool = nn.AdaptiveAvgPool2d(1)  # any size, not 224 only
    for module in list(theirs.modules()):
        for child, part in module.named_children():
            if type(part) is nn.ReLU:
                setattr(module, child, nn.ReLU6(inplace=True))
    return theirs.eval()


def bench(size: int, rounds: int = 5) -> dict[str, dict[str, Any]]:
    """Time both networks' forward pass, in evaluation mode."""
    theirs = peer()
    ours = create_model("hardnet68", num_classes=1000).eval()
    tensors = theirs.state_dict().values()  # both list layers in order
    ours.load_state_dict(dict(zip(ours.state_dict(), tensors, strict=True)))
    competitors = {"pytorchcv": theirs, "simseg_core": ours}
    x = torch.randn(1, 3, size, size)
    title = "HarDNet-68, forward"
    return {"hardnet68": side_by_side(title, competitors, x, rounds=rounds)}


if __name__ == "__main__":
    sys.exit(main(__doc__, 224, bench))
