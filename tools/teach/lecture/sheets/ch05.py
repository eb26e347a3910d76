"""Chapter 05: a convolution in two halves, DeepLabV3+'s shapes, a receptive field."""

from __future__ import annotations

from random import Random

import torch
from torch import nn

from simseg_core import create_model
from simseg_core.probes import cost
from teach.lecture.sheets.parts import (
    Blank,
    Task,
    conv,
    field_task,
    number,
    shapes_task,
)

STEPS = {
    r"encoder\.stem .*": "7x7 convolution to 64 channels, stride 2",
    r"encoder\.pool .*": "3x3 max-pooling, stride 2",
    r"encoder\.stages\.0 .*": "bottlenecks to 4 · 64 channels: to the decoder too",
    r"encoder\.stages\.1 .*": "channels double, stride 2",
    r"encoder\.stages\.2 .*": "channels double, stride 2",
    r"encoder\.stages\.3 .*": "channels double, no stride, but rates",
    r"aspp\.project .*": "ASPP: 256 channels, the same side",
    r"decoder interpolate": "resized to the map of stages.0",
    r"decoder\.narrow .*": "1x1 convolution of the map of stages.0, to 48 channels",
    r"decoder cat": "both, stacked",
    r"decoder\.refine .*": "separable convolutions to 256 channels",
    r"classify .*": "1x1 convolution to the classes",
    r" interpolate": "resized to the image",
}


def tasks(draw: Random) -> list[Task]:
    """Give the tasks of a sheet."""
    classes, side = draw.randrange(4, 20), 32 * draw.randrange(6, 17)
    with torch.device("meta"):
        model = create_model("deeplabv3plus_resnet50", num_classes=classes).eval()
    words = (
        f"DeepLabV3+ on a ResNet-50 at output stride 16, for {classes} classes. All is "
        "padded: a stride of 2 halves a side.",
    )
    shapes = shapes_task(model, (3, side, side), words, STEPS, draw, depth=2)
    stack = [conv(3, stride=2), conv(3), conv(3, stride=2), conv(3, rate=2)]
    draw.shuffle(stack)
    return [two_halves(draw), shapes, field_task([conv(3), *stack])]


def two_halves(draw: Random) -> Task:
    """Ask for the price of a convolution, whole and in two halves."""
    c_in, c_out = 8 * draw.randrange(2, 9), 8 * draw.randrange(2, 17)
    side, kernel = draw.choice((10, 20, 50)), draw.choice((3, 5))
    padding = kernel // 2
    depthwise = nn.Conv2d(c_in, c_in, kernel, padding=padding, groups=c_in, bias=False)
    pointwise = nn.Conv2d(c_in, c_out, 1, bias=False)
    whole = nn.Conv2d(c_in, c_out, kernel, padding=padding, bias=False)
    rows = []
    for name, layer in (
        (f"{kernel}x{kernel} convolution", whole),
        (f"{kernel}x{kernel} depthwise", depthwise),
        ("1x1 pointwise", pointwise),
        ("both halves", nn.Sequential(depthwise, pointwise)),
    ):
        bill = cost(layer, (1, c_in, side, side))
        rows.append([name, Blank(number(bill.parameters)), Blank(number(bill.macs))])
    words = (
        f"From {c_in} to {c_out} channels on a map of {side} by {side}, padded, "
        "without biases. Each weight of a kernel is used once for each position.",
    )
    header = ("layer", "weights", "multiply-accumulates")
    return Task("A convolution in two halves", words, header, rows, lines=1)
