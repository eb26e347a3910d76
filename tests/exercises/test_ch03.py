"""The U-Net chapter's exercises: stub, solution, and typical wrong answers."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from simseg_core import create_model
from simseg_core.exercises import check, list_exercises

# --- 03.1 ------------------------------------------------------------------------


def output_size(side: int) -> int:
    inside = side
    for _ in range(4):
        inside = (inside - 4) / 2
    fits = side >= 188 and inside == int(inside)
    return side - 184 if fits else 0


def size_never_checked(side: int) -> int:
    return max(side - 184, 0)


def size_divisible_before_the_trim(side: int) -> int:
    return side - 184 if side % 16 == 0 or side == 572 else 0


def size_trims_only_on_the_way_down(side: int) -> int:
    inside = side
    for _ in range(4):
        inside = (inside - 4) // 2
    return (inside - 4) * 16


def size_of_140_is_negative(side: int) -> int:
    inside = side
    for _ in range(4):
        inside = (inside - 4) / 2
    return side - 184 if inside == int(inside) else 0


# --- 03.2 ------------------------------------------------------------------------


def center_crop(x: Tensor, height: int, width: int) -> Tensor:
    below = x.shape[2] - height
    beside = x.shape[3] - width
    rows = range(below // 2, below // 2 + height)
    return x[:, :, list(rows)].narrow(3, beside // 2, width)


def crop_corner(x: Tensor, height: int, width: int) -> Tensor:
    return x[..., :height, :width]


def crop_rows_offset_twice(x: Tensor, height: int, width: int) -> Tensor:
    top = (x.shape[-2] - height) // 2
    return x[..., top : top + height, top : top + width]


def crop_resizes(x: Tensor, height: int, width: int) -> Tensor:
    return F.interpolate(x, (height, width))


def crop_rounds_up(x: Tensor, height: int, width: int) -> Tensor:
    top = -(-(x.shape[-2] - height) // 2)
    left = -(-(x.shape[-1] - width) // 2)
    return x[..., top : top + height, left : left + width]


def crop_by_negative_index(x: Tensor, height: int, width: int) -> Tensor:
    top, left = (x.shape[-2] - height) // 2, (x.shape[-1] - width) // 2
    return x[..., top:-top, left:-left]


def crop_forgets_return(x: Tensor, height: int, width: int) -> None:
    x[..., :height, :width]


# --- 03.3 ------------------------------------------------------------------------


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


class UpStepSwapped(UpStep):
    def join(self, skip: Tensor, x: Tensor) -> Tensor:
        return torch.cat((x, skip), 1)


class UpStepAdds(UpStep):
    def read(self, c_out: int) -> int:
        return c_out

    def join(self, skip: Tensor, x: Tensor) -> Tensor:
        return skip + x


class UpStepNoLastRelu(UpStep):
    last_relu = False


class UpStepForgetsCrop(UpStep):
    def crop(self, skip: Tensor, x: Tensor) -> Tensor:
        return skip


class UpStepCornerCrop(UpStep):
    def crop(self, skip: Tensor, x: Tensor) -> Tensor:
        return crop_corner(skip, *x.shape[-2:])


class UpStepResizes(UpStep):
    def crop(self, skip: Tensor, x: Tensor) -> Tensor:
        return F.interpolate(skip, x.shape[-2:])


class UpStepPadded(UpStep):
    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__(c_in, c_out)
        self.conv1.padding = self.conv2.padding = (1, 1)


# --- 03.4 ------------------------------------------------------------------------


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


class ReluBeforeTheSum(ResidualBlock):
    def end(self, branch: Tensor, shortcut: Tensor) -> Tensor:
        return F.relu(branch) + shortcut


class NoReluAfterTheSum(ResidualBlock):
    def end(self, branch: Tensor, shortcut: Tensor) -> Tensor:
        return branch + shortcut


class ForgetsTheShortcut(ResidualBlock):
    def end(self, branch: Tensor, shortcut: Tensor) -> Tensor:
        return F.relu(branch)


class ReluInPlaceOnTheInput(ResidualBlock):
    def forward(self, x: Tensor) -> Tensor:
        branch = self.branch(x)
        F.relu_(x)
        return self.end(branch, self.project(x) if self.project else x)


class BiasedConvolutions(ResidualBlock):
    bias = True


class ProjectsAlways(ResidualBlock):
    project_always = True


class NeverProjects(ResidualBlock):
    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__(c_in, c_out)
        self.project = None


# --- 03.5 ------------------------------------------------------------------------


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


def field_of_the_bottleneck(depth: int) -> list[int]:
    size = 5
    for _ in range(depth):
        size = 2 * size + 4
    return [size]


def one_field(depth: int) -> int:
    return max(field_sizes(depth))


def widest_field_only(depth: int) -> list[int]:
    return [max(field_sizes(depth))]


def narrowest_field_only(depth: int) -> list[int]:
    return [min(field_sizes(depth))]


# --- 03.6 ------------------------------------------------------------------------


def lean_unet() -> nn.Module:
    return create_model("unet_padded", widths=(8, 10, 14, 20, 28), num_classes=6)


def lean_too_wide() -> nn.Module:
    return create_model("unet_padded", widths=(16, 32, 64, 128), num_classes=6)


def lean_without_skips() -> nn.Module:
    return create_model(
        "unet_padded", widths=(8, 12, 16, 24, 32), num_classes=6, skips=False
    )


def lean_residual_without_skips() -> nn.Module:
    """Its stages add at full resolution, but only what came up from below."""
    return create_model("unet_residual", preset="tiny", num_classes=6, skips=False)


def lean_with_a_strided_stem() -> nn.Module:
    """A U-Net, with skips; the largest of them has half the image's side."""
    return create_model("unet_resnet18", preset="tiny", num_classes=6)


