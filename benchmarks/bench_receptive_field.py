"""Receptive fields: the recursion against brute force by gradients.

    python benchmarks/bench_receptive_field.py [--size 96]

Both find the field of one pixel in the middle of a U-Net's output, and are compared
before they are timed. The recursion has then found those of all other pixels too; brute
force begins anew for each.
"""

import sys
from typing import Any

import torch
from side_by_side import UnequalError, main, side_by_side

from simseg_core import create_model
from simseg_core.probes import receptive_field
from simseg_core.probes.field.brute_force import gradient_support


def bench(size: int, rounds: int = 5) -> dict[str, dict[str, Any]]:
    """Check that both find the same pixels, then time them."""
    model = create_model("unet_padded", preset="tiny").eval()
    middle = (size // 2, size // 2)

    def by_gradient() -> list[list[int]]:
        with torch.enable_grad():  # timing switches gradients off
            pixels = gradient_support(model, (3, size, size), middle).nonzero()
        return [pixels.amin(0).tolist(), pixels.amax(0).tolist()]  # corners of the box

    def by_recursion() -> list[list[int]]:
        rows, columns = receptive_field(model, (3, size, size)).box(middle)
        return [[rows[0], columns[0]], [rows[1], columns[1]]]

    slow, fast = by_gradient(), by_recursion()
    if slow != fast:
        raise UnequalError(f"by gradient {slow}, by recursion {fast}")
    competitors = {
        "gradient of one pixel": by_gradient,
        "recursion, all pixels": by_recursion,
    }
    title = f"Receptive field in a U-Net at {size}x{size}"
    return {"receptive_field": side_by_side(title, competitors, rounds=rounds)}


if __name__ == "__main__":
    sys.exit(main(__doc__, 96, bench))
