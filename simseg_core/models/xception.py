"""Xception-65, the aligned form that DeepLab uses, with an output stride.

Chollet 2017, *Xception*, arXiv 1610.02357; modified in Chen et al. 2018, arXiv
1802.02611, section 3.2 and figure 4: a middle flow of sixteen blocks, strided separable
convolutions in place of every max pooling, BatchNorm in both halves of a convolution.

Differs from the paper:
    - Where the ReLUs stand follows the authors' code, see `separable`: in front of each
      separable convolution, in the last block after both of its halves.
    - BatchNorm adds 1e-3 to the variance, the code's value, not PyTorch's 1e-5. Its
      momentum is PyTorch's 0.1; the code's 0.9997 would be 0.0003 here.
    - Dropout before the classifier, which the code has, is left out.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from simseg_core.models.atrous import replace_strides
from simseg_core.models.layers import (
    Classifier,
    check_counts,
    check_images,
    check_widths,
    conv_bn,
    conv_bn_relu,
    init_he,
    set_eps,
)
from simseg_core.models.separable import SeparableConv2d

# Figure 4: the stem's two convolutions, the entry flow's three blocks (the last one's
# width is the middle flow's), then the exit flow's widths.
WIDTHS = (32, 64, 128, 256, 728, 1024, 1536, 2048)
MIDDLE_BLOCKS = 16
EPS = 1e-3


class XceptionBlock(nn.Module):
    """Three separable convolutions beside a shortcut; the last of them may stride.

    (B, in_channels, H, W) -> (B, widths[2], ceil(H / stride), ceil(W / stride)).

    Args:
        in_channels: Channels of the input.
        widths: Channels of the three convolutions.
        stride: Of the last convolution and of the shortcut.
        rate: Dilation of all three.
        project: Whether the shortcut is a 1x1 convolution; else it is the input.

    >>> import torch
    >>> XceptionBlock(4, (6, 6, 8), stride=2)(torch.zeros(1, 4, 5, 8)).shape
    torch.Size([1, 8, 3, 4])
    """

    def __init__(
        self,
        in_channels: int,
        widths: Sequence[int],
        *,
        stride: int = 1,
        rate: int = 1,
        project: bool = True,
    ) -> None:
        super().__init__()
        first, second, third = widths
        self.dense = nn.Sequential(
            SeparableConv2d(in_channels, first, dilation=rate, relu="before"),
            SeparableConv2d(first, second, dilation=rate, relu="before"),
        )
        self.strided = SeparableConv2d(
            second, third, stride=stride, dilation=rate, relu="before"
        )
        self.shortcut: nn.Module = nn.Identity()
        if project:
            self.shortcut = conv_bn(in_channels, third, kernel_size=1, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        """Return the sum of the residual branch and the shortcut."""
        return self.with_dense(x)[1]

    def with_dense(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the second convolution's map, from before the stride, and the sum."""
        dense = self.dense(x)
        return dense, self.strided(dense) + self.shortcut(x)


class XceptionEncoder(nn.Module):
    """Xception-65 without its classifier, that returns two maps.

    (B, in_channels, H, W) -> the low-level features of DeepLabV3+, at stride 4 (from
    the second block, before its stride), and the last map, at the output stride.
    `channels` holds the channels of both. Sizes round up at every stride.

    Args:
        in_channels: Channels of the images.
        widths: Channels, as in `WIDTHS`.
        output_stride: 8, 16 or 32.

    Raises:
        ValueError: An argument is out of range.

    >>> import torch
    >>> encoder = XceptionEncoder(widths=(2, 2, 4, 6, 8, 8, 10, 12), output_stride=16)
    >>> [tuple(m.shape[1:]) for m in encoder(torch.zeros(1, 3, 65, 64))]
    [(6, 17, 16), (12, 5, 4)]
    """

    def __init__(
        self,
        *,
        in_channels: int = 3,
        widths: Sequence[int] = WIDTHS,
        output_stride: int = 32,
    ) -> None:
        super().__init__()
        check_counts(in_channels=in_channels)
        check_widths(widths, length=8)
        self.in_channels = in_channels
        self.output_stride = output_stride
        narrow, *entry, wide, wider, widest = widths
        self.channels = (entry[2], widest)
        strides = [2, 2, 2, 2, *[1] * MIDDLE_BLOCKS, 2, 1]  # the stem's first
        plan = replace_strides(strides, output_stride=output_stride)
        self.stem = nn.Sequential(
            conv_bn_relu(in_channels, narrow, stride=2),
            conv_bn_relu(narrow, entry[0]),
        )
        self.first, self.second, self.third = (
            XceptionBlock(c_in, (c, c, c), stride=stride, rate=rate)
            for c_in, c, (stride, rate) in zip(entry, entry[1:], plan[1:])
        )
        c = entry[-1]
        self.middle = nn.Sequential()
        for stride, rate in plan[4:-2]:
            self.middle.append(
                XceptionBlock(c, (c, c, c), stride=stride, rate=rate, project=False)
            )
        (stride, rate), (_, last_rate) = plan[-2:]
        self.exit = nn.Sequential(
            XceptionBlock(c, (c, wide, wide), stride=stride, rate=rate),
            *(
                SeparableConv2d(*pair, dilation=last_rate)
                for pair in ((wide, wider), (wider, wider), (wider, widest))
            ),
        )
        init_he(self)
        set_eps(self, EPS)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the low-level features and the last map."""
        check_images(x, in_channels=self.in_channels, stride=self.output_stride)
        low, x = self.second.with_dense(self.first(self.stem(x)))
        return [low, self.exit(self.middle(self.third(x)))]


class Xception(Classifier):
    """Xception-65 that classifies images.

    (B, in_channels, H, W) -> logits (B, num_classes), for any H and W from the output
    stride on.

    Args:
        in_channels: Channels of the images.
        num_classes: Number of logits; ImageNet has 1000.
        widths: Channels, as in `WIDTHS`.
        output_stride: 8, 16 or 32.

    Raises:
        ValueError: An argument is out of range.

    >>> import torch
    >>> model = Xception(widths=(2, 2, 4, 4, 6, 6, 8, 8), num_classes=5)
    >>> model(torch.zeros(2, 3, 40, 33)).shape
    torch.Size([2, 5])
    """

    def __init__(
        self,
        *,
        in_channels: int = 3,
        num_classes: int = 1000,
        widths: Sequence[int] = WIDTHS,
        output_stride: int = 32,
    ) -> None:
        encoder = XceptionEncoder(
            in_channels=in_channels, widths=widths, output_stride=output_stride
        )
        super().__init__(
            encoder, channels=encoder.channels[-1], num_classes=num_classes
        )
