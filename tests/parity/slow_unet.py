"""U-Nets written a second time, from the paper's text, with plain tensor code.

No `nn`, no `functional`: a convolution is the sum of its taps, one shifted copy of the
map each. Weights come as one list, in the order contracting stages, up-convolutions,
expanding stages, classifier, and are taken from it one by one.
"""

from collections.abc import Iterator

import torch
from torch import Tensor


def relu(x: Tensor) -> Tensor:
    return torch.where(x > 0, x, torch.zeros_like(x))


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Sum the taps of a valid convolution."""
    rows, columns = weight.shape[2:]
    height, width = x.shape[2] - rows + 1, x.shape[3] - columns + 1
    y = x.new_zeros(x.shape[0], weight.shape[0], height, width)
    for row in range(rows):
        for column in range(columns):
            window = x[:, :, row : row + height, column : column + width]
            y = y + torch.einsum("bihw,oi->bohw", window, weight[:, :, row, column])
    return y if bias is None else y + bias[None, :, None, None]


def ringed(x: Tensor) -> Tensor:
    """Lay one ring of zeros around a map."""
    batch, channels, height, width = x.shape
    y = x.new_zeros(batch, channels, height + 2, width + 2)
    y[:, :, 1:-1, 1:-1] = x
    return y


def normalised(x: Tensor, weights: Iterator[Tensor]) -> Tensor:
    """Apply BatchNorm with running statistics."""
    scale, shift, mean, variance = (next(weights)[:, None, None] for _ in range(4))
    return (x - mean) / (variance + 1e-5) ** 0.5 * scale + shift


def halved(x: Tensor) -> Tensor:
    """Keep the largest of every 2x2 values; an odd last row or column is dropped."""
    height, width = x.shape[2] // 2 * 2, x.shape[3] // 2 * 2
    x = x[:, :, :height, :width]
    top = torch.maximum(x[:, :, ::2, ::2], x[:, :, ::2, 1::2])
    bottom = torch.maximum(x[:, :, 1::2, ::2], x[:, :, 1::2, 1::2])
    return torch.maximum(top, bottom)


def doubled(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Let every value paint the 2x2 square that a transposed convolution gives it."""
    batch, _, height, width = x.shape
    y = x.new_zeros(batch, weight.shape[1], 2 * height, 2 * width)
    for row in range(2):
        for column in range(2):
            painted = torch.einsum("bihw,io->bohw", x, weight[:, :, row, column])
            y[:, :, row::2, column::2] = painted + bias[None, :, None, None]
    return y


def stretched(x: Tensor, axis: int) -> Tensor:
    """Double one axis linearly: each output mixes its two nearest pixel centres 3:1."""
    x = x.movedim(axis, 0)
    before = torch.cat([x[:1], x[:-1]])
    after = torch.cat([x[1:], x[-1:]])
    both = torch.stack([0.25 * before + 0.75 * x, 0.75 * x + 0.25 * after], dim=1)
    return both.flatten(0, 1).movedim(0, axis)


def stage(x: Tensor, weights: Iterator[Tensor], kind: str) -> Tensor:
    """Apply one stage: valid, padded or residual."""
    if kind == "valid":
        x = relu(convolve(x, next(weights), next(weights)))
        return relu(convolve(x, next(weights), next(weights)))
    y = relu(normalised(convolve(ringed(x), next(weights)), weights))
    y = normalised(convolve(ringed(y), next(weights)), weights)
    if kind == "residual":
        if x.shape[1] != y.shape[1]:
            x = normalised(convolve(x, next(weights)), weights)
        y = y + x
    return relu(y)


def slow_unet(
    x: Tensor,
    tensors: list[Tensor],
    *,
    kind: str = "valid",
    up: str = "transposed",
    skips: bool = True,
    depth: int = 4,
) -> Tensor:
    """Compute a U-Net's logits from its weights in the order stated above."""
    weights = iter(tensors)
    kept = []
    for level in range(depth + 1):
        x = stage(halved(x) if level else x, weights, kind)
        kept.append(x)
    ups = [(next(weights), next(weights)) for _ in range(depth)]
    for level, (weight, bias) in zip(reversed(range(depth)), ups):
        skip = kept[level]
        if up == "bilinear":
            x = stretched(stretched(convolve(x, weight, bias), 2), 3)
        else:
            x = doubled(x, weight, bias)
        height, width = x.shape[2:]
        if kind == "valid":
            above, left = (skip.shape[2] - height) // 2, (skip.shape[3] - width) // 2
            skip = skip[:, :, above : above + height, left : left + width]
        else:
            filled = x.new_zeros(*x.shape[:2], *skip.shape[2:])
            filled[:, :, :height, :width] = x
            x = filled
        x = stage(torch.cat([skip, x], dim=1) if skips else x, weights, kind)
    logits = convolve(x, next(weights), next(weights))
    assert next(weights, None) is None, "weights were left over"
    return logits
