"""Exercise 07.4: full resolution and a wide view for few multiply-accumulates."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from simseg_core.exercises.bench.help import Help
from simseg_core.exercises.bench.modules import (
    make_network,
    require_logits,
    sees_without_small_maps,
)
from simseg_core.exercises.bench.steps import Steps
from simseg_core.probes import cost, receptive_field

HELP = Help(
    read="What it costs, and how long it takes",
    ask="Which member of the family sees more than 400 rows, and how many MACs has it "
    "needed by then? Divide what is left by the pixels of the image: how many products "
    "may a pixel cost at full size?",
    idea="The view comes from the path that strides up to 32; a skip adds none. What "
    "remains is to buy a path at full size with the MACs that are left. Count on an "
    "image of 100 x 100 with a last stage of 10 channels. Each channel that is stacked "
    "to its input costs a 3x3 kernel for each of the 10 outputs: 9 · 10 = 90 products "
    "a pixel, 90 · 10000 = 900000 in all. Convolutions that make this skip at full "
    "size cost on top: from 3 to 4 channels 9 · 3 · 4 = 108 a pixel, more than the "
    "stacking of one channel. Do they have to be there? The image is a map of full "
    "size itself, of three channels. And the widths of the last stage and of the skip "
    "are yours to choose.",
)


def sharp_network(answer: Callable[[], nn.Module], steps: Steps) -> None:
    """A wide view and a sharp line, for little."""
    shape = (1, 3, 64, 64)
    model = make_network(answer, steps, "sharp_network()")
    x = torch.randn(shape)
    with torch.no_grad():
        logits = steps.call(model, x, named="the network on a 1x3x64x64 image")
    require_logits(logits, (1, 6, 64, 64), steps)
    bill: Any = steps.call(lambda: cost(model, shape), named="the probe of cost")
    mega = bill.macs / 1e6
    steps.require(
        mega <= 18,
        f"{mega:.1f} million MACs, within 18",
        hint=f"{mega:.1f} million MACs, 18 are allowed. Where do they sit: below, "
        "where the weights are, or at full size?",
    )
    field: Any = steps.call(
        lambda: receptive_field(model, shape), named="the receptive field's probe"
    )
    least = min(field.rows.sizes)
    steps.require(
        least >= 400,
        f"receptive fields of {least} rows and more",
        hint=f"Some output pixel sees only {least} rows; 400 are wanted (a global "
        "gate does not count). Which path of this chapter sees so far?",
    )
    steps.require(
        sees_without_small_maps(model, x, area=64 * 64 // 2 + 1),
        "a path at full resolution, from the image to the logits",
        hint="Every path passes a map smaller than 64x64: take it away and the logits "
        "no longer depend on the image. Which skip is missing?",
    )
