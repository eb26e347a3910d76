"""Exercise 04.2: an atrous 3x3 convolution that keeps the size, at any rate."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from simseg_core.exercises.bench.help import Help
from simseg_core.exercises.bench.steps import Steps

HELP = Help(
    read="Version 1: a kernel with holes",
    ask="Do not move the kernel, move the map: by how much, so that each value meets "
    "what the upper left tap reads? And how many zeros must lie around the map, so "
    "that no shift runs out of it?",
    idea="One row: 3 1 4 1 5 9, the taps 1, 10 and 100, and rate 4. The first value "
    "has 3 under its middle tap, nothing on its left, and 5 four places to its right: "
    "0 + 10 · 3 + 100 · 5 = 530. The fifth has 3 on its left and nothing on its right: "
    "3 + 10 · 5 + 0 = 53. For all at once, lay 4 zeros on each side, which makes 6 + 2 "
    "· 4 = 14 values, and cut out three pieces as long as the row, beginning at 0, at "
    "4 and at 8. Weigh them by 1, 10 and 100 and add. In the plane there are nine "
    "pieces, and each tap mixes the channels by a matrix of its own. Or ask a "
    "convolution that knows of holes, with as many zeros.",
)


def convolve(answer: Callable[[Tensor, Tensor, int], Tensor], steps: Steps) -> None:
    """Convolve with holes."""

    def compare(shape: tuple[int, int], rate: int, what: str) -> None:
        batch, c_in, c_out = 1 + rate % 3, 2 + rate % 2, 5 - rate % 2
        x = torch.randn(batch, c_in, *shape)
        weight = torch.randn(c_out, c_in, 3, 3)
        height, width = shape
        call = f"my_atrous(x, weight, {rate}) with x of {height}x{width}"
        got = steps.call(answer, x, weight, rate, named=call)

        def padded(mode: str) -> Tensor:
            around = F.pad(x, (rate, rate, rate, rate), mode=mode)
            return F.conv2d(around, weight, dilation=rate)

        wanted = F.conv2d(x, weight, padding=rate, dilation=rate)
        wide = F.conv2d(x, weight, padding=1)
        mistakes = {
            "That is a convolution without padding: what is outside the map counts as "
            "zero, and the size stays.": F.conv2d(x, weight, dilation=rate),
            "One row and column of zeros are not enough: the outer taps lie `rate` "
            "pixels from the centre, so `rate` are needed on each side.": F.conv2d(
                x, weight, padding=1, dilation=rate
            ),
            "The taps are neighbours: there are no holes between them.": wide,
            "The outcome is strided: each pixel of the map gets a value.": wanted[
                ..., ::rate, ::rate
            ],
            "The kernel is flipped. Here, as everywhere in deep learning, weight "
            "[0, 0] belongs to the pixel above and to the left.": F.conv2d(
                x, weight.flip(-1, -2), padding=rate, dilation=rate
            ),
            "Rows and columns of the kernel are exchanged.": F.conv2d(
                x, weight.transpose(-1, -2), padding=rate, dilation=rate
            ),
            "What lies outside the map counts as zero; you repeat its edge.": padded(
                "replicate"
            ),
            "What lies outside the map counts as zero; you mirror it.": padded(
                "reflect"
            ),
            "Padded by `rate`, and the taps are neighbours still.": F.conv2d(
                x, weight, padding=rate
            ),
            "That is the tap of the centre alone: eight more are added.": F.conv2d(
                x, weight[..., 1:2, 1:2]
            ),
            "The kernel is flipped, and the other side of the map comes in: zeros lie "
            "outside.": F.conv2d(
                F.pad(x, (rate, rate, rate, rate), mode="circular"),
                weight.flip(-1, -2),
                dilation=rate,
            ),
            "What lies outside the map counts as zero; you go round to the other "
            "side (torch.roll does).": padded("circular"),
        }
        steps.equal(
            got,
            wanted,
            what,
            hint=f"{call}: for each of the nine taps the map, shifted by `rate` "
            "times the tap's place, times that tap's weights, all added up.",
            mistakes=mistakes,
        )

    compare((7, 7), 1, "rate 1, ordinary convolution")
    compare((7, 9), 2, "rate 2 on a map that is not square")
    compare((12, 8), 3, "rate 3")
    compare((12, 11), 5, "a rate at which most windows hang over the edge")
