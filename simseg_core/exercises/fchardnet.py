"""Exercises of chapter 06, FC-HarDNet; `fchardnet_analysis` has those on traffic."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from simseg_core.exercises import fchardnet_analysis
from simseg_core.exercises.checking import Exercise, NotYet, Steps, fill
from simseg_core.models.hardblock import HarDBlock, layer_width, links

MULTIPLIER = 1.7


def name_links(answer: Callable[[int], Sequence[int]], steps: Steps) -> None:
    """Name the layers that a layer reads."""

    def ask(layer: int, what: str) -> None:
        told = f"my_links({layer})"
        try:
            got = [int(number) for number in steps.call(answer, layer, told=told)]
        except TypeError:
            raise NotYet(f"{told} should return a list of layers' numbers.") from None
        wanted = links(layer)
        powers = [2**i for i in range(layer.bit_length())]
        mistakes: dict[str, object] = {
            "That is every earlier layer: a dense block.": [*range(layer - 1, -1, -1)],
            "That is every distance 2^i. Here 2^i must also divide the layer's own "
            "number.": [layer - power for power in powers],
            "Those are the distances: subtract them from the layer's number.": [
                power for power in powers if layer % power == 0
            ],
            "The distances are the powers of 2 that divide the number, not all of its "
            "divisors.": [layer - d for d in range(1, layer + 1) if layer % d == 0],
            "The block's input is missing: it counts as layer 0, and a power of 2 "
            "reads it.": [i for i in wanted if i > 0],
            "The layer right before is missing: 2^0 = 1 divides every number.": (
                wanted[1:]
            ),
        }
        if got != wanted and sorted(got) == sorted(wanted):
            raise NotYet("The layers are right; name the nearest first.")
        steps.equal(
            got,
            wanted,
            what,
            hint=f"{told}: for which i does 2^i divide {layer}? Go back 2^i for each.",
            mistakes=mistakes,
        )

    ask(1, "the first layer")
    ask(4, "a power of 2")
    ask(6, "an even number that is none")
    ask(7, "an odd number")
    for layer in (12, 40, 64, 1536):
        ask(layer, f"layer {layer}")


def width_of(answer: Callable[[int, int, float], int], steps: Steps) -> None:
    """Give a layer's width."""

    def ask(layer: int, growth: int, multiplier: float, what: str) -> None:
        told = f"my_width({layer}, {growth}, {multiplier})"
        got = steps.call(answer, layer, growth, multiplier, told=told)
        times = len(links(layer)) - 1
        product = growth * multiplier**times
        by_step = _rounded_by_step(layer, growth, multiplier)
        reads_one_more = growth * multiplier ** (times + 1)
        mistakes: dict[str, object] = {
            "You round at every multiplication. Multiply first, all of it, and round "
            "once at the end.": by_step,
            "The width is even: round to an even number at the end.": round(product),
            "Rounded down to an even number: add 1 before you cut off, so that 49.1 "
            "gives 50.": int(product) // 2 * 2,
            "You multiply once too often. An odd layer, which 2^0 alone divides, has "
            "the growth itself.": int(int(reads_one_more + 1) / 2) * 2,
            "That is the width before it is rounded.": product,
            "The factor multiplies for each further link; it is not added up.": (
                int(int(growth * (1 + times * (multiplier - 1)) + 1) / 2) * 2
            ),
        }
        steps.equal(
            got,
            layer_width(layer, growth=growth, multiplier=multiplier),
            what,
            hint=f"{told}: layer {layer} reads {times + 1} maps, so {growth} is "
            f"multiplied {times} times; then round to an even number.",
            mistakes=mistakes,
        )

    ask(1, 10, 1.7, "an odd layer")
    ask(2, 24, 1.7, "an even layer")
    ask(8, 10, 1.7, "a layer that 8 divides")
    ask(12, 24, 1.7, "a layer that 4 divides and 8 does not")
    for layer, growth, multiplier in ((16, 14, 1.6), (4, 24, 1.7), (8, 18, 1.7)):
        ask(layer, growth, multiplier, f"layer {layer} of growth {growth}")


def _rounded_by_step(layer: int, growth: int, multiplier: float) -> int:
    """Give the width with the fault of rounding after each factor."""
    channels = growth
    for _ in links(layer)[1:]:
        channels = int(int(channels * multiplier + 1) / 2) * 2
    return channels


class _Wired(HarDBlock):
    """The reference, with its maps exchanged or its ends changed."""

    def run(
        self,
        x: Tensor,
        *,
        far_first: bool = False,
        relu: bool = True,
        last_first: bool = False,
    ) -> Tensor:
        """Return the output, with one thing wrong."""
        maps = [x]
        for n, layer in enumerate(self.layers, start=1):
            read = links(n)[::-1] if far_first else links(n)
            assert isinstance(layer, nn.Sequential)
            stages = layer if relu else layer[:2]
            maps.append(stages(torch.cat([maps[i] for i in read], dim=1)))
        kept = self.kept[::-1] if last_first else self.kept
        return torch.cat([maps[n] for n in kept], dim=1)


