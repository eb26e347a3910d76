"""DeepLabV3+'s printed multiply-adds beside ours, and what makes them differ.

Chen et al. 2018, arXiv 1802.02611, tables 3 and 5, one scale, no flip, 513x513 images.
The printed figures are counted in TensorFlow, and two things in them are not ours:

1. **Atrous convolutions are counted at their padded size.** TensorFlow computes them on
   maps sorted by position modulo the rate, padded up to a multiple of it: a map of 33
   with rate 18 is computed as one of 36, which makes (36 / 33)^2 of the work.
2. **The authors' ResNet is another one.** Its stem has three 3x3 convolutions (64, 64,
   128 channels) in place of one 7x7, and a stage's last unit has the stride, where ours
   leave it to the next stage's first.

`rows()` counts our networks as they are built and adds both, each by itself.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from simseg_core import create_model

SIZE = 513
# Table, backbone, evaluation output stride, decoder, separable, printed (billions).
PRINTED = (
    (3, "resnet101", 16, False, False, 81.02),
    (3, "resnet101", 8, False, False, 276.18),
    (3, "resnet101", 16, True, False, 101.28),
    (3, "resnet101", 8, True, False, 297.92),
    (3, "resnet101", 32, False, False, 52.43),
    (3, "resnet101", 32, True, False, 74.20),
    (5, "xception65", 16, False, False, 68.00),
    (5, "xception65", 8, False, False, 240.85),
    (5, "xception65", 16, True, False, 89.76),
    (5, "xception65", 8, True, False, 262.59),
    (5, "xception65", 16, True, True, 54.17),
    (5, "xception65", 8, True, True, 177.10),
)


@dataclass(frozen=True)
class Row:
    """One row; all figures but `printed` are multiply-accumulates.

    Attributes:
        printed: What the paper says, in billions.
        ours: Counted on our network.
        padding: What TensorFlow's padding of atrous convolutions adds to it.
        resnet: What the authors' ResNet adds to it, or saves.
    """

    table: int
    backbone: str
    output_stride: int
    decoder: bool
    separable: bool
    printed: float
    ours: int
    padding: int
    resnet: int

    @property
    def explained(self) -> float:
        """Ours and both differences, in billions."""
        return (self.ours + self.padding + self.resnet) / 1e9


def rows() -> Iterator[Row]:
    """Yield the table's rows in the papers' order, counted on the meta device."""
    for table, backbone, output_stride, decoder, separable, printed in PRINTED:
        with torch.device("meta"):
            model = create_model(
                f"deeplabv3plus_{backbone}",
                output_stride=output_stride,
                decoder=decoder,
                separable=separable,
            ).eval()
        ours, padding = count(model)
        resnet = authors_resnet(output_stride) if backbone == "resnet101" else 0
        yield Row(
            table,
            backbone,
            output_stride,
            decoder,
            separable,
            printed,
            ours,
            padding,
            resnet,
        )


def count(model: nn.Module) -> tuple[int, int]:
    """Count a network's multiply-adds, and what padding for the rates would add."""
    extra = 0

    def listen(conv: nn.Conv2d, args: object, y: torch.Tensor) -> None:
        nonlocal extra
        rate, (height, width) = conv.dilation[0], y.shape[-2:]
        padded = padded_size(height, rate) * padded_size(width, rate)
        extra += (padded - height * width) * conv.weight.numel()

    hooks = [
        module.register_forward_hook(listen)
        for module in model.modules()
        if isinstance(module, nn.Conv2d) and module.dilation[0] > 1
    ]
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.zeros(1, 3, SIZE, SIZE, device="meta"))
    for hook in hooks:
        hook.remove()
    return counter.get_total_flops() // 2, extra


def padded_size(length: int, rate: int) -> int:
    """Outputs computed where `length` are asked for, by a 3x3 kernel at some rate.

    The map gets `rate` zeros on both sides, and then as many as make it a multiple.
    """
    with_border = length + 2 * rate
    return with_border + -with_border % rate - 2 * rate


def authors_resnet(output_stride: int) -> int:
    """What the authors' ResNet-101 costs more than ours; strides save some of it."""
    stem = 257**2 * 9 * (3 * 64 + 64 * 64 + 64 * 128) - 257**2 * 49 * 3 * 64
    wider_input = 129**2 * (128 - 64) * (64 + 256)  # first 1x1 and the shortcut
    # Where the last unit of width d halves, its 3x3 and second 1x1 and the next
    # stage's first 1x1 (of width 2d) run on the small map.
    sizes = {64: (129, 65), 128: (65, 33), 256: (33, 17)}
    halvings = {8: (64,), 16: (64, 128), 32: (64, 128, 256)}[output_stride]
    saved = sum(
        (sizes[d][0] ** 2 - sizes[d][1] ** 2) * (9 * d * d + 4 * d * d + 4 * d * 2 * d)
        for d in halvings
    )
    return stem + wider_input - saved


def as_text(table: Iterable[Row]) -> str:
    """Lay rows out as a table of text, in billions."""
    lines = [
        "table backbone    OS decoder separable printed    ours +padding +ResNet  = sum"
    ]
    for row in table:
        lines.append(
            f"{row.table:5} {row.backbone:10} {row.output_stride:3} "
            f"{'yes' if row.decoder else 'no':>7} "
            f"{'yes' if row.separable else 'no':>9} {row.printed:7.2f} "
            f"{row.ours / 1e9:7.2f} {row.padding / 1e9:8.2f} "
            f"{row.resnet / 1e9:7.2f} {row.explained:6.2f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    print(as_text(rows()))
