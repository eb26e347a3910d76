"""Exercise 02.2: the channel gate, from a map and the weights of its MLP."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from simseg_core.exercises.bench.help import Help
from simseg_core.exercises.bench.steps import Steps

HELP = Help(
    read="Version 1: which channels",
    ask="Two vectors of C numbers come from one map: which? What does each pass "
    "through on its own, where do the two meet, and what comes after that, once?",
    idea="Two channels, one hidden unit. The channels' means are 1 and 2, their maxima "
    "3 and 2. Let w1 be 1 and 1, b1 be -4, w2 be 2 and -1, b2 be 0 and 1. The means: 1 "
    "+ 2 - 4 = -1, which ReLU makes 0, so the scores are 2 · 0 + 0 = 0 and -1 · 0 + 1 "
    "= 1. The maxima: 3 + 2 - 4 = 1, ReLU leaves it, and the scores are 2 · 1 + 0 = 2 "
    "and -1 · 1 + 1 = 0. Both passes have both biases. Added, 0 + 2 = 2 and 1 + 0 = 1; "
    "one sigmoid makes the gates 0.88 and 0.73. They are B, C; two axes of length 1 "
    "behind them make them fit a map.",
)


def channel_gate(answer: Callable[..., Tensor], steps: Steps) -> None:
    """Compute the channel gate."""

    def mlp(v: Tensor) -> Tensor:
        return F.linear(F.relu(F.linear(v, w1, b1)), w2, b2)

    def linear(v: Tensor) -> Tensor:
        return F.linear(F.linear(v, w1, b1), w2, b2)

    for B, C, hidden, H, W in ((2, 6, 3, 5, 7), (1, 8, 2, 4, 3)):
        w1, b1 = torch.randn(hidden, C), torch.randn(hidden)
        w2, b2 = torch.randn(C, hidden), torch.randn(C)
        x = torch.randn(B, C, H, W)
        call = f"channel_gate(x, ...) with x of {B}x{C}x{H}x{W}"
        got = steps.call(answer, x, w1, b1, w2, b2, named=call)
        mean, most = x.mean(dim=(2, 3)), x.amax(dim=(2, 3))
        low, high = mlp(mean), mlp(most)
        wanted = (low + high).sigmoid()[:, :, None, None]
        _require_gate(got, wanted, x, steps, f"a gate for each channel, {B}x{C}")
        mistakes = {
            "The scores are there, squash them: a gate lies between 0 and 1.": low
            + high,
            "A sigmoid on each score, then a sum, may exceed 1: add the scores first, "
            "then one sigmoid.": low.sigmoid() + high.sigmoid(),
            "Only the mean is read: where does the maximum come in?": low.sigmoid(),
            "Only the maximum is read: where does the mean come in?": high.sigmoid(),
            "The mean is added twice, the maximum never read.": (2 * low).sigmoid(),
            "The maximum is added twice, the mean never read.": (2 * high).sigmoid(),
            "The poolings are added before the MLP: each passes through it alone.": mlp(
                mean + most
            ).sigmoid(),
            "The two scores are averaged: equation 2 adds them.": (
                (low + high) / 2
            ).sigmoid(),
            "The MLP has no ReLU between its layers.": (
                linear(mean) + linear(most)
            ).sigmoid(),
            "A ReLU behind the second layer holds every gate at 1/2 or above.": (
                low.relu() + high.relu()
            ).sigmoid(),
            "That is a softmax, where channels compete: each has a sigmoid of its "
            "own.": (low + high).softmax(dim=1),
            "Each MLP has its second bias too: b2 is added for both poolings.": (
                low + high - b2
            ).sigmoid(),
            "Both layers add a bias, b1 and b2.": (
                F.linear(F.relu(F.linear(mean, w1)), w2)
                + F.linear(F.relu(F.linear(most, w1)), w2)
            ).sigmoid(),
            "A sum over positions where the mean belongs.": (
                mlp(x.sum(dim=(2, 3))) + high
            ).sigmoid(),
            "The two gates are averaged: add the scores, then one sigmoid.": (
                low.sigmoid() + high.sigmoid()
            )
            / 2,
            "The two gates are multiplied: add the scores, then one sigmoid.": (
                low.sigmoid() * high.sigmoid()
            ),
            "tanh reaches from -1 to 1: a gate lies between 0 and 1.": (
                low + high
            ).tanh(),
            "The sigmoid is applied twice.": (low + high).sigmoid().sigmoid(),
        }
        steps.equal(
            got,
            wanted,
            f"the numbers, {B}x{C}x{H}x{W}",
            hint="The shape fits, the numbers do not: pool over height and width, "
            "pass mean and maximum through the same two layers, add, then sigmoid.",
            mistakes={hint: v[:, :, None, None] for hint, v in mistakes.items()},
        )


def _require_gate(got: Any, wanted: Tensor, x: Tensor, steps: Steps, what: str) -> None:
    """Refuse what is no gate of shape (B, C, 1, 1), each shape with its own hint."""
    shape = tuple(got.shape) if hasattr(got, "shape") else type(got).__name__
    hint = f"Wanted a gate of {tuple(wanted.shape)}, got {shape}."
    if shape == tuple(x.shape):
        hint = f"{shape} is the shape of x: return the gate itself, unmultiplied."
    elif shape == tuple(wanted.shape[:2]):
        hint = (
            f"{shape} would not multiply x: give the gate two more axes, of length 1."
        )
    steps.require(shape == tuple(wanted.shape), what, hint=hint)
