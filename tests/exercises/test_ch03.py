"""The U-Net chapter's exercises: right and wrong answers."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from simseg_core import create_model
from tests.exercises.bench import Answers, AnswersOfAChapter

given = Answers("03")

# --- 03.1 ---------------------------------------------------------------------


@given("03.1")
def output_size(side: int) -> int:
    inside = side
    for _ in range(4):
        inside = (inside - 4) / 2
    fits = side >= 188 and inside == int(inside)
    return side - 184 if fits else 0


@given("03.1", "200 does not fit")
def size_never_checked(side: int) -> int:
    return max(side - 184, 0)


@given("03.1", "188 fits as well")
def size_divisible_before_the_trim(side: int) -> int:
    return side - 184 if side % 16 == 0 or side == 572 else 0


@given("03.1", "on the way up trim too")
def size_trims_only_on_the_way_down(side: int) -> int:
    inside = side
    for _ in range(4):
        inside = (inside - 4) // 2
    return (inside - 4) * 16


@given("03.1", "140 survives")
def size_of_140_is_negative(side: int) -> int:
    inside = side
    for _ in range(4):
        inside = (inside - 4) / 2
    return side - 184 if inside == int(inside) else 0


given("03.1")(
    lambda side: np.int64(side - 184 if side > 187 and side % 16 == 12 else 0)
)


# --- 03.2 ---------------------------------------------------------------------


@given("03.2")
def center_crop(x: Tensor, height: int, width: int) -> Tensor:
    below = x.shape[2] - height
    beside = x.shape[3] - width
    rows = range(below // 2, below // 2 + height)
    return x[:, :, list(rows)].narrow(3, beside // 2, width)


@given("03.2", "top left corner")
def crop_corner(x: Tensor, height: int, width: int) -> Tensor:
    return x[..., :height, :width]


@given("03.2", "rows' offset is used for the columns")
def crop_rows_offset_twice(x: Tensor, height: int, width: int) -> Tensor:
    top = (x.shape[-2] - height) // 2
    return x[..., top : top + height, top : top + width]


@given("03.2", "resize")
def crop_resizes(x: Tensor, height: int, width: int) -> Tensor:
    return F.interpolate(x, (height, width))


@given("03.2", "larger half belongs below and to the right")
def crop_rounds_up(x: Tensor, height: int, width: int) -> Tensor:
    top = -(-(x.shape[-2] - height) // 2)
    left = -(-(x.shape[-1] - width) // 2)
    return x[..., top : top + height, left : left + width]


@given("03.2", "should keep the central")
def crop_by_negative_index(x: Tensor, height: int, width: int) -> Tensor:
    top, left = (x.shape[-2] - height) // 2, (x.shape[-1] - width) // 2
    return x[..., top:-top, left:-left]


@given("03.2", "is there a return")
def crop_forgets_return(x: Tensor, height: int, width: int) -> None:
    x[..., :height, :width]


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


@given("03.2", "shape '[2, 3, ")
def crop_of_one_batch(x: Tensor, height: int, width: int) -> Tensor:
    return crop_from(lambda n, k: (n - k) // 2)(x, height, width).reshape(
        2, 3, height, width
    )


# --- 03.3 ---------------------------------------------------------------------


@given("03.3")
class UpStep(nn.Module):
    order = ("skip", "x")
    last_relu = True
    joins = staticmethod(torch.cat)

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.conv2 = nn.Conv2d(c_out, c_out, 3)  # defined in another order than run
        self.conv1 = nn.Conv2d(self.read(c_out), c_out, 3)
        self.grow = nn.ConvTranspose2d(c_in, c_out, kernel_size=2, stride=2)

    def read(self, c_out: int) -> int:
        return 2 * c_out

    def crop(self, skip: Tensor, x: Tensor) -> Tensor:
        return center_crop(skip, *x.shape[-2:])

    def join(self, skip: Tensor, x: Tensor) -> Tensor:
        return torch.cat((skip, x), 1)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = self.grow(x)
        x = torch.relu(self.conv1(self.join(self.crop(skip, x), x)))
        x = self.conv2(x)
        return torch.relu(x) if self.last_relu else x


@given("03.3", "skip comes first")
class UpStepSwapped(UpStep):
    def join(self, skip: Tensor, x: Tensor) -> Tensor:
        return torch.cat((x, skip), 1)


@given("03.3", "an addition would")
class UpStepAdds(UpStep):
    def read(self, c_out: int) -> int:
        return c_out

    def join(self, skip: Tensor, x: Tensor) -> Tensor:
        return skip + x


@given("03.3", "second ReLU")
class UpStepNoLastRelu(UpStep):
    last_relu = False


@given("03.3", "of 33x47 raises RuntimeError")
class UpStepForgetsCrop(UpStep):
    def crop(self, skip: Tensor, x: Tensor) -> Tensor:
        return skip


@given("03.3", "at its corner")
class UpStepCornerCrop(UpStep):
    def crop(self, skip: Tensor, x: Tensor) -> Tensor:
        return crop_corner(skip, *x.shape[-2:])


@given("03.3", "is resized: cut")
class UpStepResizes(UpStep):
    def crop(self, skip: Tensor, x: Tensor) -> Tensor:
        return F.interpolate(skip, x.shape[-2:])


@given("03.3", "Is something padded")
class UpStepPadded(UpStep):
    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__(c_in, c_out)
        self.conv1.padding = self.conv2.padding = (1, 1)


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
class UpStepWith(nn.Module):
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


@given("03.3", "Is a number written into the class")
class UpStepOfOneSize(UpStepWith):
    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        return super().forward(x, skip[:, :, 2:30, 5:41])


@given("03.3", "Is a number written into the class")
class UpStepOfOneWidth(UpStepWith):
    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__(8, 4)


# --- 03.4 ---------------------------------------------------------------------


@given("03.4")
class ResidualBlock(nn.Module):
    bias = False
    project_always = False

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.project = None
        if c_in != c_out or self.project_always:
            self.project = nn.Sequential(
                nn.Conv2d(c_in, c_out, 1, bias=self.bias), nn.BatchNorm2d(c_out)
            )
        self.c1 = nn.Conv2d(c_in, c_out, 3, padding=1, bias=self.bias)
        self.n1 = nn.BatchNorm2d(c_out)
        self.c2 = nn.Conv2d(c_out, c_out, 3, padding=1, bias=self.bias)
        self.n2 = nn.BatchNorm2d(c_out)

    def forward(self, x: Tensor) -> Tensor:
        return self.end(self.branch(x), self.project(x) if self.project else x)

    def branch(self, x: Tensor) -> Tensor:
        return self.n2(self.c2(F.relu(self.n1(self.c1(x)))))

    def end(self, branch: Tensor, shortcut: Tensor) -> Tensor:
        return F.relu(branch + shortcut)


@given("03.4", "not on the branch before it")
class ReluBeforeTheSum(ResidualBlock):
    def end(self, branch: Tensor, shortcut: Tensor) -> Tensor:
        return F.relu(branch) + shortcut


@given("03.4", "not rectified")
class NoReluAfterTheSum(ResidualBlock):
    def end(self, branch: Tensor, shortcut: Tensor) -> Tensor:
        return branch + shortcut


@given("03.4", "shortcut is missing")
class ForgetsTheShortcut(ResidualBlock):
    def end(self, branch: Tensor, shortcut: Tensor) -> Tensor:
        return F.relu(branch)


@given("03.4", "in place")
class ReluInPlaceOnTheInput(ResidualBlock):
    def forward(self, x: Tensor) -> Tensor:
        branch = self.branch(x)
        F.relu_(x)
        return self.end(branch, self.project(x) if self.project else x)


@given("03.4", "no bias")
class BiasedConvolutions(ResidualBlock):
    bias = True


@given("03.4", "only where the widths differ")
class ProjectsAlways(ResidualBlock):
    project_always = True


@given("03.4", "RuntimeError")
class NeverProjects(ResidualBlock):
    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__(c_in, c_out)
        self.project = None


@given("03.4")
@given("03.4", "between the convolutions is missing", relus="3")
@given("03.4", "Neither ReLU is there", relus="")
@given("03.4", "shortcut is rectified before", relus="1s3")
@given("03.4", "input is rectified first", relus="013")
@given("03.4", "multiplied: add it", join=torch.mul)
@given("03.4", "yours has none", norms="")
@given("03.4", "the projection too", norms="12")
@given("03.4", "each convolution has its own.", norms="1s")
@given("03.4", "projection is a 1x1", kernel=3)
class ResidualBlockWith(nn.Module):
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


# --- 03.5 ---------------------------------------------------------------------


@given("03.5")
def field_sizes(depth: int) -> set[int]:
    """Walk intervals of pixels back from each phase of the output."""
    sizes = set()
    for pixel in range(64 * 2**depth, 65 * 2**depth):
        first = last = pixel
        for _ in range(depth):
            last += 4
            first, last = first // 2, last // 2
        last += 4
        for _ in range(depth):
            first, last = 2 * first, 2 * last + 1
            last += 4
        sizes.add(last - first + 1)
    return sizes


@given("03.5", "lowest stage sees")
def field_of_the_bottleneck(depth: int) -> list[int]:
    size = 5
    for _ in range(depth):
        size = 2 * size + 4
    return [size]


@given("03.5", "One number cannot do")
def one_field(depth: int) -> int:
    return max(field_sizes(depth))


@given("03.5", "do all pixels see that much")
def widest_field_only(depth: int) -> list[int]:
    return [max(field_sizes(depth))]


@given("03.5", "what does its neighbour see")
def narrowest_field_only(depth: int) -> list[int]:
    return [min(field_sizes(depth))]


given("03.5", "names a size twice")(lambda depth: [18, 18])
given("03.5", "a list of whole numbers")(lambda depth: [17.5])
given("03.5", "a list of whole numbers")(lambda depth: "18")


# --- 03.6 ---------------------------------------------------------------------


@given("03.6")
def lean_unet() -> nn.Module:
    return create_model("unet_padded", widths=(8, 10, 14, 20, 28), num_classes=6)


@given("03.6", "more than 60,000")
def lean_too_wide() -> nn.Module:
    return create_model("unet_padded", widths=(16, 32, 64, 128), num_classes=6)


@given("03.6", "1-pixel pole")
def lean_without_skips() -> nn.Module:
    return create_model(
        "unet_padded", widths=(8, 12, 16, 24, 32), num_classes=6, skips=False
    )


@given("03.6", "1-pixel pole")
def lean_residual_without_skips() -> nn.Module:
    """Its stages add at full resolution, but only what came up from below."""
    return create_model("unet_residual", preset="tiny", num_classes=6, skips=False)


@given("03.6", "1-pixel pole")
def lean_with_a_strided_stem() -> nn.Module:
    """A U-Net, with skips; the largest of them has half the image's side."""
    return create_model("unet_resnet18", preset="tiny", num_classes=6)


