"""CBAM and its two gates: what they let through, in which order, at which cost."""

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import Tensor, nn

from simseg_core.models.cbam import CBAM, ORDERS, ChannelAttention, SpatialAttention
from simseg_core.models.resnet_cbam import ResNetCBAM
from tests.models.counting import macs, parameters


def randomised(module: nn.Module) -> nn.Module:
    """In float64 and eval, with BatchNorm statistics that are not 0 and 1."""
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.uniform_(norm.running_mean, -0.5, 0.5)
            nn.init.uniform_(norm.running_var, 0.5, 2)
            nn.init.uniform_(norm.weight, 0.5, 2)
            nn.init.uniform_(norm.bias, -0.5, 0.5)
    return module.double().eval()


# --- the channel gate ---------------------------------------------------------------


def test_channel_gate_by_hand():
    """Two channels and an MLP that returns its input, if it is not negative.

    Means 1 and -1, maxima 3 and 0: scores relu(1) + relu(3) = 4 and 0 + 0 = 0.
    """
    block = ChannelAttention(2, reduction=1, bias=False)
    for layer in (block.mlp[0], block.mlp[2]):
        nn.init.eye_(layer.weight)
    x = torch.tensor([[[[3.0, -1.0]], [[0.0, -2.0]]]])
    expected = torch.tensor([4.0, 0.0]).sigmoid().view(1, 2, 1, 1)
    torch.testing.assert_close(block.gate(x), expected)
    torch.testing.assert_close(block(x), expected * x)


def test_one_mlp_serves_both_poolings():
    """A constant map has one vector for mean and maximum: its score is doubled."""
    block = ChannelAttention(32).double()
    vector = torch.randn(2, 32).double()
    constant = vector[:, :, None, None].expand(-1, -1, 6, 10)
    score = block.gate(constant).logit().flatten(1)
    torch.testing.assert_close(score, 2 * block.mlp(vector))


def test_channel_gate_ignores_where():
    block = ChannelAttention(32).double()
    x = torch.randn(2, 32, 6, 10).double()
    shuffled = x.flatten(2)[:, :, torch.randperm(60)].view_as(x)
    torch.testing.assert_close(block.gate(shuffled), block.gate(x))


# --- the spatial gate ---------------------------------------------------------------


def test_spatial_gate_by_hand():
    """A kernel that reads its centre only: 0.10 of the maximum and 0.01 of the mean."""
    block = SpatialAttention().eval()  # fresh statistics: BatchNorm divides by 1.000005
    nn.init.zeros_(block.conv.weight)
    block.conv.weight.data[0, :, 3, 3] = torch.tensor([0.10, 0.01])
    x = torch.tensor([[[[3.0, -1.0]], [[5.0, -3.0]]]])  # maxima 5, -1, means 4, -2
    score = torch.tensor([0.54, -0.12]) / (1 + block.norm.eps) ** 0.5
    torch.testing.assert_close(block.gate(x), score.sigmoid().view(1, 1, 1, 2))


def test_spatial_gate_ignores_which_channel():
    block = randomised(SpatialAttention())
    x = torch.randn(2, 32, 6, 10).double()
    torch.testing.assert_close(block.gate(x[:, torch.randperm(32)]), block.gate(x))


def test_spatial_gate_normalises_before_the_sigmoid():
    """In training, scores have mean 0 and variance 1, whatever the input's scale."""
    block = SpatialAttention().double()
    score = block.gate(1000 * torch.randn(4, 32, 16, 16).double()).logit()
    assert score.mean().abs() < 1e-6
    assert abs(score.var(correction=0) - 1) < 1e-3


@pytest.mark.parametrize("kernel_size", [3, 7])
def test_spatial_gate_reads_one_window(kernel_size):
    block = randomised(SpatialAttention(kernel_size=kernel_size))
    x = torch.randn(1, 4, 17, 13).double().requires_grad_()
    (gradient,) = torch.autograd.grad(block.gate(x)[0, 0, 8, 6], x)
    rows = gradient[0].abs().sum(dim=(0, 2)).nonzero().flatten()
    columns = gradient[0].abs().sum(dim=(0, 1)).nonzero().flatten()
    half = kernel_size // 2
    assert rows.tolist() == list(range(8 - half, 8 + half + 1))
    assert columns.tolist() == list(range(6 - half, 6 + half + 1))


# --- both ---------------------------------------------------------------------------


@pytest.mark.parametrize("order", ORDERS)
@settings(max_examples=10, deadline=None, derandomize=True)
@given(B=st.integers(1, 2), H=st.integers(1, 9), W=st.integers(1, 9))
def test_gates_are_what_forward_multiplies_by(order, B, H, W):
    torch.manual_seed(H * 10 + W)
    block = randomised(CBAM(32, order=order))
    x = torch.randn(B, 32, H, W).double()
    channel, spatial = block.gates(x)
    assert channel.shape == (B, 32, 1, 1)
    assert spatial.shape == (B, 1, H, W)
    for gate in (channel, spatial):
        assert gate.min() > 0
        assert gate.max() < 1
    torch.testing.assert_close(block(x), channel * spatial * x)


