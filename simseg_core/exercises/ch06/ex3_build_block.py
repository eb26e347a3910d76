"""Exercise 06.3: a HarD block as a module."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from simseg_core.exercises.bench.help import Help
from simseg_core.exercises.bench.modules import count_weights, fill
from simseg_core.exercises.bench.steps import Steps
from simseg_core.exercises.ch06.mistakes import MULTIPLIER, rounded_by_step
from simseg_core.models.hardblock import HarDBlock, layer_width, links

HELP = Help(
    read="Version 5: the HarD block",
    ask="Draw a table with a row for each layer: which maps it reads, how many "
    "channels these have together, how many it writes. Which rows leave the block, and "
    "in which order?",
    idea="Let 12 channels come in, growth 20, four layers, multiplier 1.7. The widths: "
    "20, then 20 · 1.7 = 34, then 20, then 20 · 1.7 · 1.7 = 57.8, made even 58. Layer "
    "1 reads the input: 12 channels. Layer 2 reads layer 1 and the input, in this "
    "order: 20 + 12 = 32. Layer 3 reads layer 2: 34. Layer 4 reads 3, 2 and the input: "
    "20 + 34 + 12 = 66. Each is a 3x3 convolution, padded, without bias, then "
    "BatchNorm and ReLU. Keep the maps by their numbers, the input as number 0. Out "
    "come the odd layers and the last one, in their order: 20 + 20 + 58 = 98 channels. "
    "Layer 2 and the input stay inside.",
)


def build_block(answer: type[nn.Module], steps: Steps) -> None:
    """Build a HarD block."""
    for c_in, growth, layers in ((6, 10, 4), (5, 10, 8), (7, 4, 3)):
        call = f"MyHarDBlock({c_in}, {growth}, {layers})"
        mine = fill(steps.build(answer, c_in, growth, layers, named=call))
        options = {"growth": growth, "multiplier": MULTIPLIER, "layers": layers}
        reference = fill(_Wired(c_in, **options))  # type: ignore[arg-type]
        x = torch.randn(c_in - 4, c_in, 6, 9)
        got = steps.call(mine, x, named=f"{call}(x) with x of {tuple(x.shape)}")
        _require_channels(steps, got, reference, x, call)

        count = count_weights(mine)
        widths = [
            layer_width(n, growth=growth, multiplier=MULTIPLIER)
            for n in range(1, layers + 1)
        ]
        wanted = _weights(c_in, widths, links)
        hints = {
            _weights(
                c_in, widths, lambda n: [n - 1]
            ): "Each layer reads the one before it alone: which others?",
            _weights(c_in, widths, _every_power): "Each layer reads every distance "
            "2^i: 2^i must also divide its number.",
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


def _require_channels(
    steps: Steps, got: object, reference: HarDBlock, x: Tensor, call: str
) -> None:
    """Require the output's shape, with a hint for each other choice of maps."""
    layers: list[nn.Module] = list(reference.layers)
    widths = [_out(layer) for layer in layers]
    c, c_in = reference.out_channels, x.shape[1]
    odd = sum(widths[::2])
    found = got.shape[1] if isinstance(got, Tensor) and got.ndim == 4 else 0
    last = rounded_by_step(len(layers), widths[0], MULTIPLIER)
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
    kind = tuple(got.shape) if isinstance(got, Tensor) else type(got).__name__
    fits = isinstance(got, Tensor) and got.shape == (x.shape[0], c, *size)
    steps.require(
        fits,
        f"the shape of the output, {len(layers)} layers",
        hint=hints.get(
            found,
            f"{call} makes {c} channels of {size[0]}x{size[1]} (3x3 convolutions "
            "padded by 1; the odd layers and the last one are stacked). Yours is "
            f"{kind}.",
        ),
    )


def _out(layer: nn.Module) -> int:
    conv = next(m for m in layer.modules() if isinstance(m, nn.Conv2d))
    return conv.out_channels


def _weights(
    c_in: int, widths: Sequence[int], reads: Callable[[int], Sequence[int]]
) -> int:
    """Count a block's weights, BatchNorm's included, from what each layer reads."""
    all_widths = [c_in, *widths]
    return sum(
        (9 * sum(all_widths[i] for i in reads(n)) + 2) * all_widths[n]
        for n in range(1, len(all_widths))
    )


def _every_power(n: int) -> list[int]:
    return [n - 2**i for i in range(n.bit_length())]
