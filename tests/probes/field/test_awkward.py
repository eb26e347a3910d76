"""Masks, copies, views by hand, unpooling and autograd Functions, by single pixels."""

from dataclasses import dataclass
from fractions import Fraction
from itertools import product

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

from simseg_core.probes import UnknownOperationError, gradient_support, receptive_field
from tests.probes.field.shared import Calls, hull


class Swish(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x.sigmoid()


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(x, by=2):
        return by * x

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass


class SegNet(nn.Module):
    """Puts the maxima back where they came from (Badrinarayanan et al. 2015)."""

    def __init__(self, *window):
        super().__init__()
        self.pool = nn.MaxPool2d(*window, return_indices=True)
        self.unpool = nn.MaxUnpool2d(*window)
        self.conv = nn.Conv2d(1, 1, 3, padding=1)

    def forward(self, x):
        small, indices = self.pool(x)
        return self.conv(self.unpool(small, indices, output_size=x.shape))


class Settings(nn.Module):
    """Reads a stride from a buffer and asks another for its sign."""

    def __init__(self):
        super().__init__()
        self.stride = nn.Buffer(torch.tensor(2))
        self.scale = nn.Buffer(torch.tensor(0.5))

    def forward(self, x):
        return x[:, :, :: int(self.stride)] if self.scale > 0 else x


class Counted(nn.Module):
    """Has a whole number for its first parameter."""

    def __init__(self):
        super().__init__()
        self.count = nn.Parameter(torch.tensor(3), requires_grad=False)
        self.conv = nn.Conv2d(1, 1, 3)

    def forward(self, x):
        return self.conv(x)


def to_space(x, r=2):
    b, c, h, w = x.shape
    x = x.view(b, c // r**2, r, r, h, w).permute(0, 1, 4, 2, 5, 3)
    return x.reshape(b, c // r**2, h * r, w * r)


def doubled(x):
    b, c, h, w = x.shape
    wide = x[..., None, :, None].expand(b, c, h, 2, w, 2)
    return wide.reshape(b, c, 2 * h, 2 * w)


def slab(*layers):
    """Layers with three axes, the image's channels for the first of them."""
    return nn.Sequential(nn.Unflatten(1, (1, 4)), *layers, nn.Flatten(1, 2))


NETWORKS = {
    "copies side by side": (Calls(lambda x: x.tile(2, 2)[:, :, 1:]), (1, 3, 4)),
    "every pixel twice": (
        nn.Sequential(
            nn.Conv2d(1, 1, 3, padding=1), Calls(lambda x: x.repeat_interleave(2, 2))
        ),
        (1, 4, 5),
    ),
    "below a diagonal": (Calls(lambda x: torch.tril(x, 1)), (1, 5, 5)),
    "by a constant mask": (
        Calls(lambda x: torch.where(torch.arange(6) > 2, x.roll(1, 2), x)), (1, 5, 6),
    ),
    "by a computed mask": (
        Calls(lambda x: x.masked_fill(torch.linspace(-1, 1, 5)[:, None] > 0, 0)),
        (1, 5, 6),
    ),
    "maxima put back": (SegNet(2), (1, 7, 6)),
    "overlapping maxima": (SegNet(3, 2, 1), (1, 7, 6)),
    "neighbouring channels": (
        nn.Sequential(nn.Conv2d(4, 4, 3, groups=4), nn.LocalResponseNorm(3)),
        (4, 5, 6),
    ),
    "three axes": (
        slab(
            nn.Conv3d(1, 2, (3, 3, 2), padding=(1, 0, 1)), nn.MaxPool3d((2, 1, 2)),
            nn.Upsample(scale_factor=(1, 2, 1.5)), nn.AvgPool3d((1, 3, 1)),
        ),
        (4, 6, 6),
    ),
    "autograd Functions": (
        nn.Sequential(
            nn.Conv2d(1, 1, 3), Calls(lambda x: Doubled.apply(Swish.apply(x)))
        ),
        (1, 5, 6),
    ),
    "a checkpoint": (
        Calls(lambda x: checkpoint(F.avg_pool2d, x, 3, 1, use_reentrant=True)),
        (1, 5, 6),
    ),
    "settings in buffers": (Settings(), (1, 5, 4)),
    "a whole number first": (Counted(), (1, 5, 4)),
}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_every_output_agrees_with_single_pixels(name):
    model, shape = NETWORKS[name]
    torch.manual_seed(0)
    model = model.double().eval()
    field = receptive_field(model, shape)
    pixels = list(product(range(shape[1]), range(shape[2])))
    images = torch.rand(120, *shape, dtype=torch.float64)
    seen = {}
    with torch.no_grad():
        made = model(images)
        for pixel in pixels:
            other = images.clone()
            # Far below and far above: a maximum moves to the pixel, or away from it.
            other[:, :, *pixel] += torch.tensor([[-3.0], [3.0]]).repeat(60, 1)
            for index in (model(other) != made).any(0).any(0).nonzero().tolist():
                seen.setdefault(tuple(index), []).append(pixel)
    sizes = len(field.rows.first), len(field.columns.first)
    assert sizes == tuple(made.shape[2:])
    for index in product(*map(range, made.shape[2:])):
        expected = None
        if index in seen:
            rows, columns = zip(*seen[index])
            expected = (min(rows), max(rows)), (min(columns), max(columns))
        assert field.box(index, whole=True) == expected, index


@pytest.mark.parametrize("up", [to_space, nn.PixelShuffle(2)])
def test_channels_moved_to_positions_by_hand_count_as_those_of_pixel_shuffle(up):
    model = nn.Sequential(nn.Conv2d(1, 4, 3), Calls(up), nn.Conv2d(1, 1, 3))
    rows = receptive_field(model, (1, 8, 9)).rows
    assert (rows.size, rows.stride, rows.offset) == (4, Fraction(1, 2), 0)
    assert len(rows.first) == 10


def test_a_map_repeated_by_hand_meets_a_skip_and_keeps_its_numbers():
    model = Calls(lambda x: torch.cat([doubled(F.avg_pool2d(x, 2)), x], dim=1))
    field = receptive_field(nn.Sequential(model, nn.Conv2d(2, 1, 3)), (1, 8, 6))
    assert field.size == (4, 4)
    assert (field.rows.stride, field.columns.stride) == (1, 1)
    # Channels before rows in one dimension are no axis; undone, it is there again.
    flat = receptive_field(Calls(lambda x: x.flatten(1, 2)), (2, 4, 5))
    assert (flat.rows.size, flat.columns.size) == (None, 1)
    assert flat.rows.first.tolist() == [0, 1, 2, 3] * 2
    back = Calls(lambda x: x.flatten(1, 2).view(x.shape))
    assert receptive_field(back, (2, 4, 5)).size == (1, 1)


def test_tokens_that_become_a_map_again_keep_rows_and_columns_apart():
    def tokens(x, first):  # with a class token in front, or without
        flat = x.flatten(2)
        flat = torch.cat([flat[..., :first], flat], dim=2)[..., first:]
        return flat.reshape(x.shape)

    for first in (0, 1):

        def strips(x, first=first):
            return tokens(F.avg_pool2d(x, 3, 1), first).mean(2, keepdim=True)

        field = receptive_field(Calls(strips), (1, 6, 7))
        assert (field.rows.is_global, field.columns.is_global) == (True, False)
        # The corner that the paddings leave empty is nobody's row and column.
        shifted = Calls(lambda x, n=first: tokens(F.pad(x, (1, -1, -1, 1)), n) + x)
        field = receptive_field(shifted, (1, 5, 6))
        assert (len(field.rows.first), len(field.columns.first)) == (5, 6)
        assert field.rows.last.tolist() == [1, 2, 3, 4, 4]


def test_a_field_that_is_the_same_everywhere_is_told_for_every_position():
    turned = Calls(lambda x: F.adaptive_max_pool2d(x.flip(2), (2, 2)))
    model = nn.Sequential(turned, nn.Conv2d(1, 1, 3, padding=1))
    rows = receptive_field(model, (1, 4, 6)).rows
    assert (rows.first.tolist(), rows.last.tolist()) == ([0, 0], [3, 3])


def scores(x):
    tokens = x.flatten(2).mT
    return tokens, tokens @ tokens.mT


def causal(x):
    tokens, given = scores(x)
    later = torch.ones(given.shape[-2:], dtype=torch.bool).triu(1)
    return given.masked_fill(later, float("-inf")).softmax(-1) @ tokens


def added(x):
    tokens, given = scores(x)
    mask = nn.Transformer.generate_square_subsequent_mask(given.shape[-1])
    return (given + mask).softmax(-1) @ tokens


def fused(x):
    tokens, given = scores(x)
    mask = torch.zeros(given.shape[-2:]).index_fill(1, torch.tensor([0]), -torch.inf)
    return F.scaled_dot_product_attention(tokens, tokens, tokens, mask)


@pytest.mark.parametrize("attention", [causal, added, fused])
def test_keys_left_out_by_minus_infinity_are_refused_as_those_of_a_causal_mask(
    attention,
):
    with pytest.raises(UnknownOperationError, match="keys out"):
        receptive_field(Calls(attention), (2, 3, 4))


@dataclass
class Answer:
    loss: None
    logits: torch.Tensor


def test_an_output_in_a_dataclass_is_found_by_its_name():
    model = Calls(lambda x: Answer(None, F.max_pool2d(x, 2)))
    assert list(receptive_field(model, (1, 4, 4)).outputs) == ["logits"]


def test_what_cannot_be_run_is_refused_before_torch_crashes():
    lazy = nn.Sequential(nn.Conv2d(1, 1, 3), nn.LazyConv2d(2, 3))
    for probe in (receptive_field, lambda *given: gradient_support(*given, (0, 0))):
        with pytest.raises(ValueError, match="the model is lazy: call it once"):
            probe(lazy, (1, 8, 8))
    with pytest.raises(UnknownOperationError, match=r"write Name\.apply"):
        receptive_field(Calls(Swish.apply), (1, 8, 8))
    with pytest.raises(ValueError, match="detaches it"):
        gradient_support(Calls(torch.Tensor.detach), (1, 8, 8), (0, 0))


def test_a_refused_size_is_told_by_the_error_alone(capfd):
    with pytest.raises(RuntimeError, match="too small"):
        receptive_field(nn.Sequential(nn.Conv2d(1, 1, 3), nn.MaxPool2d(8)), (1, 8, 8))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.unfold(2, 3, 1).amin(-1),
        lambda x: x.unfold(2, 3, 1).min(-1).values,
        lambda x: torch.maximum(x, x.roll(2, 2)),
        lambda x: torch.fmin(x, x.roll(1, 3)),
        lambda x: F.max_pool1d(x.flatten(1, 2), 3)[:, None],
        lambda x: F.max_pool3d(x[:, None], (1, 3, 2), 1)[:, 0],
        lambda x: F.threshold(x, 9.0, 0.0).round(),
        SegNet(2),
        SegNet(3, 2, 1),
    ],
)
def test_no_operation_hides_a_path_from_the_gradient(function):
    field = receptive_field(Calls(function), (1, 6, 6))
    mask = field.support((2, 1))
    assert mask.any()
    assert field.box((2, 1), whole=True) == hull(mask)
