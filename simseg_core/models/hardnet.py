"""HarDNet: HarD blocks in a row, with 1x1 convolutions between them.

Chao, Kao, Ruan, Huang, Lin 2019, *HarDNet: A Low Memory Traffic Network*, arXiv
1909.00948, section 4.2 and table 1; the block is in `hardblock`.

Differs from the paper:
    - ReLU6 and the halving between stages follow the authors' code: max pooling, or in
      the "DS" networks a depthwise convolution of stride 2 without ReLU. An odd map
      loses its last row and column to a pooling.
    - Dropout is left out. The code drops 0.1 of the values before the classifier, 0.2
      in HarDNet-85 and 0.05 in the "DS" networks, and in HarDNet-85 another 0.1 behind
      the last block.
    - First weights are He's, see `layers`; the code leaves PyTorch's.
    - The average runs over whatever map there is: images of any size from 32 on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from torch import Tensor, nn

from simseg_core.models.hardblock import HarDBlock
from simseg_core.models.layers import (
    check_counts,
    check_images,
    check_widths,
    conv_bn_relu6,
    init_he,
)
from simseg_core.models.separable import depthwise_bn


def pointwise_depthwise(in_channels: int, out_channels: int) -> nn.Sequential:
    """Chain the two halves of a separable convolution in the "DS" networks' order.

    (B, in_channels, H, W) -> (B, out_channels, H, W): 1x1 first, ReLU6 in between.

    >>> import torch
    >>> pointwise_depthwise(3, 8)(torch.zeros(1, 3, 7, 10)).shape
    torch.Size([1, 8, 7, 10])
    """
    pointwise = conv_bn_relu6(in_channels, out_channels, kernel_size=1)
    return pointwise.extend(depthwise_bn(out_channels))


@dataclass(frozen=True)
class Plan:
    """One column of table 1; a block an entry, but for `widths`, which the stem leads.

    Attributes:
        widths: Channels of the stem, then of the 1x1 convolution behind each block.
        growth: k of each block.
        layers: Layers of each block.
        halve: Blocks behind whose 1x1 convolution the map is halved, from 0.
        multiplier: m of every block.
    """

    widths: tuple[int, ...]
    growth: tuple[int, ...]
    layers: tuple[int, ...]
    halve: tuple[int, ...]
    multiplier: float


PLANS = {
    39: Plan(
        widths=(48, 96, 320, 640, 1024),
        growth=(16, 20, 64, 160),
        layers=(4, 16, 8, 4),
        halve=(0, 1, 2),
        multiplier=1.6,
    ),
    68: Plan(
        widths=(64, 128, 256, 320, 640, 1024),
        growth=(14, 16, 20, 40, 160),
        layers=(8, 16, 16, 16, 4),
        halve=(0, 2, 3),
        multiplier=1.7,
    ),
    85: Plan(
        widths=(96, 192, 256, 320, 480, 720, 1280),
        growth=(24, 24, 28, 36, 48, 256),
        layers=(8, 16, 16, 16, 16, 4),
        halve=(0, 2, 4),
        multiplier=1.7,
    ),
}


class HarDNet(nn.Module):
    """A HarDNet that classifies images.

    (B, in_channels, H, W) -> logits (B, num_classes), for any H and W from 32 on.

    Args:
        in_channels: Channels of the images.
        num_classes: Number of logits; ImageNet has 1000.
        depth: 39, 68 or 85.
        separable: Whether the layers are depthwise separable ("DS").
        widths: As in `Plan`, and so is `growth`; None for the paper's.
        growth: k of each block.

    Raises:
        TypeError: A width is not an int.
        ValueError: An argument is out of range.

    >>> import torch
    >>> HarDNet(depth=39, widths=(2, 4, 6, 8, 10), growth=(2, 2, 2, 2), num_classes=5)(
    ...     torch.zeros(2, 3, 40, 33)
    ... ).shape
    torch.Size([2, 5])
    """

    def __init__(
        self,
        *,
        in_channels: int = 3,
        num_classes: int = 1000,
        depth: int = 68,
        separable: bool = False,
        widths: Sequence[int] | None = None,
        growth: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        check_counts(in_channels=in_channels, num_classes=num_classes)
        if depth not in PLANS:
            raise ValueError(f"depth must be one of {list(PLANS)}, got {depth}")
        plan = PLANS[depth]
        widths = plan.widths if widths is None else widths
        check_widths(widths, length=len(plan.widths))
        growth = plan.growth if growth is None else growth
        if len(growth) != len(plan.growth):
            raise ValueError(
                f"growth must hold {len(plan.growth)} numbers, got {growth}"
            )
        self.in_channels = in_channels
        layer = pointwise_depthwise if separable else conv_bn_relu6
        first = max(widths[0] // 2, 1)
        self.features = nn.Sequential(
            conv_bn_relu6(in_channels, first, stride=2),
            conv_bn_relu6(first, widths[0], kernel_size=1 if separable else 3),
            depthwise_bn(widths[0], stride=2)
            if separable
            else nn.MaxPool2d(3, stride=2, padding=1),
        )
        make = partial(HarDBlock, multiplier=plan.multiplier, layer=layer)
        for index, c_out in enumerate(widths[1:]):
            block = make(widths[index], growth=growth[index], layers=plan.layers[index])
            self.features.append(block)
            self.features.append(
                conv_bn_relu6(block.out_channels, c_out, kernel_size=1)
            )
            if index in plan.halve:
                self.features.append(
                    depthwise_bn(c_out, stride=2) if separable else nn.MaxPool2d(2)
                )
        self.classify = nn.Linear(widths[-1], num_classes)
        init_he(self.features)

    def forward(self, x: Tensor) -> Tensor:
        """Return one row of logits for each image."""
        check_images(x, in_channels=self.in_channels, stride=32)
        return self.classify(self.features(x).mean(dim=(-2, -1)))
