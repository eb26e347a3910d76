"""Exercise 02.3: the spatial gate as a module, for any kernel."""

import torch
from torch import Tensor, nn

from simseg_core.exercises.bench.help import Help
from simseg_core.exercises.bench.modules import count_weights, fill
from simseg_core.exercises.bench.steps import NotYet, Steps
from simseg_core.models.cbam import SpatialAttention

HELP = Help(
    read="Version 2: which places",
    ask="After pooling over the channels, how many channels are left, and how large is "
    "the map? How many zeros must be laid around it so that a kernel of 5 returns a "
    "map of the same size?",
    idea="One place whose four channels hold 4, -2, 0 and 6: the maximum is 6, the "
    "mean is (4 - 2 + 0 + 6) / 4 = 2. So each place has two numbers left, which make "
    "two maps, the maximum's first. The convolution reads these two and writes one. A "
    "kernel of 5 reaches 2 places to each side, so 2 zeros go around; for any odd "
    "kernel it is half of it, rounded down. It has 2 · 5 · 5 = 50 weights and no bias, "
    "and the BatchNorm of one channel behind it has 2. Then the sigmoid: one gate a "
    "place, whatever the channel. Let it be 0.5 here: the four channels become 2, -1, "
    "0 and 3. The module gives back this product, not the gate.",
)


def spatial_gate(answer: type[nn.Module], steps: Steps) -> None:
    """Write the spatial gate."""
    for size in (7, 3):
        call = f"SpatialGate({size})"
        mine = fill(steps.build(answer, size, named=call))
        steps.right.append(f"a module, kernel {size}")
        reference = fill(SpatialAttention(kernel_size=size))
        x = torch.randn(2, 5, 9, 12)
        call = f"{call}(x) with x of {tuple(x.shape)}"
        try:
            got = steps.call(mine, x, named=call)
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
        count = count_weights(mine)
        wanted = count_weights(reference)
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
