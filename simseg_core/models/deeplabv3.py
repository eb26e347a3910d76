"""DeepLabV3: a dilated ResNet, atrous spatial pyramid pooling, one resize.

Chen, Papandreou, Schroff, Adam 2017, *Rethinking Atrous Convolution for Semantic Image
Segmentation*, arXiv 1706.05587: section 3.2 and figure 3 (output stride, multi-grid),
section 3.3 and figure 5 (ASPP), section 4.2 (the best of each: multi-grid (1, 2, 4),
rates 6, 12, 18, image pooling).

Differs from the paper:
    - The ResNet's strides are `"v1.5"`, those of the weights that can be had; the
      authors' code keeps every stride for a stage's last unit. The ResNets that they
      published ("beta") begin with three 3x3 convolutions of 64, 64 and 128 channels,
      and where a size is even their max pooling pads below and on the right only.
    - BatchNorm's momentum is PyTorch's 0.1; the authors' 0.9997 would be 0.0003 here.
    - `head="torchvision"` puts one more 3x3 convolution between ASPP and the logits, as
      torchvision does. The paper, and `head="paper"`, go straight to 1x1 logits.
    - Logits are resized with align_corners=False by default, as in torchvision; the
      authors' TensorFlow code has True. Sizes of 1 + a multiple of the stride, 513 for
      one, suit True: the map's corners then lie on the image's.
    - What torchvision trained is
      `DeepLabV3(head="torchvision", output_stride=8, multi_grid=None)`.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from simseg_core.models.aspp import ASPP, rates_at
from simseg_core.models.layers import (
    check_counts,
    conv_bn_relu,
    init_he,
    resize,
)
from simseg_core.models.resnet import WIDTHS, ResNetEncoder

HEADS = ("paper", "torchvision")
MULTI_GRID = (1, 2, 4)  # section 4.2, table 5


class DeepLabV3(nn.Module):
    """A dilated ResNet, ASPP on its last map, logits resized to the image's size.

    (B, in_channels, H, W) -> logits (B, num_classes, H, W), for any H and W from the
    output stride on. A batch needs two images or more in training mode.

    Args:
        in_channels: Channels of the images.
        num_classes: Channels of the logits; 21 is PASCAL VOC's.
        depth: Depth of the ResNet: 50, 101 or 152 (18 and 34 with other `multi_grid`).
        widths: Channels of the ResNet's four stages' 3x3 convolutions.
        output_stride: 8, 16 or 32: what the last map is smaller by.
        multi_grid: Factors on the last stage's dilation, one a unit, or None.
        rates: Of ASPP; None for 6, 12, 18 at output stride 16, doubled at 8.
        aspp_channels: Channels of ASPP's branches and output.
        image_pooling: Whether ASPP has its branch of image-level features.
        head: `"paper"` or `"torchvision"`, which has one more 3x3 convolution.
        align_corners: How the logits are resized: see `F.interpolate`.
        dropout: Of ASPP's output.

    Raises:
        TypeError: A count or a rate is not an int.
        ValueError: An argument is out of range; (in `forward`) the images are smaller
            than the output stride, or a single one is to be trained on.

    >>> import torch
    >>> model = DeepLabV3(widths=(2, 4, 6, 8), aspp_channels=4, num_classes=3)
    >>> model(torch.zeros(2, 3, 33, 70)).shape
    torch.Size([2, 3, 33, 70])
    """

    def __init__(
        self,
        *,
        in_channels: int = 3,
        num_classes: int = 21,
        depth: int = 50,
        widths: Sequence[int] = WIDTHS,
        output_stride: int = 16,
        multi_grid: Sequence[int] | None = MULTI_GRID,
        rates: Sequence[int] | None = None,
        aspp_channels: int = 256,
        image_pooling: bool = True,
        head: str = "paper",
        align_corners: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        check_counts(num_classes=num_classes)
        if head not in HEADS:
            raise ValueError(f"head must be one of {HEADS}, got {head!r}")
        self.head = head
        self.multi_grid = multi_grid
        self.align_corners = align_corners
        self.encoder = ResNetEncoder(
            in_channels=in_channels,
            depth=depth,
            widths=widths,
            output_stride=output_stride,
            multi_grid=multi_grid,
        )
        self.rates = rates_at(output_stride) if rates is None else tuple(rates)
        self.aspp = ASPP(
            self.encoder.channels[-1],
            aspp_channels,
            rates=self.rates,
            image_pooling=image_pooling,
            dropout=dropout,
        )
        self.refine: nn.Module = nn.Identity()
        if head == "torchvision":
            self.refine = conv_bn_relu(aspp_channels, aspp_channels)
        self.classify = nn.Conv2d(aspp_channels, num_classes, 1)
        for part in (self.aspp, self.refine, self.classify):
            init_he(part)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits at the input's size."""
        size = x.shape[-2:]
        x = self.encoder(x)[-1]
        x = self.classify(self.refine(self.aspp(x)))
        return resize(x, size, align_corners=self.align_corners)
