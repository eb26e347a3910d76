"""The DeepLabV3+ chapter's exercises: right and wrong answers."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from simseg_core import create_model
from tests.exercises.bench import Answers, AnswersOfAChapter

given = Answers("05")

# --- 05.1 ---------------------------------------------------------------------


@given("05.1")
def separable_count(c_in: int, c_out: int, height: int, width: int) -> tuple[int, int]:
    """Ask PyTorch."""
    halves = nn.Sequential(
        nn.Conv2d(c_in, c_in, 3, groups=c_in, bias=False),
        nn.Conv2d(c_in, c_out, 1, bias=False),
    )
    weights = sum(p.numel() for p in halves.parameters())
    return weights, weights * height * width


@given("05.1")
def count_by_hand(c_in: int, c_out: int, height: int, width: int) -> list[int]:
    return [c_in * (9 + c_out), height * width * c_in * (9 + c_out)]


def count_by(
    weights: Callable[[int, int], int], macs: Callable[..., int] | None = None
) -> Callable[[int, int, int, int], list[int]]:
    def separable_count(c_in: int, c_out: int, height: int, width: int) -> list[int]:
        n = weights(c_in, c_out)
        return [n, macs(c_in, c_out, height, width) if macs else n * height * width]

    return separable_count


def right(c_in: int, c_out: int) -> int:
    return 9 * c_in + c_in * c_out


given("05.1", "the full 3x3 convolution")(count_by(lambda i, o: 9 * i * o))
given("05.1", "one kernel of its own")(count_by(lambda i, o: 9 * i * o + i * o))
given("05.1", "each channel of its *input*")(count_by(lambda i, o: 9 * o + i * o))
given("05.1", "No biases")(count_by(lambda i, o: right(i, o) + i + o))
given("05.1", "Weights first")(lambda *sizes: separable_count(*sizes)[::-1])
given("05.1", "two whole numbers")(lambda *sizes: separable_count(*sizes)[0])
given("05.1", "not two operations")(
    count_by(right, lambda i, o, h, w: 2 * right(i, o) * h * w)
)
given("05.1", "need not be square")(
    count_by(right, lambda i, o, h, w: right(i, o) * h * h)
)
given("05.1")(count_by(right))
given("05.1", "in the 1x1 half neither")(count_by(lambda i, o: right(i, o) + o))
given("05.1", "has nine weights")(count_by(lambda i, o: 3 * i + i * o))
given("05.1", "may be narrow")(count_by(right, lambda i, o, h, w: right(i, o) * w * w))
given("05.1", "of a full 3x3 convolution")(
    count_by(right, lambda i, o, h, w: 9 * i * o * h * w)
)
given("05.1", "a value at every position")(
    count_by(right, lambda i, o, h, w: 9 * i * (h - 2) * (w - 2) + i * o * h * w)
)
given("05.1", "two whole numbers")(lambda *sizes: (right(*sizes[:2]) + 0.5, 3))


# --- 05.2 ---------------------------------------------------------------------


@given("05.2")
class MySeparable(nn.Module):
    def __init__(self, c_in: int, c_out: int, rate: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(
            c_in, c_in, 3, padding=rate, dilation=rate, groups=c_in, bias=False
        )
        self.first = nn.BatchNorm2d(c_in)
        self.pointwise = nn.Conv2d(c_in, c_out, 1, bias=False)
        self.second = nn.BatchNorm2d(c_out)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.first(self.depthwise(x)))
        return torch.relu(self.second(self.pointwise(x)))


@given("05.2")
class SeparableByPadding(nn.Module):
    """Zeros around the map, a 1x1 convolution as a matrix product."""

    def __init__(self, c_in: int, c_out: int, rate: int) -> None:
        super().__init__()
        self.rate = rate
        self.norms = nn.ModuleList([nn.BatchNorm2d(c_in), nn.BatchNorm2d(c_out)])
        self.mix = nn.Conv2d(c_in, c_out, 1, bias=False)
        self.look = nn.Conv2d(c_in, c_in, 3, dilation=rate, groups=c_in, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norms[0](self.look(F.pad(x, [self.rate] * 4))).clamp(min=0)
        x = torch.einsum("dc,bchw->bdhw", self.mix.weight[..., 0, 0], x)
        return self.norms[1](x).clamp(min=0)


@given("05.2", "3x3 half has no BatchNorm")
class SeparableWithoutMiddle(nn.Sequential):
    """As some libraries ship it: nothing between the halves."""

    def __init__(self, c_in: int, c_out: int, rate: int) -> None:
        whole = MySeparable(c_in, c_out, rate)
        super().__init__(whole.depthwise, whole.pointwise, whole.second, nn.ReLU())


@given("05.2", "A ReLU is missing between")
class SeparableWithoutMiddleReLU(MySeparable):
    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.pointwise(self.first(self.depthwise(x)))).relu()


@given("05.2", "A ReLU at the start")
class SeparableReLUFirst(MySeparable):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(torch.relu(x))


@given("05.2", "`groups`")
class SeparableWithoutGroups(MySeparable):
    def __init__(self, c_in: int, c_out: int, rate: int) -> None:
        super().__init__(c_in, c_out, rate)
        self.depthwise = nn.Conv2d(
            c_in, c_in, 3, padding=rate, dilation=rate, bias=False
        )


@given("05.2", "1x1 half comes second")
class SeparablePointwiseFirst(MySeparable):
    def __init__(self, c_in: int, c_out: int, rate: int) -> None:
        super().__init__(c_out, c_out, rate)
        self.pointwise = nn.Conv2d(c_in, c_out, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.second(self.pointwise(x)))
        return torch.relu(self.first(self.depthwise(x)))


@given("05.2", "dilation is 1")
class SeparableWithoutRate(MySeparable):
    def __init__(self, c_in: int, c_out: int, rate: int) -> None:
        super().__init__(c_in, c_out, 1)


@given("05.2", "keep the size")
class SeparablePaddedByOne(MySeparable):
    def __init__(self, c_in: int, c_out: int, rate: int) -> None:
        super().__init__(c_in, c_out, rate)
        self.depthwise.padding = (1, 1)


@given("05.2", "need no bias")
class SeparableWithBias(MySeparable):
    def __init__(self, c_in: int, c_out: int, rate: int) -> None:
        super().__init__(c_in, c_out, rate)
        self.depthwise.bias = nn.Parameter(torch.zeros(c_in))
        self.pointwise.bias = nn.Parameter(torch.zeros(c_out))


@given("05.2")
@given("05.2", "stands before its BatchNorm", early=True)
@given("05.2", "a ReLU6, which ends at 6", second=nn.ReLU6)
@given("05.2", "ReLU6 ends at 6", first=nn.ReLU6, second=nn.ReLU6)
@given("05.2", "1x1 half has no BatchNorm", norm=nn.Identity)
class MySeparableWith(nn.Sequential):
    def __init__(
        self,
        c_in: int,
        c_out: int,
        rate: int,
        early: bool = False,
        norm: Callable[[int], nn.Module] = nn.BatchNorm2d,
        first: type[nn.Module] = nn.ReLU,
        second: type[nn.Module] = nn.ReLU,
    ) -> None:
        wide = nn.Conv2d(c_in, c_in, 3, 1, rate, rate, c_in, bias=False)
        halves = [[nn.BatchNorm2d(c_in), first()], [norm(c_out), second()]]
        if early:
            halves = [half[::-1] for half in halves]
        one, two = halves
        super().__init__(wide, *one, nn.Conv2d(c_in, c_out, 1, bias=False), *two)


@given("05.2", "Is a number written into the class")
class MySeparableOfOneWidth(MySeparableWith):
    def __init__(self, c_in: int, c_out: int, rate: int) -> None:
        super().__init__(6, 5, rate)


# --- 05.3 ---------------------------------------------------------------------


def step(c_in: int, c_out: int, size: int) -> nn.Sequential:
    conv = nn.Conv2d(c_in, c_out, size, padding=size // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(c_out), nn.ReLU())


@given("05.3")
class MyDecoder(nn.Module):
    def __init__(self, c: int, c_low: int, narrow: int) -> None:
        super().__init__()
        self.convs = nn.Sequential(step(c + narrow, c, 3), step(c, c, 3))
        self.narrow = step(c_low, narrow, 1)

    def resize(self, x: Tensor, low: Tensor) -> Tensor:
        return F.interpolate(x, low.shape[-2:], mode="bilinear")

    def forward(self, x: Tensor, low: Tensor) -> Tensor:
        return self.convs(torch.cat([self.resize(x, low), self.narrow(low)], dim=1))


@given("05.3")
class DecoderByUpsample(MyDecoder):
    def resize(self, x: Tensor, low: Tensor) -> Tensor:
        size = (low.size(2), low.size(3))
        return nn.Upsample(size=size, mode="bilinear", align_corners=False)(x)


@given("05.3", "not by a factor")
class DecoderByFour(MyDecoder):
    def resize(self, x: Tensor, low: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=4, mode="bilinear")


@given("05.3", "not to the nearest")
class DecoderNearest(MyDecoder):
    def resize(self, x: Tensor, low: Tensor) -> Tensor:
        return F.interpolate(x, low.shape[-2:])


@given("05.3", "align_corners=True")
class DecoderAligned(MyDecoder):
    def resize(self, x: Tensor, low: Tensor) -> Tensor:
        return F.interpolate(x, low.shape[-2:], mode="bilinear", align_corners=True)


@given("05.3", "come second")
class DecoderLowFirst(MyDecoder):
    def forward(self, x: Tensor, low: Tensor) -> Tensor:
        return self.convs(torch.cat([self.narrow(low), self.resize(x, low)], dim=1))


@given("05.3", "One 3x3 convolution is missing")
class DecoderOneConv(MyDecoder):
    def __init__(self, c: int, c_low: int, narrow: int) -> None:
        super().__init__(c, c_low, narrow)
        self.convs = step(c + narrow, c, 3)


@given("05.3", "as wide as they are")
class DecoderNotNarrowed(MyDecoder):
    def __init__(self, c: int, c_low: int, narrow: int) -> None:
        super().__init__(c, c_low, c_low)
        self.narrow = nn.Identity()


@given("05.3", "after the 1x1 that narrows")
class DecoderWithoutNarrowReLU(MyDecoder):
    def __init__(self, c: int, c_low: int, narrow: int) -> None:
        super().__init__(c, c_low, narrow)
        self.narrow = self.narrow[:2]


@given("05.3")
@given("05.3", "not by cubic curves", mode="bicubic")
@given("05.3", "last ReLU is missing", last=nn.Identity)
@given("05.3", "not low down to x's", small=True)
@given("05.3", "low shrunk before them", small=True, late=True)
@given("05.3", "pad the 3x3", padding=0)
@given("05.3", "return the map alone", as_list=True)
class MyDecoderWith(nn.Module):
    def __init__(
        self,
        c: int,
        c_low: int,
        narrow: int,
        mode: str = "bilinear",
        last: type[nn.Module] = nn.ReLU,
        small: bool = False,
        late: bool = False,
        padding: int = 1,
        as_list: bool = False,
    ) -> None:
        super().__init__()

        def block(a: int, b: int, k: int, relu: type[nn.Module] = nn.ReLU) -> nn.Module:
            layer = nn.Conv2d(a, b, k, padding=padding if k == 3 else 0, bias=False)
            return nn.Sequential(layer, nn.BatchNorm2d(b), relu())

        self.narrow = block(c_low, narrow, 1)
        self.refine = nn.Sequential(block(c + narrow, c, 3), block(c, c, 3, last))
        self.mode, self.small, self.late, self.as_list = mode, small, late, as_list

    def forward(self, x: Tensor, low: Tensor) -> Any:
        size, low = low.shape[2:], self.narrow(low)
        if self.small:
            low = F.interpolate(low, x.shape[2:], mode=self.mode)
        else:
            x = F.interpolate(x, size, mode=self.mode)
        y = self.refine(torch.cat([x, low], 1))
        if self.late:
            y = F.interpolate(y, size, mode=self.mode)
        return [y] if self.as_list else y


@given("05.3", "Is a number written into the class")
class MyDecoderOfOneWidth(MyDecoderWith):
    def __init__(self, c: int, c_low: int, narrow: int) -> None:
        super().__init__(c, c_low, 4)


# --- 05.4 ---------------------------------------------------------------------


@given("05.4")
def least_time(macs: float, moved: float, peak: float, bandwidth: float) -> float:
    """By the roof: operations over the rate that is attainable."""
    return 2 * macs / min(peak, bandwidth * 2 * macs / moved)


@given("05.4")
def time_of_the_slower(macs, moved, peak, bandwidth):
    return torch.tensor([2 * macs / peak, moved / bandwidth], dtype=float).max()


@given("05.4", "a MAC is two")
def time_macs_not_doubled(macs, moved, peak, bandwidth):
    return max(macs / peak, moved / bandwidth)


@given("05.4", "not their sum")
def time_summed(macs, moved, peak, bandwidth):
    return 2 * macs / peak + moved / bandwidth


@given("05.4", "arithmetic has to be done")
def time_of_the_faster(macs, moved, peak, bandwidth):
    return min(2 * macs / peak, moved / bandwidth)


@given("05.4", "bytes have to be moved")
def time_without_memory(macs, moved, peak, bandwidth):
    return 2 * macs / peak


@given("05.4", "arithmetic has to be done")
def time_without_arithmetic(macs, moved, peak, bandwidth):
    return moved / bandwidth


@given("05.4", "operations a second")
def rate_and_not_time(macs, moved, peak, bandwidth):
    return min(peak, bandwidth * 2 * macs / moved)


given("05.4")(lambda m, b, p, w: torch.tensor(max(2 * m / p, b / w)))
given("05.4", "milliseconds")(lambda m, b, p, w: 1e3 * max(2 * m / p, b / w))
given("05.4", "The bytes are given")(lambda m, b, p, w: max(2 * m / p, 4 * b / w))
given("05.4", "one number, of seconds")(lambda m, b, p, w: (2 * m / p, b / w))


# --- 05.5 ---------------------------------------------------------------------


@given("05.5")
def light_network() -> nn.Module:
    return create_model("deeplabv3plus_mobilenetv2", preset="tiny", num_classes=6)


@given("05.5")
@given("05.5", "narrow place", detail=False)
@given("05.5", "Some output pixel sees", context=False)
class Own(nn.Module):
    """Separable stages down to stride 16, resized and joined with those at 4."""

    def __init__(self, context: bool = True, detail: bool = True) -> None:
        super().__init__()
        self.context, self.detail = context, detail
        self.start = nn.Sequential(
            nn.Conv2d(3, 12, 3, 2, 1), nn.ReLU(), nn.Conv2d(12, 24, 3, 2, 1), nn.ReLU()
        )
        self.deep = nn.Sequential(
            nn.MaxPool2d(4), *(MySeparable(24, 24, rate) for rate in (1, 2))
        )
        self.logits = nn.Conv2d(48, 6, 1)

    def forward(self, x: Tensor) -> Tensor:
        low = self.start(x)
        size = low.shape[-2:]
        deep = F.interpolate(self.deep(low), size) if self.context else low
        if not self.detail:
            low = deep
        return F.interpolate(self.logits(torch.cat([deep, low], 1)), x.shape[-2:])


small = partial(create_model, num_classes=6)
given("05.5", "narrow place")(partial(small, "deeplabv3_resnet50", preset="tiny"))
given("05.5", "weights are")(partial(small, "deeplabv3plus_resnet50", preset="small"))
given("05.5", "MACs are more")(partial(small, "unet_residual", preset="tiny"))
given("05.5", "six classes")(partial(create_model, "unet_residual", preset="tiny"))


@given("05.5")
@given("05.5", "narrow place", coarse=True)
class LightNetwork(nn.Module):
    """A gate of modules on the details; `coarse` halves the image thrice at first."""

    def __init__(self, coarse: bool = False) -> None:
        super().__init__()
        self.coarse = coarse

        def conv(c: int, d: int, stride: int = 1, rate: int = 1) -> nn.Module:
            layer = nn.Conv2d(c, d, 3, stride, rate, rate)
            return nn.Sequential(layer, nn.BatchNorm2d(d), nn.ReLU())

        self.stem = nn.Sequential(conv(3, 8, 2), conv(8, 8, 2))
        self.deep = nn.Sequential(
            conv(8, 16, 2), *(conv(16, 16, 1, rate) for rate in (1, 2, 4, 8))
        )
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 8, 1), nn.Sigmoid()
        )
        self.head = nn.Conv2d(24, 6, 1)

    def forward(self, x: Tensor) -> Tensor:
        size = x.shape[2:]
        if self.coarse:
            x = F.interpolate(F.avg_pool2d(x, 8), scale_factor=8)
        low = self.stem(x)
        deep = F.interpolate(self.deep(low), low.shape[2:])
        logits = self.head(torch.cat([deep, low * self.gate(low)], 1))
        return F.interpolate(logits, size, mode="bilinear")


class TestAnswers(AnswersOfAChapter):
    given = given
