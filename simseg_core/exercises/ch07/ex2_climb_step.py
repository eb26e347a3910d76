"""Exercise 07.2: one step of the expanding path of a U-Net on a ResNet."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from simseg_core.exercises.bench.help import Help
from simseg_core.exercises.bench.modules import count_weights, fill, require_other_sizes
from simseg_core.exercises.bench.steps import Steps
from simseg_core.models.unet_padded import DoubleConv

HELP = Help(
    read="Version 6: up again, and the skip that is missing",
    ask="Let the map from below be 4 x 3 x 4 and the skip 2 x 5 x 8. Write down the "
    "shape after each operation. Would doubling do, in place of resizing to the skip's "
    "size?",
    idea="The map from below is 4 x 3 x 4, the skip 2 x 5 x 8, and the width 7. "
    "Doubled, 3 rows would be 6, and the skip has 5; so resize to the skip's size: 4 x "
    "5 x 8. Nearest-neighbour: three rows called 1, 2 and 3 become five like this: 1, "
    "1, 2, 2, 3. Nothing is blended, and there are no weights. Stacked, the map from "
    "below first: 4 + 2 = 6 channels. A padded 3x3 from 6 to 7, 9 · 6 · 7 = 378 "
    "weights, one from 7 to 7, 9 · 7 · 7 = 441, neither with a bias; BatchNorm, 2 · 7 "
    "= 14, and a ReLU after each. The size stays 5 x 8.",
)


def climb_step(answer: type[nn.Module], steps: Steps) -> None:
    """Climb one step."""
    c_below, c_skip, width = 6, 4, 5
    call = f"ClimbStep({c_below}, {c_skip}, {width})"
    mine = fill(steps.build(answer, c_below, c_skip, width, named=call))
    below, skip = torch.randn(1, c_below, 6, 9), torch.randn(1, c_skip, 11, 18)
    sizes = "below of 6x9 and skip of 11x18"
    got = steps.call(mine, below, skip, named=f"{call}(below, skip) with {sizes}")

    reference = fill(DoubleConv(c_below + c_skip, width))
    count = count_weights(mine)
    wanted_count = count_weights(reference)
    norms, alone = 4 * width, 9 * width * c_skip
    steps.require(
        isinstance(got, Tensor) and got.shape == (1, width, 11, 18),
        "the shape of the result",
        hint=f"The step returns {width} channels at the skip's size, 11x18. Are the "
        "convolutions padded by 1, and is the map from below resized, not the skip?",
    )
    hints = {
        wanted_count + 2 * width: "The convolutions need no bias: BatchNorm adds its "
        "own.",
        wanted_count - norms: "BatchNorm follows each convolution, and yours has none.",
        wanted_count - norms // 2: "A BatchNorm is missing, or biases stand in its "
        "place.",
        wanted_count - alone: "The skip is not read, or it is added: stack it.",
        wanted_count + 4 * c_below**2 + c_below: "Resizing has no weights: a "
        "transposed convolution has.",
    }
    steps.require(
        count == wanted_count,
        "the number of weights",
        hint=hints.get(
            count,
            f"Your step has {count} weights, {wanted_count} are wanted: two 3x3 "
            f"convolutions without bias, the first of which reads {c_below + c_skip} "
            "channels, and two BatchNorms.",
        ),
    )

    def step(
        below: Tensor, skip: Tensor, mode: str = "nearest", swapped: bool = False
    ) -> Tensor:
        risen = F.interpolate(below, skip.shape[-2:], mode=mode)
        maps = [skip, risen] if swapped else [risen, skip]
        stacked: Tensor = reference(torch.cat(maps, dim=1))
        return stacked

    first, second = reference.children()
    assert isinstance(first, nn.Sequential)
    assert isinstance(second, nn.Sequential)
    with torch.no_grad():
        stacked = torch.cat([F.interpolate(below, skip.shape[-2:]), skip], dim=1)
        normed = first[:2](stacked)
        steps.equal(
            got,
            step(below, skip),
            "the numbers, on random weights",
            hint="Sizes and weights fit, the numbers do not: convolution, BatchNorm, "
            "ReLU, and the same again.",
            mistakes={
                "The map from below comes first here, the skip second.": step(
                    below, skip, swapped=True
                ),
                "The resizing is nearest-neighbour: yours blends.": step(
                    below, skip, mode="bilinear"
                ),
                "The last ReLU is missing.": second[:2](normed.relu()),
                "The ReLU between the convolutions is missing.": second(normed),
                "Neither ReLU is there.": second[:2](normed),
            },
        )
        reference = fill(DoubleConv(3 + 2, 7))
        below, skip = torch.randn(3, 3, 5, 4), torch.randn(3, 2, 10, 7)
        require_other_sizes(
            steps,
            answer,
            reference,
            step(below, skip),
            below,
            skip,
            named="ClimbStep(3, 2, 7)",
            sizes=(3, 2, 7),
        )
