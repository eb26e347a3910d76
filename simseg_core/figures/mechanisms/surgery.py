"""Strides traded for rates: the taps of a ResNet's last stages stay where they were."""

from collections.abc import Mapping
from math import ceil, prod
from typing import Any, NamedTuple

from torch import nn

from simseg_core.figures.mechanisms.ink import READ, WORK, Drawing, Sheet

__all__ = ["draw_surgery"]

_STRIP, _HIGH = 140.0, 13.0  # units of a row of a map
_LEFTS = (56.0, 216.0)  # of the two stages
_TOP, _BAND, _STEP = 26.0, 92.0, 38.0
_TAPPED, _OTHER = (WORK, 0.75), (READ, 0.1)  # of cells: colour, tint


class Layer(NamedTuple):
    """A 3x3 convolution: the stride of the map that it reads, its own, its rate."""

    reads: int
    stride: int
    rate: int


Stages = dict[int, tuple[Layer, Layer]]  # number -> in the first unit, in the others


def draw_surgery(networks: Mapping[int, nn.Module]) -> Drawing:
    """Draw strides and rates of a ResNet's last two stages at several output strides.

    A strip is a row of a map, its cells as wide as the pixels they stand for; filled
    are the cells under the three taps of a 3x3 kernel. All strips have one scale.

    Args:
        networks: an output stride -> a ResNet whose `stages` end at that stride; what
            strides before them stands in its other modules.

    Returns:
        One band for each network: first unit and other units of the last two stages.

    Raises:
        ValueError: if a stage's units have several rates beside the first's, as with
            multi-grid.

    >>> from simseg_core.models.resnet import ResNetEncoder
    >>> net = ResNetEncoder(depth=50, output_stride=16, widths=(2, 2, 2, 2))
    >>> draw_surgery({16: net}).alt_text[:46]
    'Output stride 16: stage 3 begins with stride 2'
    """
    plans = {reached: _last_stages(net) for reached, net in networks.items()}
    layers = [one for plan in plans.values() for both in plan.values() for one in both]
    pixel = _STRIP / (3 * max(layer.reads * layer.rate for layer in layers))

    sheet, told = Sheet(), []
    for left, stage in zip(_LEFTS, next(iter(plans.values()))):
        sheet.text(left + _STRIP / 2, 10, f"stage {stage}", bold=True)
    for band, (reached, plan) in enumerate(plans.items()):
        top = _TOP + _BAND * band
        for line, word in enumerate(("output", "stride", str(reached))):
            sheet.text(0, top + 7 + 15 * line, word, anchor="start", bold=True)
        for left, (first, others) in zip(_LEFTS, plan.values()):
            middle = left + _STRIP / 2
            _strip(sheet, left, top, first.reads * pixel, first.rate)
            words = f"first: stride {first.stride}, rate {first.rate}"
            sheet.text(middle, top + _HIGH + 10, words)
            _strip(sheet, left, top + _STEP, others.reads * pixel, others.rate)
            words = f"others: rate {others.rate}"
            sheet.text(middle, top + _STEP + _HIGH + 10, words)
        stages = [
            f"stage {stage} begins with stride {first.stride} and rate {first.rate} on "
            f"a map of stride {first.reads}, and goes on with rate {others.rate} at "
            f"stride {others.reads}"
            for stage, (first, others) in plan.items()
        ]
        told.append(f"Output stride {reached}: {'; '.join(stages)}.")
    key = _TOP + _BAND * len(plans) - 6
    for x, look, words in (
        (1.0, _TAPPED, "under a tap of the kernel"),
        (206.0, _OTHER, "a cell of the map"),
    ):
        colour, tint = look
        sheet.box(x, key, _HIGH, _HIGH, colour, tint=tint, round_=0)
        sheet.text(x + _HIGH + 6, key + _HIGH / 2, words, anchor="start")
    return sheet.finish(key + _HIGH + 4, " ".join(told))


def _strip(sheet: Sheet, left: float, top: float, cell: float, rate: int) -> None:
    """Draw a row of cells about the middle tap, those at the ends cut to fit."""
    middle, right = left + _STRIP / 2, left + _STRIP
    reach = ceil((_STRIP / cell - 1) / 2 - 1e-6)
    for place in range(-reach, reach + 1):
        start = max(left, middle + (place - 0.5) * cell)
        end = min(right, middle + (place + 0.5) * cell)
        tapped = abs(place) in (0, rate)
        colour, tint = _TAPPED if tapped else _OTHER
        sheet.box(start, top, end - start, _HIGH, colour, tint=tint, round_=0)


def _last_stages(net: Any) -> Stages:
    """Read strides and rates off a network's modules, for its last two stages."""
    before = [
        module.stride if isinstance(module.stride, int) else module.stride[0]
        for name, module in net.named_modules()
        if hasattr(module, "stride") and not name.startswith("stages.")
    ]
    reached, stages = prod(before), {}
    for number, stage in enumerate(net.stages, start=1):
        layers = []
        for conv in stage.modules():
            if isinstance(conv, nn.Conv2d) and conv.kernel_size == (3, 3):
                layers.append(Layer(reached, conv.stride[0], conv.dilation[0]))
                reached *= conv.stride[0]
        first, *others = layers
        if len(set(others)) != 1:
            raise ValueError(
                f"the units of stage {number} behind its first have not one rate but "
                f"{[layer.rate for layer in others]}: draw it without multi-grid"
            )
        stages[number] = (first, others[0])
    return {number: stages[number] for number in sorted(stages)[-2:]}
