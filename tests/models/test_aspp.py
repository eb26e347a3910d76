"""Atrous spatial pyramid pooling: its branches, its counts, what it refuses."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from simseg_core.models.aspp import ASPP, ImagePooling, rates_at
from tests.models.counting import macs, parameters
from tests.parity.compare import assert_close, shaken


def test_papers_counts() -> None:
    with torch.device("meta"):
        aspp = ASPP(2048, 256, rates=(6, 12, 18)).eval()
        x = torch.zeros(1, 2048, 33, 33)
    C, D = 2048, 256
    weights = C * D + 3 * 9 * C * D + C * D + 5 * D * D
    batch_norms = 6 * 2 * D
    assert parameters(aspp) == weights + batch_norms
    assert weights + batch_norms == 15_535_104
    by_hand = 33 * 33 * (weights - C * D) + C * D  # pooling's convolution runs once
    assert macs(aspp, x) == by_hand == 16_343_957_504


def test_rates_reach_equally_far_at_every_output_stride() -> None:
    assert rates_at(16) == (6, 12, 18)
    for output_stride in (8, 32):
        reach = [rate * output_stride for rate in rates_at(output_stride)]
        assert reach == [rate * 16 for rate in rates_at(16)]


@pytest.mark.parametrize("rates", [(), (1,), (2, 3, 5, 7), (6, 12, 18)])
@pytest.mark.parametrize("image_pooling", [True, False])
@pytest.mark.parametrize("separable", [True, False])
def test_any_number_of_rates(rates, image_pooling, separable) -> None:
    aspp = ASPP(
        6, 4, rates=rates, image_pooling=image_pooling, separable=separable
    ).double()
    dilations = [
        module.dilation[0]
        for module in aspp.modules()
        if isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3)
    ]
    assert dilations == list(rates)
    assert len(aspp.branches) == 1 + len(rates) + image_pooling
    y = aspp(torch.randn(2, 6, 7, 9, dtype=torch.float64))
    assert y.shape == (2, 4, 7, 9)
    (y * torch.randn_like(y)).sum().backward()
    for name, parameter in aspp.named_parameters():
        assert parameter.grad.abs().max() > 0, name


def test_pooled_map_is_what_resizing_would_give() -> None:
    pooling = shaken(ImagePooling(3, 4))
    x = torch.randn(2, 3, 5, 7, dtype=torch.float64)
    small = pooling.project(F.adaptive_avg_pool2d(x, 1))
    for align_corners in (True, False):
        resized = F.interpolate(
            small, size=(5, 7), mode="bilinear", align_corners=align_corners
        )
        assert_close(pooling(x), resized)


def test_dropout_acts_in_training_only() -> None:
    aspp = ASPP(4, 64, rates=(), dropout=0.5)
    x = torch.randn(2, 4, 6, 6)
    zeros = (aspp(x) == 0).double().mean().item()
    aspp.dropout = 0.0
    assert zeros > (aspp(x) == 0).double().mean().item() + 0.2
    aspp.eval()
    without = aspp(x)
    aspp.dropout = 0.5
    assert torch.equal(aspp(x), without)


# --- batches of one -----------------------------------------------------------------


def test_one_image_cannot_be_trained_on_and_the_error_says_what_to_do() -> None:
    aspp = ASPP(6, 4, rates=(2,))
    x = torch.randn(1, 6, 5, 5)
    with pytest.raises(
        ValueError, match=r"batches of 2 or more .* image_pooling=False"
    ):
        aspp(x)
    assert aspp(torch.randn(2, 6, 5, 5)).shape == (2, 4, 5, 5)


def test_each_remedy_for_one_image_works() -> None:
    x = torch.randn(1, 6, 5, 5)
    aspp = ASPP(6, 4, rates=(2,))
    aspp.branches[-1].project[1].eval()
    assert aspp(x).shape == (1, 4, 5, 5)
    assert aspp.eval()(x).shape == (1, 4, 5, 5)
    assert ASPP(6, 4, rates=(2,), image_pooling=False)(x).shape == (1, 4, 5, 5)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"rates": (6, 0)}, ValueError, r"rates\[1\] must be 1 or more"),
        ({"rates": (6.0,)}, TypeError, r"rates\[0\] must be an int"),
        ({"out_channels": 0}, ValueError, "out_channels must be 1 or more"),
    ],
)
def test_refuses_options(options, error, message) -> None:
    with pytest.raises(error, match=message):
        ASPP(6, **{"out_channels": 4, **options})
