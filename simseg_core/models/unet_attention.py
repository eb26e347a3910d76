"""U-Net with spatial, then channel attention after every stage.

The wiring is that of `unet_padded`; the pair is SAGAN's attention over positions
(arXiv 1805.08318, see `attention`) and a gate over channels (arXiv 1807.06521,
equation 2, see `cbam`). A stage's skip and its pooled map both carry what the pair
returns.

Differs from the papers:
    - No paper has this network. SAGAN puts one block at one size, CBAM puts both of its
      gates in residual blocks; here a pair follows each of the U-Net's nine stages.
    - The values of the attention are the features themselves, not a projection.
    - The channel gate's MLP has no biases and a reduction of 8, where CBAM has 16.
    - The uppermost stages have the image's full size. There the map of N x N weights
      would take 16 GiB at 256x256: it is never built, but its N^2 products are still
      computed, so time grows with the fourth power of the image's side.
"""

from collections.abc import Sequence
from functools import partial

from torch import nn

from simseg_core.models.attention import SpatialSelfAttention2d
from simseg_core.models.cbam import ChannelAttention
from simseg_core.models.unet import WIDTHS
from simseg_core.models.unet_padded import DoubleConv, UNetPadded


class SpatialChannelAttention(nn.Sequential):
    """Attention over positions, then a gate over channels.

    (B, C, H, W) -> (B, C, H, W).

    Args:
        channels: C, a multiple of `reduction`.
        reduction: Queries and keys have C / `reduction` channels.
        gate_reduction: The gate's hidden layer has C / `gate_reduction` units, see
            `ChannelAttention`.

    Raises:
        TypeError: As for `SpatialSelfAttention2d`.
        ValueError: As for `SpatialSelfAttention2d`.

    >>> sum(p.numel() for p in SpatialChannelAttention(64).parameters())
    2065
    """

    def __init__(
        self, channels: int, *, reduction: int = 8, gate_reduction: int = 8
    ) -> None:
        super().__init__(
            SpatialSelfAttention2d(channels, reduction=reduction),
            ChannelAttention(channels, reduction=gate_reduction, bias=False),
        )


class UNetAttention(UNetPadded):
    """The padded U-Net with a `SpatialChannelAttention` after every stage.

    (B, in_channels, H, W) -> logits (B, num_classes, H, W), for any H and W from 16 on.

    Args:
        in_channels: Channels of the images.
        num_classes: Channels of the logits.
        widths: Channels after each stage of the contracting path, top to bottom; each
            a multiple of 8.
        up: `"transposed"` or `"bilinear"`, see `unet_padded.up_conv`.
        gate_reduction: Of the channel gates' MLPs. Narrow widths want less, see
            `ChannelAttention`.

    Raises:
        ValueError: As `UNetPadded`, or a width is not a multiple of 8.

    >>> import torch
    >>> UNetAttention(num_classes=5, widths=(8, 16))(torch.zeros(1, 3, 9, 14)).shape
    torch.Size([1, 5, 9, 14])
    """

    def __init__(
        self,
        *,
        in_channels: int = 3,
        num_classes: int = 21,
        widths: Sequence[int] = WIDTHS,
        up: str = "transposed",
        gate_reduction: int = 8,
    ) -> None:
        super().__init__(
            in_channels=in_channels,
            num_classes=num_classes,
            widths=widths,
            up=up,
            block=partial(_attended_stage, gate_reduction=gate_reduction),
        )


def _attended_stage(
    in_channels: int, out_channels: int, *, gate_reduction: int
) -> nn.Module:
    return nn.Sequential(
        DoubleConv(in_channels, out_channels),
        SpatialChannelAttention(out_channels, gate_reduction=gate_reduction),
    )
