"""U-Net as published: valid convolutions, cropped skips, no BatchNorm.

Ronneberger, Fischer, Brox 2015, *U-Net: Convolutional Networks for Biomedical Image
Segmentation*, arXiv 1505.04597: figure 1 and section 2 (architecture), section 3
(initial weights: equation 10 of He et al. 2015, see `layers.init_he`).

Differs from the paper:
    - Dropout "at the end of the contracting path" (section 3.1) is stated without a
      rate or an exact place. Here `dropout` acts on the output of the lowest stage; it
      is 0 unless asked for.
    - Mirroring the image's border, which feeds the valid convolutions their context
      (section 2, overlap-tile), is left to the caller, as are the loss's weights.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from simseg_core.models.layers import (
    check_counts,
    check_images,
    check_widths,
    init_he,
    is_recorded,
)

WIDTHS = (64, 128, 256, 512, 1024)
_WORDS = ("no", "one", "two", "three", "four", "five", "six")


class ValidDoubleConv(nn.Sequential):
    """Two 3x3 convolutions without padding, each followed by a ReLU (section 2).

    (B, in_channels, H, W) -> (B, out_channels, H - 4, W - 4).

    >>> ValidDoubleConv(1, 64)(torch.zeros(1, 1, 572, 572)).shape
    torch.Size([1, 64, 568, 568])
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out_channels, 3),
            nn.ReLU(inplace=True),
            nn.Conv2d(out_channels, out_channels, 3),
            nn.ReLU(inplace=True),
        )


def center_crop(x: Tensor, size: Sequence[int]) -> Tensor:
    """Cut the central (h, w) out of a map, as the skips of figure 1 do.

    (B, C, H, W), (h, w) -> (B, C, h, w); a view, not a copy.

    Args:
        x: The map to cut.
        size: Height and width to keep, in pixels.

    Raises:
        ValueError: The size is larger than the map.

    >>> center_crop(torch.arange(6.0).view(1, 1, 1, 6), (1, 2))
    tensor([[[[2., 3.]]]])
    """
    (height, width), (h, w) = x.shape[-2:], size
    if not is_recorded() and (h > height or w > width):
        raise ValueError(f"cannot crop {height}x{width} to the larger {h}x{w}")
    top, left = (height - h) // 2, (width - w) // 2
    return x[..., top : top + h, left : left + w]


def nearest_valid_size(pixels: int, *, depth: int = 4) -> int:
    """Find the input length nearest to `pixels` that every valid pooling halves evenly.

    A stage takes 4 pixels off and a pooling halves, so a lowest stage that reads b
    pixels needs an input of 2^depth (b + 4) - 4. On the way up each stage doubles and
    takes 4 off again, which leaves 2^depth (b - 8) + 4: at least one pixel has to.

    Args:
        pixels: A height or a width.
        depth: Number of poolings, 1 or more.

    Returns:
        The nearest fitting length, in pixels; the larger one of two equally near.

    >>> [nearest_valid_size(n) for n in (572, 200, 190, 1)]
    [572, 204, 188, 188]
    """
    step = 2**depth
    lowest = (pixels + 4 + step // 2) // step - 4  # rounds a half up
    smallest = 8 - 3 // step  # the smallest b with 2^depth (b - 8) + 4 >= 1
    return step * (max(lowest, smallest) + 4) - 4


class UNet(nn.Module):
    """The U-Net of the paper's figure 1: 572 in, 388 out.

    (B, in_channels, H, W) -> logits (B, num_classes, H - 184, W - 184) at the
    paper's five widths, where H and W are 188, 204, 220, ...: 12 mod 16.

    Args:
        in_channels: Channels of the images; the paper's are grey, 1.
        num_classes: Channels of the logits; the paper has 2.
        widths: Channels after each stage of the contracting path, top to bottom. One
            pooling lies between neighbours.
        dropout: Probability of zeroing a value of the lowest stage's output.

    Raises:
        ValueError: An argument is out of range, or (in `forward`) the size does not
            survive the poolings; the message names the nearest size that does.

    >>> model = UNet(in_channels=1, num_classes=2, widths=(2, 4, 6, 8, 10))
    >>> model(torch.zeros(1, 1, 204, 188)).shape
    torch.Size([1, 2, 20, 4])
    """

    def __init__(
        self,
        *,
        in_channels: int = 3,
        num_classes: int = 21,
        widths: Sequence[int] = WIDTHS,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        check_counts(in_channels=in_channels, num_classes=num_classes)
        check_widths(widths)
        self.in_channels = in_channels
        self.depth = len(widths) - 1
        self.contract = nn.ModuleList(
            ValidDoubleConv(c_in, c_out)
            for c_in, c_out in zip((in_channels, *widths), widths)
        )
        self.pool = nn.MaxPool2d(2)
        self.dropout = nn.Dropout(dropout)
        rising = list(zip(widths[::-1], widths[-2::-1]))  # (1024, 512), (512, 256), ...
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(c_in, c_out, 2, stride=2) for c_in, c_out in rising
        )
        self.expand = nn.ModuleList(
            ValidDoubleConv(2 * c_out, c_out) for _, c_out in rising
        )
        self.classify = nn.Conv2d(widths[0], num_classes, 1)
        init_he(self)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits for the centre of each image."""
        check_images(x, in_channels=self.in_channels)
        self._check_size(x.shape[-2], x.shape[-1])
        skips: list[Tensor] = []
        for stage in self.contract[:-1]:
            skips.append(stage(x))
            x = self.pool(skips[-1])
        x = self.dropout(self.contract[-1](x))
        for up, stage in zip(self.up, self.expand):
            x = up(x)
            skip = center_crop(skips.pop(), x.shape[-2:])
            x = stage(torch.cat([skip, x], dim=1))
        return self.classify(x)

    def _check_size(self, height: int, width: int) -> None:
        # "Is its own nearest size", in terms that `torch.export` keeps as a condition.
        step, least = 2**self.depth, nearest_valid_size(1, depth=self.depth)
        if any((n + 4) % step != 0 or n < least for n in (height, width)):
            nearest = [nearest_valid_size(n, depth=self.depth) for n in (height, width)]
            depth = _WORDS[self.depth] if self.depth < len(_WORDS) else self.depth
            poolings = "pooling" if self.depth == 1 else "poolings"
            raise ValueError(
                f"{height}x{width} does not fit {depth} valid {poolings}: the nearest "
                f"that does is {nearest[0]}x{nearest[1]}"
            )
