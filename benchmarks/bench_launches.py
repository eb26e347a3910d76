"""Is a block slow because it computes, or because it starts many small operations?

    python benchmarks/bench_launches.py [--size 128] [--device cuda]

Each operation of a network is started by Python and by the driver. `torch.compile`
joins operations; a CUDA graph starts all of them at once. What gains by a graph was
waiting to be started. On a CPU there are no graphs, and compiling is all.
"""

import sys
from collections.abc import Callable
from typing import Any

import torch
from side_by_side import main, side_by_side
from torch import Tensor, nn

from simseg_core import create_model
from simseg_core.models import CBAM, HarDBlock

CHANNELS = 64


def graphed(model: nn.Module, x: Tensor) -> Callable[[Tensor], Tensor]:
    """Record one forward pass on the GPU; give a call that replays it on an input."""
    read = x.clone()
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside), torch.no_grad():
        for _ in range(3):  # what is loaded or tuned at first must not be recorded
            model(read)
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph), torch.no_grad():
        written = model(read)

    def replay(image: Tensor) -> Tensor:
        read.copy_(image)
        graph.replay()
        return written

    return replay


def bench(size: int, rounds: int = 5) -> dict[str, dict[str, Any]]:
    """Time a forward pass of two small blocks and of a network."""
    side = max(4, size // 8)
    harmonic = HarDBlock(CHANNELS, growth=12, multiplier=1.7, layers=8)
    features, image = (1, CHANNELS, side, side), (1, 3, size, size)
    preset = "paper" if size >= 64 else "tiny"  # compiling takes its time
    tried = {
        "CBAM": (CBAM(CHANNELS), features),
        "HarDNet block": (harmonic, features),
        "Padded U-Net": (create_model("unet_padded", preset=preset), image),
    }
    entries = {}
    for name, (model, shape) in tried.items():
        x = torch.randn(shape)
        competitors = {"as built": model.eval(), "compiled": torch.compile(model)}
        if x.device.type == "cuda":
            competitors["CUDA graph"] = graphed(model, x)
        title = f"{name}, started one by one or together"
        entries[f"launches, {name}"] = side_by_side(
            title, competitors, x, rounds=rounds
        )
    return entries


if __name__ == "__main__":
    sys.exit(main(__doc__, 128, bench))
