"""Exercise 03.2: crop the centre of a map, odd margins included."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from simseg_core.exercises.bench.help import Help
from simseg_core.exercises.bench.steps import Steps
from simseg_core.models.unet import center_crop

HELP = Help(
    read="Version 3: a skip, and the crop it needs",
    ask="How many rows are left over in all, and how many of these lie above the cut? "
    "Now the same question for the columns, from the beginning.",
    idea="Cut 6 by 4 out of 11 by 7. Rows: 11 - 6 = 5 are left over, and half of 5 is "
    "2.5. The smaller half, 2, lies above: the cut takes the 6 rows from number 2 to "
    "number 7, and 3 stay below. Columns: 7 - 4 = 3 are left over, 1 of them on the "
    "left: the cut takes the columns 1 to 4. So there are two offsets, one for each of "
    "the last two axes, each the margin halved and rounded down; images and channels "
    "are not cut. Count the end of the cut from its beginning, offset plus size. "
    "Counted from the far edge, a margin of 0 would need a case of its own.",
)


def crop(answer: Callable[[Tensor, int, int], Tensor], steps: Steps) -> None:
    """Crop the centre."""
    batches = iter((2, 1, 3, 2))

    def compare(shape: tuple[int, int], size: tuple[int, int], what: str) -> None:
        x = torch.randn(next(batches), 3 + shape[0] % 2, *shape)
        (height, width), (h, w) = shape, size
        call = f"my_center_crop(x, {h}, {w}) with x of {height}x{width}"
        got = steps.call(answer, x, h, w, named=call)
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
            hint=f"{call} should keep the central {h}x{w}, batch and channels whole.",
            mistakes=mistakes,
        )

    compare((8, 8), (4, 4), "an even margin on a square map")
    compare((64, 80), (56, 56), "other margins for rows than for columns")
    compare((9, 12), (4, 5), "odd margins")
    compare((5, 7), (5, 7), "no margin at all")
