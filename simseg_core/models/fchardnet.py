"""FC-HarDNet-70: a U-Net of HarD blocks that moves little memory.

Not in the HarDNet paper (Chao et al. 2019, arXiv 1909.00948): it is the segmentation
network of its authors' repository, PingoLH/FCHarDNet, whose wiring this follows. Layers
have ReLU, not ReLU6. All resizes are bilinear with align_corners=True, each to its
skip's size, so that odd sizes, which the average poolings round down, come back whole.

Differs from the authors' code:
    - Sizes below the stride of 64 are refused, with a message that says so.
    - First weights are He's, see `layers`.

PaddleSeg (`paddleseg` on PyPI) has a network of this name that is another one: its
first convolution does not stride, so that every map is twice as high and wide; its
layers read the farthest link first; and its resizes do not align corners.
"""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from simseg_core.models.hardblock import HarDBlock
from simseg_core.models.layers import (
    check_counts,
    check_images,
    check_widths,
    conv_bn_relu,
    init_he,
    resize,
)

STEM = (16, 24, 32, 48)  # the first and the third of the 3x3 convolutions have stride 2
WIDTHS = (64, 96, 160, 224, 320)  # of the 1x1 convolution behind each block
GROWTH = (10, 16, 18, 24, 32)
LAYERS = (4, 4, 8, 8, 8)
MULTIPLIER = 1.7
STRIDE = 64
resize_aligned = partial(resize, align_corners=True)


class FCHarDNet(nn.Module):
    """The segmentation network FC-HarDNet-70.

    (B, in_channels, H, W) -> logits (B, num_classes, H, W), for any H and W from 64 on.
    Skips are the blocks' outputs, from before the 1x1 convolution. On the way up a 1x1
    convolution halves the channels of [up, skip], and a block of the same size as on
    the way down follows.

    Args:
        in_channels: Channels of the images.
        num_classes: Channels of the logits; Cityscapes has 19.
        stem: Channels of the four 3x3 convolutions at the start.
        widths: Channels of the 1x1 convolutions behind the five blocks.
        growth: k of the five blocks, see `HarDBlock`.

    Raises:
        TypeError: A width is not an int.
        ValueError: An argument is out of range, or (in `forward`) the images are
            smaller than 64.

    >>> model = FCHarDNet(stem=(2, 2, 4, 4), widths=(4, 4, 6, 6, 8), growth=(2,) * 5)
    >>> model(torch.zeros(2, 3, 65, 70)).shape
    torch.Size([2, 21, 65, 70])
    """

    def __init__(
        self,
        *,
        in_channels: int = 3,
        num_classes: int = 21,
        stem: Sequence[int] = STEM,
        widths: Sequence[int] = WIDTHS,
        growth: Sequence[int] = GROWTH,
    ) -> None:
        super().__init__()
        check_counts(in_channels=in_channels, num_classes=num_classes)
        check_widths(stem, length=4)
        check_widths(widths, length=5)
        if len(growth) != 5:
            raise ValueError(f"growth must hold 5 numbers, got {growth}")
        self.in_channels = in_channels
        self.stem = nn.Sequential()
        for c_in, c_out, stride in zip((in_channels, *stem), stem, (2, 1, 2, 1)):
            self.stem.append(conv_bn_relu(c_in, c_out, stride=stride))

        def block(c_in: int, level: int) -> HarDBlock:
            return HarDBlock(
                c_in,
                growth=growth[level],
                multiplier=MULTIPLIER,
                layers=LAYERS[level],
            )

        self.down = nn.ModuleList()
        self.mix = nn.ModuleList()
        skips = []
        for level, (c_in, c_out) in enumerate(zip((stem[-1], *widths), widths)):
            self.down.append(made := block(c_in, level))
            self.mix.append(conv_bn_relu(made.out_channels, c_out, kernel_size=1))
            skips.append(made.out_channels)
        self.pool = nn.AvgPool2d(2)
        self.narrow = nn.ModuleList()
        self.up = nn.ModuleList()
        c = widths[-1]
        for level in (3, 2, 1, 0):
            both = c + skips[level]
            self.narrow.append(conv_bn_relu(both, both // 2, kernel_size=1))
            self.up.append(made := block(both // 2, level))
            c = made.out_channels
        self.classify = nn.Conv2d(c, num_classes, 1)
        init_he(self)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits at the input's size."""
        check_images(x, in_channels=self.in_channels, stride=STRIDE)
        size = x.shape[-2:]
        x = self.stem(x)
        skips: list[Tensor] = []
        for level, (block, mix) in enumerate(zip(self.down, self.mix)):
            if level > 0:
                x = self.pool(x)
            skips.append(block(x))
            x = mix(skips[-1])
        skips.pop()  # the lowest block's output goes nowhere else
        for narrow, block in zip(self.narrow, self.up):
            skip = skips.pop()
            x = torch.cat([resize_aligned(x, skip.shape[-2:]), skip], dim=1)
            x = block(narrow(x))
        return resize_aligned(self.classify(x), size)
