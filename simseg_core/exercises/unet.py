"""Exercises of chapter 03, U-Net: those that build; `unet_analysis` has the others."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from simseg_core.exercises import unet_analysis
from simseg_core.exercises.checking import Exercise, NotYet, Steps, fill
from simseg_core.models.residual import BasicUnit
from simseg_core.models.unet import ValidDoubleConv, center_crop


def crop(answer: Callable[[Tensor, int, int], Tensor], steps: Steps) -> None:
    """Crop the centre."""

    def compare(shape: tuple[int, int], size: tuple[int, int], what: str) -> None:
        x = torch.randn(2, 3, *shape)
        (height, width), (h, w) = shape, size
        told = f"center_crop(x, {h}, {w}) with x of {height}x{width}"
        got = steps.call(answer, x, h, w, told=told)
        top, left = (height - h) // 2, (width - w) // 2
        below = x[..., height - h - top :, width - w - left :]
        mistakes = {
            "That is the top left corner: where does the centre begin?": x[..., :h, :w],
            "The rows' offset is used for the columns as well.": x[
                ..., top : top + h, top : top + w
            ],
            "The columns' offset is used for the rows as well.": x[
                ..., left : left + h, left : left + w
            ],
            "An odd margin's larger half belongs below and to the right.": below[
                ..., :h, :w
            ],
            "That is a resize, which blends pixels: cut instead.": F.interpolate(
                x, size
            ),
            "Nothing is cut off yet.": x,
            "The last axis is the width: height and width are exchanged.": x[
                ..., (height - w) // 2 :, (width - h) // 2 :
            ][..., :w, :h],
        }
        steps.equal(
            got,
            center_crop(x, size),
            what,
            hint=f"{told} should keep the central {h}x{w}, batch and channels whole.",
            mistakes=mistakes,
        )

    compare((8, 8), (4, 4), "an even margin on a square map")
    compare((64, 80), (56, 56), "other margins for rows than for columns")
    compare((9, 9), (4, 6), "an odd margin")
    compare((5, 7), (5, 7), "no margin at all")


def up_step(answer: type[nn.Module], steps: Steps) -> None:
    """Write one step of the expanding path."""
    c_in, c_out = 8, 4
    told = f"UpStep({c_in}, {c_out})"
    mine = steps.call(answer, c_in, c_out, told=told)
    x, skip = torch.randn(1, c_in, 14, 18), torch.randn(1, c_out, 33, 47)
    fill(mine)
    got = steps.call(mine, x, skip, told=f"{told}(x, skip)")

    up = nn.ConvTranspose2d(c_in, c_out, 2, stride=2)
    convs = ValidDoubleConv(2 * c_out, c_out)
    reference = fill(nn.ModuleList([up, convs]))
    count = sum(p.numel() for p in mine.parameters())
    wanted_count = sum(p.numel() for p in reference.parameters())
    with torch.no_grad():
        rising = up(x)
        cut = center_crop(skip, rising.shape[-2:])
        wanted = convs(torch.cat([cut, rising], dim=1))
        swapped = convs(torch.cat([rising, cut], dim=1))
        resized = convs(
            torch.cat([F.interpolate(skip, rising.shape[-2:]), rising], dim=1)
        )
        last_relu_missing = convs[2](F.relu(convs[0](torch.cat([cut, rising], dim=1))))
        corner = convs(torch.cat([skip[..., :28, :36], rising], dim=1))
        steps.require(
            isinstance(got, Tensor) and got.shape[:2] == (1, c_out),
            "the channels of the result",
            hint=f"The step returns {c_out} channels.",
        )
        steps.require(
            got.shape == wanted.shape,
            "the size of the result",
            hint=f"From 14x18 the step doubles to 28x36 and two valid convolutions "
            f"leave 24x32; yours is {got.shape[-2]}x{got.shape[-1]}. Is something "
            "padded, or the up-sampled map cut instead of the skip?",
        )
        steps.require(
            count == wanted_count,
            "the number of weights",
            hint=f"Your step has {count} weights. After the concatenation the first "
            f"3x3 convolution reads {2 * c_out} channels (an addition would leave "
            f"{c_out}); every convolution has a bias.",
        )
        steps.equal(
            got,
            wanted,
            "the numbers, on random weights",
            hint="Sizes and weights fit, the numbers do not: is each 3x3 convolution "
            "followed by a ReLU, and nothing else by one?",
            mistakes={
                "The skip comes first, the up-sampled map second.": swapped,
                "The skip is resized: cut its centre out instead.": resized,
                "The second ReLU is missing.": last_relu_missing,
                "The skip is cut at its corner: its centre is what lies over the map "
                "from below.": corner,
            },
        )


def residual_block(answer: type[nn.Module], steps: Steps) -> None:
    """Make the stage residual."""
    torch.manual_seed(1)
    for c_in, c_out in ((6, 6), (4, 8)):
        told = f"ResidualBlock({c_in}, {c_out})"
        mine = fill(steps.call(answer, c_in, c_out, told=told))
        reference = fill(BasicUnit(c_in, c_out))
        x = torch.randn(2, c_in, 9, 12)
        got = steps.call(mine, x, told=f"{told}(x)")
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
                "The shortcut carries a rectified input: an in-place ReLU may have "
                "changed x.": F.relu(branch + F.relu(x) if c_in == c_out else branch),
            }
        count = sum(p.numel() for p in mine.parameters())
        wanted_count = sum(p.numel() for p in reference.parameters())
        bias_count = wanted_count + 2 * c_out + (c_out if c_in != c_out else 0)
        steps.require(
            isinstance(got, Tensor) and got.shape == wanted.shape,
            f"shapes, {c_in} to {c_out} channels",
            hint=f"From {tuple(x.shape)} the block makes {tuple(wanted.shape)}: 3x3 "
            "convolutions padded by 1, and a 1x1 projection where widths differ.",
        )
        if count == bias_count:
            raise NotYet("The convolutions need no bias: BatchNorm adds its own.")
        projected = "a projection only where the widths differ, with its BatchNorm"
        steps.require(
            count == wanted_count,
            f"the number of weights, {c_in} to {c_out} channels",
            hint=f"Your block {c_in} -> {c_out} has {count} weights, two too many or "
            f"too few layers: two 3x3 convolutions with BatchNorm each, {projected}.",
        )
        steps.equal(
            got,
            wanted,
            f"the numbers, {c_in} to {c_out} channels",
            hint="Sizes and weights fit, the numbers do not: convolution, BatchNorm, "
            "ReLU, convolution, BatchNorm, then the sum, then ReLU.",
            mistakes=mistakes,
        )


_BUILT: dict[str, Exercise] = {
    "03.2": crop,
    "03.3": up_step,
    "03.4": residual_block,
}
EXERCISES: dict[str, Exercise] = dict(
    sorted((_BUILT | unet_analysis.EXERCISES).items())
)