def _weights(
    c_in: int, widths: Sequence[int], reads: Callable[[int], Sequence[int]]
) -> int:
    """Count a block's weights, BatchNorm's included, from what each layer reads."""
    all_widths = [c_in, *widths]
    return sum(
        (9 * sum(all_widths[i] for i in reads(n)) + 2) * all_widths[n]
        for n in range(1, len(all_widths))
    )


def build_block(answer: type[nn.Module], steps: Steps) -> None:
    """Build a HarD block."""
    for c_in, growth, layers in ((6, 10, 4), (5, 10, 8), (7, 4, 3)):
        told = f"MyHarDBlock({c_in}, {growth}, {layers})"
        mine = fill(steps.call(answer, c_in, growth, layers, told=told))
        options = {"growth": growth, "multiplier": MULTIPLIER, "layers": layers}
        reference = fill(_Wired(c_in, **options))  # type: ignore[arg-type]
        x = torch.randn(2, c_in, 6, 9)
        got = steps.call(mine, x, told=f"{told}(x) with x of {tuple(x.shape)}")
        _channels(steps, got, reference, x, told)

        count = sum(p.numel() for p in mine.parameters())
        widths = [
            layer_width(n, growth=growth, multiplier=MULTIPLIER)
            for n in range(1, layers + 1)
        ]
        wanted = _weights(c_in, widths, links)
        hints = {
            _weights(c_in, widths, range): "Each layer reads all earlier ones: that is "
            "a dense block.",
            wanted + sum(widths): "The convolutions need no bias: BatchNorm adds its "
            "own.",
            wanted - 2 * sum(widths): "Each convolution is followed by BatchNorm, and "
            "yours by none.",
            wanted - 8 * (wanted - 2 * sum(widths)) // 9: "The layers' kernels are "
            "3x3.",
        }
        steps.require(
            count == wanted,
            f"the number of weights, {layers} layers",
            hint=hints.get(
                count,
                f"Your block has {count} weights, the reference {wanted}. Layer n is "
                "a 3x3 convolution from the channels of all maps that it reads; "
                "print (in, out) of each and compare with the chapter's table.",
            ),
        )
        with torch.no_grad():
            mistakes = {
                "The maps are stacked in another order: the nearest layer comes "
                "first.": reference.run(x, far_first=True),
                "Each layer ends with a ReLU.": reference.run(x, relu=False),
                "The output holds the layers in their order, the last one last.": (
                    reference.run(x, last_first=True)
                ),
            }
            steps.equal(
                got,
                reference(x),
                f"the numbers, {layers} layers",
                hint="Widths and weights fit, the numbers do not: 3x3 convolution, "
                "BatchNorm, ReLU in each layer, and nothing after the stacking.",
                mistakes=mistakes,
            )


def _channels(
    steps: Steps, got: object, reference: HarDBlock, x: Tensor, told: str
) -> None:
    """Require the output's shape, with a hint for each other choice of maps."""
    layers: list[nn.Module] = list(reference.layers)
    widths = [_out(layer) for layer in layers]
    c, c_in = reference.out_channels, x.shape[1]
    odd = sum(widths[::2])
    found = got.shape[1] if isinstance(got, Tensor) and got.ndim == 4 else 0
    last = _rounded_by_step(len(layers), widths[0], MULTIPLIER)
    hints = {
        c + c_in: "The block's input has no place in the output.",
        sum(widths): "Even layers stay inside, all but the last one: they did their "
        "work when the next layers read them.",
        sum(widths) + c_in: "That is every map there is. Who leaves the block?",
        odd: "The last layer is missing from the output: it has gathered most.",
        widths[-1]: "The last layer alone leaves: the odd ones do as well.",
        c
        - widths[-1]
        + last: "The width is rounded at every factor; round once, at the end.",
    }
    hints.pop(c, None)
    size = tuple(x.shape[-2:])
    fits = isinstance(got, Tensor) and got.shape == (x.shape[0], c, *size)
    steps.require(
        fits,
        f"the shape of the output, {len(layers)} layers",
        hint=hints.get(
            found,
            f"{told} makes {c} channels of {size[0]}x{size[1]} (3x3 convolutions "
            "padded by 1; the odd layers and the last one are stacked).",
        ),
    )


def _out(layer: nn.Module) -> int:
    conv = next(m for m in layer.modules() if isinstance(m, nn.Conv2d))
    return conv.out_channels


_BUILT: dict[str, Exercise] = {
    "06.1": name_links,
    "06.2": width_of,
    "06.3": build_block,
}
EXERCISES: dict[str, Exercise] = _BUILT | fchardnet_analysis.EXERCISES
