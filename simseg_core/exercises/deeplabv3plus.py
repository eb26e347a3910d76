"""Exercises of chapter 05, DeepLabV3+; `deeplabv3plus_build` has those that build."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from simseg_core.exercises import deeplabv3plus_build
from simseg_core.exercises.modules import (
    make_network,
    require_logits,
    sees_without_small_maps,
)
from simseg_core.exercises.steps import Exercise, NotYet, Steps
from simseg_core.probes import cost, receptive_field


def count_separable(
    answer: Callable[[int, int, int, int], Sequence[int]], steps: Steps
) -> None:
    """Count weights and products of a separable convolution."""

    def ask(c_in: int, c_out: int, height: int, width: int, what: str) -> None:
        told = f"separable_count({c_in}, {c_out}, {height}, {width})"
        got = steps.call(answer, c_in, c_out, height, width, told=told)
        weights, macs = steps.numbers(
            got,
            f"{told} should return two whole numbers: weights, then MACs.",
            count=2,
        )
        whole, pixels = 9 * c_in + c_in * c_out, height * width
        mistakes = {
            "In the 3x3 half each channel has one kernel of its own: no product of two "
            "channel counts in it.": 9 * c_in * c_out + c_in * c_out,
            "That is the full 3x3 convolution.": 9 * c_in * c_out,
            "The 3x3 half has a kernel for each channel of its *input*.": (
                9 * c_out + c_in * c_out
            ),
            "The 3x3 half has nine weights for each channel, not nine in all.": (
                9 + c_in * c_out
            ),
            "The 1x1 half is missing, which mixes the channels.": 9 * c_in,
            "The 3x3 half is missing.": c_in * c_out,
            "No biases: BatchNorm follows and would subtract them again.": (
                whole + c_in + c_out
            ),
            "No bias, in the 1x1 half neither.": whole + c_out,
            "A 3x3 kernel has nine weights.": 3 * c_in + c_in * c_out,
            "Count the convolutions alone: BatchNorm's weights are extra.": (
                whole + 2 * (c_in + c_out)
            ),
            "The two halves follow each other: their weights are added, not "
            "multiplied.": 9 * c_in * c_in * c_out,
        }
        if (weights, macs) == (whole * pixels, whole):
            raise NotYet("Weights first, MACs second.")
        steps.equal(
            weights,
            whole,
            f"weights of {what}",
            hint=f"{told}: a 3x3 kernel for each of {c_in} channels, then a 1x1 "
            f"convolution from {c_in} to {c_out}.",
            mistakes=mistakes,
        )
        steps.equal(
            macs,
            whole * pixels,
            f"MACs of {what}",
            hint=f"Each weight of {told} is used once at every position: how many "
            "positions are there?",
            mistakes={
                "A MAC is one product with its sum: not two operations.": (
                    2 * whole * pixels
                ),
                "The map need not be square: height times width.": whole * height**2,
                "The map may be narrow: height times width.": whole * width**2,
                "The 3x3 half is padded: it has a value at every position.": (
                    9 * c_in * (height - 2) * (width - 2) + c_in * c_out * pixels
                ),
                "Those are the MACs of a full 3x3 convolution.": (
                    9 * c_in * c_out * pixels
                ),
                "Padding keeps the size: there are as many outputs as inputs.": (
                    whole * (height - 2) * (width - 2)
                ),
            },
        )

    ask(4, 4, 5, 5, "4 to 4 channels on a map of 5x5")
    ask(304, 256, 33, 65, "the decoder's first, on a map that is not square")
    ask(2048, 256, 7, 9, "a branch of ASPP")


def least_time(
    answer: Callable[[float, float, float, float], float], steps: Steps
) -> None:
    """Say the least time that a layer can take."""

    def ask(macs: float, moved: float, peak: float, band: float, what: str) -> None:
        told = f"least_time({macs:g}, {moved:g}, {peak:g}, {band:g})"
        got = steps.call(answer, macs, moved, peak, band, told=told)
        should = f"{told} should return one number, of seconds."
        seconds = steps.numbers([got], should, whole=False)[0]
        compute, move = 2 * macs / peak, moved / band
        wanted = max(compute, move)
        mistakes = {
            "peak is in operations, and a MAC is two of them: a product and a sum.": (
                max(compute / 2, move)
            ),
            "Arithmetic and moving can overlap: the *least* time is the longer of the "
            "two, not their sum.": compute + move,
            "The bytes have to be moved too: that takes longer here.": compute,
            "The arithmetic has to be done too: that takes longer here.": move,
            "That is how many operations a second are attainable. How long does the "
            "layer take at that rate?": min(peak, band * 2 * macs / moved),
            "Those are milliseconds: return seconds.": 1000 * wanted,
            "The bytes are given: no number of bytes a value is wanted.": max(
                compute, 4 * move
            ),
            "You have bits where bytes are given.": max(compute, 8 * move),
        }
        for hint, wrong in mistakes.items():
            if not _near(wrong, wanted) and _near(seconds, wrong):
                raise NotYet(hint)
        steps.require(
            _near(seconds, wanted),
            what,
            hint=f"{told}: how long does the arithmetic take at the peak, how long the "
            f"moving at full bandwidth? {seconds:g} s is neither.",
        )

    ask(1e9, 4e6, 1e11, 1e10, "a layer limited by arithmetic")
    ask(1e7, 8e7, 1e11, 1e10, "a layer limited by memory")
    ask(3e9, 6e8, 2e12, 2e11, "another device")


def _near(one: float, other: float) -> bool:
    return abs(one - other) <= 1e-6 * abs(other)


WEIGHTS, MACS, SIDE = 40_000, 6_000_000, 64


def light_network(answer: Callable[[], nn.Module], steps: Steps) -> None:
    """Design a light network that keeps detail."""
    model = make_network(answer, steps, "light_network()")
    shape = (1, 3, SIDE, SIDE)
    x = torch.randn(shape)
    with torch.no_grad():
        logits = steps.call(model, x, told=f"the network on a 1x3x{SIDE}x{SIDE} image")
    require_logits(logits, (1, 6, SIDE, SIDE), steps)
    bill: Any = steps.call(
        lambda: cost(model, shape), told="counting the network's weights and MACs"
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
        lambda: receptive_field(model, shape), told="the receptive field's probe"
    )
    sizes = field.rows.sizes
    steps.require(
        int(min(sizes)) >= 60,
        f"receptive fields of {int(min(sizes))} pixels and more",
        hint=f"Some output pixel sees {int(min(sizes))} of {SIDE} rows, and 60 are "
        "wanted (a global mean does not count). What widens a field without a single "
        "weight?",
    )


_COUNTS: dict[str, Exercise] = {
    "05.1": count_separable,
    "05.4": least_time,
    "05.5": light_network,
}
EXERCISES: dict[str, Exercise] = dict(
    sorted((_COUNTS | deeplabv3plus_build.EXERCISES).items())
)
