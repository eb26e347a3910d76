"""The HarD block: which layers a layer reads, how wide it is, what leaves the block."""

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import nn

from simseg_core.models.hardblock import HarDBlock, layer_width, links
from tests.parity.compare import assert_close, shaken


def test_links_of_eight_layers() -> None:
    assert [links(layer) for layer in range(1, 9)] == [
        [0],
        [1, 0],
        [2],
        [3, 2, 0],
        [4],
        [5, 4],
        [6],
        [7, 6, 4, 0],
    ]


@settings(max_examples=40, deadline=None, derandomize=True)
@given(layer=st.integers(1, 200))
def test_links_are_those_of_the_definition(layer: int) -> None:
    powers = [2**i for i in range(10) if layer % 2**i == 0]
    assert links(layer) == [layer - power for power in powers if layer >= power]
    assert links(layer) == sorted(links(layer), reverse=True)


def test_width_is_rounded_once() -> None:
    # Layer 8 is 10 * 1.7^3 = 49.13. Rounded at every factor it would be 18, 30, 52.
    assert layer_width(8, growth=10, multiplier=1.7) == 50
    # 18 * 1.7^3 = 88.43; step by step: 30, 52, 88.
    assert layer_width(8, growth=18, multiplier=1.7) == 88
    # 24 * 1.7^2 = 69.36; step by step: 40, 68.
    assert layer_width(4, growth=24, multiplier=1.7) == 70
    assert layer_width(7, growth=24, multiplier=1.7) == 24


@settings(max_examples=40, deadline=None, derandomize=True)
@given(layer=st.integers(1, 64), growth=st.integers(1, 300))
def test_width_is_even_and_within_one_of_the_product(layer: int, growth: int) -> None:
    power = len(links(layer)) - 1
    width = layer_width(layer, growth=growth, multiplier=1.6)
    assert width % 2 == 0
    assert abs(width - growth * 1.6**power) <= 1 + 1e-9


def test_traffic_grows_with_the_number_of_layers_times_its_logarithm() -> None:
    for power in range(1, 8):
        layers = 2**power
        read = sum(len(links(layer)) for layer in range(1, layers + 1))
        dense = layers * (layers + 1) // 2  # DenseNet: every earlier one
        assert read == 2 * layers - 1 <= dense


@pytest.mark.parametrize("layers", [1, 2, 3, 4, 7, 8, 16])
def test_output_holds_the_odd_layers_and_the_last_in_order(layers: int) -> None:
    block = shaken(HarDBlock(5, growth=4, multiplier=1.7, layers=layers))
    x = torch.randn(2, 5, 6, 7, dtype=torch.float64)
    maps = {0: x}
    for n, layer in enumerate(block.layers, start=1):
        maps[n] = layer(torch.cat([maps[i] for i in links(n)], dim=1))
    expected = [maps[n] for n in range(1, layers + 1, 2)]
    if layers % 2 == 0:
        expected.append(maps[layers])
    assert_close(block(x), torch.cat(expected, dim=1))
    assert block.out_channels == sum(m.shape[1] for m in expected)


def test_input_does_not_leave_the_block() -> None:
    block = HarDBlock(6, growth=4, multiplier=1.7, layers=4).eval()
    for module in block.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.zeros_(module.weight)
    assert not block(torch.ones(1, 6, 3, 3)).any()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"layers": 0}, ValueError, "layers must be 1 or more"),
        ({"growth": 2.5}, TypeError, "growth must be an int"),
        ({"multiplier": 0.5}, ValueError, "multiplier must be 1 or more"),
    ],
)
def test_refuses(options, error, message) -> None:
    with pytest.raises(error, match=message):
        HarDBlock(4, **{"growth": 4, "multiplier": 1.7, "layers": 4, **options})
