"""U-Net with a CBAM after every stage.

The wiring is that of `unet_padded`, the block that of Woo, Park, Lee, Kweon 2018,
arXiv 1807.06521 (see `cbam`). A stage's skip and its pooled map both carry what the
block returns.

Differs from the paper:
    - The paper refines the residual branches of ResNets, VGG and MobileNet; a U-Net is
      not among its networks. Here the block stands at the end of each stage.
"""

from collections.abc import Sequence
from functools import partial

from torch import nn

from simseg_core.models.cbam import CBAM
from simseg_core.models.unet import WIDTHS
from simseg_core.models.unet_padded import DoubleConv, UNetPadded


class UNetCBAM(UNetPadded):
    """The padded U-Net with a `CBAM` after every stage.

    (B, in_channels, H, W) -> logits (B, num_classes, H, W), for any H and W from 16 on.

    Args:
        in_channels: Channels of the images.
        num_classes: Channels of the logits.
        widths: Channels after each stage of the contracting path, top to bottom.
        up: `"transposed"` or `"bilinear"`, see `unet_padded.up_conv`.
        reduction: Of the channel gates' MLPs; the paper takes 16. Narrow widths want
            less, see `ChannelAttention`.

    Raises:
        ValueError: As `UNetPadded`.

    >>> import torch
    >>> UNetCBAM(num_classes=5, widths=(8, 16))(torch.zeros(1, 3, 9, 14)).shape
    torch.Size([1, 5, 9, 14])
    """

    def __init__(
        self,
        *,
        in_channels: int = 3,
        num_classes: int = 21,
        widths: Sequence[int] = WIDTHS,
        up: str = "transposed",
        reduction: int = 16,
    ) -> None:
        super().__init__(
            in_channels=in_channels,
            num_classes=num_classes,
            widths=widths,
            up=up,
            block=partial(_gated_stage, reduction=reduction),
        )


def _gated_stage(in_channels: int, out_channels: int, *, reduction: int) -> nn.Module:
    return nn.Sequential(
        DoubleConv(in_channels, out_channels), CBAM(out_channels, reduction=reduction)
    )
