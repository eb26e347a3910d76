"""Exercise 03.4: a residual block as a module, projected where widths differ."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from simseg_core.exercises.bench.help import Help
from simseg_core.exercises.bench.modules import count_weights, fill
from simseg_core.exercises.bench.steps import Steps
from simseg_core.models.residual import BasicUnit

HELP = Help(
    read="Version 5: what is built today",
    ask="What can be added to what? Write down the shape of branch and shortcut for 3 "
    "channels in and 5 out, then for 5 in and 5 out. How many ReLUs are there, and "
    "where does each stand?",
    idea="Two values of one channel, 2 and -5, and suppose that the branch makes -1 "
    "and 3 of them. The sums are 2 - 1 = 1 and -5 + 3 = -2, and the ReLU behind the "
    "sum leaves 1 and 0. (A ReLU at the branch's own end would first make 0 and 3 of "
    "it, and the result would be 2 and 0.) The branch is convolution, BatchNorm, ReLU, "
    "convolution, BatchNorm. From 3 to 5 channels: its kernels have 3 · 5 · 9 = 135 "
    "and 5 · 5 · 9 = 225 weights, each BatchNorm 2 · 5 = 10; the shortcut must make 5 "
    "channels too, by a 1x1 with 3 · 5 = 15 weights and a BatchNorm. From 5 to 5 the "
    "shortcut is the input itself and has no weights.",
)


def residual_block(answer: type[nn.Module], steps: Steps) -> None:
    """Make the stage residual."""
    torch.manual_seed(1)
    for c_in, c_out in ((6, 6), (4, 8)):
        call = f"ResidualBlock({c_in}, {c_out})"
        mine = fill(steps.build(answer, c_in, c_out, named=call))
        reference = fill(BasicUnit(c_in, c_out))
        x = torch.randn(c_in // 2, c_in, 9, 12)
        got = steps.call(mine, x, named=f"{call}(x) with x of {tuple(x.shape)}")
        first, second = reference.residual.children()
        assert isinstance(first, nn.Sequential)
        with torch.no_grad():
            branch = reference.residual(x)
            shortcut = reference.shortcut(x)
            wanted = F.relu(branch + shortcut)
            mistakes = {
                "The sum is not rectified: ReLU comes after the addition.": branch
                + shortcut,
                "ReLU belongs after the sum, not on the branch before it.": F.relu(
                    branch
                )
                + shortcut,
                "There is a ReLU too many at the branch's end.": F.relu(
                    F.relu(branch) + shortcut
                ),
                "The shortcut is missing: add the block's input to its branch.": F.relu(
                    branch
                ),
                "The ReLU between the convolutions is missing.": F.relu(
                    second(first[:2](x)) + shortcut
                ),
                "Neither ReLU is there: one between the convolutions, one after the "
                "sum.": second(first[:2](x)) + shortcut,
                "The shortcut is rectified before the sum: only the sum is.": F.relu(
                    branch + shortcut.relu()
                ),
                "The input is rectified first: it may be negative.": reference(
                    x.relu()
                ),
                "The shortcut is multiplied: add it.": F.relu(branch * shortcut),
            }
        count = count_weights(mine)
        wanted_count = count_weights(reference)
        bias_count = wanted_count + 2 * c_out + (c_out if c_in != c_out else 0)
        steps.require(
            isinstance(got, Tensor) and got.shape == wanted.shape,
            f"shapes, {c_in} to {c_out} channels",
            hint=f"From {tuple(x.shape)} the block makes {tuple(wanted.shape)}: 3x3 "
            "convolutions padded by 1, and a 1x1 projection where widths differ.",
        )
        widths = f"{c_in} -> {c_out}"
        norm, kernel = 2 * c_out, c_in * c_out
        differs = c_in != c_out
        hints = {
            bias_count: "The convolutions need no bias: BatchNorm adds its own.",
            wanted_count - 2 * norm - (norm if differs else 0): "BatchNorm follows "
            "each convolution, and yours has none.",
            wanted_count - norm: "One BatchNorm is missing: each convolution has its "
            "own" + (", the projection too." if differs else "."),
        }
        if differs:
            hints[wanted_count + 8 * kernel] = "The projection is a 1x1 convolution."
        else:
            once = "Widths agree, 6 -> 6: project only where the widths differ."
            hints[wanted_count + kernel + norm] = hints[wanted_count + kernel] = once
        steps.require(
            count == wanted_count,
            f"the number of weights, {c_in} to {c_out} channels",
            hint=hints.get(
                count,
                f"Your block {widths} has {count} weights, {wanted_count} are wanted: "
                "two 3x3 convolutions with BatchNorm each"
                + (", and a projection with its own." if differs else "."),
            ),
        )
        steps.equal(
            got,
            wanted,
            f"the numbers, {c_in} to {c_out} channels",
            hint="Sizes and weights fit, the numbers do not: convolution, BatchNorm, "
            "ReLU, convolution, BatchNorm, then the sum, then ReLU.",
            mistakes=mistakes,
        )
