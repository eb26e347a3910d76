"""CBAM: gates that say which channels, then which positions, to let through.

Woo, Park, Lee, Kweon 2018, *CBAM: Convolutional Block Attention Module*,
arXiv 1807.06521, section 3:

    F'  = M_c(F) * F                                equation 1, first line
    F'' = M_s(F') * F'                              equation 1, second line
    M_c = sigmoid(MLP(avg pool F) + MLP(max pool F))        equation 2, over positions
    M_s = sigmoid(conv7x7([max pool F'; avg pool F']))      equation 3, over channels

Both gates lie between 0 and 1 and start near 1/2: unlike SAGAN's block, a fresh CBAM is
not the identity but scales its input to about a quarter.

Differs from the paper:
    - Equation 3 is followed in the authors' code, which puts a BatchNorm between the
      convolution and the sigmoid, and stacks max before average. Equation 3 names no
      BatchNorm, and average first.
      That BatchNorm has momentum 0.01 there, and PyTorch's usual 0.1 here. Its weight
      starts at 0 in the authors' ResNets, so that a fresh spatial gate is 1/2
      everywhere; here it starts at PyTorch's 1, and at 0 with `zero_init=True`.
    - The MLP has biases, as in the authors' code. The text names only W_0 and W_1.
    - Section 4.1 tries both gates in parallel and gives no formula. Here both then
      read the same F, and F'' = M_c(F) * M_s(F) * F.
"""

from typing import Literal, get_args

import torch
from torch import Tensor, nn

from simseg_core.models.layers import check_counts

Order = Literal["channel_first", "spatial_first", "parallel"]
ORDERS: tuple[Order, ...] = get_args(Order)


