"""Exercise 03.3: one step of the U-Net's expanding path as a module."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from simseg_core.exercises.bench.help import Help
from simseg_core.exercises.bench.modules import count_weights, fill, require_other_sizes
from simseg_core.exercises.bench.steps import Steps
from simseg_core.models.unet import ValidDoubleConv, center_crop

HELP = Help(
    read="Version 4: the whole network",
    ask="For a step from 10 to 5 channels, with a map of 5 x 6 from below and a skip "
    "of 13 x 15, write down the shape after each operation. How many channels does "
    "each 3x3 convolution read?",
    idea="The map from below is 10 x 5 x 6; a transposed 2x2 convolution of stride 2 "
    "makes it 5 x 10 x 12. The skip is 5 x 13 x 15. Of 13 - 10 = 3 rows too many 1 "
    "goes above, of 15 - 12 = 3 columns 1 on the left; the centre is 5 x 10 x 12. "
    "Stacked, the skip first: 10 x 10 x 12. A valid 3x3 reads these 5 + 5 = 10 "
    "channels and leaves 5 x 8 x 10, the next one 5 x 6 x 8. A ReLU follows each of "
    "these two, and nothing else; there is no BatchNorm. Each of the three "
    "convolutions has a bias: 10 · 5 · 4 + 5 = 205 weights, 10 · 5 · 9 + 5 = 455 and 5 "
    "· 5 · 9 + 5 = 230.",
)


def up_step(answer: type[nn.Module], steps: Steps) -> None:
    """Write one step of the expanding path."""
    c_in, c_out = 8, 4
    call = f"UpStep({c_in}, {c_out})"
    mine = fill(steps.build(answer, c_in, c_out, named=call))
    x, skip = torch.randn(1, c_in, 14, 18), torch.randn(1, c_out, 33, 47)
    sizes = "x of 14x18 and skip of 33x47"
    got = steps.call(mine, x, skip, named=f"{call}(x, skip) with {sizes}")

    up = nn.ConvTranspose2d(c_in, c_out, 2, stride=2)
    convs = ValidDoubleConv(2 * c_out, c_out)
    reference = fill(nn.ModuleList([up, convs]))
    count = count_weights(mine)
    wanted_count = count_weights(reference)
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
        x, skip = torch.randn(3, 6, 7, 5), torch.randn(3, 5, 14, 16)
        up, convs = nn.ConvTranspose2d(6, 5, 2, stride=2), ValidDoubleConv(10, 5)
        reference = fill(nn.ModuleList([up, convs]))
        rising = up(x)
        cut = center_crop(skip, rising.shape[-2:])
        require_other_sizes(
            steps,
            answer,
            reference,
            convs(torch.cat([cut, rising], dim=1)),
            x,
            skip,
            named="UpStep(6, 5)",
            sizes=(6, 5),
        )
