"""Self-attention: the fused product against the map of all pairs, written out.

    python benchmarks/bench_attention.py [--size 64]

Both are `SelfAttention2d` with the same weights. At 128 pixels a side the map alone
takes 1 GiB, and the written-out backward pass several of them.
"""

import sys
from typing import Any

import torch
from side_by_side import main, side_by_side

from simseg_core.models import SelfAttention2d

CHANNELS = 64


def bench(size: int, rounds: int = 5) -> dict[str, dict[str, Any]]:
    """Time both ways, forward alone and with gradients."""
    block = SelfAttention2d(CHANNELS)
    torch.nn.init.ones_(block.gamma)  # it starts at 0, and would hide a difference
    competitors = {
        "written out": lambda x: block(x, return_map=True)[0],
        "fused": block,
    }
    x = torch.randn(1, CHANNELS, size, size)
    return {
        f"attention, {what}": side_by_side(
            f"Self-attention, {what}",
            competitors,
            x,
            backward=what == "step",
            rounds=rounds,
        )
        for what in ("forward", "step")
    }


if __name__ == "__main__":
    sys.exit(main(__doc__, 64, bench))
