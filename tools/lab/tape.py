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
import copy
from collections.abc import Mapping, Sequence
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
from simseg_core.models.cbam import CBAM, ChannelAttention, SpatialAttention
from simseg_core.models.deeplabv3plus import DeepLabV3Plus
from simseg_core.models.residual import ResidualUnit
from simseg_core.models.unet_padded import UNetPadded

__all__ = ["Player", "Tape", "record", "without_idle_taps"]

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
def _(module: nn.Linear, tape: Tape, x: int) -> int:
    """On a map of one position it is a 1x1 convolution."""
    made = tape.add("conv", x, channels=module.out_features, size=1, stride=1, rate=1)
    tape.parts[made] = module.weight.detach()[..., None, None], module.bias.detach()
    return made


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
    # A pooling is over squares of 2x2 unless its size is told.
    size = {} if module.kernel_size == 2 else {"size": module.kernel_size}
    return tape.add("pool", x, **size)


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
def _(module: DeepLabV3Plus, tape: Tape, x: int) -> int:
    """For images whose sides the output stride divides: then resizes have factors."""
    enlarge, maps = module.encoder.output_stride, []
    x = play_into(module.encoder.stem, tape, x)
    x = play_into(module.encoder.pool, tape, x)
    for stage in module.encoder.stages:
        x = play_into(stage, tape, x)
        maps.append(x)
    x = play_into(module.aspp, tape, x)
    if module.decoder is not None:
        narrow = play_into(module.decoder.narrow, tape, maps[0])
        x = tape.add("resize", x, factor=enlarge // 4)
        x = play_into(module.decoder.refine, tape, tape.add("concat", x, narrow))
        enlarge = 4
    x = play_into(module.classify, tape, x)
    return tape.add("resize", x, factor=enlarge)


@play_into.register
def _(module: SelfAttention2d, tape: Tape, x: int) -> int:
    asked = [play_into(part, tape, x) for part in (module.query, module.key)]
    value = play_into(module.value, tape, x)
    return tape.add("attend", x, *asked, value, gamma=module.gamma.item())


@play_into.register
def _(module: ChannelAttention, tape: Tape, x: int) -> int:
    """Its gate, one number a channel."""
    pooled = tape.add("mean", x), tape.add("most", x)
    scores = [play_into(module.mlp, tape, one) for one in pooled]
    return tape.add("sigmoid", tape.add("add", *scores))


@play_into.register
def _(module: SpatialAttention, tape: Tape, x: int) -> int:
    """Its gate, one number a position."""
    score = play_into(module.conv, tape, tape.add("across", x))
    return tape.add("sigmoid", play_into(module.norm, tape, score))


@play_into.register
def _(module: CBAM, tape: Tape, x: int) -> int:
    assert module.order == "channel_first"
    x = tape.add("gate", x, play_into(module.channel, tape, x))
    return tape.add("gate", x, play_into(module.spatial, tape, x))


def without_idle_taps(network: nn.Module, side: int) -> nn.Module:
    """Copy a network; of a 3x3 whose holes are as wide as its map, keep the middle tap.

    All other taps meet the padding, wherever they are, and would only be loaded. On the
    4 by 4 positions that output stride 16 leaves of 64 pixels, ASPP's rates do that.

    Args:
        network: what is copied.
        side: of the square images that the copy is for.
    """
    network = copy.deepcopy(network).eval()

    def shrink(conv: nn.Conv2d, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if conv.kernel_size == (3, 3) and conv.dilation[0] >= inputs[0].shape[-1]:
            conv.weight = nn.Parameter(conv.weight[:, :, 1:2, 1:2])
            conv.kernel_size, conv.padding, conv.dilation = (1, 1), (0, 0), (1, 1)

    convolutions = [one for one in network.modules() if isinstance(one, nn.Conv2d)]
    hooks = [one.register_forward_hook(shrink) for one in convolutions]
    with torch.no_grad():
        network(torch.zeros(1, 3, side, side))
    for hook in hooks:
        hook.remove()
    return network


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
        return self.maps(x)[-1]

    def maps(
        self, x: Tensor, given: Mapping[int, Tensor] | None = None
    ) -> list[Tensor]:
        """Return all maps; those that are given, by number, are not computed."""
        maps, given = [x], given or {}
        for made, operation in enumerate(self.operations, start=1):
            read = [maps[number] for number in operation["from"]]
            maps.append(given[made] if made in given else self._play(operation, read))
        return maps

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
            size = operation.get("size", 2)
            y = F.max_pool2d(x, size, stride=2, padding=(size - 1) // 2)
        elif op == "concat":
            y = torch.cat(read, dim=1)
        elif op == "mean":
            y = x.mean(dim=(2, 3), keepdim=True)
        elif op == "most":
            y = x.amax(dim=(2, 3), keepdim=True)
        elif op == "across":
            y = torch.cat([x.amax(1, keepdim=True), x.mean(1, keepdim=True)], dim=1)
        elif op == "sigmoid":
            y = x.sigmoid()
        elif op == "gate":
            y = x * read[1]
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