class ChannelAttention(nn.Module):
    """Weigh the channels by what they hold anywhere: (B, C, H, W) -> the same.

    Args:
        channels: C.
        reduction: The MLP's hidden layer has C / `reduction` units, rounded down, and
            at least one; the paper takes 16. Below 64 channels take less: behind a
            ReLU, more than one fresh unit in four is dead whatever the image, and
            where all are, the gate is a constant that nothing can train.
        bias: Whether the MLP's two layers have biases.

    Raises:
        TypeError: `channels` or `reduction` is not an int.
        ValueError: One of them is below 1, or (in `forward`) the input's shape is not
            (B, C, H, W).

    >>> ChannelAttention(32)(torch.ones(2, 32, 6, 10)).shape
    torch.Size([2, 32, 6, 10])
    """

    def __init__(
        self, channels: int, *, reduction: int = 16, bias: bool = True
    ) -> None:
        super().__init__()
        check_counts(channels=channels, reduction=reduction)
        self.channels = channels
        hidden = max(1, channels // reduction)
        self.mlp = nn.Sequential(
            nn.Linear(channels, hidden, bias=bias),
            nn.ReLU(),
            nn.Linear(hidden, channels, bias=bias),
        )

    def gate(self, x: Tensor) -> Tensor:
        """Compute M_c, equation 2: (B, C, H, W) -> (B, C, 1, 1), between 0 and 1.

        >>> ChannelAttention(32).gate(torch.ones(2, 32, 6, 10)).shape
        torch.Size([2, 32, 1, 1])
        """
        _check_features(x, self.channels)
        average = x.mean(dim=(2, 3))  # (B, C)
        maximum = x.amax(dim=(2, 3))
        # One MLP serves both: two would double the parameters.
        scores = self.mlp(average) + self.mlp(maximum)
        return scores.sigmoid()[:, :, None, None]

    def forward(self, x: Tensor) -> Tensor:
        """Multiply each channel by its gate."""
        return self.gate(x) * x


class SpatialAttention(nn.Module):
    """Weigh the positions by what their channels hold: (B, C, H, W) -> the same.

    Args:
        kernel_size: Of the convolution, odd; section 4.1 prefers 7 to 3.
        zero_init: Whether the BatchNorm's weight starts at 0, as in the authors' code:
            the fresh gate is then 1/2 everywhere.

    Raises:
        TypeError: `kernel_size` is not an int.
        ValueError: It is even, or (in `forward`) the input is not (B, C, H, W).

    >>> SpatialAttention()(torch.ones(2, 32, 6, 10)).shape
    torch.Size([2, 32, 6, 10])
    """

    def __init__(self, *, kernel_size: int = 7, zero_init: bool = False) -> None:
        super().__init__()
        check_counts(kernel_size=kernel_size)
        if kernel_size % 2 == 0:
            raise ValueError(
                f"kernel_size={kernel_size} would shift the gate by half a pixel: "
                f"take {kernel_size + 1}"
            )
        self.conv = nn.Conv2d(2, 1, kernel_size, padding=kernel_size // 2, bias=False)
        self.norm = nn.BatchNorm2d(1)
        if zero_init:
            nn.init.zeros_(self.norm.weight)

    def gate(self, x: Tensor) -> Tensor:
        """Compute M_s, equation 3: (B, C, H, W) -> (B, 1, H, W), between 0 and 1.

        >>> SpatialAttention().gate(torch.ones(2, 32, 6, 10)).shape
        torch.Size([2, 1, 6, 10])
        """
        _check_features(x)
        maximum = x.amax(dim=1, keepdim=True)  # (B, 1, H, W)
        average = x.mean(dim=1, keepdim=True)
        pooled = torch.cat([maximum, average], dim=1)
        return self.norm(self.conv(pooled)).sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        """Multiply each position by its gate."""
        return self.gate(x) * x


class CBAM(nn.Module):
    """Gate the channels, then the positions: (B, C, H, W) -> the same.

    Args:
        channels: C.
        reduction: Of the channel gate's MLP; the paper takes 16.
        kernel_size: Of the spatial gate's convolution; the paper takes 7.
        order: "channel_first", which section 4.1 finds best, "spatial_first" or
            "parallel".
        zero_init: Of the spatial gate, see `SpatialAttention`.

    Raises:
        TypeError: As for `ChannelAttention` and `SpatialAttention`.
        ValueError: As there, or the order is unknown.

    >>> sum(p.numel() for p in CBAM(256).parameters())
    8564
    """

    def __init__(
        self,
        channels: int,
        *,
        reduction: int = 16,
        kernel_size: int = 7,
        order: Order = "channel_first",
        zero_init: bool = False,
    ) -> None:
        super().__init__()
        if order not in ORDERS:
            raise ValueError(f"order must be one of {ORDERS}, got {order!r}")
        self.order = order
        self.channel = ChannelAttention(channels, reduction=reduction)
        self.spatial = SpatialAttention(kernel_size=kernel_size, zero_init=zero_init)

    def gates(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Compute M_c and M_s as `forward` applies them, for looking at.

        (B, C, H, W) -> (B, C, 1, 1) and (B, 1, H, W), between 0 and 1.

        >>> channel, spatial = CBAM(32).gates(torch.ones(2, 32, 6, 10))
        >>> channel.shape, spatial.shape
        (torch.Size([2, 32, 1, 1]), torch.Size([2, 1, 6, 10]))
        """
        if self.order == "spatial_first":
            spatial = self.spatial.gate(x)
            return self.channel.gate(spatial * x), spatial
        channel = self.channel.gate(x)
        refined = channel * x if self.order == "channel_first" else x
        return channel, self.spatial.gate(refined)

    def forward(self, x: Tensor) -> Tensor:
        """Multiply by both gates."""
        if self.order == "parallel":
            return self.channel.gate(x) * self.spatial.gate(x) * x
        if self.order == "spatial_first":
            return self.channel(self.spatial(x))
        return self.spatial(self.channel(x))


def _check_features(x: Tensor, channels: int | None = None) -> None:
    if x.ndim != 4:
        raise ValueError(f"expected (B, C, H, W), got {tuple(x.shape)}")
    if channels is not None and x.shape[1] != channels:
        raise ValueError(
            f"expected {channels} channels, got {tuple(x.shape)}: build the block with "
            f"channels={x.shape[1]}"
        )
