"""U-Net on a ResNet encoder.

No paper of its own: the expanding path of Ronneberger et al. 2015 (arXiv 1505.04597,
figure 1) over the maps of He et al. 2016 (arXiv 1512.03385, table 1), as the library
segmentation_models.pytorch popularised it. Its numbers are followed here: five stages
of 256, 128, 64, 32 and 16 channels.

Differs from the U-Net paper:
    - Maps are doubled by nearest-neighbour resizing, which has no weights; where the
      encoder rounded an odd size up, it resizes to the skip's size exactly.
    - The concatenation is [up, skip], the other way round.
    - There is no skip at the full size: the encoder's first map has half of it.
    - The classifying convolution is 3x3.
"""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from simseg_core.models.layers import check_counts, check_widths, init_he
from simseg_core.models.resnet import WIDTHS, ResNetEncoder
from simseg_core.models.unet_padded import DoubleConv


class UNetResNet(nn.Module):
    """A U-Net whose contracting path is a ResNet.

    (B, in_channels, H, W) -> logits (B, num_classes, H, W), for any H and W from 32 on.

    Args:
        in_channels: Channels of the images.
        num_classes: Channels of the logits.
        depth: Depth of the ResNet: 18, 34, 50, 101 or 152.
        widths: Channels of the ResNet's four stages.
        decoder_widths: Channels of the five stages of the expanding path.

    Raises:
        ValueError: An argument is out of range, or (in `forward`) the images are
            smaller than 32.

    >>> model = UNetResNet(
    ...     depth=18, widths=(2, 4, 6, 8), decoder_widths=(8, 6, 4, 4, 2)
    ... )
    >>> model(torch.zeros(1, 3, 33, 70)).shape
    torch.Size([1, 21, 33, 70])
    """

    def __init__(
        self,
        *,
        in_channels: int = 3,
        num_classes: int = 21,
        depth: int = 34,
        widths: Sequence[int] = WIDTHS,
        decoder_widths: Sequence[int] = (256, 128, 64, 32, 16),
    ) -> None:
        super().__init__()
        check_counts(num_classes=num_classes)
        check_widths(decoder_widths, length=5)
        self.encoder = ResNetEncoder(
            in_channels=in_channels, depth=depth, widths=widths
        )
        *skips, lowest = self.encoder.channels
        from_below = (lowest, *decoder_widths)
        from_skip = (*reversed(skips), 0)
        self.expand = nn.ModuleList(
            DoubleConv(below + skip, width)
            for below, skip, width in zip(from_below, from_skip, decoder_widths)
        )
        self.classify = nn.Conv2d(decoder_widths[-1], num_classes, 3, padding=1)
        init_he(self.expand)
        init_he(self.classify)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits at the input's size."""
        size = x.shape[-2:]
        *skips, x = self.encoder(x)
        *stages, last = self.expand
        for stage, skip in zip(stages, reversed(skips)):
            x = F.interpolate(x, size=skip.shape[-2:], mode="nearest")
            x = stage(torch.cat([x, skip], dim=1))
        x = last(F.interpolate(x, size=size, mode="nearest"))
        return self.classify(x)
