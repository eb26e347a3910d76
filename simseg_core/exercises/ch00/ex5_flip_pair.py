"""Exercise 00.5: flip both or neither."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from simseg_core.exercises.bench.help import Help
from simseg_core.exercises.bench.steps import NotYet, Steps, same
from simseg_core.exercises.ch00.labels import draw_label

HELP = Help(
    read="The data: streets and their label maps",
    ask="How many random numbers does one call need? Which axis of an image C, H, W "
    "holds the columns, and which axis of a label H, W: is there one name that fits "
    "both?",
    idea="A toy image of one channel and one row, 7 8 9, and its label, 0 0 2. One "
    "number is drawn from the generator that was handed over, evenly between 0 and 1. "
    "If it is less than one half, both are read from right to left: 9 8 7 and 2 0 0, "
    "and the pixel 9 is of class 2 still. If it is not, both stay as they are. Two "
    "draws would now and then give 9 8 7 with 0 0 2, a label of other pixels. The "
    "columns are the last axis of image and label alike, so one rule serves for both. "
    "To read in reverse order makes a new tensor: nothing is written into the old one, "
    "nothing is blended, and the label keeps its whole numbers. Give both back, on "
    "either way.",
)

Flip = Callable[[Tensor, Tensor, torch.Generator], Any]
DRAWS = 100
FEWEST = 25  # of as many fair draws; fewer come up once in 10^7 times

_LEFT_RIGHT = "left and right"
# What may have become of an image (C, H, W), by the axes that were flipped.
_FLIPS: dict[tuple[int, ...], str] = {
    (): "not at all",
    (-1,): _LEFT_RIGHT,
    (-2,): "top and bottom",
    (-2, -1): "both ways",
}


def flip_pair(answer: Flip, steps: Steps) -> None:
    """Flip both or neither."""
    for seed, (height, width) in enumerate(((4, 6), (5, 3))):
        pair = torch.rand(3, height, width), draw_label(9, height, width)
        size = f"{height}x{width}"
        flips = _draw_flips(answer, steps, pair, seed)
        steps.right.append(f"image and label move alike, {size}")
        steps.require(
            0 < sum(flips) < DRAWS,
            f"some pairs are flipped and some are not, {size}",
            hint=f"Of {DRAWS} calls with one rng, {sum(flips)} flipped: each call "
            "draws anew from the rng that it is given, and neither makes nor seeds "
            "one.",
        )
        steps.require(
            FEWEST <= sum(flips) <= DRAWS - FEWEST,
            f"as often as not, {size}",
            hint=f"Of {DRAWS} calls, {sum(flips)} flipped: half of them should.",
        )
        steps.require(
            _draw_flips(answer, steps, pair, seed) == flips,
            f"the same again from an rng of the same seed, {size}",
            hint="An rng of the same seed gives other flips: is the chance drawn from "
            "`rng`, or from a generator that others draw from too?",
        )


def _draw_flips(
    answer: Flip, steps: Steps, pair: tuple[Tensor, Tensor], seed: int
) -> list[bool]:
    """Call the reader's function with one rng, and note which calls flipped."""
    rng = torch.Generator().manual_seed(seed)
    call = f"flip_pair(image, label, rng) with a label of {tuple(pair[1].shape)}"
    return [
        _was_flipped(steps.call(answer, *pair, rng, named=call), *pair)
        for _ in range(DRAWS)
    ]


def _was_flipped(got: Any, image: Tensor, label: Tensor) -> bool:
    """Say whether a pair was flipped; refuse one that was not moved alike."""
    if not isinstance(got, tuple | list) or len(got) != 2:
        raise NotYet("Return the image and the label, in this order, and both always.")
    if not all(isinstance(one, Tensor) for one in got):
        kinds = " and ".join(type(one).__name__ for one in got)
        raise NotYet(f"Return two tensors: yours are {kinds}.")
    moved, mask = got
    if mask.shape == image.shape and moved.shape == label.shape:
        raise NotYet("Image and label have changed places: the image comes first.")
    if not set(mask.unique().tolist()) <= set(label.unique().tolist()):
        raise NotYet(
            "The label holds numbers that it did not hold before: they are names of "
            "classes, and between two of them there is nothing to blend."
        )
    if mask.dtype != label.dtype:
        raise NotYet(
            f"The label is {mask.dtype} now, and was {label.dtype}: class numbers stay "
            "whole numbers."
        )
    of_image, of_label = _find_flip(moved, image), _find_flip(mask, label)
    if of_image is None and same(moved, image.flip(0)):
        raise NotYet("The image's colours are exchanged: axis 0 is the channels.")
    if of_image is None or of_label is None:
        what, shape = (
            ("image", moved.shape) if of_image is None else ("label", mask.shape)
        )
        raise NotYet(
            f"The {what}, of shape {tuple(shape)} now, is no flip of what it was: its "
            "pixels should change places, left and right, and keep their values."
        )
    if of_image != of_label:
        raise NotYet(
            f"In one call the image is flipped {of_image}, the label {of_label}: the "
            "label then speaks of other pixels. One draw decides for both."
        )
    if of_image not in ("not at all", _LEFT_RIGHT):
        raise NotYet(
            f"The pair is flipped {of_image}: exchange left and right only, for "
            "streets are not seen upside down. The columns are the last axis."
        )
    return of_image == _LEFT_RIGHT


def _find_flip(got: Tensor, was: Tensor) -> str | None:
    """Tell which way a tensor was flipped; None if it is no flip of what it was."""
    for axes, name in _FLIPS.items():
        if same(got, was.flip(axes)):
            return name
    return None
