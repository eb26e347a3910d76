"""The probes' work grows as the network does: counted in calls, never by the clock."""

import gc
import sys

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorConverter

from simseg_core.probes import cost, receptive_field, trace_shapes

REACH = 64  # positions to each side that one layer adds


def wide(channels=2):
    return nn.Conv2d(channels, 2, 3, padding=REACH, dilation=REACH)


class Residual(nn.Module):
    def __init__(self, layers):
        super().__init__()
        self.layers = nn.ModuleList(wide() for _ in range(layers))

    def forward(self, x):
        for layer in self.layers:
            x = x + layer(x).relu()
        return x


class Skips(nn.Module):
    """Its first half is kept for its second, as in a U-Net without poolings."""

    def __init__(self, layers):
        super().__init__()
        self.down = nn.ModuleList(wide() for _ in range(layers // 2))
        self.up = nn.ModuleList(wide(4) for _ in range(layers // 2))

    def forward(self, x):
        kept = []
        for layer in self.down:
            x = layer(x)
            kept.append(x)
        for layer in self.up:
            x = layer(torch.cat([x, kept.pop()], dim=1))
        return x


class Dense(nn.Module):
    def __init__(self, layers):
        super().__init__()
        self.layers = nn.ModuleList(wide(2 * i + 2) for i in range(layers))

    def forward(self, x):
        for layer in self.layers:
            x = torch.cat([x, layer(x)], dim=1)
        return x


def chain(layers):
    return nn.Sequential(*(wide() for _ in range(layers)))


def calls(function):
    """Count the calls of the package's own functions, and of numpy's and torch's."""
    count = 0

    def heard(frame, event, argument):
        nonlocal count
        count += event in ("call", "c_call")

    function()  # what is made once is made
    gc.disable()  # a collection walks all that earlier tests left, heard or not
    sys.setprofile(heard)
    try:
        function()
    finally:
        sys.setprofile(None)
        gc.enable()
    return count


@pytest.mark.parametrize("network", [chain, Residual, Skips, Dense])
def test_a_field_costs_in_proportion_to_the_layers(network):
    # The shorter network reaches 1,536 positions beyond the image, the longer 3,072.
    few, many = (network(layers) for layers in (24, 48))
    short = calls(lambda: receptive_field(few, (2, 16, 16)).size)
    assert calls(lambda: receptive_field(many, (2, 16, 16)).size) < 2.3 * short
    assert receptive_field(many, (2, 16, 16)).size == (2 * 48 * REACH + 1,) * 2


def test_a_deep_network_keeps_no_more_for_a_layer_than_a_flat_one():
    field = receptive_field(Skips(200), (2, 16, 16))
    kept = {t.endless.data.size for a in field.output._axes for t in a if t.endless}
    assert kept == {2}  # the first and the last input position, of one output


def test_a_field_is_told_however_far_it_reaches():
    far = [nn.Conv2d(1, 1, 3, 1, 2**14, 2**14) for _ in range(20)]
    up = nn.Sequential(nn.Conv2d(1, 1, 3, 2, 1), nn.Upsample(scale_factor=2))
    field = receptive_field(nn.Sequential(up, *far), (1, 8, 8))
    assert field.size == (2 * 20 * 2**14 + 3,) * 2
    assert (field.rows.period, field.rows.stride) == (2, 1)


class Cells(nn.Module):
    def __init__(self, steps):
        super().__init__()
        self.cell, self.steps = nn.LSTMCell(8, 8), steps

    def forward(self, x):
        h, c = x, x
        for _ in range(self.steps):
            h, c = self.cell(x, (h, c))
        return h


@pytest.mark.parametrize("probe", [trace_shapes, cost])
def test_a_loop_costs_in_proportion_to_its_steps(probe):
    short = calls(lambda: probe(Cells(20), (1, 8)))
    assert calls(lambda: probe(Cells(40), (1, 8))) < 2.1 * short


def test_the_weights_of_a_loop_are_faked_once(monkeypatch):
    faked = FakeTensorConverter.from_real_tensor
    count = 0

    def counted(*args, **kwargs):
        nonlocal count
        count += 1
        return faked(*args, **kwargs)

    monkeypatch.setattr(FakeTensorConverter, "from_real_tensor", counted)
    cost(Cells(1), (1, 8))
    once, count = count, 0
    assert cost(Cells(10), (1, 8)).macs == 10 * 4 * 8 * (8 + 8)
    assert count == once
