"""Images a second of `fit`: in float32, with products in TF32, and under bfloat16.

    python benchmarks/bench_training.py [--size 64] [--device cuda]

The same network, images and steps. The images are composed before the clock starts, so
that the loop is timed and not the painter. On a CPU TF32 does not exist, and bfloat16
is slow where the processor has no instructions for it.
"""

import sys
from collections.abc import Callable
from typing import Any

import torch
from side_by_side import main, products_in_tf32, side_by_side

from simseg_core import create_model
from simseg_core.data import Street
from simseg_core.training import fit

STEPS, BATCH = 5, 8  # of one timed call
NETWORKS = ("unet_residual", "unet_resnet34")
LARGE = 128  # pixels a side from which the networks are the papers', for a GPU


def bench(size: int, rounds: int = 5) -> dict[str, dict[str, Any]]:
    """Time a few steps of `fit`, warmed up, for each network."""
    device = torch.empty(0).device
    preset, names = ("paper", NETWORKS) if size >= LARGE else ("small", NETWORKS[:1])
    with torch.device("cpu"):  # a data set gives its images there
        street = Street("train", size=size, length=4 * BATCH)
        scenes = [street[index] for index in range(len(street))]

    def trained(name: str, amp: torch.dtype | bool, in_tf32: bool) -> Callable:
        model = create_model(name, preset=preset, num_classes=len(street.classes))

        def run() -> None:
            options = {"steps": STEPS, "batch_size": BATCH, "progress": False}
            cpu = torch.device("cpu")  # and its order is drawn there
            with torch.enable_grad(), products_in_tf32(in_tf32), cpu:
                fit(model, scenes, amp=amp, device=device, **options)

        return run

    entries = {}
    for name in names:
        competitors = {
            "float32": trained(name, False, False),
            "TF32": trained(name, False, True),
            "bfloat16": trained(name, torch.bfloat16, False),
        }
        if device.type == "cpu":
            del competitors["TF32"]
        entry = side_by_side(f"fit, {name}", competitors, rounds=rounds)
        entry["input"] = f"{BATCH}x3x{size}x{size}, {STEPS} steps"
        entry["images"] = STEPS * BATCH
        for kind, one in entry["comparison"]["measurements"].items():
            print(f"{kind}: {entry['images'] / one['median']:.0f} images/s")
        entries[f"training, {name}"] = entry
    return entries


if __name__ == "__main__":
    sys.exit(main(__doc__, 64, bench))
