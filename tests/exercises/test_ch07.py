"""The exercises of the chapter on the U-Net's family: right and wrong answers."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from simseg_core import create_model
from simseg_core.probes import trace_shapes
from tests.exercises.bench import Answers, AnswersOfAChapter

given = Answers("07")

# --- 07.1 ---------------------------------------------------------------------


@given("07.1")
def skip_sides(side: int) -> list[int]:
    """By the last pixel at which a strided convolution answers."""
    sides, last = [], side - 1
    for _ in range(4):
        last //= 2
        sides.append(last + 1)
    return sides


given("07.1")(lambda side: np.ceil(side / 2.0 ** np.arange(1, 5)))


def maps(side: int) -> list[int]:
    """The image's side and those of a ResNet's five maps."""
    return [math.ceil(side / 2**i) for i in range(6)]


given("07.1", "lowest map is no skip: it is what climbs")(lambda side: maps(side)[1:])
given("07.1", "image is no skip")(lambda side: maps(side)[:5])
given("07.1", "Neither the image nor")(maps)
given("07.1", "stem strides too")(lambda side: maps(side)[:4])
given("07.1", "largest comes first")(lambda side: skip_sides(side)[::-1])
given("07.1", "stem's map is a skip too")(lambda side: maps(side)[2:5])
given("07.1", "a skip too deep")(lambda side: maps(side)[2:])
given("07.1", "odd side is rounded up")(
    lambda side: [side // 2**i for i in range(1, 5)]
)
given("07.1", "a list of whole numbers")(lambda side: side // 2)
given("07.1", "Which of these maps are stacked")(lambda side: [32, 16, 8, 4, 1])


# --- 07.2 ---------------------------------------------------------------------


@given("07.2")
class ClimbStep(nn.Module):
    """By indices: each row and column of the skip reads the one below it."""

    def __init__(self, c_below: int, c_skip: int, width: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for _ in range(2))
        self.last = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.first = nn.Conv2d(c_below + c_skip, width, 3, 1, 1, bias=False)

    def forward(self, below: Tensor, skip: Tensor) -> Tensor:
        rows, columns = (
            torch.arange(new) * old // new
            for new, old in zip(skip.shape[2:], below.shape[2:])
        )
        x = torch.cat([below[:, :, rows][:, :, :, columns], skip], dim=1)
        for conv, norm in zip((self.first, self.last), self.norms):
            x = norm(conv(x)).clamp(min=0)
        return x


@given("07.2")
@given("07.2", doubles=True)
@given("07.2", "comes first here, the skip second", order=-1)
@given("07.2", "yours blends", mode="bilinear")
@given("07.2", "last ReLU is missing", relus="1")
@given("07.2", "between the convolutions is missing", relus="2")
@given("07.2", "Neither ReLU", relus="")
@given("07.2", "need no bias", bias=True)
@given("07.2", "biases stand in its place", bias=True, norm=False)
@given("07.2", "yours has none", norm=False)
@given("07.2", "padded by 1, and is the map", padding=0)
@given("07.2", "padded by 1, and is the map", shrinks=True)
@given("07.2", "Resizing has no weights", transposed=True)
@given("07.2", "Is a number written into the class", fixed=(11, 18))
class ClimbStepWith(nn.Module):
    def __init__(
        self,
        c_below: int,
        c_skip: int,
        width: int,
        *,
        order: int = 1,
        mode: str = "nearest",
        doubles: bool = False,
        relus: str = "12",
        bias: bool = False,
        norm: bool = True,
        padding: int = 1,
        shrinks: bool = False,
        transposed: bool = False,
        fixed: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        self.order, self.mode, self.doubles = order, mode, doubles
        self.relus, self.shrinks, self.fixed = relus, shrinks, fixed
        self.up = nn.ConvTranspose2d(c_below, c_below, 2, 2) if transposed else None
        widths = (c_below + c_skip, width, width)
        self.convs = nn.ModuleList(
            nn.Conv2d(a, b, 3, padding=padding, bias=bias) for a, b in pairwise(widths)
        )
        self.norms = nn.ModuleList(
            nn.BatchNorm2d(width) if norm else nn.Identity() for _ in range(2)
        )

    def forward(self, below: Tensor, skip: Tensor) -> Tensor:
        size = self.fixed or skip.shape[2:]
        if self.shrinks:
            skip = F.interpolate(skip, below.shape[2:])
        elif self.up is not None:
            below = self.up(below)[..., : size[0], : size[1]]
        elif self.doubles:
            below = below.repeat_interleave(2, 2).repeat_interleave(2, 3)
            below = below[..., : size[0], : size[1]]
        else:
            below = F.interpolate(below, size, mode=self.mode)
        x = torch.cat([below, skip][:: self.order], dim=1)
        for name, conv, norm in zip("12", self.convs, self.norms):
            x = norm(conv(x))
            x = x.relu() if name in self.relus else x
        return x


@given("07.2", "added: stack it")
class ClimbStepAdds(nn.Module):
    """Adds what it should stack, as far as the channels reach."""

    def __init__(self, c_below: int, c_skip: int, width: int) -> None:
        super().__init__()
        self.convs = nn.Sequential()
        for c in (c_below, width):
            self.convs.append(nn.Conv2d(c, width, 3, padding=1, bias=False))
            self.convs.append(nn.BatchNorm2d(width))
            self.convs.append(nn.ReLU())

    def forward(self, below: Tensor, skip: Tensor) -> Tensor:
        below = F.interpolate(below, skip.shape[2:])
        missing = below.shape[1] - skip.shape[1]
        added: Tensor = self.convs(below + F.pad(skip, (0, 0, 0, 0, 0, missing)))
        return added


# --- 07.3 ---------------------------------------------------------------------


def joins(model: nn.Module, side: int) -> list[tuple[int, ...]]:
    rows = trace_shapes(model, (1, 3, side, side)).rows
    return [row.output_shape for row in rows if row.operation == "cat"]


def joined(model: nn.Module, side: int) -> list[int]:
    return [shape[-1] for shape in joins(model, side)]


given("07.3")(lambda model, side: max(joined(model, side), default=0))


@given("07.3")
def by_listening(model: nn.Module, side: int) -> Tensor:
    """Without the probe: exchange torch.cat, and run the network."""
    kept, sides = torch.cat, [0]

    def noting(*args: Any, **options: Any) -> Tensor:
        made = kept(*args, **options)
        sides.append(made.shape[-1])
        return made

    torch.cat = noting
    try:
        with torch.no_grad():
            model(torch.zeros(1, 3, side, side))
    finally:
        torch.cat = kept
    return torch.tensor(sides).max()


def pick(choose: Callable[[list[int]], int]) -> Callable[[nn.Module, int], int]:
    return lambda model, side: choose(joined(model, side) or [0])


given("07.3", "image's own side")(lambda model, side: side)
given("07.3", "the first map that is stacked")(pick(lambda sides: sides[0]))
given("07.3", "how many maps are stacked")(pick(len))
given("07.3", "Those are channels")(
    lambda model, side: max((shape[1] for shape in joins(model, side)), default=0)
)
given("07.3", "the last map that is stacked")(pick(lambda sides: sides[-1]))
given("07.3", "raises ValueError")(lambda model, side: max(joined(model, side)))
given("07.3", "one whole number")(
    lambda model, side: torch.tensor(joined(model, side) or [0])
)


# --- 07.4 ---------------------------------------------------------------------


class OnResNet(nn.Module):
    """A U-Net on a ResNet-18, and a thin branch at full size beside it."""

    def __init__(self, thin: int, last: Callable[[Tensor], Any] = lambda y: y) -> None:
        super().__init__()
        self.deep = create_model("unet_resnet18", preset="tiny", num_classes=8)
        self.fine = nn.Sequential(nn.Conv2d(3, thin, 3, padding=1), nn.ReLU())
        self.classify = nn.Conv2d(8 + thin, 6, 1)
        self.last = last

    def forward(self, x: Tensor) -> Any:
        deep = self.deep(x)
        return self.last(self.classify(torch.cat([deep, self.fine(x)], dim=1)))


class Dilated(nn.Sequential):
    """No path down at all: rates that double, at full size throughout."""

    def __init__(self) -> None:
        rates = (1, 2, 4, 8, 16, 32, 64, 128)
        widths = (3, *(4 for _ in rates))
        super().__init__(
            *(
                nn.Conv2d(a, b, 3, padding=rate, dilation=rate)
                for a, b, rate in zip(widths, widths[1:], rates)
            ),
            nn.Conv2d(4, 6, 1),
        )


given("07.4")(lambda: OnResNet(4))
given("07.4")(Dilated)
given("07.4", "18 are allowed")(
    lambda: create_model("unet_padded", preset="small", num_classes=6)
)
given("07.4", "18 are allowed")(lambda: OnResNet(128))
given("07.4", "sees only 188 rows")(
    lambda: create_model("unet_padded", preset="tiny", num_classes=6)
)
given("07.4", "Which skip is missing")(
    lambda: create_model("unet_resnet18", preset="small", num_classes=6)
)
given("07.4", "Got (1, 21")(lambda: create_model("unet_resnet18", preset="tiny"))
given("07.4", "Those are probabilities")(lambda: OnResNet(4, lambda y: y.softmax(1)))
given("07.4", "Got dict")(lambda: OnResNet(4, lambda y: {"out": y}))


class TestAnswers(AnswersOfAChapter):
    given = given
