"""Exercise 05.5: a light network whose details never go below stride 4."""

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
    read="Version 5: the decoder",
    ask="How often is one weight used on a map of the image's size, at stride 4, at "
    "stride 16? Where, then, may many weights work? And which map reaches the logits "
    "without ever going below stride 4?",
    idea="Count on an image of 96 x 96. At its own size a weight is used 96 · 96 = "
    "9216 times, at stride 4 it is 24 · 24 = 576, at stride 16 only 6 · 6 = 36. So "
    "shrink early, with few channels, and let many weights work at stride 8 or 16. Few "
    "weights: a full 3x3 from 24 to 24 channels has 9 · 24 · 24 = 5184, a separable "
    "one 9 · 24 + 24 · 24 = 792. A wide view: a 3x3 at stride 4 adds 2 · 4 = 8 pixels, "
    "at rate 6 it adds 2 · 6 · 4 = 48, with not a weight more. And the path: keep the "
    "map of stride 4, narrow it, and stack it beside what comes back from below, "
    "resized.",
)

WEIGHTS, MACS, SIDE = 40_000, 6_000_000, 64


def light_network(answer: Callable[[], nn.Module], steps: Steps) -> None:
    """Design a light network that keeps detail."""
    model = make_network(answer, steps, "light_network()")
    shape = (1, 3, SIDE, SIDE)
    x = torch.randn(shape)
    with torch.no_grad():
        logits = steps.call(model, x, named=f"the network on a 1x3x{SIDE}x{SIDE} image")
    require_logits(logits, (1, 6, SIDE, SIDE), steps)
    bill: Any = steps.call(
        lambda: cost(model, shape), named="counting the network's weights and MACs"
    )
    steps.require(
        bill.parameters <= WEIGHTS,
        f"{bill.parameters:,} weights, within {WEIGHTS:,}",
        hint=f"{bill.parameters:,} weights are more than {WEIGHTS:,}: which layers "
        "have both many inputs and many outputs, and could be separable or narrower?",
    )
    steps.require(
        bill.macs <= MACS,
        f"{bill.macs:,} MACs, within {MACS:,}",
        hint=f"{bill.macs:,} MACs are more than {MACS:,}. A weight at full resolution "
        "is used 256 times as often as one at stride 16: where do yours work?",
    )
    steps.require(
        sees_without_small_maps(model, x, area=(SIDE // 4) ** 2),
        "a path from image to logits that never goes below stride 4",
        hint="Take away all maps smaller than a quarter of the image's side, and the "
        "logits no longer depend on the image: every path goes through the narrow "
        "place. Which map does DeepLabV3+ hand to its decoder?",
    )
    field: Any = steps.call(
        lambda: receptive_field(model, shape), named="the receptive field's probe"
    )
    sizes = field.rows.sizes
    steps.require(
        int(min(sizes)) >= 60,
        f"receptive fields of {int(min(sizes))} pixels and more",
        hint=f"Some output pixel sees {int(min(sizes))} of {SIDE} rows, and 60 are "
        "wanted (a global mean does not count). What widens a field without a single "
        "weight?",
    )
