"""The self-attention block: what it computes, at what size, and at what cost."""

import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from simseg_core.models.attention import (
    LAYOUTS,
    SelfAttention2d,
    SpatialSelfAttention2d,
    explicit_attention,
    fused_attention,
)
from simseg_core.probes.trace.costs import cost
from tests.models.counting import macs, parameters


def build(layout: str, channels: int = 16, gamma: float = 0.5) -> SelfAttention2d:
    """A block in float64 whose attention already counts."""
    if layout == "spatial":
        block = SpatialSelfAttention2d(channels)
    else:
        block = SelfAttention2d(channels, layout=layout)
    nn.init.constant_(block.gamma, gamma)
    return block.double()


def macs_written_out(block: SelfAttention2d, size: tuple[int, int]) -> int:
    """Multiply-accumulates of the operation written out, map and all."""
    return macs(block, torch.zeros(1, block.channels, *size), return_map=True)


# --- what it computes ---------------------------------------------------------------


def test_attention_by_hand():
    """Two queries, three keys: scores log 1, log 2, log 5 are weights 1/8, 2/8, 5/8."""
    key = torch.tensor([1.0, 2.0, 5.0]).log().view(1, 3, 1)
    query = torch.tensor([1.0, 0.0]).view(1, 2, 1)
    value = torch.tensor([8.0, 16.0, 24.0]).view(1, 3, 1)

    attended, attention_map = explicit_attention(query, key, value)

    weights = torch.tensor([[[1 / 8, 2 / 8, 5 / 8], [1 / 3, 1 / 3, 1 / 3]]])
    torch.testing.assert_close(attention_map, weights)
    torch.testing.assert_close(attended, torch.tensor([[[20.0], [16.0]]]))


@pytest.mark.parametrize(("query_width", "value_width"), [(2, 16), (2, 2), (16, 4)])
def test_fused_equals_explicit_whichever_is_wider(query_width, value_width):
    query = torch.randn(2, 15, query_width).double()
    key = torch.randn(2, 12, query_width).double()
    value = torch.randn(2, 12, value_width).double()
    expected, _ = explicit_attention(query, key, value)
    torch.testing.assert_close(fused_attention(query, key, value), expected)


@pytest.mark.parametrize("layout", [*LAYOUTS, "spatial"])
def test_starts_as_the_identity_and_gamma_learns_first(layout):
    block = build(layout, gamma=SelfAttention2d(8).gamma.item())
    x = torch.randn(2, 16, 6, 10).double()
    y = block(x)
    assert torch.equal(y, x)
    (y * torch.randn_like(y)).sum().backward()
    assert block.gamma.grad.item() != 0
    assert not block.query.weight.grad.any()


@pytest.mark.parametrize("layout", [*LAYOUTS, "spatial"])
def test_gradient_reaches_every_parameter(layout):
    """Every one but the keys' bias: it adds the same to all scores of a query."""
    block = build(layout)
    x = torch.randn(2, 16, 6, 10).double()
    (block(x) * torch.randn_like(x)).sum().backward()
    for name, parameter in block.named_parameters():
        largest = parameter.grad.abs().max()
        assert (largest < 1e-12) == (name == "key.bias"), f"{name}: {largest}"


