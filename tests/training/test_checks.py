"""Which smaller logits are the image's centre, and which a coarser map of all of it."""

import copy
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from simseg_core.models.unet import UNet
from simseg_core.training import evaluate, fit
from simseg_core.training.checks import centre_crop

Sizes = tuple[int, int]
CPU = {"device": "cpu", "batch_size": 2}


def pairs(size: Sizes, label_size: Sizes | None = None) -> list[tuple[Tensor, Tensor]]:
    """Four noisy images of two classes, split along a diagonal."""
    generator = torch.Generator().manual_seed(0)
    rows, columns = (torch.arange(n) for n in label_size or size)
    label = (rows[:, None] > columns).long()
    return [(torch.rand(3, *size, generator=generator), label) for _ in range(4)]


class Head(nn.Module):
    """A 1x1 convolution, and then whatever is done to its map."""

    def __init__(self, then: Callable[[Tensor], Tensor], classes: int = 2) -> None:
        super().__init__()
        self.classify, self.then = nn.Conv2d(3, classes, 1), then

    def forward(self, x: Tensor) -> Tensor:
        return self.then(self.classify(x))


def strided(stride: int) -> nn.Module:
    return nn.Conv2d(3, 2, 3, stride=stride, padding=1)


COARSE = {
    "half": strided(2),
    "quarter": strided(4),
    "eighth": strided(8),
    "two strides and a valid convolution": nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=2), nn.Conv2d(4, 2, 3)
    ),
    "a third": Head(lambda x: F.max_pool2d(x, 3)),
    "nine tenths": Head(lambda x: F.interpolate(x, scale_factor=0.9)),
    "one row less a stride": Head(lambda x: x[..., ::2, :]),
    "always 12 x 12": Head(lambda x: F.adaptive_avg_pool2d(x, 12)),
    "one value": Head(lambda x: x.mean((2, 3), keepdim=True)),
}
VALID = {
    "one pixel at each side": (nn.Conv2d(3, 2, 3), (16, 20)),
    "one pixel at one side": (nn.Conv2d(3, 2, 2), (16, 20)),
    "rows alone": (nn.Conv2d(3, 2, (5, 1)), (16, 20)),
    "dilated": (nn.Conv2d(3, 2, 3, dilation=6), (17, 33)),
    # 32 -> 16, which is also what a stride of 2 gives.
    "U-Net of two stages": (UNet(num_classes=2, widths=(2, 4)), (32, 32)),
    "U-Net of the paper's depth": (
        UNet(num_classes=2, widths=(2, 2, 2, 2, 2), dropout=0.5),
        (188, 204),
    ),
}


@pytest.mark.parametrize("name", COARSE)
@pytest.mark.parametrize("size", [(32, 32), (33, 47)])
def test_a_coarser_map_is_refused_with_the_remedy(name: str, size: Sizes) -> None:
    with pytest.raises(ValueError, match=r"coarser map.*F\.interpolate\(logits, size="):
        evaluate(COARSE[name], pairs(size), **CPU)
    with pytest.raises(ValueError, match=r"coarser map.*F\.interpolate\(logits, size="):
        fit(COARSE[name], pairs(size), steps=1, progress=False, **CPU)


@pytest.mark.parametrize("name", VALID)
def test_the_border_that_valid_convolutions_lose_is_cropped(name: str) -> None:
    model, size = VALID[name]
    data = pairs(size)
    scores = evaluate(model, data, **CPU)
    with torch.no_grad():
        logits = model(torch.stack([image for image, _ in data]))
    labels = torch.stack([label for _, label in data])
    right = logits.argmax(1) == centre_crop(labels, tuple(logits.shape[-2:]))
    assert scores.pixel_accuracy == pytest.approx(right.double().mean().item())
    assert len(fit(model, data, steps=1, progress=False, **CPU).losses) == 1


def test_finding_out_changes_nothing_in_the_model_and_in_chance() -> None:
    """The larger image that tells the two apart passes no BatchNorm and no dropout."""
    layers = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.Conv2d(4, 2, 1)
    data, (whole, cropped) = pairs((12, 12)), (nn.Sequential(*layers) for _ in "ab")
    whole = copy.deepcopy(whole)
    given = [(image, centre_crop(label, (10, 10))) for image, label in data]
    options = {"steps": 3, "progress": False, **CPU}
    losses = [fit(m, d, **options).losses for m, d in ((whole, given), (cropped, data))]
    assert losses[0] == losses[1]
    assert all(
        one.equal(other)
        for one, other in zip(
            whole.state_dict().values(), cropped.state_dict().values()
        )
    )


def test_labels_as_large_as_the_logits_are_taken_as_they_are() -> None:
    data = pairs((32, 32), label_size=(16, 16))
    assert 0 <= evaluate(strided(2), data, **CPU).miou <= 1


def test_logits_larger_than_the_image_are_to_be_resized() -> None:
    """The labels are right here, so that nothing is said of them."""
    model = Head(lambda x: F.interpolate(x, scale_factor=2))
    with pytest.raises(ValueError, match=r"64x64, larger than .*F\.interpolate\(log"):
        evaluate(model, pairs((32, 32)), **CPU)
    mended = Head(lambda x: F.interpolate(model.then(x), size=x.shape[-2:]))
    assert 0 <= evaluate(mended, pairs((32, 32)), **CPU).miou <= 1


def test_logits_with_the_classes_last_are_told_so() -> None:
    model = Head(lambda x: x.permute(0, 2, 3, 1))
    with pytest.raises(ValueError, match=r"classes last: .*permute\(0, 3, 1, 2\)"):
        evaluate(model, pairs((32, 24)), **CPU)


@pytest.mark.parametrize("label_size", [(64, 64), (16, 16), (32, 31)])
def test_labels_of_another_size_than_the_image_are_never_cropped(
    label_size: Sizes,
) -> None:
    with pytest.raises(ValueError, match=r"do not cover .* images, here \(2, 3, 32"):
        evaluate(nn.Conv2d(3, 2, 1), pairs((32, 32), label_size), **CPU)


def test_a_model_of_one_size_is_asked_for_the_labels() -> None:
    def fixed(x: Tensor) -> Tensor:
        assert x.shape[-1] == 32, "32 only"
        return x[..., 8:24, 8:24]

    with pytest.raises(ValueError, match=r"crop the labels .*cannot be told.*32 only"):
        evaluate(Head(fixed), pairs((32, 32)), **CPU)
    centre = [(image, centre_crop(label, (16, 16))) for image, label in pairs((32, 32))]
    assert 0 <= evaluate(Head(fixed), centre, **CPU).miou <= 1


def test_a_single_class_is_told_that_it_needs_another() -> None:
    model = Head(lambda x: x, classes=1)
    for run in (
        lambda: evaluate(model, pairs((8, 8)), **CPU),
        lambda: fit(model, pairs((8, 8)), steps=1, progress=False, **CPU),
    ):
        with pytest.raises(ValueError, match=r"num_classes=2.*binary_cross_entropy"):
            run()


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_images_are_given_in_the_type_of_the_model(dtype: torch.dtype) -> None:
    data = [(image.to(dtype), label) for image, label in pairs((8, 8))]
    scores = evaluate(nn.Conv2d(3, 2, 1), data, **CPU)
    assert 0 <= scores.miou <= 1
