"""Exercises of chapter 03, U-Net: those that build; `unet_analysis` has the others."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from simseg_core.exercises import unet_analysis
from simseg_core.exercises.modules import fill
from simseg_core.exercises.steps import Exercise, Steps
from simseg_core.models.residual import BasicUnit
from simseg_core.models.unet import ValidDoubleConv, center_crop


def crop(answer: Callable[[Tensor, int, int], Tensor], steps: Steps) -> None:
    """Crop the centre."""

    def compare(shape: tuple[int, int], size: tuple[int, int], what: str) -> None:
        x = torch.randn(2, 3, *shape)
        (height, width), (h, w) = shape, size
        told = f"my_center_crop(x, {h}, {w}) with x of {height}x{width}"
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
            "round() takes half-numbers to the even side: an odd margin's smaller "
            "half is always above and to the left.": x[
                ..., round((height - h) / 2) :, round((width - w) / 2) :
            ][..., :h, :w],
            "That is the corner below and to the right: halve the margin.": x[
                ..., height - h :, width - w :
            ],
            "The cut begins one pixel too late.": x[..., top + 1 :, left + 1 :][
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
    compare((9, 12), (4, 5), "odd margins")
    compare((5, 7), (5, 7), "no margin at all")


def up_step(answer: type[nn.Module], steps: Steps) -> None:
    """Write one step of the expanding path."""
    c_in, c_out = 8, 4
    told = f"UpStep({c_in}, {c_out})"
    mine = fill(steps.build(answer, c_in, c_out, told=told))
    x, skip = torch.randn(1, c_in, 14, 18), torch.randn(1, c_out, 33, 47)
    sizes = "x of 14x18 and skip of 33x47"
    got = steps.call(mine, x, skip, told=f"{told}(x, skip) with {sizes}")

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
        near, smooth = (
            convs(
                torch.cat([F.interpolate(skip, cut.shape[-2:], mode=mode), rising], 1)
            )
            for mode in ("nearest", "bilinear")
        )
        rectified = convs(torch.cat([cut, rising.relu()], dim=1))
        first_relu_missing = F.relu(convs[2](convs[0](torch.cat([cut, rising], dim=1))))
        shifted = [
            convs(torch.cat([skip[..., a : a + 28, b : b + 36], rising], dim=1))
            for a, b in ((2, 2), (5, 5), (3, 6))
        ]
        last_relu_missing = convs[2](F.relu(convs[0](torch.cat([cut, rising], dim=1))))
        corner = convs(torch.cat([skip[..., :28, :36], rising], dim=1))
        steps.require(
            isinstance(got, Tensor) and got.ndim == 4 and got.shape[1] == c_out,
            "the channels of the result",
            hint=f"The step returns one map of {c_out} channels.",
        )
        steps.require(
            got.shape == wanted.shape,
            "the size of the result",
            hint=f"From 14x18 the step doubles to 28x36 and two valid convolutions "
            f"leave 24x32; yours is {got.shape[-2]}x{got.shape[-1]}. Is something "
            "padded, or the up-sampled map cut instead of the skip?",
        )
        hints = {
            wanted_count - c_out: "One convolution has no bias: all three have one.",
            wanted_count - 2 * c_out: "The 3x3 convolutions have biases here.",
            wanted_count - 3 * c_out: "The convolutions have biases here.",
            wanted_count + 4 * c_out: "There is no BatchNorm in this U-Net.",
            wanted_count - 3 * c_in * c_out: "The map from below rises by a transposed "
            "convolution, 2x2 with stride 2.",
            wanted_count + 5 * c_in * c_out: "The transposed convolution is 2x2 here.",
        }
        steps.require(
            count == wanted_count,
            "the number of weights",
            hint=hints.get(
                count,
                f"Your step has {count} weights. After the concatenation the first "
                f"3x3 convolution reads {2 * c_out} channels (an addition would leave "
                f"{c_out}); every convolution has a bias.",
            ),
        )
        steps.equal(
            got,
            wanted,
            "the numbers, on random weights",
            hint="Sizes and weights fit, the numbers do not: is each 3x3 convolution "
            "followed by a ReLU, and nothing else by one?",
            mistakes={
                "The skip comes first, the up-sampled map second.": swapped,
                "The skip is resized: cut its centre out instead.": near,
                "The skip is resized and blended: cut its centre out.": smooth,
                "The first ReLU is missing.": first_relu_missing,
                "The transposed convolution has no ReLU behind it.": rectified,
                "The crop takes the rows' margin for the columns too.": shifted[0],
                "The crop takes the columns' margin for the rows too.": shifted[1],
                "An odd margin's larger half stays below and to the right.": shifted[2],
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
        mine = fill(steps.build(answer, c_in, c_out, told=told))
        reference = fill(BasicUnit(c_in, c_out))
        x = torch.randn(2, c_in, 9, 12)
        got = steps.call(mine, x, told=f"{told}(x) with x of {tuple(x.shape)}")
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
        count = sum(p.numel() for p in mine.parameters())
        wanted_count = sum(p.numel() for p in reference.parameters())
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


_BUILT: dict[str, Exercise] = {
    "03.2": crop,
    "03.3": up_step,
    "03.4": residual_block,
}
EXERCISES: dict[str, Exercise] = dict(
    sorted((_BUILT | unet_analysis.EXERCISES).items())
)
