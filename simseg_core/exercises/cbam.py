"""Exercises of chapter 02, CBAM: counting it and building its gates."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from simseg_core.exercises.cbam_design import narrow_gate, shares_its_mlp
from simseg_core.exercises.modules import fill
from simseg_core.exercises.steps import Exercise, NotYet, Steps
from simseg_core.models.cbam import CBAM, SpatialAttention


def weights(answer: Callable[[int, int], int], steps: Steps) -> None:
    """Count the weights."""

    def formula(hidden: float, C: int, *, biases: int = 1, gate: int = 100) -> float:
        return 2 * C * hidden + biases * (hidden + C) + gate

    cases = {
        (256, 16): "the paper's reduction, 256 channels",
        (512, 8): "another reduction",
        (110, 16): "a width that 16 does not divide",
        (8, 16): "fewer channels than the reduction",
    }
    for (C, reduction), what in cases.items():
        told = f"cbam_weights({C}, {reduction})"
        got = steps.call(answer, C, reduction, told=told)
        hidden = max(1, C // reduction)
        module = CBAM(C, reduction=reduction)
        mlp = formula(hidden, C, gate=0)
        steps.equal(
            got,
            sum(p.numel() for p in module.parameters()),
            what,
            hint=f"{told} is something else. Add up: two linear layers with biases, "
            "a convolution over two maps without one, a BatchNorm of one channel.",
            mistakes={
                "One MLP serves both poolings: its weights count once.": 2 * mlp + 100,
                "Both linear layers have biases: one for each unit, hidden and "
                "output.": formula(hidden, C, biases=0),
                "A bias for each hidden unit is missing.": mlp + 100 - hidden,
                "A bias for each output unit is missing.": mlp + 100 - C,
                "The MLP has two layers, down and up again.": C * hidden + hidden + 100,
                "A 7x7 kernel has 49 weights for each map that it reads.": mlp + 14 + 2,
                "The spatial gate's convolution has no bias, and a BatchNorm follows "
                "it.": mlp + 99,
                "The spatial gate's BatchNorm learns two numbers, a scale and a "
                "shift.": mlp + 98,
                "Only what is learned counts: a BatchNorm's running statistics are "
                "measured.": mlp + 102,
                "The 7x7 convolution has no bias: the BatchNorm behind it has a "
                "shift.": mlp + 101,
                "The convolution reads two maps, maximum and mean.": mlp + 49 + 2,
                "The convolution reads the two pooled maps, not all channels.": mlp
                + 49 * C
                + 2,
                "That is the channel gate alone: the spatial gate learns too.": mlp,
                "That is the spatial gate alone: most weights sit in the MLP.": 100,
                "The second argument is the reduction: it need not be 16.": formula(
                    max(1, C // 16), C
                ),
                "A layer has whole units: round C / reduction down.": formula(
                    C / reduction, C
                ),
                "Nothing is left of the hidden layer: it keeps one unit at "
                "least.": formula(0, C),
                "Rounded, but up or to the nearest: the hidden layer rounds "
                "down.": formula(round(C / reduction), C),
            },
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
        told = f"channel_gate(x, ...) with x of {B}x{C}x{H}x{W}"
        got = steps.call(answer, x, w1, b1, w2, b2, told=told)
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


def spatial_gate(answer: type[nn.Module], steps: Steps) -> None:
    """Write the spatial gate."""
    for size in (7, 3):
        told = f"SpatialGate({size})"
        mine = fill(steps.build(answer, size, told=told))
        steps.right.append(f"a module, kernel {size}")
        reference = fill(SpatialAttention(kernel_size=size))
        x = torch.randn(2, 5, 9, 12)
        told = f"{told}(x) with x of {tuple(x.shape)}"
        try:
            got = steps.call(mine, x, told=told)
        except NotYet as error:
            if "must match the size" not in str(error):
                raise
            raise NotYet(
                f"{error}. Does the padding follow the kernel, so that the gate has "
                "the size of x?"
            ) from None
        with torch.no_grad():
            gate = reference.gate(x)
            maximum, mean = x.amax(1, keepdim=True), x.mean(1, keepdim=True)
            score = reference.conv(torch.cat([maximum, mean], dim=1))
            swapped = reference.conv(torch.cat([mean, maximum], dim=1))
            total = reference.conv(torch.cat([maximum, x.sum(1, keepdim=True)], 1))
            norm = reference.norm
            mistakes = {
                "The maximum is stacked first, as in the authors' code, then the "
                "mean.": norm(swapped).sigmoid() * x,
                "Nothing is squashed: the sigmoid comes after the BatchNorm.": norm(
                    score
                )
                * x,
                "There is a BatchNorm, and the convolution's result does not pass "
                "through it before the sigmoid.": score.sigmoid() * x,
                "BatchNorm comes before the sigmoid: behind it a gate may leave 0 to "
                "1.": norm(score.sigmoid()) * x,
                "A ReLU before the sigmoid holds every gate at 1/2 or above.": norm(
                    score
                )
                .relu()
                .sigmoid()
                * x,
                "A sum over channels where the mean belongs.": norm(total).sigmoid()
                * x,
                "Both maps are the maximum: the second is the mean.": norm(
                    reference.conv(torch.cat([maximum, maximum], dim=1))
                ).sigmoid()
                * x,
                "That is the gate, spread over the channels: multiply x by it.": (
                    gate.expand_as(x)
                ),
                "The gate is added to x: multiply.": gate + x,
                "The input is added to its gated self: the block returns the product "
                "alone.": gate * x + x,
            }
        shape = tuple(got.shape) if isinstance(got, Tensor) else type(got).__name__
        hint = f"From {tuple(x.shape)} the block makes the same shape, got {shape}."
        if shape == tuple(gate.shape):
            hint = "That is the gate: return x multiplied by it."
        steps.require(shape == tuple(x.shape), f"shapes, kernel {size}", hint=hint)
        count = sum(p.numel() for p in mine.parameters())
        wanted = sum(p.numel() for p in reference.parameters())
        hints = {
            wanted + 1: "The convolution needs no bias: the BatchNorm has a shift.",
            wanted - 2: "The BatchNorm between convolution and sigmoid is missing: "
            "without it, two learned numbers are too few.",
            wanted - 1: "Not a bias but a BatchNorm follows the convolution.",
            100: f"The kernel is {size} x {size} here: use the argument.",
        }
        steps.require(
            count == wanted,
            f"the number of weights, kernel {size}",
            hint=hints.get(
                count,
                f"{count} weights, {wanted} are wanted: a {size}x{size} convolution "
                "from two maps to one, and a BatchNorm of one channel.",
            ),
        )
        steps.equal(
            got,
            gate * x,
            f"the numbers, kernel {size}",
            hint="Sizes and weights fit, the numbers do not: pool over the channels, "
            "stack, convolution, BatchNorm, sigmoid, then multiply x.",
            mistakes=mistakes,
        )


EXERCISES: dict[str, Exercise] = {
    "02.1": weights,
    "02.2": channel_gate,
    "02.3": spatial_gate,
    "02.4": shares_its_mlp,
    "02.5": narrow_gate,
}
