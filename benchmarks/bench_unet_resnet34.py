"""The U-Net on a ResNet-34 against segmentation_models_pytorch's, same weights.

python benchmarks/bench_unet_resnet34.py [--size 192]
"""

import sys
from typing import Any

import segmentation_models_pytorch as smp
import torch
from side_by_side import main, side_by_side

from simseg_core import create_model


def bench(size: int, rounds: int = 5) -> dict[str, dict[str, Any]]:
    """Time both networks' forward pass and training step."""
    theirs = smp.Unet("resnet34", encoder_weights=None, classes=21)
    ours = create_model("unet_resnet34")
    # Both make their tensors in the same order.
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        mine.data.copy_(other.data)
    x = torch.randn(2, 3, size, size)
    found = {}
    for what in ("forward", "step"):
        training = what == "step"
        competitors = {
            "segmentation_models_pytorch": theirs.train(training),
            "simseg_core": ours.train(training),
        }
        title = f"U-Net on ResNet-34, {what}"
        found[f"unet_resnet34, {what}"] = side_by_side(
            title, competitors, x, backward=training, rounds=rounds
        )
    return found


if __name__ == "__main__":
    sys.exit(main(__doc__, 192, bench))
