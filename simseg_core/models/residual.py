"""The residual units that ResNets and the residual U-Net are made of.

He, Zhang, Ren, Sun 2016, *Deep Residual Learning for Image Recognition*, arXiv
1512.03385: figure 5 (the two units), equations 1 and 2 (the shortcut is the input
itself, or is projected where widths or sizes differ), section 3.4 (BatchNorm after each
convolution).

Differs from the paper:
    - `version="v1.5"`, the default, puts a bottleneck's stride in the 3x3 convolution,
      as most published weights do; `"v1"` is the paper's, in the first 1x1.
    - Dilation and attention inside a unit come from later papers; both are off unless
      asked for.
"""

from collections.abc import Callable

import torch
from torch import nn

from simseg_core.models.layers import conv_bn, conv_bn_relu

VERSIONS = ("v1.5", "v1")
# From its channels, makes the module that ends a unit's residual branch.
Attention = Callable[[int], nn.Module]


class ResidualUnit(nn.Module):
    """The sum of a residual branch and a shortcut, then ReLU.

    (B, in_channels, H, W) -> (B, out_channels, ceil(H / stride), ceil(W / stride)).

    Args:
        residual: The branch F of the equations, ending in BatchNorm.
        in_channels: Channels of the input.
        out_channels: Channels that the branch returns.
        stride: Stride of the branch.
        attention: Makes a module that the branch ends with, before the sum; CBAM is
            one.

    >>> unit = ResidualUnit(conv_bn(4, 8), in_channels=4, out_channels=8)
    >>> unit(torch.zeros(1, 4, 5, 7)).shape
    torch.Size([1, 8, 5, 7])
    """

    def __init__(
        self,
        residual: nn.Module,
        *,
        in_channels: int,
        out_channels: int,
        stride: int = 1,
        attention: Attention | None = None,
    ) -> None:
        super().__init__()
        self.residual = residual
        self.shortcut: nn.Module = nn.Identity()
        if in_channels != out_channels or stride != 1:
            self.shortcut = conv_bn(
                in_channels, out_channels, kernel_size=1, stride=stride
            )
        self.attention = attention(out_channels) if attention else nn.Identity()
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return relu(F(x) + x), or with a projection W relu(F(x) + W x)."""
        return self.relu(self.attention(self.residual(x)) + self.shortcut(x))


class BasicUnit(ResidualUnit):
    """Two 3x3 convolutions and a shortcut (figure 5, left).

    (B, in_channels, H, W) -> (B, width, ceil(H / stride), ceil(W / stride)).

    Args:
        in_channels: Channels of the input.
        width: Channels of both convolutions.
        stride: Stride of the first convolution and of the shortcut.
        rates: Dilations: of the convolution that has the stride, and of later ones.
        attention: As for `ResidualUnit`.

    >>> BasicUnit(4, 8, stride=2)(torch.zeros(1, 4, 5, 8)).shape
    torch.Size([1, 8, 3, 4])
    """

    expansion = 1

    def __init__(
        self,
        in_channels: int,
        width: int,
        *,
        stride: int = 1,
        rates: tuple[int, int] = (1, 1),
        attention: Attention | None = None,
    ) -> None:
        residual = nn.Sequential(
            conv_bn_relu(in_channels, width, stride=stride, dilation=rates[0]),
            conv_bn(width, width, dilation=rates[1]),
        )
        super().__init__(
            residual,
            in_channels=in_channels,
            out_channels=width,
            stride=stride,
            attention=attention,
        )


class BottleneckUnit(ResidualUnit):
    """A 1x1, a 3x3 and a 1x1 convolution and a shortcut (figure 5, right).

    (B, in_channels, H, W) -> (B, 4 width, ceil(H / stride), ceil(W / stride)).

    Args:
        in_channels: Channels of the input.
        width: Channels of the 3x3 convolution.
        stride: Stride of the branch and of the shortcut.
        rates: Dilations: of the convolution that has the stride, and of later ones.
        version: Which convolution has the stride: `"v1.5"` the 3x3, `"v1"` the first.
        attention: As for `ResidualUnit`.

    Raises:
        ValueError: The version is neither of the two.

    >>> BottleneckUnit(4, 8, stride=2)(torch.zeros(1, 4, 5, 8)).shape
    torch.Size([1, 32, 3, 4])
    """

    expansion = 4

    def __init__(
        self,
        in_channels: int,
        width: int,
        *,
        stride: int = 1,
        rates: tuple[int, int] = (1, 1),
        version: str = "v1.5",
        attention: Attention | None = None,
    ) -> None:
        if version not in VERSIONS:
            raise ValueError(f"version must be one of {VERSIONS}, got {version!r}")
        first, second, rate = 1, stride, rates[0]
        if version == "v1":  # the 3x3 then comes after the stride
            first, second, rate = stride, 1, rates[1]
        residual = nn.Sequential(
            conv_bn_relu(in_channels, width, kernel_size=1, stride=first),
            conv_bn_relu(width, width, stride=second, dilation=rate),
            conv_bn(width, 4 * width, kernel_size=1),
        )
        super().__init__(
            residual,
            in_channels=in_channels,
            out_channels=4 * width,
            stride=stride,
            attention=attention,
        )
