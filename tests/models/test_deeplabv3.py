"""DeepLabV3: the papers' counts, its output strides, its options."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from simseg_core import create_model
from simseg_core.models.deeplabv3 import DeepLabV3
from tests.models.counting import macs, on_meta, parameters
from tests.parity.compare import assert_close, shaken

TINY = {"widths": (3, 4, 5, 6), "aspp_channels": 7, "num_classes": 5}


def test_counts_of_the_papers_head_and_torchvisions() -> None:
    resnet50 = on_meta("deeplabv3_resnet50")
    assert parameters(resnet50) == 39_048_533
    theirs = on_meta(
        "deeplabv3_resnet50", head="torchvision", output_stride=8, multi_grid=None
    )
    assert parameters(theirs) == 39_638_869
    assert parameters(theirs) - parameters(resnet50) == 9 * 256**2 + 2 * 256
    assert macs(theirs, torch.zeros(1, 3, 512, 512, device="meta")) == 163_579_428_864
    resnet101 = on_meta("deeplabv3_resnet101", head="torchvision")
    assert parameters(resnet101) == 58_630_997


def test_counts_do_not_depend_on_stride_rates_and_multi_grid() -> None:
    plain = parameters(on_meta("deeplabv3_resnet50"))
    for output_stride in (8, 32):
        model = on_meta(
            "deeplabv3_resnet50", output_stride=output_stride, multi_grid=None
        )
        assert parameters(model) == plain


def rates(model: nn.Module) -> list[int]:
    return [
        module.dilation[0]
        for module in model.modules()
        if isinstance(module, nn.Conv2d) and module.dilation[0] > 1
    ]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [2, 4, 8, 6, 12, 18]),
        ({"output_stride": 8}, [2] * 5 + [4, 8, 16, 12, 24, 36]),
        ({"output_stride": 32}, [2, 4, 3, 6, 9]),
        ({"multi_grid": None}, [2, 2, 6, 12, 18]),
        ({"rates": (5, 7)}, [2, 4, 8, 5, 7]),
        ({"rates": (5, 7), "output_stride": 8}, [2] * 5 + [4, 8, 16, 5, 7]),
    ],
)
def test_rates_of_the_last_stages_and_of_aspp(options, expected) -> None:
    assert rates(DeepLabV3(**TINY, **options)) == expected


@pytest.mark.parametrize("size", [(65, 96), (57, 83), (16, 33)])
@pytest.mark.parametrize("multi_grid", [None, (1, 2, 4)])
def test_smaller_output_stride_gives_the_same_values_more_densely(
    size: tuple[int, int], multi_grid: tuple[int, ...] | None
) -> None:
    """Every second value at output stride 8 is a value at 16; only the means differ."""
    options = {**TINY, "image_pooling": False, "multi_grid": multi_grid}
    sparse = shaken(DeepLabV3(**options, output_stride=16))
    dense = DeepLabV3(**options, output_stride=8).double().eval()
    dense.load_state_dict(sparse.state_dict())
    x = torch.randn(1, 3, *size, dtype=torch.float64)
    with torch.no_grad():
        few, many = (model.aspp(model.encoder(x)[-1]) for model in (sparse, dense))
    assert_close(many[..., ::2, ::2], few)


@pytest.mark.parametrize("align_corners", [True, False])
def test_one_argument_governs_how_logits_are_resized(align_corners: bool) -> None:
    model = shaken(DeepLabV3(**TINY, align_corners=align_corners))
    x = torch.randn(1, 3, 50, 81, dtype=torch.float64)
    small = model.classify(model.aspp(model.encoder(x)[-1]))
    assert small.shape[-2:] == (4, 6)
    assert_close(model(x), by_corners(small, (50, 81), align_corners))


def by_corners(x: Tensor, size: tuple[int, int], align_corners: bool) -> Tensor:
    """Resize with two dense matrices, from the definition of bilinear weights."""
    for axis, n in zip((-2, -1), size):
        m = x.shape[axis]
        i = torch.arange(n, dtype=x.dtype)
        at = i * (m - 1) / (n - 1) if align_corners else (i + 0.5) * m / n - 0.5
        at = at.clamp(0, m - 1)
        away = at[:, None] - torch.arange(m, dtype=x.dtype)
        x = torch.movedim((1 - away.abs()).clamp(min=0) @ x.movedim(axis, -2), -2, axis)
    return x


def test_the_two_ways_of_resizing_differ() -> None:
    x = torch.randn(1, 1, 4, 6, dtype=torch.float64)
    for align_corners in (True, False):
        theirs = F.interpolate(
            x, size=(9, 14), mode="bilinear", align_corners=align_corners
        )
        assert_close(by_corners(x, (9, 14), align_corners), theirs)
    assert not torch.allclose(by_corners(x, (9, 14), True), theirs)


@pytest.mark.parametrize("output_stride", [8, 16, 32])
def test_takes_any_size_from_the_output_stride_on(output_stride: int) -> None:
    model = DeepLabV3(**TINY, output_stride=output_stride).eval()
    for size in ((output_stride, output_stride), (output_stride + 1, 61)):
        assert model(torch.zeros(1, 3, *size)).shape == (1, 5, *size)
    with pytest.raises(ValueError, match=f"this network's stride of {output_stride}"):
        model(torch.zeros(1, 3, output_stride - 1, 61))


def test_training_on_one_image_says_what_to_do() -> None:
    model = create_model("deeplabv3_resnet50", preset="tiny")
    with pytest.raises(ValueError, match="train on batches of 2 or more"):
        model(torch.zeros(1, 3, 64, 64))
    model.eval()(torch.zeros(1, 3, 64, 64))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"head": "vision"}, r"head must be one of \('paper', 'torchvision'\)"),
        ({"output_stride": 4}, "output_stride must be 8, 16 or 32"),
        ({"depth": 50, "multi_grid": (1, 2)}, "one factor for each of the 3 units"),
        ({"num_classes": 0}, "num_classes must be 1 or more"),
    ],
)
def test_refuses_options(options, message) -> None:
    with pytest.raises(ValueError, match=message):
        DeepLabV3(**{**TINY, **options})
