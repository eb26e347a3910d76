"""DeepLabV3+'s decoder: narrow the low-level features, resize the deep map, join."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from simseg_core.figures.mechanisms.ink import (
    DEEP,
    MADE,
    READ,
    WIDTH,
    Drawing,
    Sheet,
    number,
    shape,
)
from simseg_core.figures.mechanisms.maps import Scale, Size, slab

__all__ = ["draw_join"]

_SIDE, _DEPTH = 78.0, 30.0  # units of the low-level features
_LEFT, _RIGHT, _TOP, _STOREY = 14.0, 214.0, 48.0, 148.0


def draw_join(decoder: nn.Module, deep: Sequence[int], low: Sequence[int]) -> Drawing:
    """Draw the maps of a decoder as it makes them, sides and channels to scale.

    Args:
        decoder: takes the deep map and the low-level features; `narrow` and `refine`
            are its two parts. It is run; on the device "meta" that computes nothing.
        deep: (B, C, H, W) of the map from ASPP, square.
        low: (B, C, H, W) of the low-level features, square.

    Returns:
        Low-level features and their narrowed form above; the deep map, the stack and
        what the last convolutions make of it below.

    Raises:
        ValueError: if a map is not square.

    >>> from simseg_core.models.deeplabv3plus import Decoder
    >>> sizes = (1, 256, 33, 33), (1, 256, 129, 129)
    >>> draw_join(Decoder(256, 256).to("meta"), *sizes).alt_text[:49]
    'Low-level features, 256 × 129 × 129, are narrowed'
    """
    if deep[-1] != deep[-2] or low[-1] != low[-2]:
        raise ValueError(f"draw square maps, not {tuple(deep)} and {tuple(low)}")
    narrowed, stacked, made = _run(decoder, deep, low)
    came, before = _size(deep), _size(low)
    grown = (stacked[0] - narrowed[0], *stacked[1:])
    scale = Scale(_SIDE / before[1], _DEPTH / max(before[0], came[0]))
    channels = f"{grown[0]} + {narrowed[0]} = {number(stacked[0])} channels"
    convolutions = _convolutions(decoder)

    sheet = Sheet()
    level, between = _TOP + _SIDE / 2, (_LEFT + _SIDE + _DEPTH + _RIGHT) / 2
    sheet.text(0, 12, "low-level: where", anchor="start", bold=True)
    slab(sheet, (_LEFT, _TOP), [(before, READ)], scale)
    sheet.arrow((_LEFT + _SIDE + 34, level), (_RIGHT - 8, level))
    sheet.text(between, level - 13, "1×1")
    sheet.text(_RIGHT + _SIDE / 2, 12, "narrowed", bold=True)
    slab(sheet, (_RIGHT, _TOP), [(narrowed, READ)], scale)
    down = _RIGHT + _SIDE / 2
    second, third = _TOP + _STOREY, _TOP + 2 * _STOREY
    sheet.arrow((down, _TOP + _SIDE + 24), (down, second - 24))

    side = came[1] * scale.pixel
    inset = (_SIDE - side) / 2
    sheet.text(0, second + inset - 32, "from ASPP: what", anchor="start", bold=True)
    slab(sheet, (_LEFT + inset, second + inset), [(came, DEEP)], scale)
    level = second + _SIDE / 2
    sheet.arrow((_LEFT + inset + side + 34, level), (_RIGHT - 8, level))
    sheet.text(between - 8, level - 13, f"resize to {grown[1]}")
    sheet.text(WIDTH, second - 30, "stacked", anchor="end", bold=True)
    slab(sheet, (_RIGHT, second), [(grown, DEEP), (narrowed, READ)], scale, channels)

    sheet.arrow((down, second + _SIDE + 24), (down, third - 24))
    sheet.text(down - 10, third - 36, f"{convolutions} 3×3", anchor="end")
    slab(sheet, (_RIGHT, third), [(made, MADE)], scale)
    return sheet.finish(
        third + _SIDE + 24,
        f"Low-level features, {shape(*before)}, are narrowed to {shape(*narrowed)} by "
        f"a 1x1 convolution. The map from ASPP, {shape(*came)}, is resized to "
        f"{shape(*grown)}. Stacked they have {channels}, of which {convolutions} 3x3 "
        f"convolutions make {shape(*made)}.",
    )


def _size(sizes: Sequence[int]) -> Size:
    _, channels, height, width = sizes
    return channels, height, width


def _convolutions(decoder: Any) -> str:
    """Count the 3x3 convolutions; a separable one has one, its depthwise half."""
    convs = (m for m in decoder.refine.modules() if isinstance(m, nn.Conv2d))
    count = sum(conv.kernel_size == (3, 3) for conv in convs)
    return {1: "one", 2: "two", 3: "three"}.get(count, str(count))


def _run(
    decoder: Any, deep: Sequence[int], low: Sequence[int]
) -> tuple[Size, Size, Size]:
    """Watch a forward pass: sizes of the narrowed map, the stack and the output."""
    seen: dict[str, Size] = {}

    def leaves(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        seen["narrowed"] = _size(output.shape)

    def enters(module: nn.Module, inputs: tuple[Tensor]) -> None:
        seen["stacked"] = _size(inputs[0].shape)

    hooks = [
        decoder.narrow.register_forward_hook(leaves),
        decoder.refine.register_forward_pre_hook(enters),
    ]
    device = next(decoder.parameters()).device
    was_training = decoder.training
    try:
        with torch.no_grad():
            maps = (torch.zeros(*sizes, device=device) for sizes in (deep, low))
            made = decoder.eval()(*maps)
    finally:
        decoder.train(was_training)
        for hook in hooks:
            hook.remove()
    return seen["narrowed"], seen["stacked"], _size(made.shape)
