"""Exercise 05.2: an atrous separable convolution as a module."""

import torch
from torch import Tensor, nn

from simseg_core.exercises.bench.help import Help
from simseg_core.exercises.bench.modules import count_weights, fill, require_other_sizes
from simseg_core.exercises.bench.steps import Steps
from simseg_core.models.separable import SeparableConv2d

HELP = Help(
    read="Version 2: with holes, and with something between the halves",
    ask="How many kernels has the 3x3 half with 3 channels in, and what must a "
    "convolution be told so that it mixes no channels? What stands between the halves, "
    "and what would they be without it?",
    idea="From 3 to 7 channels at rate 5. The first half has 3 kernels, one a channel: "
    "as many groups as channels, 9 · 3 = 27 weights, taps 5 apart and 5 zeros on each "
    "side. BatchNorm of 3 channels, 2 · 3 = 6, and a ReLU. Then the 1x1, 3 · 7 = 21 "
    "weights, its BatchNorm, 2 · 7 = 14, and a ReLU: 27 + 6 + 21 + 14 = 68 in all. "
    "What the ReLU in the middle does: at one place the first half gives 4, -2 and 1, "
    "and the 1x1 weighs them by 1, 5 and -1. With it, 4 + 5 · 0 - 1 = 3; without it, 4 "
    "- 5 · 2 - 1 = -7.",
)


def separable(answer: type[nn.Module], steps: Steps) -> None:
    """Write an atrous separable convolution."""
    c_in, c_out = 6, 5
    for rate, shape in ((1, (7, 9)), (2, (9, 8)), (4, (12, 7))):
        call = f"MySeparable({c_in}, {c_out}, {rate})"
        x = torch.randn(2, c_in, *shape)
        mine = fill(steps.build(answer, c_in, c_out, rate, named=call))
        reference = fill(SeparableConv2d(c_in, c_out, dilation=rate))
        got = steps.call(mine, x, named=f"{call}(x) with x of {tuple(x.shape)}")
        wanted = reference(x).detach()
        if rate == 1:
            _require_weights(steps, mine, c_in, c_out)
        steps.require(
            isinstance(got, Tensor) and got.shape == wanted.shape,
            f"the shape at rate {rate}",
            hint=f"{call} should keep the size: {tuple(wanted.shape)} is wanted. The "
            "outer taps lie `rate` pixels from the centre: pad by as much.",
        )
        depthwise, first, relu, pointwise, second, _ = reference
        with torch.no_grad():
            seen = first(depthwise(x))
            mistakes = {
                "A ReLU is missing between the two halves.": second(
                    pointwise(seen)
                ).relu(),
                "A ReLU is missing after the second half.": second(
                    pointwise(relu(seen.clone()))
                ),
                "No ReLU stands in it: one follows each BatchNorm.": second(
                    pointwise(seen)
                ),
                "Each ReLU stands before its BatchNorm: it comes after.": (
                    second(pointwise(first(depthwise(x).relu())).relu())
                ),
                "That is a ReLU6, which ends at 6: a ReLU does not.": (
                    second(pointwise(seen.relu())).clamp(0, 6)
                ),
                "ReLU6 ends at 6: a ReLU does not.": (
                    second(pointwise(seen.clamp(0, 6))).clamp(0, 6)
                ),
                "A ReLU at the start changes the input, which may be negative.": (
                    reference(x.relu())
                ),
                "Your 3x3 half has no holes: dilation is 1.": fill(
                    SeparableConv2d(c_in, c_out)
                )(x),
            }
        steps.equal(
            got.detach(),
            wanted,
            f"the numbers at rate {rate}, on random weights",
            hint="Weights and sizes fit, the numbers do not: 3x3 within each channel "
            "with the rate, BatchNorm, ReLU, 1x1 across channels, BatchNorm, ReLU.",
            mistakes=mistakes,
        )
    x = torch.randn(3, 4, 8, 9)
    reference = fill(SeparableConv2d(4, 7, dilation=2))
    require_other_sizes(
        steps,
        answer,
        reference,
        reference(x),
        x,
        named="MySeparable(4, 7, 2)",
        sizes=(4, 7, 2),
    )


def _require_weights(steps: Steps, mine: nn.Module, c_in: int, c_out: int) -> None:
    wanted = count_weights(SeparableConv2d(c_in, c_out))
    hints = {
        wanted - 2 * c_in: "The 3x3 half has no BatchNorm behind it.",
        wanted - 2 * c_out: "The 1x1 half has no BatchNorm behind it.",
        wanted - 2 * c_in - 2 * c_out: "There is no BatchNorm in it: one follows each "
        "half.",
        wanted + c_in + c_out: "The convolutions need no bias: BatchNorm adds its own.",
        wanted + 9 * c_in * (c_in - 1): "The 3x3 half mixes the channels. What does "
        "`groups` have to be, so that each channel has its own kernel?",
        wanted + 9 * (c_out - c_in) + 2 * (c_out - c_in): "The 1x1 half comes second: "
        "the 3x3 half works on the channels of the input.",
    }
    count = count_weights(mine)
    steps.require(
        count == wanted,
        f"{wanted} weights",
        hint=hints.get(
            count,
            f"Yours has {count} weights, the reference {wanted}: nine for each of "
            f"{c_in} channels, {c_in} x {c_out}, and two BatchNorms; no bias.",
        ),
    )
