"""Exercise 05.3: the decoder of DeepLabV3+ as a module."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from simseg_core.exercises.bench.help import Help
from simseg_core.exercises.bench.modules import count_weights, fill, require_other_sizes
from simseg_core.exercises.bench.steps import NotYet, Steps
from simseg_core.models.deeplabv3plus import Decoder
from simseg_core.models.layers import conv_bn_relu

HELP = Help(
    read="Version 5: the decoder",
    ask="Write down all shapes for 10 channels of 4 x 5 and low-level features of 6 "
    "channels of 15 x 18, narrowed to 2. Is there a factor that takes 4 x 5 to 15 x "
    "18?",
    idea="The low-level features go from 6 x 15 x 18 through a 1x1 to 2 x 15 x 18. The "
    "other map is 10 x 4 x 5; it is resized to 15 x 18, the size that is wanted, for "
    "no whole factor leads there: 10 x 15 x 18. Stacked, this one first: 10 + 2 = 12 "
    "channels. A padded 3x3 from 12 to 10, another from 10 to 10. The weights: 6 · 2 = "
    "12, 9 · 12 · 10 = 1080, 9 · 10 · 10 = 900, and two a channel for each BatchNorm, "
    "4, 20 and 20. Each of the three convolutions ends with BatchNorm and ReLU. With "
    "corners not aligned, the two values 0 and 12 become four like this: 0, 3, 9, 12.",
)


def decoder(answer: type[nn.Module], steps: Steps) -> None:
    """Write the decoder."""
    c, c_low, narrow = 6, 9, 4
    call = f"MyDecoder({c}, {c_low}, {narrow})"
    mine = fill(steps.build(answer, c, c_low, narrow, named=call))
    reference = fill(_Misjoined(c, c_low, narrow_channels=narrow))
    for size, small in (((12, 16), (3, 4)), ((9, 13), (3, 4))):
        x, low = torch.randn(2, c, *small), torch.randn(2, c_low, *size)
        shapes = f"x of {small[0]}x{small[1]} and low of {size[0]}x{size[1]}"
        try:
            got = steps.call(mine, x, low, named=f"{call}(x, low) with {shapes}")
        except NotYet as error:
            if "Sizes of tensors must match" not in str(error):
                raise
            raise NotYet(
                f"{error}. Resize x to low's size, whatever that is, not by a factor."
            ) from None
        steps.require(
            isinstance(got, Tensor) and got.shape == (2, c, *size),
            f"the shape, with {shapes}",
            hint=_why_misshapen(got, (2, c, *size), shapes, small),
        )
        _require_weights(steps, mine, reference, c, c_low, narrow)
        with torch.no_grad():
            mistakes = {
                "The narrowed low-level features come second in the "
                "concatenation.": reference.run(x, low, low_first=True),
                "x is resized bilinearly, not to the nearest value.": reference.run(
                    x, low, mode="nearest", aligned=None
                ),
                "You resize with align_corners=True; the default here is "
                "False.": reference.run(x, low, aligned=True),
                "A ReLU is missing after the 1x1 that narrows.": reference.run(
                    x, low, narrow_relu=False
                ),
                "x is resized after the convolutions, and low shrunk before them: "
                "detail has to be there when they run.": reference.run(
                    x, low, late=True
                ),
                "x is resized bilinearly, not by cubic curves.": reference.run(
                    x, low, mode="bicubic"
                ),
                "The last ReLU is missing.": reference.run(x, low, last_relu=False),
                "x is rectified first: leave it as it comes.": reference.run(
                    x.relu(), low
                ),
            }
            wanted = reference(x, low)
        steps.equal(
            got.detach(),
            wanted,
            f"the numbers, with {shapes}",
            hint="Sizes and weights fit, the numbers do not: narrow, resize, "
            "concatenate [x, narrowed], two 3x3; BatchNorm and ReLU after each.",
            mistakes=mistakes,
        )
    x, low = torch.randn(3, 5, 3, 4), torch.randn(3, 7, 6, 8)
    reference = fill(_Misjoined(5, 7, narrow_channels=3))
    require_other_sizes(
        steps,
        answer,
        reference,
        reference(x, low),
        x,
        low,
        named="MyDecoder(5, 7, 3)",
        sizes=(5, 7, 3),
    )


class _Misjoined(Decoder):
    """The reference with one thing done in another way."""

    def run(
        self,
        x: Tensor,
        low: Tensor,
        *,
        low_first: bool = False,
        mode: str = "bilinear",
        aligned: bool | None = False,
        narrow_relu: bool = True,
        last_relu: bool = True,
        late: bool = False,
    ) -> Tensor:
        """Return the output."""
        size = low.shape[-2:]
        narrowed = self.narrow(low) if narrow_relu else self.narrow[:2](low)
        if late:
            narrowed = F.interpolate(narrowed, x.shape[-2:], mode=mode)
        else:
            x = F.interpolate(x, size, mode=mode, align_corners=aligned)
        pair = [narrowed, x] if low_first else [x, narrowed]
        last = self.refine[-1]
        if not last_relu and isinstance(last, nn.Sequential):
            return last[:2](self.refine[:-1](torch.cat(pair, dim=1)))
        out = self.refine(torch.cat(pair, dim=1))
        return F.interpolate(out, size, mode=mode) if late else out


def _why_misshapen(
    got: object, wanted: tuple[int, ...], shapes: str, small: tuple[int, int]
) -> str:
    """Say by the shape of a result what became of the maps."""
    found = tuple(got.shape) if isinstance(got, Tensor) else type(got).__name__
    text = f"With {shapes} the result should be {wanted}, and is {found}: "
    if not isinstance(found, tuple):
        return text + "return the map alone."
    if found[-2:] == small:
        return text + "x is resized up to low's size, not low down to x's."
    if found[-1:] in ((wanted[-1] - 2,), (wanted[-1] - 4,)):
        return text + "pad the 3x3 convolutions."
    return text + "resize x to low's size, whatever that is, not by a factor."


def _require_weights(
    steps: Steps, mine: nn.Module, reference: nn.Module, c: int, c_low: int, narrow: int
) -> None:
    wanted, count = count_weights(reference), count_weights(mine)
    second = count_weights(conv_bn_relu(c, c))
    step = count_weights(conv_bn_relu(c_low, narrow, kernel_size=1))
    hints = {
        wanted - second: "One 3x3 convolution is missing: the decoder has two (the "
        "paper's table 2 tries one, two and three).",
        wanted + second: "One 3x3 convolution is too many: the decoder has two.",
        wanted - step + 9 * (c_low - narrow) * c: "The low-level features go in as "
        "wide as they are: a 1x1 convolution should narrow them first.",
        wanted + narrow + 2 * c: "The convolutions need no bias: BatchNorm adds its "
        "own.",
        wanted - 2 * narrow - 4 * c: "Each convolution is followed by BatchNorm, and "
        "yours has none.",
        wanted - 2 * narrow: "The 1x1 that narrows has a BatchNorm, too.",
    }
    if f"{wanted} weights" in steps.right:
        return
    steps.require(
        count == wanted,
        f"{wanted} weights",
        hint=hints.get(
            count,
            f"Yours has {count} weights, the reference {wanted}: a 1x1 from {c_low} to "
            f"{narrow}, a 3x3 from {c} + {narrow} to {c}, a 3x3 from {c} to {c}; "
            "BatchNorm after each, no bias.",
        ),
    )
