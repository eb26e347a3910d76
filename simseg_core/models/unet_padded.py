"""U-Net as it is mostly built today: padded convolutions and BatchNorm.

The wiring is that of Ronneberger, Fischer, Brox 2015, arXiv 1505.04597 (figure 1). The
stages are made by a function, so that other networks put their own block there.

Differs from the paper:
    - 3x3 convolutions are padded by 1: logits keep the input's size, no crop is left.
    - BatchNorm (Ioffe, Szegedy 2015, arXiv 1502.03167) follows each 3x3 convolution,
      which then has no bias.
    - Any size from the stride on is taken. Where a pooling drops the last row or column
      of an odd size, zeros stand in for it on the way up: the same zeros that the
      padded convolutions would read one pixel further out. (Code that pads half of
      what is missing on each side does the same: of a single row, half is none.)
    - `up="bilinear"` exchanges the 2x2 transposed convolution for a 1x1 convolution
      and a bilinear resize, `skips=False` leaves out the concatenations.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from simseg_core.models.layers import (
    check_counts,
    check_images,
    check_widths,
    conv_bn_relu,
    init_he,
    is_recorded,
)
from simseg_core.models.unet import WIDTHS


class DoubleConv(nn.Sequential):
    """Two 3x3 convolutions, each followed by BatchNorm and ReLU, that keep the size.

    (B, in_channels, H, W) -> (B, out_channels, H, W).

    >>> DoubleConv(3, 8)(torch.zeros(2, 3, 5, 7)).shape
    torch.Size([2, 8, 5, 7])
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(
            conv_bn_relu(in_channels, out_channels),
            conv_bn_relu(out_channels, out_channels),
        )


def up_conv(in_channels: int, out_channels: int, *, how: str) -> nn.Module:
    """Make the step that doubles a map's height and width and changes its channels.

    (B, in_channels, H, W) -> (B, out_channels, 2 H, 2 W).

    Args:
        in_channels: Channels of the map below.
        out_channels: Channels of the map above.
        how: `"transposed"`, the paper's 2x2 transposed convolution of stride 2, or
            `"bilinear"`, a 1x1 convolution and a resize with align_corners=False. (The
            two commute; before the resize the convolution costs a quarter.)

    Raises:
        ValueError: `how` is neither of the two.

    >>> up_conv(8, 4, how="bilinear")(torch.zeros(1, 8, 3, 5)).shape
    torch.Size([1, 4, 6, 10])
    """
    if how == "transposed":
        return nn.ConvTranspose2d(in_channels, out_channels, 2, stride=2)
    if how == "bilinear":
        return nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 1),
            nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False),
        )
    raise ValueError(f'up must be "transposed" or "bilinear", got {how!r}')


def pad_to(x: Tensor, size: Sequence[int]) -> Tensor:
    """Add rows of zeros below and columns of zeros on the right, up to a size.

    (B, C, H, W), (h, w) -> (B, C, h, w); the map itself where nothing is missing. (An
    exported network pads always, if by nothing: it meets other sizes later.)

    >>> pad_to(torch.ones(1, 1, 1, 2), (1, 3))
    tensor([[[[1., 1., 0.]]]])
    """
    below, right = size[0] - x.shape[-2], size[1] - x.shape[-1]
    if not is_recorded() and below == 0 and right == 0:
        return x
    return F.pad(x, (0, right, 0, below))


class UNetPadded(nn.Module):
    """The U-Net that keeps the input's size.

    (B, in_channels, H, W) -> logits (B, num_classes, H, W), for any H and W from 16 on
    (2 to the number of poolings).

    A network that differs in its stages only is a subclass that passes `block`. One
    module after every stage, for instance, is
    `block=lambda c_in, c_out: nn.Sequential(DoubleConv(c_in, c_out), CBAM(c_out))`.
    The skips then carry what that module returns.

    Args:
        in_channels: Channels of the images.
        num_classes: Channels of the logits.
        widths: Channels after each stage of the contracting path, top to bottom.
        up: `"transposed"` or `"bilinear"`, see `up_conv`.
        skips: Whether a stage of the expanding path reads the contracting path's map
            of its size; without it, its first convolution is as much narrower.
        block: Makes a stage that keeps the size, from its channels in and out. It is
            called for every contracting stage, then for every expanding one. All
            convolutions in it start with He's weights (`layers.init_he`).

    Raises:
        ValueError: An argument is out of range, or (in `forward`) the images are
            smaller than the stride.

    >>> UNetPadded(num_classes=5, widths=(2, 4, 8))(torch.zeros(1, 3, 9, 14)).shape
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
        block: Callable[[int, int], nn.Module] = DoubleConv,
    ) -> None:
        super().__init__()
        check_counts(in_channels=in_channels, num_classes=num_classes)
        check_widths(widths)
        self.in_channels = in_channels
        self.stride = 2 ** (len(widths) - 1)
        self.skips = skips
        self.contract = nn.ModuleList(
            block(c_in, c_out) for c_in, c_out in zip((in_channels, *widths), widths)
        )
        self.pool = nn.MaxPool2d(2)
        rising = list(zip(widths[::-1], widths[-2::-1]))  # (1024, 512), (512, 256), ...
        self.up = nn.ModuleList(up_conv(*pair, how=up) for pair in rising)
        self.expand = nn.ModuleList(
            block(2 * c_out if skips else c_out, c_out) for _, c_out in rising
        )
        self.classify = nn.Conv2d(widths[0], num_classes, 1)
        init_he(self)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits at the input's size."""
        check_images(x, in_channels=self.in_channels, stride=self.stride)
        maps: list[Tensor] = []
        for stage in self.contract[:-1]:
            maps.append(stage(x))
            x = self.pool(maps[-1])
        x = self.contract[-1](x)
        for up, stage in zip(self.up, self.expand):
            skip = maps.pop()
            x = pad_to(up(x), skip.shape[-2:])
            if self.skips:
                x = torch.cat([skip, x], dim=1)
            x = stage(x)
        return self.classify(x)
