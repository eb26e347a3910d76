"""MobileNetV2, with an output stride.

Sandler et al. 2018, *MobileNetV2: Inverted Residuals and Linear Bottlenecks*, arXiv
1801.04381: table 1 (the block), table 2 (the network).

Differs from the paper:
    - The average runs over whatever map there is, so that images of any size from the
      output stride on are classified.
    - BatchNorm keeps PyTorch's momentum of 0.1. The authors' 0.997 is the share of the
      *old* statistics: PyTorch, which asks for the new ones' share, would call it
      0.003.
    - BatchNorm adds 1e-5 to the variance, as PyTorch and torchvision do; the authors'
      TensorFlow code adds 1e-3, and so does `eps=1e-3`. Their weights need it.
    - A stride of 2 pads by 1 on every side. TensorFlow's SAME padding does so where the
      size is odd; where it is even, it pads below and on the right only, so that the
      authors' weights read every strided map from one pixel further on. Sizes of 1 + a
      multiple of 32 are odd at every stride, and equal there.
    - Dropout before the classifier (0.2 in the authors' code) is left out. First
      weights are He's, see `layers`; the code's have one deviation, 0.09.
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
    conv_bn_relu6,
    init_he,
    set_eps,
)
from simseg_core.models.separable import depthwise_bn

# Table 2: channels of the first convolution and of every row of blocks, then each row's
# expansion, number of blocks and stride.
WIDTHS = (32, 16, 24, 32, 64, 96, 160, 320)
ROWS = (
    (1, 1, 1),
    (6, 2, 2),
    (6, 3, 2),
    (6, 4, 2),
    (6, 3, 1),
    (6, 3, 2),
    (6, 1, 1),
)
EPS = 1e-5  # PyTorch's and torchvision's; the authors' code has 1e-3
LOW_LEVEL = 2  # index of the last block of stride 4


class InvertedResidual(nn.Module):
    """A map widened, convolved within its channels, and narrowed without ReLU.

    (B, in_channels, H, W) -> (B, out_channels, ceil(H / stride), ceil(W / stride)).

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        expansion: How many times wider the inside is; at 1 nothing is widened.
        stride: Of the 3x3 convolution.
        rate: Dilation of the 3x3 convolution.
        shortcut: Whether the input is added to the output; the shapes must agree.

    >>> import torch
    >>> InvertedResidual(4, 6, expansion=3, stride=2)(torch.zeros(1, 4, 5, 8)).shape
    torch.Size([1, 6, 3, 4])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        expansion: int = 6,
        stride: int = 1,
        rate: int = 1,
        shortcut: bool = False,
    ) -> None:
        super().__init__()
        wide = in_channels * expansion
        self.widen = nn.Sequential()
        if expansion > 1:
            self.widen.extend(conv_bn_relu6(in_channels, wide, kernel_size=1))
        self.widen.extend(depthwise_bn(wide, stride=stride, dilation=rate))
        self.widen.append(nn.ReLU6(inplace=True))
        self.narrow = conv_bn(wide, out_channels, kernel_size=1)
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output."""
        return self.with_wide(x)[1]

    def with_wide(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the 3x3 convolution's map and the block's output."""
        wide = self.widen(x)
        y = self.narrow(wide)
        return wide, x + y if self.shortcut else y


class MobileNetV2Encoder(nn.Module):
    """MobileNetV2 up to its last block, that returns two maps.

    (B, in_channels, H, W) -> the low-level features of DeepLabV3+, at stride 4 (inside
    the last block of that size, the authors' layer 4), and the last map, at the output
    stride. `channels` holds the channels of both. Sizes round up at every stride.

    Args:
        in_channels: Channels of the images.
        widths: Channels of the first convolution and of the seven rows of table 2.
        output_stride: 8, 16 or 32.
        eps: What every BatchNorm adds to the variance; 1e-3 in the authors' code.

    Raises:
        ValueError: An argument is out of range.

    >>> import torch
    >>> encoder = MobileNetV2Encoder(widths=(4, 2, 4, 5, 6, 7, 8, 9), output_stride=16)
    >>> [tuple(m.shape[1:]) for m in encoder(torch.zeros(1, 3, 65, 64))]
    [(24, 17, 16), (9, 5, 4)]
    """

    def __init__(
        self,
        *,
        in_channels: int = 3,
        widths: Sequence[int] = WIDTHS,
        output_stride: int = 32,
        eps: float = EPS,
    ) -> None:
        super().__init__()
        check_counts(in_channels=in_channels)
        check_widths(widths, length=8)
        self.in_channels = in_channels
        self.output_stride = output_stride
        strides = [2]  # the stem's
        for _, count, stride in ROWS:
            strides += [stride] + [1] * (count - 1)
        plan = iter(replace_strides(strides, output_stride=output_stride)[1:])
        blocks = []
        for c_in, c_out, (expansion, count, _) in zip(widths, widths[1:], ROWS):
            for index in range(count):
                stride, rate = next(plan)
                block = InvertedResidual(
                    c_in,
                    c_out,
                    expansion=expansion,
                    stride=stride,
                    rate=rate,
                    # A row's first block has other channels or another size.
                    shortcut=index > 0,
                )
                blocks.append(block)
                c_in = c_out
        self.stem = conv_bn_relu6(in_channels, widths[0], stride=2)
        self.start = nn.Sequential(*blocks[:LOW_LEVEL])
        self.low_level = blocks[LOW_LEVEL]
        self.rest = nn.Sequential(*blocks[LOW_LEVEL + 1 :])
        self.channels = (widths[2] * ROWS[1][0], widths[-1])
        init_he(self)
        set_eps(self, eps)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the low-level features and the last map."""
        check_images(x, in_channels=self.in_channels, stride=self.output_stride)
        low, x = self.low_level.with_wide(self.start(self.stem(x)))
        return [low, self.rest(x)]


class MobileNetV2(Classifier):
    """MobileNetV2 that classifies images.

    (B, in_channels, H, W) -> logits (B, num_classes), for any H and W from the output
    stride on.

    Args:
        in_channels: Channels of the images.
        num_classes: Number of logits; ImageNet has 1000.
        widths: Channels of the first convolution and of the seven rows of table 2.
        last_channels: Channels of the last 1x1 convolution.
        output_stride: 8, 16 or 32.
        eps: As for the encoder.

    Raises:
        ValueError: An argument is out of range.

    >>> import torch
    >>> model = MobileNetV2(widths=(4, 2, 4, 5, 6, 7, 8, 9), last_channels=10)
    >>> model(torch.zeros(2, 3, 40, 33)).shape
    torch.Size([2, 1000])
    """

    def __init__(
        self,
        *,
        in_channels: int = 3,
        num_classes: int = 1000,
        widths: Sequence[int] = WIDTHS,
        last_channels: int = 1280,
        output_stride: int = 32,
        eps: float = EPS,
    ) -> None:
        check_counts(last_channels=last_channels)
        encoder = MobileNetV2Encoder(
            in_channels=in_channels,
            widths=widths,
            output_stride=output_stride,
            eps=eps,
        )
        last = conv_bn_relu6(encoder.channels[-1], last_channels, kernel_size=1)
        super().__init__(
            encoder, channels=last_channels, num_classes=num_classes, last=last
        )
        init_he(last)
        set_eps(last, eps)
