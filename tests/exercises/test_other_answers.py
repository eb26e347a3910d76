"""Answers that others gave: right ones of another build, wrong ones and their hints."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from simseg_core.exercises import check

# (exercise, answer, words of the hint; None where the answer is right)
ANSWERS: list[tuple[str, Any, str | None]] = []


def given(number: str, words: str | None = None, **options: Any) -> Callable[..., Any]:
    """Note an answer, with the options of a factory if there are any."""

    def note(answer: Any) -> Any:
        made = partial(answer, **options) if options else answer
        ANSWERS.append((number, made, words))
        return answer

    return note


def pooled(side: int, by: bool) -> int:
    return side // 2 if by else side


# --- 01 ------------------------------------------------------------------------


def weigh(weights: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    return lambda query, key, value: weights(query @ key.mT) @ value


SAGAN_LEAVES = "SAGAN leaves them as they are"
given("01.2", "That is the map: multiply")(lambda q, k, v: (q @ k.mT).softmax(-1))
given("01.2", "Those are the scores")(lambda q, k, v: q @ k.mT)
given("01.2", "do not sum to 1: take a softmax")(weigh(torch.exp))
given("01.2", "do not sum to 1: take a softmax")(weigh(torch.sigmoid))
given("01.2", SAGAN_LEAVES)(weigh(lambda s: (s / s.shape[-1] ** 0.5).softmax(-1)))
given("01.2", SAGAN_LEAVES)(lambda q, k, v: (q @ k.mT / q.shape[2]).softmax(-1) @ v)
given("01.2", "runs over the whole map")(
    weigh(lambda s: s.flatten(1).softmax(-1).view_as(s))
)


@given("01.2")
def attend_by_numpy(query: Tensor, key: Tensor, value: Tensor) -> Any:
    q, k, v = query.numpy(), key.numpy(), value.numpy()
    weights = np.exp(q @ k.transpose(0, 2, 1))
    return weights / weights.sum(2, keepdims=True) @ v


@given("01.3")
@given("01.3", "Queries and keys have C / 8 channels", width=8)
@given("01.3", "no convolution follows them", after=True)
@given("01.3", "Gamma is 0 and a fresh block still changes x", relu=True)
@given("01.3", "here it was tuple", with_map=True)
@given("01.3", "a width written into the class", narrow=2)
class Attention(nn.Module):
    """Projections of one dimension, the map as the keys see it."""

    def __init__(
        self, channels: int, width: int = 0, narrow: int = 0, **options: bool
    ) -> None:
        super().__init__()
        width = width or narrow or channels // 8
        self.options = options
        self.q, self.k = (nn.Conv1d(channels, width, 1) for _ in "qk")
        self.v = nn.Conv1d(channels, channels, 1)
        if options.get("after"):
            self.o = nn.Conv1d(channels, channels, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Any:
        flat = x.flatten(2)
        weights = (self.k(flat).mT @ self.q(flat)).softmax(1)
        y = x + self.gamma * (self.v(flat) @ weights).view_as(x)
        if self.options.get("relu"):
            y = y.relu()
        return (y, weights) if self.options.get("with_map") else y


@given("01.4")
@given("01.4", "pooled=False, and you count pooled keys", inverted=True)
@given("01.4", "drops the last row and column", area=True)
@given("01.4", "so round down", up=True)
def map_bytes(
    batch: int,
    height: int,
    width: int,
    pooled: bool,
    inverted: bool = False,
    area: bool = False,
    up: bool = False,
) -> Any:
    queries = height * width
    if pooled is inverted:
        keys: float = queries
    elif area:
        keys = queries / 4
    elif up:
        keys = math.ceil(height / 2) * math.ceil(width / 2)
    else:
        keys = (height // 2) * (width // 2)
    return torch.tensor(4 * batch * queries * keys, dtype=torch.float64)


@given("01.5", "reads only the keys of its own rows")
def attend_by_blocks(query: Tensor, key: Tensor, value: Tensor, rows: int) -> Tensor:
    pieces = zip(*(t.split(rows, 1) for t in (query, key, value)))
    return torch.cat([(q @ k.mT).softmax(-1) @ v for q, k, v in pieces], 1)


# --- 02 ------------------------------------------------------------------------


@given("02.1")
@given("02.1", "each hidden unit is missing", hidden_bias=0)
@given("02.1", "each output unit is missing", output_bias=0)
@given("02.1", "a BatchNorm follows it", after=1)
@given("02.1", "49 weights for each map", kernel=7)
@given("02.1", "two layers, down and up", layers=1, output_bias=0)
@given("02.1", "up or to the nearest", rounded=math.ceil)
def cbam_weights(
    channels: int,
    reduction: int,
    *,
    hidden_bias: int = 1,
    output_bias: int = 1,
    after: int = 2,
    kernel: int = 49,
    layers: int = 2,
    rounded: Callable[[float], int] = math.floor,
) -> Any:
    hidden = max(1, rounded(channels / reduction))
    biases = hidden_bias * hidden + output_bias * channels
    return np.int64(layers * channels * hidden + biases + 2 * kernel + after)


@given("02.2", "b2 is added for both", form="one b2")
@given("02.2", "Both layers add a bias", form="no bias")
@given("02.2", "A sum over positions", form="sum")
@given("02.2", "two gates are averaged", form="averaged")
@given("02.2", "two gates are multiplied", form="multiplied")
@given("02.2", "tanh reaches from -1", form="tanh")
def channel_gate(
    x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor, form: str
) -> Tensor:
    def mlp(v: Tensor) -> Tensor:
        h = F.linear(v, w1, None if form == "no bias" else b1).relu()
        return F.linear(h, w2, None if form == "no bias" else b2)

    low = mlp(x.sum((2, 3)) if form == "sum" else x.mean((2, 3)))
    high = mlp(x.amax((2, 3)))
    gates = {
        "one b2": (low + high - b2).sigmoid(),
        "averaged": (low.sigmoid() + high.sigmoid()) / 2,
        "multiplied": low.sigmoid() * high.sigmoid(),
        "tanh": (low + high).tanh(),
    }
    return gates.get(form, (low + high).sigmoid())[:, :, None, None]


@given("02.3")
@given("02.3", "Both maps are the maximum", form="maximum twice")
@given("02.3", "spread over the channels", form="spread")
@given("02.3", "Does the padding follow the kernel", form="padded by 3")
@given("02.3", "Not a bias but a BatchNorm", form="biased")
class SpatialGate(nn.Module):
    """The kernel is a bare parameter, under a name of its own."""

    def __init__(self, kernel_size: int, form: str = "") -> None:
        super().__init__()
        self.form = form
        self.pad = 3 if form == "padded by 3" else kernel_size // 2
        self.kernel = nn.Parameter(torch.rand(1, 2, kernel_size, kernel_size))
        self.norm = nn.BatchNorm2d(1) if form != "biased" else nn.Identity()
        if form == "biased":
            self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        most, mean = x.amax(1), x.mean(1)
        maps = torch.stack([most, most if self.form == "maximum twice" else mean], 1)
        gate = self.norm(F.conv2d(maps, self.kernel, padding=self.pad)).sigmoid()
        return gate.expand_as(x) if self.form == "spread" else x * gate


# --- 03 ------------------------------------------------------------------------

given("03.1")(
    lambda side: np.int64(side - 184 if side > 187 and side % 16 == 12 else 0)
)


def crop_from(
    start: Callable[[int, int], int],
) -> Callable[[Tensor, int, int], Tensor]:
    def crop(x: Tensor, height: int, width: int) -> Tensor:
        top, left = start(x.shape[2], height), start(x.shape[3], width)
        return x[:, :, top : top + height, left : left + width]

    return crop


given("03.2", "below and to the right: halve")(crop_from(lambda n, k: n - k))
given("03.2", "one pixel too late")(crop_from(lambda n, k: (n - k) // 2 + 1))
given("03.2", "half-numbers to the even side")(
    crop_from(lambda n, k: round((n - k) / 2))
)


@given("03.3")
@given("03.3", "resized and blended", crop="bilinear")
@given("03.3", "rows' margin for the columns", crop="rows")
@given("03.3", "columns' margin for the rows", crop="columns")
@given("03.3", "larger half stays below", crop="up")
@given("03.3", "first ReLU is missing", relus="2")
@given("03.3", "no ReLU behind it", relus="012")
@given("03.3", "One convolution has no bias", up_bias=False)
@given("03.3", "3x3 convolutions have biases", bias=False)
@given("03.3", "The convolutions have biases", bias=False, up_bias=False)
@given("03.3", "no BatchNorm in this U-Net", norm=nn.BatchNorm2d)
@given("03.3", "is 2x2 here", kernel=3)
@given("03.3", "rises by a transposed", kernel=0)
class UpStep(nn.Module):
    def __init__(
        self,
        c_in: int,
        c_out: int,
        *,
        crop: str = "centre",
        relus: str = "12",
        bias: bool = True,
        up_bias: bool = True,
        norm: type[nn.Module] | None = None,
        kernel: int = 2,
    ) -> None:
        super().__init__()
        self.crop, self.relus = crop, relus
        options: dict[str, int] = {2: {}, 3: {"padding": 1, "output_padding": 1}}.get(
            kernel, {}
        )
        self.up: nn.Module = (
            nn.ConvTranspose2d(c_in, c_out, kernel, 2, bias=up_bias, **options)
            if kernel
            else nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(c_in, c_out, 1))
        )
        self.convs = nn.ModuleList(
            nn.Conv2d(c, c_out, 3, bias=bias) for c in (2 * c_out, c_out)
        )
        self.norms = nn.ModuleList(
            norm(c_out) if norm else nn.Identity() for _ in range(2)
        )

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = self.up(x).relu() if "0" in self.relus else self.up(x)
        margins = [skip.shape[i] - x.shape[i] for i in (2, 3)]
        tops = {"rows": margins[:1] * 2, "columns": margins[1:] * 2}
        top, left = (m // 2 for m in tops.get(self.crop, margins))
        if self.crop == "up":
            top, left = ((m + 1) // 2 for m in margins)
        cut = skip[:, :, top : top + x.shape[2], left : left + x.shape[3]]
        if self.crop == "bilinear":
            cut = F.interpolate(skip, x.shape[2:], mode="bilinear")
        x = torch.cat([cut, x], 1)
        for name, conv, norm in zip("12", self.convs, self.norms):
            x = norm(conv(x))
            x = x.relu() if name in self.relus else x
        return x


@given("03.4")
@given("03.4", "between the convolutions is missing", relus="3")
@given("03.4", "Neither ReLU is there", relus="")
@given("03.4", "shortcut is rectified before", relus="1s3")
@given("03.4", "input is rectified first", relus="013")
@given("03.4", "multiplied: add it", join=torch.mul)
@given("03.4", "yours has none", norms="")
@given("03.4", "the projection too", norms="12")
@given("03.4", "each convolution has its own", norms="1s")
@given("03.4", "projection is a 1x1", kernel=3)
class ResidualBlock(nn.Module):
    def __init__(
        self,
        c_in: int,
        c_out: int,
        relus: str = "13",
        norms: str = "12s",
        kernel: int = 1,
        join: Callable[[Tensor, Tensor], Tensor] = torch.add,
    ) -> None:
        super().__init__()
        self.relus, self.join = relus, join

        def normed(name: str, *conv: int) -> nn.Module:
            layer = nn.Conv2d(*conv, padding="same", bias=False)
            norm = nn.BatchNorm2d(c_out) if name in norms else nn.Identity()
            return nn.Sequential(layer, norm)

        self.one, self.two = normed("1", c_in, c_out, 3), normed("2", c_out, c_out, 3)
        self.side = normed("s", c_in, c_out, kernel) if c_in != c_out else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        def relu(name: str, y: Tensor) -> Tensor:
            return y.relu() if name in self.relus else y

        x = relu("0", x)
        branch = self.two(relu("1", self.one(x)))
        return relu("3", self.join(branch, relu("s", self.side(x))))


given("03.5", "names a size twice")(lambda depth: [18, 18])
given("03.5", "a list of whole numbers")(lambda depth: [17.5])
given("03.5", "a list of whole numbers")(lambda depth: "18")


class WideField(nn.Sequential):
    def __init__(self, last: Callable[[Tensor], Any], first: int = 1) -> None:
        layers = [
            nn.Conv2d(3 if i == 0 else 6, 6, 3, padding=2**i, dilation=2**i)
            for i in range(6)
        ]
        super().__init__(*layers)
        self.last, self.by = last, first

    def forward(self, x: Tensor) -> Any:
        if self.by > 1:
            x = F.interpolate(F.avg_pool2d(x, self.by), scale_factor=self.by)
        return self.last(super().forward(x))


given("03.6")(lambda: WideField(lambda y: y))
given("03.6", "Got dict")(lambda: WideField(lambda y: {"out": y}))
given("03.6", "Got tuple")(lambda: WideField(lambda y: (y, y)))
given("03.6", "Those are probabilities")(lambda: WideField(lambda y: y.softmax(1)))
given("03.6", "1-pixel pole")(lambda: WideField(lambda y: y, first=2))
given("03.6", "probe raises UnknownOperationError")(
    lambda: WideField(lambda y: torch.fft.fft2(y).real)
)


WRITTEN_IN = "Is a number written into the class"


@given("03.3", WRITTEN_IN)
class UpStepOfOneSize(UpStep):
    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        return super().forward(x, skip[:, :, 2:30, 5:41])


@given("03.3", WRITTEN_IN)
class UpStepOfOneWidth(UpStep):
    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__(8, 4)


@given("02.2", "shape '[2, 6, 1, 1]' is invalid")
def gate_of_one_shape(
    x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor
) -> Tensor:
    return channel_gate(x, w1, b1, w2, b2, form="").reshape(2, 6, 1, 1)


@given("03.2", "shape '[2, 3, ")
def crop_of_one_batch(x: Tensor, height: int, width: int) -> Tensor:
    return crop_from(lambda n, k: (n - k) // 2)(x, height, width).reshape(
        2, 3, height, width
    )


# --- 04 ------------------------------------------------------------------------


def field_by(
    rule: Callable[[int, int, int, int, int], tuple[int, int]], order: int = 1
) -> Callable[[list[tuple[int, int, int]]], int]:
    def stack_field(layers: list[tuple[int, int, int]]) -> int:
        field = step = 1
        for layer in layers[::order]:
            field, step = rule(field, step, *layer)
        return field

    return stack_field


given("04.1", "from the last layer to the first")(
    field_by(lambda f, j, k, s, r: ((f - 1) * s + (k - 1) * r + 1, 1))
)
given("04.1", "the steps multiply")(
    field_by(lambda f, j, k, s, r: (f + (k - 1) * r * j, s))
)
given("04.1", "Rates do not add up")(
    field_by(lambda f, j, k, s, r: (f + (k - 1) * r * j, j * s * r))
)


def conv(**options: Any) -> Callable[[Tensor, Tensor, int], Tensor]:
    def my_atrous(x: Tensor, weight: Tensor, rate: int) -> Tensor:
        mode = options.get("mode", "constant")
        x = F.pad(x, (rate, rate, rate, rate), mode=mode)
        taps = range(1, 2) if options.get("centre") else range(3)
        total = x.new_zeros(1)
        for i in taps:
            for j in taps:
                di, dj = (2 - i, 2 - j) if options.get("turned") else (i, j)
                size = [n - 2 * rate for n in x.shape[2:]]
                part = x.narrow(2, di * rate, size[0]).narrow(3, dj * rate, size[1])
                total = total + torch.einsum("bchw,dc->bdhw", part, weight[..., i, j])
        return total

    return my_atrous


given("04.2")(conv())
given("04.2", "you mirror it")(conv(mode="reflect"))
given("04.2", "the tap of the centre alone")(conv(centre=True))
given("04.2", "flipped, and the other side")(conv(turned=True, mode="circular"))


def plan(strides: Sequence[int], output_stride: int, limit: int = 1) -> list[list[int]]:
    found, rate = [], 1
    for stride in strides:
        limit *= stride
        found.append([stride if limit <= output_stride else 1, rate])
        rate *= 1 if limit <= output_stride else stride
    return found


given("04.3")(lambda strides, stop: np.array(plan(strides, stop)))
given("04.3")(lambda strides, stop: torch.tensor(plan(strides, stop)))
given("04.3", "nothing is traded")(partial(plan, limit=2))
given("04.3", "stride first, its rate second")(
    lambda strides, stop: [pair[::-1] for pair in plan(strides, stop)]
)
given("04.3", "A rate stays for all units")(
    lambda strides, stop: [
        (new, old if new != old else 1)
        for old, (new, _) in zip(strides, plan(strides, stop))
    ]
)
given("04.3", "should return one pair")(
    lambda strides, stop: [f"{s}{r}" for s, r in plan(strides, stop)]
)


@given("04.4")
@given("04.4", "a 3x3 branch for every rate", most=3)
@given("04.4", "The paper's rates 6, 12, 18", fixed=(6, 12, 18))
@given("04.4", "Your rates are doubled", times=2)
@given("04.4", "No ReLU stands in it", relu=nn.Identity)
class MyASPP(nn.Module):
    def __init__(
        self,
        c_in: int,
        c_out: int,
        rates: Sequence[int],
        most: int = 9,
        fixed: Sequence[int] = (),
        times: int = 1,
        relu: type[nn.Module] = nn.ReLU,
    ) -> None:
        super().__init__()
        rates = fixed if len(rates) == len(fixed) else rates

        def block(c: int, kernel: int, rate: int) -> nn.Module:
            layer = nn.Conv2d(
                c, c_out, kernel, padding="same", dilation=rate, bias=False
            )
            return nn.Sequential(layer, nn.BatchNorm2d(c_out), relu())

        rows = [block(c_in, 3, times * rate) for rate in rates[:most]]
        self.branches = nn.ModuleList([block(c_in, 1, 1), *rows, block(c_in, 1, 1)])
        self.mix = block(len(self.branches) * c_out, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        *maps, pooled = self.branches
        mean = pooled(x.mean((2, 3), keepdim=True))
        return self.mix(
            torch.cat([*(m(x) for m in maps), mean.expand(-1, -1, *x.shape[2:])], 1)
        )


@given("04.5")
@given("04.5", "numbers of positions", form="counted")
@given("04.5", "per cent", form="per cent")
@given("04.5", "Off by one", form="late")
@given("04.5", "nowhere alone", form="unbounded")
def taps_left(side: int, rate: int, form: str = "") -> Tensor:
    whole, alone = max(side - 2 * rate, 0), min(max(2 * rate - side, 0), side)
    if form == "late":
        whole = max(whole - 1, 0)
    if form == "unbounded":
        whole, alone = side - 2 * rate, 2 * rate - side
    scale = {"counted": side, "per cent": 10}.get(form, 1)
    return torch.tensor([whole, alone]).div(side).mul(scale).square()  # in float32


@given("04.2", "(line ")
def atrous_of_one_batch(x: Tensor, weight: Tensor, rate: int) -> Tensor:
    total = torch.zeros(2, 4, *x.shape[2:])
    return total + F.conv2d(x, weight, padding=rate, dilation=rate).view_as(total)


@given("04.4", WRITTEN_IN)
class MyASPPOfOneBatch(MyASPP):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).reshape(2, 4, 9, 7)


given("04.6")(lambda: (3.0**i for i in range(4)))
given("04.6", "a list of whole numbers")(lambda: [1.5, 3, 9, 27])


# --- 05 ------------------------------------------------------------------------


def count(
    weights: Callable[[int, int], int], macs: Callable[..., int] | None = None
) -> Callable[[int, int, int, int], list[int]]:
    def separable_count(c_in: int, c_out: int, height: int, width: int) -> list[int]:
        n = weights(c_in, c_out)
        return [n, macs(c_in, c_out, height, width) if macs else n * height * width]

    return separable_count


def right(c_in: int, c_out: int) -> int:
    return 9 * c_in + c_in * c_out


given("05.1")(count(right))
given("05.1", "in the 1x1 half neither")(count(lambda i, o: right(i, o) + o))
given("05.1", "has nine weights")(count(lambda i, o: 3 * i + i * o))
given("05.1", "may be narrow")(count(right, lambda i, o, h, w: right(i, o) * w * w))
given("05.1", "full 3x3 convolution")(
    count(right, lambda i, o, h, w: 9 * i * o * h * w)
)
given("05.1", "a value at every position")(
    count(right, lambda i, o, h, w: 9 * i * (h - 2) * (w - 2) + i * o * h * w)
)
given("05.1", "two whole numbers")(lambda *sizes: (right(*sizes[:2]) + 0.5, 3))


@given("05.2")
@given("05.2", "stands before its BatchNorm", early=True)
@given("05.2", "a ReLU6, which ends at 6", second=nn.ReLU6)
@given("05.2", "ReLU6 ends at 6", first=nn.ReLU6, second=nn.ReLU6)
@given("05.2", "1x1 half has no BatchNorm", norm=nn.Identity)
class MySeparable(nn.Sequential):
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


@given("05.3")
@given("05.3", "not by cubic curves", mode="bicubic")
@given("05.3", "last ReLU is missing", last=nn.Identity)
@given("05.3", "not low down to x's", small=True)
@given("05.3", "low shrunk before them", small=True, late=True)
@given("05.3", "pad the 3x3", padding=0)
@given("05.3", "return the map alone", as_list=True)
class MyDecoder(nn.Module):
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


@given("05.2", WRITTEN_IN)
class MySeparableOfOneWidth(MySeparable):
    def __init__(self, c_in: int, c_out: int, rate: int) -> None:
        super().__init__(6, 5, rate)


@given("05.3", WRITTEN_IN)
class MyDecoderOfOneWidth(MyDecoder):
    def __init__(self, c: int, c_low: int, narrow: int) -> None:
        super().__init__(c, c_low, 4)


given("05.4")(lambda m, b, p, w: torch.tensor(max(2 * m / p, b / w)))
given("05.4", "milliseconds")(lambda m, b, p, w: 1e3 * max(2 * m / p, b / w))
given("05.4", "The bytes are given")(lambda m, b, p, w: max(2 * m / p, 4 * b / w))
given("05.4", "one number, of seconds")(lambda m, b, p, w: (2 * m / p, b / w))


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


# --- 06 ------------------------------------------------------------------------


def powers(layer: int) -> list[int]:
    return [i for i in range(layer.bit_length()) if layer % 2**i == 0]


given("06.1", "layer right before is missing")(
    lambda layer: [layer - 2**i for i in powers(layer)[1:]]
)
given("06.1", "the exponents i")(powers)
given("06.1", "One number too high")(
    lambda layer: [layer - 2**i + 1 for i in powers(layer)]
)
given("06.1", "the layer before alone")(lambda layer: [layer - 1])
given("06.1", "a dense block")(lambda layer: range(layer))


@given("06.2")
@given("06.2", "Rounded up to an even", rounded=lambda c: math.ceil(c / 2) * 2)
@given("06.2", "Cut off at every multiplication", by_step=True, rounded=int)
@given("06.2", "You multiply once, however many", most=1)
@given("06.2", "it need not be 1.7", fixed=1.7)
def my_width(
    layer: int,
    growth: int,
    multiplier: float,
    rounded: Callable[[float], int] = lambda c: int(c + 1) // 2 * 2,
    by_step: bool = False,
    most: int = 99,
    fixed: float | None = None,
) -> int:
    width: float = growth
    for _ in powers(layer)[1 : most + 1]:
        width *= fixed or multiplier
        width = int(width) if by_step else width
    return rounded(width)


@given("06.3")
@given("06.3", "the one before it alone", reads=lambda n: [n - 1])
@given(
    "06.3",
    "2^i must also divide",
    reads=lambda n: [n - 2**i for i in range(n.bit_length())],
)
@given("06.3", "Yours is list", as_list=True)
class MyHarDBlock(nn.Module):
    def __init__(
        self,
        c_in: int,
        growth: int,
        layers: int,
        reads: Callable[[int], list[int]] = lambda n: [n - 2**i for i in powers(n)],
        as_list: bool = False,
    ) -> None:
        super().__init__()
        self.reads, self.as_list = reads, as_list
        width = [c_in]
        for n in range(1, layers + 1):
            width.append(my_width(n, growth, 1.7))
            c = sum(width[i] for i in reads(n))
            conv = nn.Conv2d(c, width[n], 3, padding=1, bias=False)
            self.add_module(
                str(n), nn.Sequential(conv, nn.BatchNorm2d(width[n]), nn.ReLU())
            )

    def forward(self, x: Tensor) -> Any:
        maps = [x]
        for n, layer in enumerate(self.children(), 1):
            maps.append(layer(torch.cat([maps[i] for i in self.reads(n)], 1)))
        kept = [*maps[1:-1:2], maps[-1]] if len(maps) % 2 else maps[1::2]
        return kept if self.as_list else torch.cat(kept, 1)


@given("06.4")
@given("06.4", "the one before it alone", macs_read=lambda n: [n - 1])
@given("06.4", "the traffic of a dense block", cio_read=range)
@given("06.4", "Those are bytes", times=4)
@given("06.4", "and not once more", more=True)
@given("06.4", "A width is rounded", rounded=float)
def work_and_traffic(
    c_in: int,
    growth: int,
    multiplier: float,
    layers: int,
    macs_read: Callable[[int], Sequence[int]] = lambda n: [n - 2**i for i in powers(n)],
    cio_read: Callable[[int], Sequence[int]] = lambda n: [n - 2**i for i in powers(n)],
    times: int = 1,
    more: bool = False,
    rounded: Callable[[float], float] = lambda c: int(c + 1) // 2 * 2,
) -> Any:
    numbers = range(1, layers + 1)
    width = [c_in] + [my_width(n, growth, multiplier, rounded) for n in numbers]
    macs = sum(9 * width[n] * sum(width[i] for i in macs_read(n)) for n in numbers)
    cio = sum(width[n] + sum(width[i] for i in cio_read(n)) for n in numbers)
    return np.array([macs, times * (cio + (c_in if more else 0))])


given("06.5", "a list of lists")(lambda: [[n + 0.5] for n in range(16)])


@pytest.mark.parametrize(
    ("number", "answer", "words"),
    ANSWERS,
    ids=[f"{number}-{words or 'right'}" for number, _, words in ANSWERS],
)
def test_answer(number: str, answer: Any, words: str | None) -> None:
    result = check(number, answer)
    if words is None:
        assert result.status == "right", result
    else:
        assert result.status == "not yet", result
        assert result.hint is not None
        assert words in result.hint, result
