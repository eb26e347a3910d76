"""Exercise 01.1: list a map's positions, (B, C, H, W) -> (B, H*W, C)."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from simseg_core.exercises.bench.help import Help
from simseg_core.exercises.bench.steps import Steps
from simseg_core.models.attention import positions

HELP = Help(
    read="Version 1: four pixels, and a score for each pair",
    ask="In memory, all of channel 0 comes first. Which two axes are merged into one, "
    "and what must become of the axis of the channels, before or after? Try it with 2 "
    "channels on 2 rows of 3.",
    idea="Channel 0 holds 1 2 3 in its upper row and 4 5 6 in its lower one; channel 1 "
    "holds 10 20 30 and 40 50 60. The list has a row for each position: (1, 10), (2, "
    "20), (3, 30), (4, 40), (5, 50), (6, 60). Two moves lead there. First merge the "
    "two axes of the place, which makes 2 rows of 6: all of channel 0, then all of "
    "channel 1. Then exchange these two axes: 6 rows of 2. To cut the twelve numbers "
    "into pairs as they lie would give (1, 2), (3, 4) and so on: two pixels of one "
    "channel, in the right shape. The axis of the images stays in front and is never "
    "touched.",
)


def list_positions(answer: Callable[[Tensor], Any], steps: Steps) -> None:
    """List the positions of a map."""
    for B, C, H, W, what in (
        (1, 2, 1, 3, "a map of one row"),
        (2, 3, 4, 4, "a square map, two images"),
        (2, 4, 6, 10, "a map of 6x10"),
    ):
        x = torch.randn(B, C, H, W)
        call = f"my_positions(x) with x of {tuple(x.shape)}"
        got = steps.call(answer, x, named=call)
        steps.equal(
            got,
            positions(x),
            what,
            hint=f"{call} should have a row for each of the {H * W} positions, and in "
            f"it the {C} channels there.",
            mistakes={
                "The shape fits, but the numbers are cut anew: reshape alone does not "
                "move an axis. First bring the channels last.": x.reshape(B, H * W, C),
                "The channels still come first: a row should be a position.": x.flatten(
                    2
                ),
                "Positions run down the columns: take them row by row.": x.permute(
                    0, 3, 2, 1
                ).reshape(B, H * W, C),
                "The images of the batch are mixed into one list: keep B in front.": (
                    positions(x).reshape(B * H * W, C)
                ),
            },
        )
