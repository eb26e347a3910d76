"""Each kernel of PyTorch's attention, and which of them PyTorch chooses.

    python benchmarks/bench_attention_kernels.py [--size 64] [--device cuda]

The queries, keys and values of one image of SIZE x SIZE positions, 64 channels wide, in
float32 and bfloat16. A kernel that a device, type or memory rules out is named.
"""

import sys
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from side_by_side import main, side_by_side
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

CHANNELS = 64
KERNELS = {
    "flash": SDPBackend.FLASH_ATTENTION,
    "memory-efficient": SDPBackend.EFFICIENT_ATTENTION,
    "cuDNN": SDPBackend.CUDNN_ATTENTION,
    "written out": SDPBackend.MATH,
}
# The largest difference to PyTorch's choice, as a share of the largest output: sums of
# thousands of products, in another order, in a type of 24 or 8 bits.
TOLERANCE = {torch.float32: 1e-3, torch.bfloat16: 5e-2}


def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attend as the book's block does: nothing divides the scores."""
    return F.scaled_dot_product_attention(query, key, value, scale=1.0)


def chosen(*qkv: Tensor) -> str:
    """Name the kernel that PyTorch takes of itself for these tensors."""
    number = torch._fused_sdp_choice(*qkv, scale=1.0)
    names = {int(kernel.value): name for name, kernel in KERNELS.items()}
    return names.get(number, f"kernel {number}")


def runs(kernel: SDPBackend, *qkv: Tensor) -> bool:
    """Tell whether a kernel takes these tensors, within the device's memory."""
    try:
        with torch.no_grad():
            by(kernel)(*qkv)
    except RuntimeError:  # "No available kernel", or out of memory
        return False
    return True


def by(kernel: SDPBackend) -> Callable[..., Tensor]:
    """Return `attend`, by this kernel and no other."""

    def run(*qkv: Tensor) -> Tensor:
        with sdpa_kernel(kernel):
            return attend(*qkv)

    return run


def bench(size: int, rounds: int = 5) -> dict[str, dict[str, Any]]:
    """Time all kernels in both types; the one that PyTorch chooses is the peer."""
    entries = {}
    for dtype, tolerance in TOLERANCE.items():
        shape = (1, 1, size * size, CHANNELS)
        # Divided, so that no score is so large that one key takes all the weight.
        qkv = [torch.randn(shape).to(dtype) / CHANNELS**0.25 for _ in range(3)]
        fit = {name: k for name, k in KERNELS.items() if runs(k, *qkv)}

        choice = f"PyTorch's choice: {chosen(*qkv)}"
        competitors = {choice: attend, **{name: by(k) for name, k in fit.items()}}
        kind = str(dtype).removeprefix("torch.")
        title = f"Attention kernels at {size}x{size}, {kind}"
        entry = side_by_side(
            title, competitors, *qkv, rounds=rounds, tolerance=tolerance
        )
        entry["unavailable"] = [name for name in KERNELS if name not in fit]
        if entry["unavailable"]:
            print(f"not to be had here: {', '.join(entry['unavailable'])}")
        entries[f"attention kernels, {size}, {kind}"] = entry
    return entries


if __name__ == "__main__":
    sys.exit(main(__doc__, 64, bench))