@given("03.6", "of 96 rows")
def lean_too_shallow() -> nn.Module:
    return create_model("unet_padded", widths=(8, 12, 16), num_classes=6)


@given("03.6", "six classes, at the image's own size. Got (1, 21")
def lean_of_other_classes() -> nn.Module:
    return create_model("unet_padded", preset="tiny", num_classes=21)


@given("03.6")
class LeanByAddition(nn.Module):
    """One skip, at full resolution, added; the view comes from below."""

    def __init__(self) -> None:
        super().__init__()
        self.top = nn.Conv2d(3, 8, 3, padding=1)
        self.below = create_model("unet_padded", widths=(8, 8, 8, 8, 8), num_classes=8)
        self.classify = nn.Conv2d(8, 6, 1)

    def forward(self, x: Tensor) -> Tensor:
        half = self.below(F.avg_pool2d(x, 2))
        return self.classify(F.relu(self.top(x) + F.interpolate(half, x.shape[-2:])))


given("03.6")(lambda: create_model("unet_residual", preset="tiny", num_classes=6))
given("03.6")(lambda: create_model("unet_cbam", preset="tiny", num_classes=6))
given("03.6")(lambda: create_model("unet_attention", preset="tiny", num_classes=6))


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


class TestAnswers(AnswersOfAChapter):
    given = given
