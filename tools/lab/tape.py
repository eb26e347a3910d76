"""A network as a tape: a flat list of operations, and one array of all weights.

A page cannot run PyTorch. It can follow a list that says "convolve map 3 with these
numbers, then a ReLU, and call the result map 4". Map 0 is the image, operation n makes
map n + 1, the last map holds the logits. BatchNorm is gone: in evaluation it multiplies
and adds fixed numbers, which the convolution before it can do itself.

`Player` runs a tape with PyTorch. The page's own engine, in
``book/_static/widgets/lab/forward.js``, is held against it.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import singledispatch
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_weights

from simseg_core.models.aspp import ASPP, ImagePooling
from simseg_core.models.attention import SelfAttention2d
from simseg_core.models.residual import ResidualUnit
from simseg_core.models.unet_padded import UNetPadded

__all__ = ["Player", "Tape", "record"]

Operation = dict[str, Any]


@dataclass
class Tape:
    """What a network does to one image, in order.

    Attributes:
        operations: each a dictionary: `op`, its name; `from`, the maps it reads; for a
            convolution also its channels, size, stride and rate, and `at`, where its
            weights begin in the array (its biases follow); `relu`, whether one follows.
        parts: weight and bias of each convolution, by the number of its operation.
    """

    operations: list[Operation] = field(default_factory=list)
    parts: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)

    def add(self, op: str, *sources: int, **facts: Any) -> int:
        """Append an operation; return the number of the map that it makes."""
        self.operations.append({"op": op, "from": list(sources), **facts})
        return len(self.operations)

    def convolve(
        self, op: str, conv: nn.Conv2d | nn.ConvTranspose2d, source: int
    ) -> int:
        """Append a convolution, upwards or not; its kernels are (C_out, C_in, k, k)."""
        weight, bias = conv.weight.detach(), conv.bias
        if op == "up":
            weight = weight.transpose(0, 1)
        bias = torch.zeros(conv.out_channels) if bias is None else bias.detach()
        made = self.add(
            op, source, channels=conv.out_channels, size=conv.kernel_size[0]
        )
        self.operations[-1] |= {"stride": conv.stride[0], "rate": conv.dilation[0]}
        self.parts[made] = weight, bias
        return made

    def weights(self) -> np.ndarray:
        """Return all weights and biases as float16, and note where each begins."""
        flat, at = [], 0
        for made, (weight, bias) in sorted(self.parts.items()):
            self.operations[made - 1]["at"] = at
            flat += [weight.flatten(), bias]
            at += weight.numel() + bias.numel()
        return torch.cat(flat).half().numpy()

    def script(self) -> dict[str, Any]:
        """Return the tape as a page reads it: operations, and weights in base64."""
        weights = base64.b64encode(self.weights().tobytes()).decode()
        return {"operations": self.operations, "weights": weights}


def record(network: nn.Module) -> Tape:
    """Write down what a network does.

    Raises:
        TypeError: if a module in it has no rule here.
    """
    tape = Tape()
    play_into(network, tape, 0)
    return tape


@singledispatch
def play_into(module: nn.Module, tape: Tape, x: int) -> int:
    """Append to a tape what a module does to map `x`; return the map that it makes."""
    raise TypeError(f"the tape has no rule for {type(module).__name__}")


@play_into.register
def _(module: nn.Sequential, tape: Tape, x: int) -> int:
    for part in module:
        x = play_into(part, tape, x)
    return x


@play_into.register
def _(module: nn.Conv2d, tape: Tape, x: int) -> int:
    return tape.convolve("conv", module, x)


@play_into.register
def _(module: nn.ConvTranspose2d, tape: Tape, x: int) -> int:
    return tape.convolve("up", module, x)


@play_into.register
def _(module: nn.BatchNorm2d, tape: Tape, x: int) -> int:
    """Fold it into the convolution whose map it reads."""
    weight, bias = tape.parts[x]
    assert module.running_mean is not None  # its statistics are kept
    assert module.running_var is not None
    weight, bias = fuse_conv_bn_weights(
        weight,
        bias,
        module.running_mean,
        module.running_var,
        module.eps,
        module.weight,
        module.bias,
    )
    tape.parts[x] = weight.detach(), bias.detach()
    return x


@play_into.register
def _(module: nn.ReLU, tape: Tape, x: int) -> int:
    tape.operations[x - 1]["relu"] = True
    return x


@play_into.register
def _(module: nn.Identity, tape: Tape, x: int) -> int:
    return x


@play_into.register
def _(module: nn.MaxPool2d, tape: Tape, x: int) -> int:
    return tape.add("pool", x)


@play_into.register
def _(module: nn.Upsample, tape: Tape, x: int) -> int:
    assert isinstance(module.scale_factor, float)
    return tape.add("resize", x, factor=int(module.scale_factor))


@play_into.register
def _(module: ResidualUnit, tape: Tape, x: int) -> int:
    branch = play_into(module.residual, tape, x)
    shortcut = play_into(module.shortcut, tape, x)
    return tape.add("add", branch, shortcut, relu=True)


@play_into.register
def _(module: UNetPadded, tape: Tape, x: int) -> int:
    maps = []
    for stage in module.contract[:-1]:
        maps.append(play_into(stage, tape, x))
        x = play_into(module.pool, tape, maps[-1])
    x = play_into(module.contract[-1], tape, x)
    for up, stage in zip(module.up, module.expand):
        skip, x = maps.pop(), play_into(up, tape, x)
        x = play_into(stage, tape, tape.add("concat", skip, x) if module.skips else x)
    return play_into(module.classify, tape, x)


@play_into.register
def _(module: ImagePooling, tape: Tape, x: int) -> int:
    mean = play_into(module.project, tape, tape.add("mean", x))
    return tape.add("repeat", mean, x)  # at every position of map x


@play_into.register
def _(module: ASPP, tape: Tape, x: int) -> int:
    branches = [play_into(branch, tape, x) for branch in module.branches]
    return play_into(module.project, tape, tape.add("concat", *branches))


@play_into.register
def _(module: SelfAttention2d, tape: Tape, x: int) -> int:
    asked = [play_into(part, tape, x) for part in (module.query, module.key)]
    value = play_into(module.value, tape, x)
    return tape.add("attend", x, *asked, value, gamma=module.gamma.item())


class Player(nn.Module):
    """Runs a tape, with the weights as the page has them, rounded to float16.

    Images ``(B, C, H, W)`` -> logits ``(B, num_classes, H, W)``.

    Args:
        script: what `Tape.script` returned.
    """

    weights: Tensor

    def __init__(self, script: dict[str, Any]) -> None:
        super().__init__()
        self.operations: Sequence[Operation] = script["operations"]
        raw = np.frombuffer(base64.b64decode(script["weights"]), dtype=np.float16)
        self.register_buffer("weights", torch.from_numpy(raw.astype(np.float32)))

    def forward(self, x: Tensor) -> Tensor:
        """Return the last map."""
        maps = [x]
        for operation in self.operations:
            maps.append(self._play(operation, [maps[n] for n in operation["from"]]))
        return maps[-1]

    def _play(self, operation: Operation, read: list[Tensor]) -> Tensor:
        op, x = operation["op"], read[0]
        if op == "conv":
            kernel, bias = self._numbers(operation, x.shape[1])
            stride, rate = operation["stride"], operation["rate"]
            padding = rate * (operation["size"] // 2)
            y = F.conv2d(x, kernel, bias, stride, padding, rate)
        elif op == "up":
            kernel, bias = self._numbers(operation, x.shape[1])
            y = F.conv_transpose2d(x, kernel.transpose(0, 1), bias, stride=2)
        elif op == "add":
            y = read[0] + read[1]
        elif op == "pool":
            y = F.max_pool2d(x, 2)
        elif op == "concat":
            y = torch.cat(read, dim=1)
        elif op == "mean":
            y = x.mean(dim=(2, 3), keepdim=True)
        elif op == "repeat":
            y = x.expand(-1, -1, *read[1].shape[2:])
        elif op == "resize":
            factor = operation["factor"]
            y = F.interpolate(x, scale_factor=factor, mode="bilinear")
        elif op == "attend":
            query, key, value = (one.flatten(2) for one in read[1:])  # B, D, N
            weights = (query.transpose(1, 2) @ key).softmax(dim=2)  # B, N, N
            read_from = (value @ weights.transpose(1, 2)).view_as(x)
            y = operation["gamma"] * read_from + x
        else:
            raise ValueError(f"unknown operation {op!r}")
        return y.relu() if operation.get("relu") else y

    def _numbers(self, operation: Operation, c_in: int) -> tuple[Tensor, Tensor]:
        """Cut an operation's kernel (C_out, C_in, k, k) and bias out of the array."""
        c_out, size, at = (operation[name] for name in ("channels", "size", "at"))
        end = at + c_out * c_in * size**2
        kernel = self.weights[at:end].view(c_out, c_in, size, size)
        return kernel, self.weights[end : end + c_out]
