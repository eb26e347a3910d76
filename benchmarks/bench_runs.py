"""Training images a second of a run's steps, and of segmentation_models_pytorch.

    python benchmarks/bench_runs.py [--size 96] [--device cuda]

The same U-Net on a ResNet-18, with the same weights, on the same pictures in memory,
cut out and varied alike. The peer goes through the loop that its documentation shows:
torch's loader, cross-entropy, AdamW. Ours goes through the steps of `simseg train`,
with its checks, its one-cycle schedule and its told chance.
"""

import sys
from collections.abc import Callable
from typing import Any

import segmentation_models_pytorch as smp
import torch
from side_by_side import main, side_by_side
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from simseg_core import create_model
from simseg_core.data import crops, open_source
from simseg_core.data.pairs import IGNORE_INDEX
from simseg_core.runs.feed import load_batches
from simseg_core.training import SegmentationLoss
from simseg_core.training.step import TrainingStep

STEPS, BATCH, RATE = 3, 8, 1e-3  # of one timed call


def bench(size: int, rounds: int = 5) -> dict[str, dict[str, Any]]:
    """Time a few steps of both, warmed up."""
    device = torch.empty(0).device
    cpu = torch.device("cpu")
    with cpu:  # a data set gives its pictures there
        street = open_source("street")
        scenes = [street[index] for index in range(STEPS * BATCH)]
    transform = crops(size)
    theirs = smp.Unet("resnet18", encoder_weights=None, classes=len(street.classes))
    ours = create_model("unet_resnet18", num_classes=len(street.classes))
    # Both make their tensors in the same order.
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        mine.data.copy_(other.data)
    # What is timed changes the weights; so equality is shown by the first losses.
    image = torch.stack([transform(*scene)[0] for scene in scenes[:BATCH]]).to(device)
    with torch.no_grad():
        equal = side_by_side(
            "forward",
            {"smp": theirs.eval(), "simseg_core": ours.eval()},
            image,
            rounds=1,
        )

    def run_theirs() -> None:
        criterion = torch.nn.CrossEntropyLoss(ignore_index=IGNORE_INDEX)
        optimizer = torch.optim.AdamW(theirs.parameters(), lr=RATE)
        with cpu:
            loader = DataLoader(_Varied(scenes, transform), BATCH, shuffle=True)
            batches = iter(loader)
        for images, labels in batches:
            loss = criterion(theirs(images.to(device)), labels.to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    def run_ours() -> None:
        step = TrainingStep(
            ours, SegmentationLoss(), steps=STEPS, max_lr=RATE, device=device
        )
        with cpu:
            for number, batch in enumerate(
                load_batches(
                    scenes, transform, steps=range(STEPS), batch_size=BATCH, seed=0
                )
            ):
                step(batch, number, wait=device.type == "cpu")

    entry = side_by_side(
        "training, U-Net on ResNet-18",
        {
            "segmentation_models_pytorch": _trained(run_theirs, theirs),
            "simseg_core": _trained(run_ours, ours),
        },
        rounds=rounds,
    )
    entry["largest_difference"] = equal["largest_difference"]
    entry["input"] = f"{BATCH}x3x{size}x{size}, {STEPS} steps"
    for kind, one in entry["comparison"]["measurements"].items():
        print(f"{kind}: {STEPS * BATCH / one['median']:.1f} images/s")
    return {"training images, unet_resnet18": entry}


class _Varied(Dataset[Any]):
    """Pairs in memory, varied as they are asked for."""

    def __init__(self, pairs: Any, transform: Any) -> None:
        self.pairs, self.transform = pairs, transform

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.transform(*self.pairs[index])


def _trained(run: Callable[[], None], model: torch.nn.Module) -> Callable[[], None]:
    def timed() -> None:
        model.train()
        with torch.enable_grad():
            run()

    return timed


if __name__ == "__main__":
    sys.exit(main(__doc__, 96, bench))
