"""U-Net whose stages are residual blocks.

The wiring is that of `unet_padded`; the block is the basic block of He, Zhang, Ren, Sun
2016, *Deep Residual Learning for Image Recognition*, arXiv 1512.03385: section 3.2,
figure 2, equations 1 and 2 (the shortcut is projected where the widths differ).

Differs from the paper:
    - The block stands in a U-Net: it never strides (pooling does), and its shortcut is
      projected in every stage that changes the width, so in all that read a skip.
    - Zhang, Liu, Wang 2018, *Road Extraction by Deep Residual U-Net*, arXiv 1711.10684,
      is a relative, not this network: its units put BatchNorm and ReLU before the
      convolutions, and it has three levels.
"""

from collections.abc import Sequence

import torch
from torch import nn

from simseg_core.models.layers import conv_bn, conv_bn_relu
from simseg_core.models.unet import WIDTHS
from simseg_core.models.unet_padded import UNetPadded


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with BatchNorm beside a shortcut, ReLU after the sum.

    (B, in_channels, H, W) -> (B, out_channels, H, W). The shortcut is the input itself
    (equation 1), or a 1x1 convolution with BatchNorm where the widths differ
    (equation 2).

    >>> ResidualBlock(3, 8)(torch.zeros(2, 3, 5, 7)).shape
    torch.Size([2, 8, 5, 7])
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            conv_bn_relu(in_channels, out_channels),
            conv_bn(out_channels, out_channels),
        )
        same = in_channels == out_channels
        self.shortcut = (
            nn.Identity() if same else conv_bn(in_channels, out_channels, kernel_size=1)
        )
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return relu(F(x) + x)."""
        return self.relu(self.residual(x) + self.shortcut(x))


class UNetResidual(UNetPadded):
    """The padded U-Net with a `ResidualBlock` for every stage.

    (B, in_channels, H, W) -> logits (B, num_classes, H, W), for any H and W from 16 on.

    Args:
        in_channels: Channels of the images.
        num_classes: Channels of the logits.
        widths: Channels after each stage of the contracting path, top to bottom.
        up: `"transposed"` or `"bilinear"`, see `unet_padded.up_conv`.
        skips: Whether the expanding path reads the contracting path's maps.

    Raises:
        ValueError: As `UNetPadded`.

    >>> UNetResidual(num_classes=5, widths=(2, 4, 8))(torch.zeros(1, 3, 9, 14)).shape
    torch.Size([1, 5, 9, 14])
    """

    def __init__(
        self,
        *,
        in_channels: int = 3,
        num_classes: int = 21,
        widths: Sequence[int] = WIDTHS,
        up: str = "transposed",
        skips: bool = True,
    ) -> None:
        super().__init__(
            in_channels=in_channels,
            num_classes=num_classes,
            widths=widths,
            up=up,
            skips=skips,
            block=ResidualBlock,
        )
