"""Self-attention over the positions of a feature map: the block of SAGAN.

Zhang, Goodfellow, Metaxas, Odena 2018, *Self-Attention Generative Adversarial
Networks*, arXiv 1805.08318, section 3. Each position j asks every position i:

    s_ij    = f(x_i)^T g(x_j)             f gives the keys, g the queries
    beta_ji = softmax over i of s_ij      equation 1: how much j attends to i
    o_j     = v(sum over i of beta_ji h(x_i))   equation 2: h gives the values
    y_j     = gamma o_j + x_j             equation 3: gamma is learned, from 0

Three layouts of this one idea were published. `layout` chooses:
    - "v1", the default: the first arXiv version. Values keep all C channels, so there
      is no v. It is the default because each projection has one role, and because
      most PyTorch code has this layout: weights found elsewhere fit.
    - "final": the final paper. Values have C/8 channels and v restores C.
    - "tensorflow": the authors' code, and BigGAN's. Values have C/2 channels, keys and
      values are max-pooled by 2 (the map shrinks to a quarter), and v restores C.

Differs from the paper:
    - The paper writes bare matrices. The projections of "v1" have biases, as PyTorch
      code has them; those of the other two layouts have none.
    - No spectral normalisation: it steadies a GAN's training, not a segmenter's.

What does not differ, though it looks like a slip: nothing divides the scores by the
square root of their width. Transformers do, and PyTorch's attention does unless told
`scale=1.0`; SAGAN does not.
"""

from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from simseg_core.models.layers import check_counts

Layout = Literal["v1", "final", "tensorflow"]
LAYOUTS: tuple[Layout, ...] = get_args(Layout)


def positions(x: Tensor) -> Tensor:
    """List a feature map's positions row by row: (B, C, H, W) -> (B, H*W, C).

    >>> positions(torch.arange(6.0).view(1, 2, 1, 3)).tolist()
    [[[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]]]
    """
    return x.flatten(2).transpose(1, 2)


def explicit_attention(
    query: Tensor, key: Tensor, value: Tensor
) -> tuple[Tensor, Tensor]:
    """Attend as equations 1 and 2 are written, and keep the attention map.

    Args:
        query: (B, N_query, D).
        key: (B, N_key, D).
        value: (B, N_key, E).

    Returns:
        The attended values (B, N_query, E) and the map (B, N_query, N_key). Each row
        of the map sums to 1. At 128x128 positions the map takes 1 GiB in float32.

    >>> query, key = torch.zeros(1, 1, 4), torch.randn(1, 2, 4)
    >>> explicit_attention(query, key, torch.tensor([[[1.0], [5.0]]]))
    (tensor([[[3.]]]), tensor([[[0.5000, 0.5000]]]))
    """
    scores = query @ key.transpose(1, 2)  # (B, N_query, N_key), not scaled
    attention_map = scores.softmax(dim=-1)  # over the keys
    return attention_map @ value, attention_map