def lean_too_shallow() -> nn.Module:
    return create_model("unet_padded", widths=(8, 12, 16), num_classes=6)


def lean_of_other_classes() -> nn.Module:
    return create_model("unet_padded", preset="tiny", num_classes=21)


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


@pytest.mark.parametrize(
    "answer",
    [
        LeanByAddition,
        lambda: create_model("unet_residual", preset="tiny", num_classes=6),
        lambda: create_model("unet_cbam", preset="tiny", num_classes=6),
        lambda: create_model("unet_attention", preset="tiny", num_classes=6),
    ],
    ids=["addition", "residual", "cbam", "attention"],
)
def test_other_lean_networks_are_right_too(answer: Callable[[], nn.Module]) -> None:
    result = check("03.6", answer)
    assert result.status == "right", result


SOLUTIONS: dict[str, Any] = {
    "03.1": output_size,
    "03.2": center_crop,
    "03.3": UpStep,
    "03.4": ResidualBlock,
    "03.5": field_sizes,
    "03.6": lean_unet,
}

# (exercise, wrong answer, words that only the fitting hint has)
WRONG: list[tuple[str, Callable[..., Any], str]] = [
    ("03.1", size_never_checked, "200 does not fit"),
    ("03.1", size_divisible_before_the_trim, "188 fits as well"),
    ("03.1", size_trims_only_on_the_way_down, "on the way up trim too"),
    ("03.1", size_of_140_is_negative, "140 survives"),
    ("03.2", crop_corner, "top left corner"),
    ("03.2", crop_rows_offset_twice, "rows' offset is used for the columns"),
    ("03.2", crop_resizes, "resize"),
    ("03.2", crop_rounds_up, "below and to the right"),
    ("03.2", crop_by_negative_index, "should keep the central"),
    ("03.2", crop_forgets_return, "is there a return"),
    ("03.3", UpStepSwapped, "skip comes first"),
    ("03.3", UpStepAdds, "an addition would"),
    ("03.3", UpStepNoLastRelu, "second ReLU"),
    ("03.3", UpStepForgetsCrop, "RuntimeError"),
    ("03.3", UpStepCornerCrop, "at its corner"),
    ("03.3", UpStepResizes, "is resized"),
    ("03.3", UpStepPadded, "Is something padded"),
    ("03.4", ReluBeforeTheSum, "not on the branch before it"),
    ("03.4", NoReluAfterTheSum, "not rectified"),
    ("03.4", ForgetsTheShortcut, "shortcut is missing"),
    ("03.4", ReluInPlaceOnTheInput, "in place"),
    ("03.4", BiasedConvolutions, "no bias"),
    ("03.4", ProjectsAlways, "only where the widths differ"),
    ("03.4", NeverProjects, "RuntimeError"),
    ("03.5", field_of_the_bottleneck, "lowest stage sees"),
    ("03.5", one_field, "One number cannot do"),
    ("03.5", widest_field_only, "do all pixels see that much"),
    ("03.5", narrowest_field_only, "what does its neighbour see"),
    ("03.6", lean_too_wide, "more than 60,000"),
    ("03.6", lean_without_skips, "1-pixel pole"),
    ("03.6", lean_residual_without_skips, "1-pixel pole"),
    ("03.6", lean_with_a_strided_stem, "1-pixel pole"),
    ("03.6", lean_too_shallow, "of 96 rows"),
    ("03.6", lean_of_other_classes, "six classes"),
]


def test_every_exercise_of_the_chapter_is_tried() -> None:
    of_chapter = {number for number in list_exercises() if number.startswith("03")}
    assert of_chapter == SOLUTIONS.keys()
    for number in of_chapter:
        assert sum(number == tried for tried, _, _ in WRONG) >= 3, number


@pytest.mark.parametrize("number", SOLUTIONS)
def test_solution_is_right(number: str) -> None:
    result = check(number, SOLUTIONS[number])
    assert result.status == "right", result
    assert result.right
    assert "right" in str(result)


@pytest.mark.parametrize(
    ("number", "answer", "words"), WRONG, ids=lambda x: getattr(x, "__name__", None)
)
def test_wrong_answer_gets_its_hint(
    number: str, answer: Callable[..., Any], words: str
) -> None:
    result = check(number, answer)
    assert result.status == "not yet"
    assert result.hint is not None
    assert words in result.hint
    others = {w for n, a, w in WRONG if n == number and w != words}
    assert not any(other in result.hint for other in others)
