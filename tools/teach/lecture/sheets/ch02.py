"""Chapter 02: what both gates read, the weights of a CBAM, a receptive field."""

from __future__ import annotations

from random import Random

import torch

from simseg_core.models import CBAM
from teach.lecture.sheets.parts import (
    Blank,
    Layer,
    Task,
    conv,
    field_task,
    number,
    pool,
)


def tasks(draw: Random) -> list[Task]:
    """Give the tasks of a sheet."""
    first = draw.choice((3, 5, 7))
    layers: list[Layer] = [
        conv(first, stride=2),
        pool(3, 2),
        conv(3),
        conv(draw.choice((3, 5, 7))),
    ]
    return [what_gates_read(draw), weights(draw), field_task(layers)]


def what_gates_read(draw: Random) -> Task:
    """Ask for the means and maxima, of channels and of places, of a small map."""
    channels, places = 4, 4
    x = torch.tensor(
        [[draw.randrange(0, 10) for _ in range(places)] for _ in range(channels)]
    ).double()
    rows = [
        [
            f"channel {place + 1}",
            *(number(one) for one in row.tolist()),
            Blank(number(row.mean().item())),
            Blank(number(row.max().item())),
        ]
        for place, row in enumerate(x)
    ]
    for name, found in (("mean", x.mean(dim=0)), ("maximum", x.amax(dim=0))):
        rows.append([name, *(Blank(number(one)) for one in found.tolist()), "", ""])
    words = (
        "A map of four channels and 2 by 2 places, listed row by row. The channel gate "
        "reads mean and maximum of each channel (the two columns on the right), the "
        "spatial gate those of each place (the two rows below).",
    )
    header = ("", "place 1", "place 2", "place 3", "place 4", "mean", "maximum")
    return Task("What the gates read", words, header, rows)


def weights(draw: Random) -> Task:
    """Ask for the weights of a CBAM."""
    reduction = draw.choice((4, 8, 16))
    channels, kernel = reduction * draw.randrange(2, 9), draw.choice((3, 5, 7))
    cbam = CBAM(channels, reduction=reduction, kernel_size=kernel)

    def count(part: torch.nn.Module) -> str:
        kernels = [p for p in part.parameters() if p.ndim > 1]
        return Blank(number(sum(p.numel() for p in kernels)))

    rows = [
        ["channel gate: from C to C/r values and back to C", count(cbam.channel)],
        [f"spatial gate: a {kernel}x{kernel} convolution, 2 to 1", count(cbam.spatial)],
    ]
    words = (
        f"C = {channels} channels, reduction r = {reduction}. Count the products' "
        "weights alone, without biases and without BatchNorm.",
    )
    return Task("Weights of a CBAM", words, ("part", "weights"), rows, lines=1)
