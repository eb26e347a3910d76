"""Exercise 03.6: a U-Net of few weights, full resolution and a wide field."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from simseg_core.exercises.bench.help import Help
from simseg_core.exercises.bench.modules import (
    count_weights,
    make_network,
    require_logits,
    sees_without_small_maps,
)
from simseg_core.exercises.bench.steps import Steps
from simseg_core.probes import receptive_field

HELP = Help(
    read="Trace its shapes",
    ask="If all widths of a network are halved, what becomes of its weights? Which "
    "skip has the image's own size, and what would a stride of 2 in the first "
    "convolution do to it? How many poolings does the view need?",
    idea="A 3x3 convolution from 40 to 40 channels has 9 · 40 · 40 = 14400 weights, "
    "one from 20 to 20 has 9 · 20 · 20 = 3600: half the width, a quarter of the "
    "weights. So try some widths, count the weights, and scale: to get from 200000 to "
    "about 50000, halve all widths. The view, downwards alone, with two 3x3 "
    "convolutions a stage: at full size they add 4 pixels, behind one pooling 2 · 4 = "
    "8, behind two 16, behind three 32, and the three poolings 1 + 2 + 4 = 7 "
    "themselves. That is 1 + 4 + 8 + 16 + 32 + 7 = 68 pixels, and the way up adds "
    "more. The path at full size: a first stage that neither strides nor pools, and "
    "whose map is stacked or added before the last stage.",
)


def lean_unet(answer: Callable[[], nn.Module], steps: Steps) -> None:
    """Design a lean U-Net."""
    model = make_network(answer, steps, "lean_unet()")
    x = torch.randn(1, 3, 96, 96)
    with torch.no_grad():
        logits = steps.call(model, x, named="the network on a 1x3x96x96 image")
    require_logits(logits, (1, 6, 96, 96), steps)
    count = count_weights(model)
    steps.require(
        count <= 60_000,
        f"{count:,} parameters, within 60,000",
        hint=f"{count:,} parameters: more than 60,000. Where do most of them sit, "
        "and do they need to be that wide?",
    )
    steps.require(
        sees_without_small_maps(model, x, area=96 * 96 // 2 + 1),
        "a path at full resolution, from the image to the logits",
        hint="Every path passes a map smaller than 96x96: take it away and the logits "
        "no longer depend on the image. What then tells the decoder where a 1-pixel "
        "pole stands?",
    )
    field: Any = steps.call(
        lambda: receptive_field(model, (1, 3, 96, 96)),
        named="the receptive field's probe",
    )
    sizes = field.rows.sizes
    steps.require(
        min(sizes) >= 60,
        f"receptive fields of {min(sizes)} to {max(sizes)} pixels",
        hint=f"Some output pixel sees only {min(sizes)} of 96 rows; 60 are wanted. "
        "What widens a field cheaply: one more pooling, or one more convolution?",
    )
