"""DeepLabV3 on a ResNet-50 against torchvision's, with the same weights.

python benchmarks/bench_deeplabv3.py [--size 160]
"""

import sys
from typing import Any

import torch
from side_by_side import main, side_by_side
from torch import nn
from torchvision.models.segmentation import deeplabv3_resnet50

from simseg_core import create_model
from simseg_core.convert import load_torchvision


class Out(nn.Module):
    """The tensor that torchvision puts into a dictionary."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits."""
        return self.model(x)["out"]


def bench(size: int, rounds: int = 5) -> dict[str, dict[str, Any]]:
    """Time both networks' forward pass, in evaluation mode."""
    theirs = deeplabv3_resnet50(weights=None, weights_backbone=None).eval()
    like_theirs = {"head": "torchvision", "output_stride": 8, "multi_grid": None}
    ours = create_model("deeplabv3_resnet50", **like_theirs).eval()
    load_torchvision(ours, theirs.state_dict())
    title = "DeepLabV3 on ResNet-50, forward"
    competitors = {"torchvision": Out(theirs), "simseg_core": ours}
    x = torch.randn(1, 3, size, size)
    return {"deeplabv3_resnet50": side_by_side(title, competitors, x, rounds=rounds)}


if __name__ == "__main__":
    sys.exit(main(__doc__, 160, bench))
