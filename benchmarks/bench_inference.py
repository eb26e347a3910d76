"""The padded U-Net as built, in channels_last, and with its BatchNorms folded away.

    python benchmarks/bench_inference.py [--size 128]

To predict, each BatchNorm is a factor and an offset, which the convolution before it
can take over; and images may lie in memory pixel by pixel. Neither changes the output.
"""

import copy
import sys
from typing import Any

import torch
from side_by_side import main, side_by_side
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from simseg_core import create_model


def fold(model: nn.Module) -> nn.Module:
    """Return a copy, in evaluation mode, with BatchNorms folded into convolutions.

    Only where both follow each other in an `nn.Sequential`: there nothing else reads
    what lies between them.
    """
    model = copy.deepcopy(model).eval()
    for chain in [m for m in model.modules() if isinstance(m, nn.Sequential)]:
        for i in range(len(chain) - 1):
            pair = chain[i], chain[i + 1]
            if isinstance(pair[0], nn.Conv2d) and isinstance(pair[1], nn.BatchNorm2d):
                chain[i] = fuse_conv_bn_eval(*pair)
                chain[i + 1] = nn.Identity()
    return model


def bench(size: int, rounds: int = 5) -> dict[str, dict[str, Any]]:
    """Time the forward pass of the four combinations."""
    model = create_model("unet_padded").eval()
    last = {"memory_format": torch.channels_last}
    folded = fold(model)
    both = copy.deepcopy(folded).to(**last)
    turned = copy.deepcopy(model).to(**last)
    competitors = {
        "as built": model,
        "channels_last": lambda x: turned(x.to(**last)),
        "folded": folded,
        "folded, channels_last": lambda x: both(x.to(**last)),
    }
    x = torch.randn(1, 3, size, size)
    title = "Padded U-Net, forward"
    return {"unet_padded": side_by_side(title, competitors, x, rounds=rounds)}


if __name__ == "__main__":
    sys.exit(main(__doc__, 128, bench))
