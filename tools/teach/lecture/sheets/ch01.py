"""Chapter 01: attention of four positions, the block's shapes and weights, a field."""

from __future__ import annotations

from random import Random

import torch

from simseg_core.models import SelfAttention2d
from simseg_core.models.attention import Layout, explicit_attention
from teach.lecture.sheets.parts import Blank, Task, conv, field_task, number

ODDS = ((1, 2, 3, 4), (1, 1, 2, 4), (1, 2, 2, 5), (2, 3, 4, 1), (1, 1, 3, 3))
VALUES = (10, 20, 30, 40, 50, 60, 80)
LAYOUTS: dict[Layout, str] = {
    "v1": "values keep all C channels; each of the three convolutions has biases",
    "final": "values have C/8 channels, a fourth 1x1 convolution restores C; no biases",
}


def tasks(draw: Random) -> list[Task]:
    """Give the tasks of a sheet."""
    kernels = [draw.choice((3, 5)) for _ in range(3)]
    trunk = [conv(kernel, stride=2) for kernel in kernels]
    return [four_positions(draw), the_block(draw), field_task([*trunk, conv(3)])]


def four_positions(draw: Random) -> Task:
    """Ask for the weights and the reading of two queries."""
    odds, values = draw.choice(ODDS), draw.sample(VALUES, 4)
    key = torch.tensor(odds, dtype=torch.float64).log().view(1, 4, 1)
    value = torch.tensor(values, dtype=torch.float64).view(1, 4, 1)
    query = torch.tensor([1.0, 0.0], dtype=torch.float64).view(1, 2, 1)
    read, weights = explicit_attention(query, key, value)
    rows = [
        ["key", *(f"ln {one}" for one in odds), ""],
        ["value", *(str(one) for one in values), ""],
    ]
    for place, asked in enumerate((1, 0)):
        shares = [Blank(number(one)) for one in weights[0, place].tolist()]
        found = Blank(number(read[0, place].item()))
        rows.append([f"weights of the query {asked}", *shares, found])
    words = (
        "A query scores each of four positions by query times key. The softmax of ln "
        "a, ln b, ... is a, b, ... divided by their sum. The query reads the sum of "
        "weight times value. Write two decimals.",
    )
    header = ("", "1st", "2nd", "3rd", "4th", "it reads")
    return Task("Attention of four positions", words, header, rows, lines=1)


def the_block(draw: Random) -> Task:
    """Ask for what a block of a layout makes of a map."""
    layout = draw.choice(list(LAYOUTS))
    channels, height, width = (8 * draw.randrange(2, 9), *draw.sample(range(4, 13), 2))
    block = SelfAttention2d(channels, layout=layout)
    x = torch.zeros(1, channels, height, width)
    query, key, value = block.project(x)
    _, found = block(x, return_map=True)

    def shape(tensor: torch.Tensor) -> str:
        return Blank(" x ".join(str(side) for side in tensor.shape[1:]))

    weights = sum(p.numel() for p in block.parameters())
    rows = [
        ["queries, positions x width", shape(query)],
        ["keys, positions x width", shape(key)],
        ["values, positions x width", shape(value)],
        ["attention map", shape(found)],
        ["weights of the block, gamma among them", Blank(number(weights))],
    ]
    words = (
        f"A map of {channels} channels and {height} by {width} positions goes through "
        f"the block in the layout {layout!r}: queries and keys have C/8 channels; "
        f"{LAYOUTS[layout]}. Gamma is one weight.",
    )
    return Task("Shapes and weights", words, ("what", "answer"), rows, lines=1)
