"""Four ways to see objects at several scales, as four small networks to compare.

Chen et al. 2017, *Rethinking Atrous Convolution for Semantic Image Segmentation*, arXiv
1706.05587, section 2 and figure 2: (a) an image pyramid, (b) an encoder and a decoder,
(c) convolutions of growing rate in cascade, (d) spatial pyramid pooling.

Differs from the paper:
    - The figure shows ideas, not networks. Here each has the same start, three 3x3
      convolutions of stride 2, the same width throughout and the same end, so that they
      differ in the idea alone.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from simseg_core.models.aspp import ASPP
from simseg_core.models.layers import (
    check_counts,
    check_images,
    conv_bn_relu,
    init_he,
    resize,
)


def trunk(in_channels: int, width: int) -> nn.Sequential:
    """Chain the three 3x3 convolutions of stride 2 that all four start with.

    (B, in_channels, H, W) -> (B, width, H / 8, W / 8), rounded up.

    >>> trunk(3, 4)(torch.zeros(1, 3, 33, 64)).shape
    torch.Size([1, 4, 5, 8])
    """
    return nn.Sequential(
        conv_bn_relu(in_channels, width, stride=2),
        conv_bn_relu(width, width, stride=2),
        conv_bn_relu(width, width, stride=2),
    )


class ImagePyramid(nn.Module):
    """(a) One set of weights reads the image at several sizes.

    (B, in_channels, H, W) -> (B, width, H / 8, W / 8), rounded up.

    >>> ImagePyramid(3, 4)(torch.zeros(2, 3, 33, 64)).shape
    torch.Size([2, 4, 5, 8])
    """

    def __init__(
        self, in_channels: int, width: int, *, shrink: Sequence[int] = (1, 2, 4)
    ) -> None:
        super().__init__()
        self.shrink = tuple(shrink)
        self.trunk = trunk(in_channels, width)
        self.mix = conv_bn_relu(len(self.shrink) * width, width, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the maps of all sizes, mixed, at the first one's size."""
        H, W = x.shape[-2:]
        maps = [
            self.trunk(resize(x, (max(H // by, 1), max(W // by, 1))))
            for by in self.shrink
        ]
        size = maps[0].shape[-2:]
        return self.mix(torch.cat([resize(y, size) for y in maps], dim=1))


class EncoderDecoder(nn.Module):
    """(b) Two more halvings, and the way back up with skips.

    (B, in_channels, H, W) -> (B, width, H / 8, W / 8), rounded up.

    >>> EncoderDecoder(3, 4)(torch.zeros(2, 3, 33, 64)).shape
    torch.Size([2, 4, 5, 8])
    """

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.trunk = trunk(in_channels, width)
        self.down = nn.ModuleList(
            conv_bn_relu(width, width, stride=2) for _ in range(2)
        )
        self.up = nn.ModuleList(conv_bn_relu(2 * width, width) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """Return the decoder's last map."""
        x = self.trunk(x)
        skips = []
        for down in self.down:
            skips.append(x)
            x = down(x)
        for up in self.up:
            skip = skips.pop()
            x = up(torch.cat([skip, resize(x, skip.shape[-2:])], dim=1))
        return x


class AtrousCascade(nn.Module):
    """(c) Convolutions of growing rate, one after the other (section 3.2).

    (B, in_channels, H, W) -> (B, width, H / 8, W / 8), rounded up.

    >>> AtrousCascade(3, 4)(torch.zeros(2, 3, 33, 64)).shape
    torch.Size([2, 4, 5, 8])
    """

    def __init__(
        self, in_channels: int, width: int, *, rates: Sequence[int] = (1, 2, 4, 8)
    ) -> None:
        super().__init__()
        self.trunk = trunk(in_channels, width)
        self.cascade = nn.Sequential(
            *(conv_bn_relu(width, width, dilation=rate) for rate in rates)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the last convolution's map."""
        return self.cascade(self.trunk(x))


class PyramidPooling(nn.Module):
    """(d) Convolutions of several rates side by side (section 3.3).

    (B, in_channels, H, W) -> (B, width, H / 8, W / 8), rounded up.

    >>> PyramidPooling(3, 4)(torch.zeros(2, 3, 33, 64)).shape
    torch.Size([2, 4, 5, 8])
    """

    def __init__(
        self, in_channels: int, width: int, *, rates: Sequence[int] = (2, 4, 8)
    ) -> None:
        super().__init__()
        self.trunk = trunk(in_channels, width)
        self.aspp = ASPP(width, width, rates=rates)

    def forward(self, x: Tensor) -> Tensor:
        """Return ASPP's map."""
        return self.aspp(self.trunk(x))


WAYS = {
    "image_pyramid": ImagePyramid,
    "encoder_decoder": EncoderDecoder,
    "atrous_cascade": AtrousCascade,
    "pyramid_pooling": PyramidPooling,
}


class MultiScale(nn.Module):
    """A small segmentation network that sees several scales in one of the four ways.

    (B, in_channels, H, W) -> logits (B, num_classes, H, W), for any H and W from 32 on.

    Args:
        way: `"image_pyramid"`, `"encoder_decoder"`, `"atrous_cascade"` or
            `"pyramid_pooling"`.
        in_channels: Channels of the images.
        num_classes: Channels of the logits.
        width: Channels of every map.

    Raises:
        ValueError: An argument is out of range, or (in `forward`) the images are
            smaller than 32, or a single one trains pyramid pooling.

    >>> MultiScale(way="atrous_cascade", width=4)(torch.zeros(1, 3, 33, 70)).shape
    torch.Size([1, 21, 33, 70])
    """

    def __init__(
        self,
        *,
        way: str,
        in_channels: int = 3,
        num_classes: int = 21,
        width: int = 32,
    ) -> None:
        super().__init__()
        check_counts(in_channels=in_channels, num_classes=num_classes, width=width)
        if way not in WAYS:
            raise ValueError(f"way must be one of {list(WAYS)}, got {way!r}")
        self.in_channels = in_channels
        self.features = WAYS[way](in_channels, width)
        self.classify = nn.Conv2d(width, num_classes, 1)
        init_he(self)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits at the input's size."""
        check_images(x, in_channels=self.in_channels, stride=32)
        return resize(self.classify(self.features(x)), x.shape[-2:])
