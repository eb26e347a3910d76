"""Depthwise separable convolution, with holes: atrous separable convolution.

Chen et al. 2018, *Encoder-Decoder with Atrous Separable Convolution for Semantic Image
Segmentation*, arXiv 1802.02611, section 3.1 and figure 3: one 3x3 kernel a channel,
then a 1x1 convolution across the channels.

Differs from the paper:
    - Section 3.2 speaks of a BatchNorm and a ReLU after each 3x3 half of Xception's
      convolutions. In the authors' code that is so in ASPP, in the decoder and in
      Xception's last block, `relu="after"`; in Xception's other blocks one ReLU comes
      first and none stands between the halves, `relu="before"`.
"""

from torch import nn

from simseg_core.models.layers import check_counts, conv_bn

PLACES = ("after", "before")


def depthwise_bn(channels: int, *, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """Chain a 3x3 convolution within each channel and a BatchNorm.

    (B, channels, H, W) -> (B, channels, ceil(H / stride), ceil(W / stride)).

    >>> import torch
    >>> depthwise_bn(4, stride=2)(torch.zeros(1, 4, 5, 8)).shape
    torch.Size([1, 4, 3, 4])
    """
    conv = nn.Conv2d(
        channels,
        channels,
        3,
        stride=stride,
        padding=dilation,
        dilation=dilation,
        groups=channels,
        bias=False,
    )
    return nn.Sequential(conv, nn.BatchNorm2d(channels))


class SeparableConv2d(nn.Sequential):
    """A 3x3 convolution within each channel, then a 1x1 convolution across channels.

    (B, in_channels, H, W) -> (B, out_channels, ceil(H / stride), ceil(W / stride)).
    Both halves end in a BatchNorm.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        stride: Stride of the 3x3 half.
        dilation: Rate of the 3x3 half.
        relu: `"after"`, one after each half, or `"before"`, a single one at the start.
            That one never works in place: a shortcut may read the same input.

    Raises:
        ValueError: An argument is out of range.

    >>> import torch
    >>> SeparableConv2d(4, 8, stride=2)(torch.zeros(1, 4, 5, 8)).shape
    torch.Size([1, 8, 3, 4])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        stride: int = 1,
        dilation: int = 1,
        relu: str = "after",
    ) -> None:
        check_counts(in_channels=in_channels, out_channels=out_channels)
        if relu not in PLACES:
            raise ValueError(f"relu must be one of {PLACES}, got {relu!r}")
        super().__init__()
        if relu == "before":
            self.append(nn.ReLU())
        depthwise = depthwise_bn(in_channels, stride=stride, dilation=dilation)
        for half in (depthwise, conv_bn(in_channels, out_channels, kernel_size=1)):
            self.extend(half)
            if relu == "after":
                self.append(nn.ReLU(inplace=True))
