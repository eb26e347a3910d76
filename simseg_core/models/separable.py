"""Depthwise separable convolution, with holes: atrous separable convolution.

Chen et al. 2018, *Encoder-Decoder with Atrous Separable Convolution for Semantic Image
Segmentation*, arXiv 1802.02611, section 3.1 and figure 3: one 3x3 kernel a channel,
then a 1x1 convolution across the channels.

Differs from the paper:
    - Section 4 adds "extra batch normalization and ReLU after each 3x3 depthwise
      convolution" to Xception. The authors' code does so in ASPP, in the decoder and in
      Xception's last block. In Xception's other blocks the ReLU comes before the pair
      and none is inside: `relu="before"`.
"""

from torch import nn

from simseg_core.models.layers import check_counts

PLACES = ("after", "before")


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
        eps: What BatchNorm adds to the variance.

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
        eps: float = 1e-5,
    ) -> None:
        check_counts(in_channels=in_channels, out_channels=out_channels)
        if relu not in PLACES:
            raise ValueError(f"relu must be one of {PLACES}, got {relu!r}")
        depthwise = nn.Conv2d(
            in_channels,
            in_channels,
            3,
            stride=stride,
            padding=dilation,
            dilation=dilation,
            groups=in_channels,
            bias=False,
        )
        pointwise = nn.Conv2d(in_channels, out_channels, 1, bias=False)
        halves = [
            (depthwise, nn.BatchNorm2d(in_channels, eps=eps)),
            (pointwise, nn.BatchNorm2d(out_channels, eps=eps)),
        ]
        super().__init__()
        if relu == "before":
            self.append(nn.ReLU())
        for conv, norm in halves:
            self.extend([conv, norm])
            if relu == "after":
                self.append(nn.ReLU(inplace=True))
