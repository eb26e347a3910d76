"""Chapter 06: links and widths of a harmonic block, FC-HarDNet's shapes, a field."""

from __future__ import annotations

from random import Random

import torch

from simseg_core import create_model
from simseg_core.models.hardblock import layer_width, links
from teach.lecture.sheets.parts import Blank, Task, conv, field_task, pool, shapes_task

STEPS = {
    r"stem .*": "four 3x3 convolutions, two with stride 2",
    r"mix\.\d .*": "1x1 convolution",
    r"pool .*": "2x2 average pooling",
    r" interpolate": "resized to the next skip, at last to the image",
    r" cat": "with the skip stacked behind",
    r"narrow\.\d .*": "1x1 convolution that halves the channels",
    r"up\.\d .*": "HarD block with as many channels as the skip has",
    r"classify .*": "1x1 convolution to the classes",
}
DOWN = r"down\.\d .*"


def tasks(draw: Random) -> list[Task]:
    """Give the tasks of a sheet."""
    stack = [conv(3, stride=2), conv(3), conv(3, stride=2), conv(3)]
    draw.shuffle(stack)
    return [harmonic(draw), shapes(draw), field_task([*stack, conv(3), pool(2, 2)])]


def harmonic(draw: Random) -> Task:
    """Ask which layers a layer reads, and how wide it is."""
    growth, multiplier = draw.choice((10, 12, 16, 20)), 1.7
    rows = []
    for layer in sorted(
        [*draw.sample((3, 5, 7, 9), 1), *draw.sample((2, 4, 6, 8, 12), 4)]
    ):
        read = ", ".join(str(one) for one in links(layer))
        width = layer_width(layer, growth=growth, multiplier=multiplier)
        rows.append([str(layer), Blank(read), Blank(width)])
    words = (
        "Layer n of a harmonic block reads layer n - 2^i for each i whose 2^i divides "
        "n; 0 is the block's input. Its width is k · m^i for the largest such i, here "
        f"k = {growth} and m = {multiplier}, rounded to an even number once, at the "
        "end: add 1, cut off, halve, cut off, double.",
    )
    header = ("layer", "reads layers (all)", "width (channels)")
    return Task("Links and widths", words, header, rows, lines=1)


def shapes(draw: Random) -> Task:
    """Ask for the shapes of FC-HarDNet-70; what a block puts out is given."""
    classes, side = draw.randrange(4, 20), 64 * draw.randrange(4, 17)
    with torch.device("meta"):
        model = create_model("fchardnet70", num_classes=classes).eval()
    words = (
        f"FC-HarDNet-70 for {classes} classes. A skip is what a HarD block of the way "
        "down puts out; down.3 is the first to come back, down.0 the last.",
    )
    steps = {DOWN: "HarD block", **STEPS}
    task = shapes_task(model, (3, side, side), words, steps, draw, depth=1)
    # Nothing tells the channels of the stem, of a block on the way down and of a mix.
    rows = [
        [row[0], str(row[1]), row[2]]
        if row[0].startswith(("stem", "down", "mix"))
        else row
        for row in task.rows
    ]
    return task._replace(rows=rows)