def fused_attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attend like `explicit_attention`, without ever holding the whole map.

    On a CPU, PyTorch takes its fused kernel on two conditions; if either fails, it
    builds the map after all. The three tensors must have one width: appending zeros
    widens queries and keys and leaves every score as it was. And the channels of a
    position must be neighbours in memory.

    Args:
        query: (B, N_query, D).
        key: (B, N_key, D).
        value: (B, N_key, E).

    Returns:
        The attended values (B, N_query, E).

    >>> query, key = torch.randn(1, 6, 2), torch.randn(1, 4, 2)
    >>> value = torch.randn(1, 4, 8)
    >>> expected, _ = explicit_attention(query, key, value)
    >>> torch.allclose(fused_attention(query, key, value), expected, atol=1e-6)
    True
    """
    width = max(query.shape[-1], value.shape[-1])
    query, key, padded = (
        # The kernel also wants an axis of heads: there is one.
        F.pad(t, (0, width - t.shape[-1])).contiguous().unsqueeze(1)
        for t in (query, key, value)
    )
    attended = F.scaled_dot_product_attention(query, key, padded, scale=1.0)
    return attended.squeeze(1)[..., : value.shape[-1]]


class SelfAttention2d(nn.Module):
    """Add to each position what it gathers from all others: (B, C, H, W) -> the same.

    Args:
        channels: C, a multiple of `reduction`.
        layout: "v1", "final" or "tensorflow", as listed at the top of this module.
        reduction: Queries and keys have C / `reduction` channels; section 3 takes 8.

    Raises:
        TypeError: `channels` or `reduction` is not an int.
        ValueError: C does not divide, the layout is unknown, or (in `forward`) the
            input has not C channels or has no position (for "tensorflow", below 2x2).

    >>> block = SelfAttention2d(16)
    >>> x = torch.randn(2, 16, 6, 10)
    >>> y, attention_map = block(x, return_map=True)
    >>> y.shape, attention_map.shape
    (torch.Size([2, 16, 6, 10]), torch.Size([2, 60, 60]))
    >>> torch.equal(y, x)  # gamma is 0 until it is trained
    True
    """

    def __init__(
        self, channels: int, *, layout: Layout = "v1", reduction: int = 8
    ) -> None:
        super().__init__()
        if layout not in LAYOUTS:
            raise ValueError(f"layout must be one of {LAYOUTS}, got {layout!r}")
        check_counts(channels=channels, reduction=reduction)
        if channels % reduction:
            raise ValueError(
                f"channels={channels} is not a multiple of reduction={reduction}: "
                f"take {-(-channels // reduction) * reduction} channels, or a "
                "reduction that divides"
            )
        self.channels = channels
        narrow = channels // reduction
        value_channels = {"v1": channels, "final": narrow, "tensorflow": channels // 2}
        width, bias = value_channels[layout], layout == "v1"

        self.query = nn.Conv2d(channels, narrow, 1, bias=bias)  # g in the paper
        self.key = nn.Conv2d(channels, narrow, 1, bias=bias)  # f
        self.value: nn.Module = nn.Conv2d(channels, width, 1, bias=bias)  # h
        self.pool = nn.MaxPool2d(2) if layout == "tensorflow" else nn.Identity()
        self.output = (  # v
            nn.Identity()
            if layout == "v1"
            else nn.Conv2d(width, channels, 1, bias=bias)
        )
        self.gamma = nn.Parameter(torch.zeros(1))
        self.product_width = narrow + width  # of scores, and of their weighted sum

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Compute queries, keys and values: (B, C, H, W) -> three (B, N, width).

        >>> query, key, value = SelfAttention2d(16).project(torch.zeros(1, 16, 2, 3))
        >>> query.shape, value.shape
        (torch.Size([1, 6, 2]), torch.Size([1, 6, 16]))
        """
        query = positions(self.query(x))  # (B, H*W, C/8)
        key = positions(self.pool(self.key(x)))  # (B, H*W or a quarter, C/8)
        value = positions(self.pool(self.value(x)))
        return query, key, value

    def forward(
        self, x: Tensor, *, return_map: bool = False
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Attend; with `return_map`, also give the map (B, N_query, N_key)."""
        self._check(x)
        B, _, H, W = x.shape
        query, key, value = self.project(x)
        if return_map:
            attended, attention_map = explicit_attention(query, key, value)
        else:
            attended = fused_attention(query, key, value)
        attended = attended.transpose(1, 2).reshape(B, value.shape[-1], H, W)
        y = self.gamma * self.output(attended) + x
        return (y, attention_map) if return_map else y

    def mathematical_macs(self, x: Tensor, *, return_map: bool = False) -> int:
        """Count the multiply-accumulates of both products, without the padding.

        `simseg_core.probes.cost` asks for it; either way of attending costs the same.

        >>> SelfAttention2d(64).mathematical_macs(torch.empty(1, 64, 32, 32))
        75497472
        """
        B, _, H, W = x.shape
        pooled = not isinstance(self.pool, nn.Identity)
        keys = (H // 2) * (W // 2) if pooled else H * W
        return B * H * W * keys * self.product_width

    def _check(self, x: Tensor) -> None:
        if x.ndim != 4:
            raise ValueError(f"expected (B, C, H, W), got {tuple(x.shape)}")
        if x.shape[1] != self.channels:
            raise ValueError(
                f"expected {self.channels} channels, got {tuple(x.shape)}: build the "
                f"block with channels={x.shape[1]}"
            )
        H, W = x.shape[-2:]
        least = 1 if isinstance(self.pool, nn.Identity) else 2
        if min(H, W) < least:
            raise ValueError(
                f"{H}x{W} is too small for this layout: pad to at least "
                f"{max(H, least)}x{max(W, least)}"
            )


class SpatialSelfAttention2d(SelfAttention2d):
    """Attend with the features themselves as values: (B, C, H, W) -> the same.

    Learned are queries and keys (1x1 convolutions to C / `reduction`) and gamma. It is
    the first half of the pair that follows every stage of `unet_attention`.

    Args:
        channels: C, a multiple of `reduction`.
        reduction: Queries and keys have C / `reduction` channels.

    Raises:
        TypeError: As for `SelfAttention2d`.
        ValueError: As for `SelfAttention2d`.

    >>> sum(p.numel() for p in SpatialSelfAttention2d(64).parameters())
    1041
    """

    def __init__(self, channels: int, *, reduction: int = 8) -> None:
        super().__init__(channels, reduction=reduction)
        self.value = nn.Identity()
