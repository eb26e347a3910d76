"""Chapter 04: kernels with holes, DeepLabV3's shapes, a field of several rates."""

from __future__ import annotations

from random import Random

import torch

from simseg_core import create_model
from simseg_core.probes import receptive_field
from teach.lecture.sheets.parts import (
    Blank,
    Layer,
    Task,
    conv,
    field_task,
    pool,
    shapes_task,
)

# By output stride: where the strides of the last two stages are traded for rates.
STRIDES = {8: (1, 1), 16: (2, 1), 32: (2, 2)}


def tasks(draw: Random) -> list[Task]:
    """Give the tasks of a sheet."""
    rates = draw.sample((1, 2, 3, 4, 5), 3)
    stack: list[Layer] = [
        conv(3, stride=2),
        pool(3, 2),
        *(conv(3, rate=rate) for rate in rates),
    ]
    return [kernels(draw), deeplab(draw), field_task(stack)]


def kernels(draw: Random) -> Task:
    """Ask how far kernels reach, and what padding keeps the size."""
    rows = []
    for _ in range(4):
        kernel, rate = draw.choice((3, 5)), draw.choice((2, 4, 6, 12, 18))
        layer = conv(kernel, rate=rate)
        seen = receptive_field(layer, (1, 1, 256, 256)).size[0]
        padding = layer.padding[0]
        rows.append([f"{kernel}x{kernel}", str(rate), Blank(seen), Blank(padding)])
    words = (
        "A kernel of k taps and rate r spans (k - 1) · r + 1 pixels. It keeps a map's "
        "size if half of what it reaches beyond its middle is padded on each side.",
    )
    header = ("kernel", "rate", "spans (pixels)", "padding that keeps the size")
    return Task("Kernels with holes", words, header, rows)


def deeplab(draw: Random) -> Task:
    """Ask for the shapes of DeepLabV3 at one output stride."""
    output_stride, classes = draw.choice(list(STRIDES)), draw.randrange(4, 20)
    side = 32 * draw.randrange(6, 17) + 1
    with torch.device("meta"):
        model = create_model(
            "deeplabv3_resnet50", output_stride=output_stride, num_classes=classes
        ).eval()
    third, last = (
        f"stride {stride}" if stride > 1 else "no stride, but rates"
        for stride in STRIDES[output_stride]
    )
    steps = {
        r"encoder\.stem .*": "7x7 convolution to 64 channels, stride 2",
        r"encoder\.pool .*": "3x3 max-pooling, stride 2",
        r"encoder\.stages\.0 .*": "bottlenecks to 4 · 64 channels, no stride",
        r"encoder\.stages\.1 .*": "channels double, stride 2",
        r"encoder\.stages\.2 .*": f"channels double, {third}",
        r"encoder\.stages\.3 .*": f"channels double, {last}",
        r"aspp cat": "five branches of 256 channels, stacked",
        r"aspp\.project .*": "1x1 convolution to 256 channels",
        r"classify .*": "1x1 convolution to the classes",
        r" interpolate": "resized to the image",
    }
    words = (
        f"DeepLabV3 on a ResNet-50 at output stride {output_stride}, for {classes} "
        "classes. All is padded: a stride of 2 makes of n pixels n / 2, rounded up.",
    )
    return shapes_task(model, (3, side, side), words, steps, draw, depth=2)
