"""Exercise 07.3: the largest map that a network makes by concatenation."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from simseg_core.exercises.bench.help import Help
from simseg_core.exercises.bench.steps import NotYet, Steps
from simseg_core.models import create_model
from simseg_core.models.layers import conv_bn_relu
from simseg_core.probes import trace_shapes

HELP = Help(
    read="Trace its shapes",
    ask="What does `trace_shapes` give a row for, and what does a row know about its "
    "operation? Which rows concern this question, and what if there are none?",
    idea="Suppose that the trace of an image of 80 pixels has these rows, in this "
    "order: a convolution that makes 1 x 8 x 80 x 80, a stacking that makes 1 x 24 x "
    "10 x 10, one that makes 1 x 12 x 40 x 40, and one that makes 1 x 30 x 20 x 20. "
    "The convolution does not matter. Of the stackings the last number of the shape is "
    "the side: 10, 40 and 20. The largest is 40; it is neither the first nor the last "
    "of them, and the number of channels has no part in it. Without any stacking the "
    "answer is 0, for the largest of nothing is no number by itself. The trace wants "
    "the whole size of its input: one image, three channels, both sides.",
)


class _Chain(nn.Sequential):
    """Convolutions at three sizes: nothing is stacked."""

    def __init__(self) -> None:
        super().__init__(*(conv_bn_relu(3, 3, stride=2) for _ in range(3)))


class _Doubles(nn.Module):
    """Stacks two maps of half the side first, and four of an eighth afterwards."""

    def __init__(self) -> None:
        super().__init__()
        self.first = conv_bn_relu(3, 3, stride=2)
        self.second = conv_bn_relu(6, 3, stride=4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        x = self.second(torch.cat([x, -x], dim=1))
        return torch.cat([x, x, x, -x], dim=1)


def finest_join(answer: Callable[[nn.Module, int], int], steps: Steps) -> None:
    """Find where the finest maps are stacked."""

    def ask(model: nn.Module, side: int, what: str) -> None:
        call = f"finest_join(model, {side}) of {what}"
        model.eval()
        got = steps.call(answer, model, side, named=call)
        if isinstance(got, Tensor) and got.ndim:
            raise NotYet(f"{call} should be one whole number: a side, or 0.")
        rows = trace_shapes(model, (1, 3, side, side)).rows
        joins = [row.output_shape for row in rows if row.operation == "cat"]
        sides = [shape[-1] for shape in joins]
        steps.equal(
            got,
            max(sides, default=0),
            what,
            hint=f"{call}: look for the rows of the trace whose operation is 'cat', "
            "and for their output's last axis.",
            mistakes={
                "That is the image's own side, whether something is stacked there or "
                "not.": side,
                "That is the first map that is stacked, not the largest.": next(
                    iter(sides), -1
                ),
                "That is the last map that is stacked, not the largest.": next(
                    iter(sides[::-1]), -1
                ),
                "That is how many maps are stacked: how large is the largest?": len(
                    joins
                ),
                "Those are channels: the side is the last axis.": max(
                    (shape[1] for shape in joins), default=-1
                ),
                "That is the smallest.": min(sides, default=-1),
            },
        )

    def tiny(name: str) -> nn.Module:
        return create_model(name, preset="tiny", num_classes=6)

    ask(tiny("unet_residual"), 64, "a U-Net of residual stages")
    ask(tiny("unet_resnet18"), 64, "a U-Net on a ResNet-18")
    ask(tiny("unet_resnet18"), 96, "the same, on a larger image")
    ask(tiny("deeplabv3plus_resnet50"), 64, "DeepLabV3+")
    ask(_Doubles(), 64, "a network that stacks its finest maps first")
    ask(_Chain(), 64, "a network that stacks nothing")
