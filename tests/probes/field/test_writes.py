"""Writes in place, channels that become positions, and maps too large to write out."""

import tracemalloc
from fractions import Fraction

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from simseg_core.probes import receptive_field
from tests.probes.field.shared import Calls


def test_a_write_through_a_view_is_seen_by_every_view_of_the_memory():
    def shift_two_channels(x):
        out = torch.zeros_like(x)
        first = out[:, 0]
        out[:, :2, 1:] = x[:, :2, :-1]
        out[:, 2:, :, 1:].add_(x[:, 2:, :, :-1])
        return torch.stack([first, out[:, 3]], dim=1)

    field = receptive_field(Calls(shift_two_channels), (4, 6, 7))
    # Channel 0 looks one row up, channel 3 one column to the left; out of the image
    # they see nothing.
    assert field.box((0, 0)) is None
    assert field.box((0, 3)) == ((0, 0), (2, 2))
    assert field.box((3, 0)) == ((2, 2), (0, 0))
    assert field.box((3, 3)) == ((2, 3), (2, 3))
    # Zeros written over once are a padding; twice, and no endless axis is left.
    assert (field.rows.size, field.columns.size) == (2, None)
    assert max(field.columns.sizes) == 2


def test_overwritten_positions_forget_what_they_held():
    def erase(x):
        x[:, :, ::2] = 0
        return x

    field = receptive_field(Calls(erase), (3, 5, 4))
    assert [field.box((i, 1)) is None for i in range(5)] == [True, False] * 2 + [True]


def test_an_image_overwritten_by_the_network_is_still_the_input():
    field = receptive_field(nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(1, 1, 3)), 9)
    assert field.size == (3, 3)


@pytest.mark.parametrize("r", [2, 3])
def test_pixel_shuffle_keeps_the_textbook_numbers(r):
    down = nn.Sequential(nn.PixelUnshuffle(r), nn.Conv2d(r * r, r * r, 3, padding=1))
    rows = receptive_field(down, (1, 6 * r, 6 * r)).rows
    assert (rows.size, rows.stride, rows.offset) == (3 * r, r, -r)
    up = nn.Sequential(nn.Conv2d(1, r * r, 3, padding=1), nn.PixelShuffle(r))
    rows = receptive_field(up, (1, 6, 6)).rows
    assert (rows.size, rows.stride) == (3, Fraction(1, r))
    both = receptive_field(nn.Sequential(down, nn.PixelShuffle(r)), (1, 6 * r, 6 * r))
    assert both.rows.sizes.tolist() == [3 * r] * (6 * r)
    assert both.rows.stride == 1


def test_circular_padding_reads_the_other_end():
    conv = nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular")
    field = receptive_field(conv, (1, 6, 8))
    assert field.box((0, 3)) == ((0, 5), (2, 4))
    assert field.size == (3, 3)


def test_channels_of_zeros_beside_a_large_map_take_no_memory():
    class Fused(nn.Module):
        def forward(self, x):  # wider queries, as fused attention wants them; odd sizes
            tokens = x.repeat(1, 32, 1, 1).flatten(2).transpose(1, 2)
            wide = F.pad(tokens, (0, 32))
            x = F.scaled_dot_product_attention(wide, wide, wide)[..., :1] + tokens
            x = x.transpose(1, 2).reshape(1, 32, 256, 256)
            return torch.cat([F.pad(x, (0, 1, 0, 1)), x.new_ones(1, 32, 257, 257)], 1)

    tracemalloc.start()
    field = receptive_field(nn.Sequential(Fused(), nn.Conv2d(64, 1, 3)), (1, 256, 256))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert field.box((254, 3)) == ((254, 255), (3, 5))
    assert field.is_global
    assert peak < 2**28  # written out, one field of the queries alone takes 168 MB
