"""Chapter 03: the shapes of the valid U-Net, its crops, a receptive field."""

from __future__ import annotations

from random import Random

import torch

from simseg_core import create_model
from simseg_core.probes import trace_shapes
from teach.lecture.sheets.parts import Blank, Task, conv, field_task, pool, shapes_task

STEPS = {
    r"contract\.0 .*": "two 3x3 convolutions, not padded",
    r"contract\.\d .*": "two 3x3 convolutions, not padded; channels double",
    r"pool .*": "2x2 max-pooling",
    r"up\.\d .*": "transposed 2x2 convolution; channels halve",
    r" cat": "the skip of this level, cropped, before the map from below",
    r"expand\.\d .*": "two 3x3 convolutions, not padded; channels halve",
    r"classify .*": "1x1 convolution to the classes",
}


def tasks(draw: Random) -> list[Task]:
    """Give the tasks of a sheet."""
    base, classes = 8 * draw.randrange(2, 9), draw.randrange(2, 7)
    side = 16 * draw.randrange(8, 33) + 60
    widths = tuple(base * 2**level for level in range(5))
    with torch.device("meta"):
        model = create_model("unet", in_channels=1, num_classes=classes, widths=widths)
    words = (
        f"A U-Net as in the paper. Its first stage has {base} channels; it tells "
        f"{classes} classes apart. A 3x3 convolution without padding takes 2 off a "
        "side.",
    )
    shapes = shapes_task(model, (1, side, side), words, STEPS, draw, depth=1)
    stack = [
        layer
        for _ in range(3)
        for layer in (conv(3), conv(draw.choice((3, 5))), pool(2, 2))
    ]
    return [shapes, crops(model, side), field_task(stack[:-1])]


def crops(model: torch.nn.Module, side: int) -> Task:
    """Ask how much of each skip is cut away on each side."""
    cut = [
        (row.input_shapes[0][-1], row.output_shape[-1])
        for row in trace_shapes(model, (1, 1, side, side), depth=1)
        if row.operation == "slice"
    ]
    rows = [
        [f"up.{place}", Blank(skip), Blank(below), Blank((skip - below) // 2)]
        for place, (skip, below) in enumerate(cut)
    ]
    header = ("meets", "side of the skip", "side from below", "pixels cut, each side")
    words = ("Each skip is cut to the map that it meets, by as much on each side.",)
    return Task("The crops", words, header, rows)
