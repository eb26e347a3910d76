"""Atrous spatial pyramid pooling: one map, seen at several rates at once.

Chen et al. 2017, *Rethinking Atrous Convolution for Semantic Image Segmentation*, arXiv
1706.05587, section 3.3 and figure 5: a 1x1 convolution, 3x3 atrous convolutions and
image-level features side by side, each with BatchNorm, concatenated and mixed by a 1x1
convolution. Its separable form is that of Chen et al. 2018, arXiv 1802.02611, section
3.1.

Differs from the paper:
    - A ReLU follows every BatchNorm. The figure shows none; the authors' code, like
      everybody's, has them.
    - Dropout after the mixing is the code's, too (0.1 there, 0.5 in torchvision, which
      drops values where the paper says nothing). It is 0 unless asked for.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from simseg_core.models.layers import check_counts, conv_bn_relu
from simseg_core.models.separable import SeparableConv2d

RATES = (6, 12, 18)  # section 4.2, at output stride 16


def rates_at(output_stride: int) -> tuple[int, ...]:
    """Give the rates that reach as far, in image pixels, as the paper's do.

    Section 3.3: 6, 12, 18 at output stride 16, doubled at 8. (At 32, which the paper
    does not speak of, they are halved.)

    >>> rates_at(8)
    (12, 24, 36)
    """
    return tuple(rate * 16 // output_stride for rate in RATES)


class ImagePooling(nn.Module):
    """The mean over the whole map, convolved, and laid out over the map again.

    (B, in_channels, H, W) -> (B, out_channels, H, W). The 1x1 map of means is repeated,
    which is what resizing it bilinearly comes to, corners aligned or not.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.

    Raises:
        ValueError: (in `forward`) BatchNorm would have to normalise a single value.

    >>> ImagePooling(4, 8).eval()(torch.zeros(1, 4, 5, 7)).shape
    torch.Size([1, 8, 5, 7])
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.project = conv_bn_relu(in_channels, out_channels, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the same vector at every position."""
        if self.project[1].training and x.shape[0] == 1:
            raise ValueError(
                "image pooling leaves one value a channel and image, and BatchNorm "
                "cannot normalise the only value of a batch of 1: train on batches of "
                "2 or more (drop a last, smaller one), keep this BatchNorm in "
                "evaluation mode, or build the network with image_pooling=False; to "
                "predict, call model.eval() first"
            )
        mean = x.mean(dim=(-2, -1), keepdim=True)
        return self.project(mean).expand(-1, -1, *x.shape[-2:])


class ASPP(nn.Module):
    """A 1x1 convolution, 3x3 convolutions at several rates and image pooling, mixed.

    (B, in_channels, H, W) -> (B, out_channels, H, W).

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of every branch, and of the output.
        rates: One 3x3 branch for each; any number of them, or none.
        image_pooling: Whether there is a branch of image-level features.
        separable: Whether the 3x3 convolutions are depthwise separable.
        dropout: Probability of zeroing a value of the output.

    Raises:
        TypeError: A count or a rate is not an int.
        ValueError: An argument is out of range, or (in `forward`) a batch of one image
            is used to train with image pooling.

    >>> ASPP(8, 4, rates=(2, 3)).eval()(torch.zeros(1, 8, 5, 7)).shape
    torch.Size([1, 4, 5, 7])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int = 256,
        *,
        rates: Sequence[int] = RATES,
        image_pooling: bool = True,
        separable: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        check_counts(in_channels=in_channels, out_channels=out_channels)
        check_counts(**{f"rates[{i}]": rate for i, rate in enumerate(rates)})
        conv3x3 = SeparableConv2d if separable else conv_bn_relu
        self.branches = nn.ModuleList(
            [conv_bn_relu(in_channels, out_channels, kernel_size=1)]
        )
        for rate in rates:
            self.branches.append(conv3x3(in_channels, out_channels, dilation=rate))
        if image_pooling:
            self.branches.append(ImagePooling(in_channels, out_channels))
        self.project = conv_bn_relu(
            len(self.branches) * out_channels, out_channels, kernel_size=1
        )
        self.dropout = dropout

    def forward(self, x: Tensor) -> Tensor:
        """Return the branches' maps, concatenated and mixed."""
        x = self.project(torch.cat([branch(x) for branch in self.branches], dim=1))
        return F.dropout(x, self.dropout, self.training)
