"""Atrous convolution, written out: it equals PyTorch's; what a stack of it reads."""

import itertools

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import Tensor
from torch.nn import functional as F

from simseg_core.models.atrous import atrous_conv2d
from tests.models.gridding import pixels_read
from tests.parity.space_to_batch import atrous_by_parts

WRITTEN_OUT = [atrous_conv2d, atrous_by_parts]


def test_by_hand() -> None:
    # Taps 1, 10, 100 at distance 2: y[i] = x[i - 2] + 10 x[i] + 100 x[i + 2].
    x = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0]).view(1, 1, 1, 5)
    weight = torch.tensor([1.0, 10.0, 100.0]).view(1, 1, 1, 3)
    expected = torch.tensor([310.0, 420.0, 531.0, 42.0, 53.0]).view(1, 1, 1, 5)
    for function in WRITTEN_OUT:
        assert torch.equal(function(x, weight, rate=2), expected)


@pytest.mark.parametrize("function", WRITTEN_OUT)
@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    size=st.tuples(st.integers(1, 11), st.integers(1, 11)),
    kernel=st.tuples(st.sampled_from([1, 3, 5]), st.sampled_from([1, 3])),
    rate=st.integers(1, 7),
)
def test_equals_pytorchs_dilation(
    function, size: tuple[int, int], kernel: tuple[int, int], rate: int
) -> None:
    torch.manual_seed(rate)
    x = torch.randn(2, 3, *size, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(4, 3, *kernel, dtype=torch.float64, requires_grad=True)
    padding = tuple(rate * (k // 2) for k in kernel)
    theirs = F.conv2d(x, weight, padding=padding, dilation=rate)
    ours = function(x, weight, rate=rate)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)
    upstream = torch.randn_like(theirs)
    for got, wanted in zip(
        torch.autograd.grad((ours * upstream).sum(), (x, weight)),
        torch.autograd.grad((theirs * upstream).sum(), (x, weight)),
    ):
        torch.testing.assert_close(got, wanted, rtol=0, atol=1e-11)


@pytest.mark.parametrize("function", WRITTEN_OUT)
def test_no_image_gives_no_map(function) -> None:
    x, weight = torch.zeros(0, 2, 5, 7), torch.zeros(3, 2, 3, 3)
    assert function(x, weight, rate=2).shape == (0, 3, 5, 7)


@pytest.mark.parametrize("function", WRITTEN_OUT)
@pytest.mark.parametrize(
    ("x", "weight", "rate", "error", "message"),
    [
        ((1, 2, 5, 5), (3, 2, 3, 3), 0, ValueError, "rate must be 1 or more"),
        ((1, 2, 5, 5), (3, 2, 3, 3), 1.5, TypeError, "rate must be an int"),
        ((1, 2, 5, 5), (3, 1, 3, 3), 1, ValueError, r"same C, got \(1, 2, 5, 5\)"),
        ((2, 5, 5), (3, 2, 3, 3), 1, ValueError, r"a map \(B, C, H, W\)"),
        ((1, 2, 5, 5), (3, 2, 2, 3), 1, ValueError, "must be odd, .* got 2x3"),
    ],
)
def test_refuses(function, x, weight, rate, error, message) -> None:
    with pytest.raises(error, match=message):
        function(torch.zeros(x), torch.zeros(weight), rate=rate)


# --- gridding -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rates", "side", "percent"),
    [((1, 2, 5), 17, 100.0), ((2, 2, 2), 13, 29.0), ((6, 12, 18), 73, 3.2)],
)
def test_share_of_the_square_that_is_read(
    rates: tuple[int, ...], side: int, percent: float
) -> None:
    read = pixels_read(rates)
    assert read.shape == (side, side)
    share = 100 * (read > 0).double().mean().item()
    assert share == pytest.approx(percent, abs=0.05)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(rates=st.lists(st.integers(1, 5), min_size=0, max_size=3))
def test_paths_are_counted_one_by_one(rates: list[int]) -> None:
    reach = sum(rates)
    expected = torch.zeros(1 + 2 * reach, 1 + 2 * reach, dtype=torch.int64)
    steps = [list(itertools.product((-r, 0, r), repeat=2)) for r in rates]
    for path in itertools.product(*steps):
        row, column = (reach + sum(step[axis] for step in path) for axis in (0, 1))
        expected[row, column] += 1
    assert torch.equal(pixels_read(rates), expected)


def test_gradient_of_real_convolutions_reads_the_same_pixels() -> None:
    rates = (2, 3)
    x = torch.zeros(1, 1, 23, 23, requires_grad=True)
    y: Tensor = x
    for rate in rates:
        y = F.conv2d(y, torch.ones(1, 1, 3, 3), padding=rate, dilation=rate)
    y[0, 0, 11, 11].backward()
    assert x.grad is not None
    assert torch.equal(x.grad[0, 0, 6:17, 6:17].long(), pixels_read(rates))
    assert x.grad.sum() == pixels_read(rates).sum()
