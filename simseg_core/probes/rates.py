"""How many weights of atrous convolutions fall on the map: the numbers and alt text.

Chen et al. 2017, *Rethinking Atrous Convolution*, arXiv 1706.05587, section 3.3 and
figure 4: as the rate nears the map's size, a 3x3 filter keeps only its centre weight.
The rates, kernels and paddings are those of the live module, heard while it runs.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad

__all__ = ["Branch", "RateSweep", "rate_sweep"]

Pair = tuple[int, int]


@dataclass(frozen=True)
class Branch:
    """A convolution larger than 1x1, as it runs on its map.

    Attributes:
        name: its path in the module.
        kernel: rows and columns of weights.
        rate: dilation of the rows and of the columns.
        padding: rows above and below, columns to the left and right.
        stride: of the rows and of the columns.
        size: rows and columns of the map it reads.
    """

    name: str
    kernel: Pair
    rate: Pair
    padding: tuple[Pair, Pair]
    stride: Pair
    size: Pair

    @property
    def weights(self) -> int:
        """Weights for one pair of channels."""
        return self.kernel[0] * self.kernel[1]

    @property
    def fits(self) -> bool:
        """Whether the padded map holds the filter; unpadded ones outgrow it."""
        return all(
            (k - 1) * r < side + sum(padding)
            for k, r, side, padding in zip(
                self.kernel, self.rate, self.size, self.padding
            )
        )

    @property
    def valid(self) -> Tensor:
        """Count, for each output pixel, the weights that do not fall into padding."""
        (above, below), (left, right) = self.padding
        framed = pad(torch.ones(1, 1, *self.size), (left, right, above, below))
        ones = torch.ones(1, 1, *self.kernel)
        counts = conv2d(framed, ones, stride=self.stride, dilation=self.rate)
        return counts[0, 0].round().long()

    @property
    def share(self) -> float:
        """Give the share of weights that fall on the map, mean over its pixels."""
        return float(self.valid.float().mean()) / self.weights

    def taps(self, index: Pair) -> list[Pair]:
        """List the rows and columns that an output pixel reads, padding included."""
        rows, columns = (
            [at * s - p[0] + k * r for k in range(n)]
            for at, s, p, n, r in zip(
                index, self.stride, self.padding, self.kernel, self.rate
            )
        )
        return [(row, column) for row in rows for column in columns]

    def at_rate(self, rate: int) -> "Branch":
        """Give the same convolution at another rate, padded to the same share."""
        rows, columns = (
            (before * rate // old, after * rate // old)
            for (before, after), old in zip(self.padding, self.rate)
        )
        padding = rows, columns
        return Branch(
            self.name, self.kernel, (rate, rate), padding, self.stride, self.size
        )


@dataclass(frozen=True)
class RateSweep:
    """What the branches of a module read, and what they would at other rates.

    Attributes:
        model: the module's class.
        branches: by rate; those that read one and the same map.
        rates: 1 to just over the map's longer side, while the filter fits.
        whole: for each rate the share of output pixels that all weights serve.
        centre: the share that only one weight serves.
        mean: the share of weights that fall on the map.
    """

    model: str
    branches: tuple[Branch, ...]
    rates: tuple[int, ...]
    whole: tuple[float, ...]
    centre: tuple[float, ...]
    mean: tuple[float, ...]

    @property
    def size(self) -> Pair:
        """Rows and columns of the map."""
        return self.branches[0].size

    def read(self, index: Pair) -> set[Pair]:
        """Find the pixels of the map that the branches read at an output pixel."""
        height, width = self.size
        taps = {tap for branch in self.branches for tap in branch.taps(index)}
        return {(y, x) for y, x in taps if 0 <= y < height and 0 <= x < width}


def rate_sweep(module: nn.Module, input_size: Sequence[int]) -> RateSweep:
    """Listen to a module's atrous branches: (B, C, H, W) -> what each rate reads.

    Args:
        module: an ASPP, or a network with one. Of all sets of convolutions that read
            one map, the one with the most rates is taken.
        input_size: of the module's input.

    Raises:
        ValueError: no convolution larger than 1x1 runs in the module.

    >>> net = nn.Conv2d(8, 8, 3, padding=33, dilation=33)
    >>> rate_sweep(net, (1, 8, 33, 33)).branches[0].share == 1 / 9
    True
    """
    groups: dict[int, list[Branch]] = {}
    kept: list[Tensor] = []  # else a new map could take a freed one's place and id
    shadow = copy.deepcopy(module).eval().to("meta")

    def listener(name: str):  # type: ignore[no-untyped-def]
        def hear(conv: nn.Conv2d, given: tuple[Tensor, ...], _: object) -> None:
            kept.append(given[0])
            groups.setdefault(id(given[0]), []).append(_branch(name, conv, given[0]))

        return hear

    for name, part in shadow.named_modules():
        if isinstance(part, nn.Conv2d) and max(part.kernel_size) > 1:
            part.register_forward_hook(listener(name))
    with torch.no_grad():
        shadow(torch.empty(tuple(input_size), device="meta"))
    if not groups:
        raise ValueError(
            f"no convolution larger than 1x1 ran in {type(module).__name__}: give a "
            "block with atrous convolutions, such as simseg_core.models.aspp.ASPP"
        )
    found = max(groups.values(), key=lambda g: (len({b.rate for b in g}), g[-1].rate))
    branches = tuple(sorted(found, key=lambda branch: branch.rate))
    widest = branches[-1]
    most = max(*widest.size, *widest.rate) + 3
    swept = [widest.at_rate(rate) for rate in range(1, most)]
    swept = [branch for branch in swept if branch.fits]
    rates = tuple(branch.rate[0] for branch in swept)
    return RateSweep(
        type(module).__name__,
        branches,
        rates,
        tuple(float((b.valid == b.weights).float().mean()) for b in swept),
        tuple(float((b.valid == 1).float().mean()) for b in swept),
        tuple(b.share for b in swept),
    )


def _branch(name: str, conv: nn.Conv2d, given: Tensor) -> Branch:
    kernel, rate, stride = (
        (pair[0], pair[1]) for pair in (conv.kernel_size, conv.dilation, conv.stride)
    )
    if conv.padding == "same":
        spans = [r * (k - 1) for r, k in zip(rate, kernel)]
        rows, columns = ((span // 2, span - span // 2) for span in spans)
    else:
        given_padding = (0, 0) if conv.padding == "valid" else conv.padding
        rows, columns = ((int(p), int(p)) for p in given_padding)
    height, width = given.shape[-2:]
    return Branch(name, kernel, rate, (rows, columns), stride, (height, width))
