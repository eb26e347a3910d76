"""DeepLabV3+: DeepLabV3 as an encoder, and a small decoder that sharpens borders.

Chen, Zhu, Papandreou, Schroff, Adam 2018, *Encoder-Decoder with Atrous Separable
Convolution for Semantic Image Segmentation*, arXiv 1802.02611: figure 2 and section 3.1
(the network), section 4.1 and tables 1 and 2 (48 channels, two 3x3 convolutions of
256), section 3.2 (Xception).

Which of Xception's and MobileNetV2's maps are the low-level features, and that
separable convolutions belong in ASPP and in the decoder with Xception (table 5) but not
with ResNet-101 (table 3), is the authors' code's.

Differs from the paper:
    - A ResNet's low-level features are the first stage's output, as in most PyTorch
      code: 256 channels at stride 4, after the sum and its ReLU. Section 4.1 takes the
      last map of that stage "before striding". In the authors' code, where the stage's
      third unit strides, that is the second unit's residual branch after its last
      BatchNorm, before the sum and the ReLU: as many channels, other values, negative
      ones among them.
    - ResNets and `align_corners` as in `deeplabv3`; multi-grid with ResNets only, since
      section 4.3 leaves it out of Xception.
    - The encoders differ from the code as told in `mobilenet` and `xception`.
    - MobileNetV2 is the code's: the paper does not have it. Its checkpoints leave the
      decoder and most of ASPP out; both are whole here, and separable.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from simseg_core.models.aspp import ASPP, rates_at
from simseg_core.models.deeplabv3 import MULTI_GRID
from simseg_core.models.layers import (
    check_counts,
    conv_bn_relu,
    init_he,
    resize,
)
from simseg_core.models.mobilenet import MobileNetV2Encoder
from simseg_core.models.resnet import ResNetEncoder
from simseg_core.models.separable import SeparableConv2d
from simseg_core.models.xception import XceptionEncoder


class Decoder(nn.Module):
    """Low-level features, narrowed, beside the resized map; then two 3x3 convolutions.

    (B, in_channels, h, w) and (B, low_channels, H, W) -> (B, in_channels, H, W).

    Args:
        in_channels: Channels of the encoder's map, and of the output.
        low_channels: Channels of the low-level features.
        narrow_channels: What a 1x1 convolution narrows these to (table 1), so that they
            do not outweigh the encoder's map.
        separable: Whether the 3x3 convolutions are depthwise separable.
        align_corners: How the encoder's map is resized: see `F.interpolate`.

    >>> decoder = Decoder(8, 12, narrow_channels=4)
    >>> decoder(torch.zeros(2, 8, 3, 4), torch.zeros(2, 12, 9, 13)).shape
    torch.Size([2, 8, 9, 13])
    """

    def __init__(
        self,
        in_channels: int,
        low_channels: int,
        *,
        narrow_channels: int = 48,
        separable: bool = False,
        align_corners: bool = False,
    ) -> None:
        super().__init__()
        conv3x3 = SeparableConv2d if separable else conv_bn_relu
        self.align_corners = align_corners
        self.narrow = conv_bn_relu(low_channels, narrow_channels, kernel_size=1)
        self.refine = nn.Sequential(
            conv3x3(in_channels + narrow_channels, in_channels),
            conv3x3(in_channels, in_channels),
        )

    def forward(self, x: Tensor, low: Tensor) -> Tensor:
        """Return the sharpened map, at the low-level features' size."""
        x = resize(x, low.shape[-2:], align_corners=self.align_corners)
        return self.refine(torch.cat([x, self.narrow(low)], dim=1))


@dataclass(frozen=True)
class Backbone:
    """What DeepLabV3+ needs to know about an encoder.

    Attributes:
        build: Makes it, from `in_channels`, `output_stride` and maybe `widths`. It
            returns a list of maps, of `channels` channels; the last goes to ASPP.
        low: Index of the low-level features in that list, at stride 4.
        separable: Whether the paper pairs it with separable convolutions.
    """

    build: Callable[..., Any]
    low: int
    separable: bool


