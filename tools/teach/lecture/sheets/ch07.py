"""Chapter 07: a residual stage's weights, a U-Net on a ResNet, a receptive field."""

from __future__ import annotations

from random import Random

import torch

from simseg_core import create_model
from simseg_core.models import UNetResidual
from teach.lecture.sheets.parts import (
    Blank,
    Layer,
    Task,
    conv,
    field_task,
    number,
    pool,
    shapes_task,
)

STEPS = {
    r"encoder\.stem .*": "7x7 convolution to 64 channels, stride 2: the first skip",
    r"encoder\.pool .*": "3x3 max-pooling, stride 2",
    r"encoder\.stages\.0 .*": "residual units, no stride: the second skip",
    r"encoder\.stages\.[12] .*": "channels double, stride 2: a skip",
    r"encoder\.stages\.3 .*": "channels double, stride 2",
    r" interpolate": "resized to twice the side",
    r" cat": "the skip of this side stacked to it",
    r"expand\.\d\.1 .*": "two 3x3 convolutions, padded, to {} channels",
    r"classify .*": "1x1 convolution to the classes",
}


def tasks(draw: Random) -> list[Task]:
    """Give the tasks of a sheet."""
    kernels = draw.choice((3, 5, 7)), draw.choice((3, 5))
    stack: list[Layer] = [
        conv(kernels[0], stride=2),
        pool(3, 2),
        conv(kernels[1]),
        conv(3),
    ]
    return [stage(draw), shapes(draw), field_task([*stack, conv(3, stride=2), conv(3)])]


def stage(draw: Random) -> Task:
    """Ask for the weights of a residual stage that widens its map."""
    c_in, c_out = 8 * draw.randrange(1, 5), 8 * draw.randrange(5, 9)
    model = UNetResidual(in_channels=c_in, num_classes=2, widths=(c_out, c_out))
    first = model.contract[0]
    kernels = [p for p in first.parameters() if p.ndim == 4]
    found = {tuple(p.shape): number(p.numel()) for p in kernels}
    rows = [
        ["first 3x3 convolution", Blank(found[c_out, c_in, 3, 3])],
        ["second 3x3 convolution", Blank(found[c_out, c_out, 3, 3])],
        ["1x1 projection on the shortcut", Blank(found[c_out, c_in, 1, 1])],
        ["all three", Blank(number(sum(p.numel() for p in kernels)))],
    ]
    words = (
        f"A residual stage from {c_in} to {c_out} channels: two 3x3 convolutions, and "
        "a 1x1 convolution on the shortcut, for the channels differ. Count kernels "
        "alone, without BatchNorm.",
    )
    return Task("A residual stage", words, ("layer", "weights"), rows, lines=1)


def shapes(draw: Random) -> Task:
    """Ask for the shapes of a U-Net whose contracting path is a ResNet-18."""
    classes, side = draw.randrange(4, 20), 32 * draw.randrange(6, 17)
    last = 8 * draw.randrange(1, 5)
    widths = tuple(last * 2**level for level in (4, 3, 2, 1, 0))
    with torch.device("meta"):
        model = create_model(
            "unet_resnet18", num_classes=classes, decoder_widths=widths
        ).eval()
    steps = dict(STEPS)
    general = steps.pop(r"expand\.\d\.1 .*")
    for level, width in enumerate(widths):
        steps[rf"expand\.{level}\.1 .*"] = general.format(width)
    words = (
        f"A U-Net on a ResNet-18 for {classes} classes. All is padded: a stride of 2 "
        "halves a side, and nothing else changes it on the way down.",
    )
    return shapes_task(model, (3, side, side), words, steps, draw, depth=2)
