"""ResNets with a CBAM in every unit, before the sum with the shortcut.

Woo, Park, Lee, Kweon 2018, *CBAM: Convolutional Block Attention Module*,
arXiv 1807.06521, figure 3 (where the block stands) and section 4.1 (ImageNet); the
ResNets are those of `resnet`.

Differs from the paper:
    - The paper's cost, 3.864 against 3.858 "GFLOPs" for depth 50, is that of `"v1"`
      strides, and counts multiply-accumulates. The authors' code has `"v1.5"`, which is
      the default here: 4.096 against 4.089.
    - First weights: see `resnet` and `cbam`. The authors' spatial gates start at 1/2,
      here with `zero_init=True`; they draw a convolution's weights by the number of
      its outputs, here by that of its inputs.
"""

from collections.abc import Sequence
from functools import partial

from simseg_core.models.cbam import CBAM, Order
from simseg_core.models.resnet import WIDTHS, ResNet


class ResNetCBAM(ResNet):
    """A ResNet whose residual branches end with a `CBAM`.

    (B, in_channels, H, W) -> logits (B, num_classes), for any H and W from 32 on.

    Args:
        in_channels: Channels of the images.
        num_classes: Number of logits; ImageNet has 1000.
        depth: 18, 34, 50, 101 or 152.
        widths: Channels of the four stages' 3x3 convolutions.
        version: Of the strides, `"v1.5"` or `"v1"`, see `resnet`.
        reduction: Of the channel gates' MLPs; the paper takes 16. Narrow widths want
            less, see `ChannelAttention`.
        order: Of the gates, see `CBAM`; section 4.1 compares the three.
        zero_init: Whether spatial gates start at 1/2, as in the authors' code, see
            `SpatialAttention`.

    Raises:
        ValueError: An argument is out of range.

    >>> import torch
    >>> ResNetCBAM(depth=18, widths=(4, 6, 8, 10))(torch.zeros(2, 3, 40, 33)).shape
    torch.Size([2, 1000])
    """

    def __init__(
        self,
        *,
        in_channels: int = 3,
        num_classes: int = 1000,
        depth: int = 50,
        widths: Sequence[int] = WIDTHS,
        version: str = "v1.5",
        reduction: int = 16,
        order: Order = "channel_first",
        zero_init: bool = False,
    ) -> None:
        super().__init__(
            in_channels=in_channels,
            num_classes=num_classes,
            depth=depth,
            widths=widths,
            version=version,
            block_attention=partial(
                CBAM, reduction=reduction, order=order, zero_init=zero_init
            ),
        )
