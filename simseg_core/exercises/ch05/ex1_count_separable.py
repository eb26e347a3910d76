"""Exercise 05.1: weights and MACs of a separable 3x3 convolution."""

from collections.abc import Callable, Sequence

from simseg_core.exercises.bench.help import Help
from simseg_core.exercises.bench.steps import NotYet, Steps

HELP = Help(
    read="Version 1: a convolution in two halves",
    ask="In which of the halves does a kernel belong to a pair of channels, and in "
    "which to one channel alone? Once the map is padded, how often is each weight "
    "used?",
    idea="From 10 to 20 channels on a map of 6 x 8. The first half has a 3x3 kernel "
    "for each channel that comes in: 9 · 10 = 90 weights, and still 10 channels. The "
    "second half, a 1x1, has one weight for each pair of a channel in and a channel "
    "out: 10 · 20 = 200. Together 90 + 200 = 290. Both are padded or need no padding, "
    "so both have a value at each of the 6 · 8 = 48 positions, and every weight is "
    "used once there: 290 · 48 = 13920 MACs.",
)


def count_separable(
    answer: Callable[[int, int, int, int], Sequence[int]], steps: Steps
) -> None:
    """Count weights and products of a separable convolution."""

    def ask(c_in: int, c_out: int, height: int, width: int, what: str) -> None:
        call = f"separable_count({c_in}, {c_out}, {height}, {width})"
        got = steps.call(answer, c_in, c_out, height, width, named=call)
        weights, macs = steps.numbers(
            got,
            f"{call} should return two whole numbers: weights, then MACs.",
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
            hint=f"{call}: a 3x3 kernel for each of {c_in} channels, then a 1x1 "
            f"convolution from {c_in} to {c_out}.",
            mistakes=mistakes,
        )
        steps.equal(
            macs,
            whole * pixels,
            f"MACs of {what}",
            hint=f"Each weight of {call} is used once at every position: how many "
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
