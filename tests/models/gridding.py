"""What a stack of atrous convolutions reads, counted path by path."""

from collections.abc import Sequence

import torch
from torch import Tensor

from simseg_core.models.atrous import atrous_conv2d


def pixels_read(rates: Sequence[int]) -> Tensor:
    """Count the ways in which one output of stacked 3x3 atrous convolutions reads.

    Rates that share a factor leave a grid of pixels that no path reaches ("gridding").

    Args:
        rates: Of the convolutions, in any order.

    Returns:
        A square map of as many rows as the stack's receptive field, 1 + 2 sum(rates),
        with the number of paths from each pixel to the output: 0 where it is not read.

    Raises:
        TypeError: A rate is not an int.
        ValueError: A rate is below 1.

    >>> [round(100 * (pixels_read(r) > 0).double().mean().item(), 1)
    ...  for r in ((1, 2, 5), (2, 2, 2), (6, 12, 18))]
    [100.0, 29.0, 3.2]
    """
    reach = sum(rates)
    paths = torch.zeros(1, 1, 1 + 2 * reach, 1 + 2 * reach, dtype=torch.float64)
    paths[..., reach, reach] = 1  # the output; every rate spreads it to nine places
    for rate in rates:
        paths = atrous_conv2d(paths, paths.new_ones(1, 1, 3, 3), rate=rate)
    return paths[0, 0].long()
