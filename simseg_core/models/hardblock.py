"""The HarD block: a dense block with few of the links, chosen harmonically.

Chao, Kao, Ruan, Huang, Lin 2019, *HarDNet: A Low Memory Traffic Network*, arXiv
1909.00948, section 4.1 and figure 1: which layers a layer reads, how wide it is, and
what leaves the block.

Differs from the paper:
    - How a width is rounded follows the authors' code; the paper does not say.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from simseg_core.models.layers import check_counts, conv_bn_relu

# From its channels in and out, makes a layer that keeps the size.
Layer = Callable[[int, int], nn.Module]


def links(layer: int) -> list[int]:
    """Name the layers that a layer reads: layer - 2^i wherever 2^i divides it.

    Layers count from 1; 0 is the block's input. The nearest comes first.

    >>> [links(layer) for layer in range(1, 9)]
    [[0], [1, 0], [2], [3, 2, 0], [4], [5, 4], [6], [7, 6, 4, 0]]
    """
    return [layer - 2**i for i in range(layer.bit_length()) if layer % 2**i == 0]


def layer_width(layer: int, *, growth: int, multiplier: float) -> int:
    """Give a layer's channels: growth * multiplier^n for the layers that 2^n divides.

    The product is rounded to an even number once, at the end: rounded at every factor,
    layer 8 of growth 10 would have 52 channels, not 50.

    >>> [layer_width(n, growth=10, multiplier=1.7) for n in (1, 2, 3, 4, 8)]
    [10, 18, 10, 28, 50]
    """
    channels: float = growth
    for _ in links(layer)[1:]:
        channels *= multiplier
    return int(int(channels + 1) / 2) * 2


class HarDBlock(nn.Module):
    """Layers that each read the few earlier ones that `links` names.

    (B, in_channels, H, W) -> (B, out_channels, H, W). The output holds the odd layers
    and the last one; the block's input is not in it.

    Args:
        in_channels: Channels of the input.
        growth: Channels k of the odd layers.
        multiplier: Factor m on the width for every further power of 2, 1.6 to 1.7.
        layers: How many.
        layer: Makes a layer, from its channels in and out.

    Raises:
        TypeError: A count is not an int.
        ValueError: A count is below 1, or the multiplier is.

    >>> block = HarDBlock(48, growth=10, multiplier=1.7, layers=4)
    >>> block(torch.zeros(1, 48, 5, 7)).shape
    torch.Size([1, 48, 5, 7])
    """

    def __init__(
        self,
        in_channels: int,
        *,
        growth: int,
        multiplier: float,
        layers: int,
        layer: Layer = conv_bn_relu,
    ) -> None:
        super().__init__()
        check_counts(in_channels=in_channels, growth=growth, layers=layers)
        if multiplier < 1:
            raise ValueError(f"multiplier must be 1 or more, got {multiplier}")
        widths = [in_channels]
        self.layers = nn.ModuleList()
        for n in range(1, layers + 1):
            widths.append(layer_width(n, growth=growth, multiplier=multiplier))
            self.layers.append(layer(sum(widths[i] for i in links(n)), widths[n]))
        self.kept = [n for n in range(1, layers + 1) if n % 2 == 1 or n == layers]
        self.out_channels = sum(widths[n] for n in self.kept)

    def forward(self, x: Tensor) -> Tensor:
        """Return the kept layers' maps, concatenated in order."""
        maps = [x]
        for n, layer in enumerate(self.layers, start=1):
            read = [maps[i] for i in links(n)]
            # A layer that reads one map needs no copy of it.
            maps.append(layer(torch.cat(read, dim=1) if len(read) > 1 else read[0]))
        return torch.cat([maps[n] for n in self.kept], dim=1)