@pytest.mark.parametrize("layout", [*LAYOUTS, "spatial"])
@settings(max_examples=10, deadline=None, derandomize=True)
@given(B=st.integers(1, 2), H=st.integers(2, 9), W=st.integers(2, 9))
def test_any_size_and_both_ways_agree(layout, B, H, W):
    torch.manual_seed(H * 10 + W)
    block = build(layout, channels=8)
    x = torch.randn(B, 8, H, W).double()
    y, attention_map = block(x, return_map=True)
    keys = (H // 2) * (W // 2) if layout == "tensorflow" else H * W
    assert y.shape == x.shape
    assert attention_map.shape == (B, H * W, keys)
    torch.testing.assert_close(
        attention_map.sum(dim=2), torch.ones(B, H * W).double(), rtol=1e-12, atol=0
    )
    torch.testing.assert_close(block(x), y, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("layout", [*LAYOUTS, "spatial"])
def test_no_image_gives_no_map(layout):
    block = build(layout)
    x = torch.randn(0, 16, 6, 10).double()
    keys = 15 if layout == "tensorflow" else 60
    y, attention_map = block(x, return_map=True)
    assert y.shape == block(x).shape == x.shape
    assert attention_map.shape == (0, 60, keys)


@pytest.mark.parametrize("layout", ["v1", "final", "spatial"])
def test_position_itself_does_not_matter(layout):
    """Shuffled positions give the shuffled output: attention knows no neighbours."""
    block = build(layout)
    x = torch.randn(1, 16, 6, 10).double()
    order = torch.randperm(60)

    def shuffle(features: Tensor) -> Tensor:
        return features.flatten(2)[:, :, order].view_as(features)

    torch.testing.assert_close(block(shuffle(x)), shuffle(block(x)))


@pytest.mark.parametrize("layout", [*LAYOUTS, "spatial"])
def test_every_position_reads_every_position(layout):
    """The receptive field is the whole map, the far corner included."""
    block = build(layout)
    x = torch.randn(1, 16, 6, 10).double().requires_grad_()
    (gradient,) = torch.autograd.grad(block(x)[0, :, 0, 0].sum(), x)
    reached = gradient[0].abs().amax(dim=0) > 0
    if layout == "tensorflow":  # of each 2x2 of keys and values, the maxima are read
        reached = reached.view(3, 2, 5, 2).any(dim=3).any(dim=1)
    assert reached.all()


# --- what it costs ------------------------------------------------------------------


def test_counts_of_the_three_layouts():
    C, narrow, N = 64, 8, 32 * 32
    v1, final, tensorflow = (SelfAttention2d(C, layout=layout) for layout in LAYOUTS)

    assert parameters(v1) == 5_201 == 2 * (C + 1) * narrow + (C + 1) * C + 1
    assert parameters(tensorflow) == 5_121 == 2 * C * narrow + 2 * C * C // 2 + 1
    assert parameters(final) == 4 * C * narrow + 1

    projections, products = 5_242_880, 75_497_472
    assert N * C * (2 * narrow + C) == projections
    assert N * N * (narrow + C) == products
    assert macs_written_out(v1, (32, 32)) == projections + products == 80_740_352
    assert macs_written_out(tensorflow, (32, 32)) == 15_728_640
    assert macs_written_out(final, (32, 32)) == N * 4 * C * narrow + N * N * 2 * narrow


def test_counts_without_a_value_projection():
    block = SpatialSelfAttention2d(64)
    assert parameters(block) == 2 * (64 + 1) * 8 + 1
    assert macs_written_out(block, (32, 32)) == 1024 * 2 * 64 * 8 + 1024**2 * (8 + 64)


@pytest.mark.parametrize("layout", [*LAYOUTS, "spatial"])
def test_cost_is_that_of_the_operation_written_out(layout):
    """Whichever way it is computed: zeros that widen queries and keys cost nothing."""
    block = build(layout, channels=64).float()
    found = cost(block, (1, 64, 32, 33))
    assert found.macs == macs_written_out(block, (32, 33))
    assert found.parameters == parameters(block)


class LargestTensor(TorchDispatchMode):
    """Remembers how many numbers the largest tensor held that any operation made."""

    numel = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        for out in made if isinstance(made, tuple | list) else [made]:
            if isinstance(out, Tensor):
                self.numel = max(self.numel, out.numel())
        return made


@pytest.mark.parametrize("layout", [*LAYOUTS, "spatial"])
def test_map_is_never_built_forward_or_backward(layout):
    block = build(layout, channels=32).float()
    x = torch.randn(1, 32, 24, 40, requires_grad=True)  # N = 960, 32 N numbers
    with LargestTensor() as largest:
        block(x).sum().backward()
    assert largest.numel <= x.numel()
    with LargestTensor() as largest:
        block(x, return_map=True)
    keys = 960 // 4 if layout == "tensorflow" else 960
    assert largest.numel == 960 * keys


PEAK = """
import resource, torch
from simseg_core.models.attention import SelfAttention2d
block = SelfAttention2d(64)
x = torch.randn(1, 64, 128, 128, requires_grad=True)
block(x[:, :, :8, :8]).sum().backward()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
block(x).sum().backward()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_memory_at_128_by_128():
    """Forward and backward; the map would take 1 GiB, its gradient another."""
    run = subprocess.run(
        [sys.executable, "-c", PEAK], capture_output=True, text=True, check=True
    )
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss: bytes, elsewhere KiB
    assert int(run.stdout) * unit < 256 * 2**20


# --- what it refuses ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"channels": 12}, ValueError, "take 16 channels"),
        ({"channels": 0}, ValueError, "channels must be 1 or more"),
        ({"channels": 8.0}, TypeError, "channels must be an int"),
        ({"channels": 8, "reduction": 0}, ValueError, "reduction must be 1 or more"),
        ({"channels": 8, "layout": "biggan"}, ValueError, "one of .*'tensorflow'"),
    ],
)
def test_refuses_options(options, error, message):
    with pytest.raises(error, match=message):
        SelfAttention2d(**options)


@pytest.mark.parametrize(
    ("layout", "shape", "message"),
    [
        ("v1", (16, 6, 10), r"expected \(B, C, H, W\), got \(16, 6, 10\)"),
        ("v1", (1, 8, 6, 10), "build the block with channels=8"),
        ("v1", (1, 16, 0, 10), "pad to at least 1x10"),
        ("tensorflow", (1, 16, 1, 10), "pad to at least 2x10"),
    ],
)
def test_refuses_inputs(layout, shape, message):
    with pytest.raises(ValueError, match=message):
        SelfAttention2d(16, layout=layout)(torch.zeros(shape))
