"""U-Net whose stages are residual units.

The wiring is that of `unet_padded`; each stage is the basic unit of He, Zhang, Ren, Sun
2016, *Deep Residual Learning for Image Recognition*, arXiv 1512.03385: figure 5 (left),
equations 1 and 2, see `residual.BasicUnit`.

Differs from the paper:
    - The unit stands in a U-Net: it never strides (pooling does), and its shortcut is
      projected in every stage that changes the width, so in all that read a skip.
    - Zhang, Liu, Wang 2018, *Road Extraction by Deep Residual U-Net*, arXiv 1711.10684,
      is a relative, not this network: its units put BatchNorm and ReLU before the
      convolutions, and it has three levels.
"""

from collections.abc import Sequence

from simseg_core.models.residual import BasicUnit
from simseg_core.models.unet import WIDTHS
from simseg_core.models.unet_padded import UNetPadded


class UNetResidual(UNetPadded):
    """The padded U-Net with a `BasicUnit` for every stage.

    (B, in_channels, H, W) -> logits (B, num_classes, H, W), for any H and W from 16 on.

    Args:
        in_channels: Channels of the images.
        num_classes: Channels of the logits.
        widths: Channels after each stage of the contracting path, top to bottom.
        up: `"transposed"` or `"bilinear"`, see `unet_padded.up_conv`.
        skips: Whether the expanding path reads the contracting path's maps.

    Raises:
        ValueError: As `UNetPadded`.

    >>> import torch
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
            block=BasicUnit,
        )