def test_the_second_gate_reads_what_the_first_let_through():
    blocks = {order: CBAM(32, order=order) for order in ORDERS}
    weights = randomised(blocks["parallel"]).state_dict()
    x = torch.randn(2, 32, 6, 10).double()
    gates = {}
    for order, block in blocks.items():
        block.double().eval().load_state_dict(weights)
        gates[order] = block.gates(x)
    channel, spatial = gates["parallel"]
    block = blocks["parallel"]
    assert torch.equal(gates["channel_first"][0], channel)
    assert torch.equal(gates["channel_first"][1], block.spatial.gate(channel * x))
    assert torch.equal(gates["spatial_first"][0], block.channel.gate(spatial * x))
    assert torch.equal(gates["spatial_first"][1], spatial)
    outputs = [block(x) for block in blocks.values()]
    for one, other in [(0, 1), (1, 2), (2, 0)]:
        difference = (outputs[one] - outputs[other]).norm() / outputs[one].norm()
        assert difference > 1e-3


def test_a_fresh_block_scales_to_about_a_quarter():
    x = torch.randn(8, 64, 32, 32)
    scale = (CBAM(64)(x) / x).mean().item()
    assert 0.2 < scale < 0.3


@pytest.mark.parametrize("order", ORDERS)
def test_gradient_reaches_every_parameter(order):
    block = CBAM(32, order=order)
    x = torch.randn(4, 32, 6, 10)
    (block(x) * torch.randn_like(x)).sum().backward()
    for name, parameter in block.named_parameters():
        assert parameter.grad.abs().max() > 1e-6, name


def test_spatial_gate_starts_at_a_half_if_asked():
    x = torch.randn(2, 16, 5, 7)
    for zero_init in (False, True):
        block = CBAM(16, zero_init=zero_init)  # in training mode, as it would start
        gate = block.gates(x)[1]
        assert torch.equal(gate, torch.full_like(gate, 0.5)) == zero_init
    model = ResNetCBAM(depth=18, widths=(4, 4, 4, 4), zero_init=True)
    norms = [m.norm for m in model.modules() if isinstance(m, SpatialAttention)]
    assert len(norms) == 8
    assert not any(norm.weight.any() for norm in norms)


# --- what it costs ------------------------------------------------------------------


@pytest.mark.parametrize("C", [64, 256, 2048])
def test_parameter_count(C):
    """The MLP's matrices and biases, the 7x7 kernel, BatchNorm's scale and shift."""
    mlp = C * (C // 16) * 2 + C // 16 + C
    block = CBAM(C)
    assert parameters(block.channel) == mlp
    assert parameters(block.spatial) == 98 + 2
    assert parameters(block) == mlp + 98 + 2


def test_parameter_count_at_256():
    """8,564; an MLP for each pooling would make it 17,028."""
    block = CBAM(256)
    assert parameters(block) == 8_564
    assert parameters(block) + parameters(block.channel.mlp) == 17_028


def test_macs():
    """The MLP runs twice; the 7x7 convolution reads two maps."""
    x = torch.zeros(1, 64, 20, 12)
    assert macs(CBAM(64), x) == 2 * (2 * 64 * 4) + 20 * 12 * 2 * 7 * 7


# --- what it refuses ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"channels": 0}, ValueError, "channels must be 1 or more"),
        ({"channels": 8, "reduction": 1.5}, TypeError, "reduction must be an int"),
        ({"channels": 8, "kernel_size": 4}, ValueError, "take 5"),
        ({"channels": 8, "kernel_size": 0}, ValueError, "kernel_size must be 1 or"),
        ({"channels": 8, "order": "both"}, ValueError, "one of .*'spatial_first'"),
    ],
)
def test_refuses_options(options, error, message):
    with pytest.raises(error, match=message):
        CBAM(**options)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((32, 6, 10), r"expected \(B, C, H, W\), got \(32, 6, 10\)"),
        ((1, 16, 6, 10), "build the block with channels=16"),
    ],
)
@pytest.mark.parametrize("order", ORDERS)
def test_refuses_inputs(order, shape, message):
    with pytest.raises(ValueError, match=message):
        CBAM(32, order=order)(torch.zeros(shape))


@pytest.mark.parametrize("C", [1, 4, 15])
def test_narrow_maps_keep_one_hidden_unit(C):
    block = ChannelAttention(C)
    assert block.mlp[0].out_features == 1
    y: Tensor = block(torch.ones(1, C, 3, 5))
    assert y.shape == (1, C, 3, 5)


def test_one_hidden_unit_is_often_dead_and_eight_are_not():
    """Why the narrow presets reduce less: pooled ReLU features are all of one sign."""

    def dead(reduction: int) -> int:
        count = 0
        for _ in range(200):
            block = ChannelAttention(16, reduction=reduction)
            block(torch.randn(4, 16, 6, 10).relu()).sum().backward()
            count += not block.mlp[0].weight.grad.any()
        return count

    assert dead(reduction=16) > 200 / 4
    assert dead(reduction=2) == 0
