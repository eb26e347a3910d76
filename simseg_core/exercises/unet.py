"""Exercises of chapter 03, U-Net."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from simseg_core import create_model
from simseg_core.exercises.checking import Exercise, NotYet, Steps, fill
from simseg_core.models.residual import BasicUnit
from simseg_core.models.unet import ValidDoubleConv, center_crop
from simseg_core.probes import receptive_field, trace_shapes


def output_size(answer: Callable[[int], int], steps: Steps) -> None:
    """Predict the output's size."""

    def walk(side: int, *, up_trims: bool = True) -> int:
        for _ in range(4):
            side -= 4
            if side <= 0 or side % 2:
                return 0
            side //= 2
        side -= 4
        for _ in range(4):
            side = 2 * side - (4 if up_trims else 0)
        return max(side, 0)

    def ask(side: int) -> int:
        return steps.call(answer, side, told=f"output_size({side})")

    steps.equal(
        ask(572),
        walk(572),
        "the paper's size",
        hint="Follow 572 down: two convolutions take 4 pixels off, a pooling halves.",
        mistakes={
            "The two convolutions of each stage on the way up trim too.": walk(
                572, up_trims=False
            ),
            "Each stage has two 3x3 convolutions, and each takes 2 pixels off.": 480,
        },
    )
    fitting = [side for side in range(188, 800) if walk(side)]
    for side in fitting:
        steps_hint = f"{side} fits as well: which part of your sum holds for 572 only?"
        if ask(side) != walk(side):
            raise NotYet(steps_hint)
    steps.right.append("every other size that fits")
    steps.require(
        ask(140) == 0,
        "a size that reaches the bottleneck and not the output",
        hint="140 survives the four poolings. Follow it up again: what is left?",
    )
    for side in (200, 190, 576, 573):
        steps.require(
            ask(side) == 0,
            f"{side} does not fit",
            hint=f"{side} does not fit: some pooling meets an odd size (or the size "
            "before a pooling is not what you think). A map is trimmed before it is "
            "halved.",
        )


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


def fields_of_phases(answer: Callable[[int], Any], steps: Steps) -> None:
    """Find every receptive field of a U-Net."""

    def truth(depth: int) -> list[int]:
        model = create_model(
            "unet", preset="tiny", widths=(2,) * (depth + 1), num_classes=2
        )
        side = 2**depth * (8 + 8) - 4
        field = receptive_field(model, (1, 3, side, side)).rows
        return sorted(set(field.sizes.tolist()))

    def ask(depth: int) -> list[int]:
        got = steps.call(answer, depth, told=f"field_sizes({depth})")
        try:
            return sorted(int(size) for size in got)
        except TypeError:
            raise NotYet(
                "One number cannot do: pixels of different phase see fields of "
                "different size. Return a list."
            ) from None

    bottom = {1: 14, 2: 32, 3: 68, 4: 140}
    for depth in (1, 2, 3, 4):
        steps.equal(
            ask(depth),
            truth(depth),
            f"{depth} pooling{'s' if depth > 1 else ''}",
            hint="Start at the output and walk back: a 3x3 convolution adds 2 pixels, "
            "a 2x2 transposed convolution maps 2 j and 2 j + 1 to the one pixel j.",
            mistakes={
                "That is what the lowest stage sees: the stages on the way up widen "
                "it.": [bottom[depth]],
                "Only one phase: what does its neighbour see?": truth(depth)[:1],
                "Only the widest phase: do all pixels see that much?": truth(depth)[
                    -1:
                ],
            },
        )


def lean_unet(answer: Callable[[], nn.Module], steps: Steps) -> None:
    """Design a lean U-Net."""
    model = steps.call(answer, told="lean_unet()")
    steps.require(
        isinstance(model, nn.Module),
        "a network",
        hint="Return an nn.Module: your own, or one made by create_model.",
    )
    model.eval()
    x = torch.randn(1, 3, 96, 96)
    with torch.no_grad():
        logits = steps.call(model, x, told="the network on a 1x3x96x96 image")
    steps.require(
        isinstance(logits, Tensor) and logits.shape == (1, 6, 96, 96),
        "6 logits for each of 96x96 pixels",
        hint=f"Wanted logits of (1, 6, 96, 96), got {tuple(logits.shape)}: six "
        "classes, at the image's own size.",
    )
    count = sum(p.numel() for p in model.parameters())
    steps.require(
        count <= 60_000,
        f"{count:,} parameters, within 60,000",
        hint=f"{count:,} parameters: more than 60,000. Where do most of them sit, "
        "and do they need to be that wide?",
    )
    joins = [
        row
        for row in trace_shapes(model, (1, 3, 96, 96)).rows
        if row.operation in ("cat", "add") and row.output_shape[-2:] == (96, 96)
    ]
    steps.require(
        bool(joins),
        "a skip at full resolution",
        hint="No concatenation or sum at 96x96: without it, what tells the decoder "
        "where a 1-pixel pole stands?",
    )
    sizes = receptive_field(model, (1, 3, 96, 96)).rows.sizes
    steps.require(
        min(sizes) >= 60,
        f"receptive fields of {min(sizes)} to {max(sizes)} pixels",
        hint=f"Some output pixel sees only {min(sizes)} of 96 rows; 60 are wanted. "
        "What widens a field cheaply: one more pooling, or one more convolution?",
    )


EXERCISES: dict[str, Exercise] = {
    "03.1": output_size,
    "03.2": crop,
    "03.3": up_step,
    "03.4": residual_block,
    "03.5": fields_of_phases,
    "03.6": lean_unet,
}