BACKBONES = {
    # Index 1 is the first stage: the last map of that size.
    "resnet50": Backbone(
        partial(ResNetEncoder, depth=50, multi_grid=MULTI_GRID), 1, separable=False
    ),
    "resnet101": Backbone(
        partial(ResNetEncoder, depth=101, multi_grid=MULTI_GRID), 1, separable=False
    ),
    "xception65": Backbone(XceptionEncoder, 0, separable=True),
    "mobilenetv2": Backbone(MobileNetV2Encoder, 0, separable=True),
}


class DeepLabV3Plus(nn.Module):
    """An encoder at some output stride, ASPP, a decoder at stride 4, logits resized.

    (B, in_channels, H, W) -> logits (B, num_classes, H, W), for any H and W from the
    output stride on. A batch needs two images or more in training mode.

    Args:
        in_channels: Channels of the images.
        num_classes: Channels of the logits; 21 is PASCAL VOC's.
        backbone: `"resnet50"`, `"resnet101"`, `"xception65"` or `"mobilenetv2"`.
        widths: Of the backbone, see its encoder; None for the paper's.
        output_stride: 8, 16 or 32: what the encoder's last map is smaller by.
        rates: Of ASPP; None for 6, 12, 18 at output stride 16, doubled at 8.
        aspp_channels: Channels of ASPP's branches and output, and of the decoder.
        narrow_channels: Channels that the decoder narrows the low-level features to.
        separable: Whether the 3x3 convolutions of ASPP and the decoder are depthwise
            separable; None for what the paper pairs the backbone with.
        image_pooling: Whether ASPP has its branch of image-level features.
        decoder: Whether there is a decoder. Without it, this is DeepLabV3.
        align_corners: How both resizes are done: see `F.interpolate`.
        dropout: Of ASPP's output.

    Raises:
        TypeError: A count or a rate is not an int.
        ValueError: An argument is out of range; (in `forward`) the images are smaller
            than the output stride, or a single one is to be trained on.

    >>> model = DeepLabV3Plus(widths=(2, 4, 6, 8), aspp_channels=4, narrow_channels=3)
    >>> model(torch.zeros(2, 3, 33, 70)).shape
    torch.Size([2, 21, 33, 70])
    """

    def __init__(
        self,
        *,
        in_channels: int = 3,
        num_classes: int = 21,
        backbone: str = "resnet50",
        widths: Sequence[int] | None = None,
        output_stride: int = 16,
        rates: Sequence[int] | None = None,
        aspp_channels: int = 256,
        narrow_channels: int = 48,
        separable: bool | None = None,
        image_pooling: bool = True,
        decoder: bool = True,
        align_corners: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        check_counts(num_classes=num_classes, narrow_channels=narrow_channels)
        if backbone not in BACKBONES:
            raise ValueError(
                f"backbone must be one of {list(BACKBONES)}, got {backbone!r}"
            )
        chosen = BACKBONES[backbone]
        separable = chosen.separable if separable is None else separable
        given = {} if widths is None else {"widths": widths}
        self.encoder = chosen.build(
            in_channels=in_channels, output_stride=output_stride, **given
        )
        self.low = chosen.low
        self.align_corners = align_corners
        self.aspp = ASPP(
            self.encoder.channels[-1],
            aspp_channels,
            rates=rates_at(output_stride) if rates is None else rates,
            image_pooling=image_pooling,
            separable=separable,
            dropout=dropout,
        )
        self.decoder: Decoder | None = None
        if decoder:
            self.decoder = Decoder(
                aspp_channels,
                self.encoder.channels[self.low],
                narrow_channels=narrow_channels,
                separable=separable,
                align_corners=align_corners,
            )
            init_he(self.decoder)
        self.classify = nn.Conv2d(aspp_channels, num_classes, 1)
        init_he(self.aspp)
        init_he(self.classify)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits at the input's size."""
        size = x.shape[-2:]
        maps = self.encoder(x)
        x = self.aspp(maps[-1])
        if self.decoder is not None:
            x = self.decoder(x, maps[self.low])
        return resize(self.classify(x), size, align_corners=self.align_corners)
