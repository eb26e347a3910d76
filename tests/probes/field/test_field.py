"""What a receptive field tells: definitions by hand, global paths, errors, tables."""

import json
from fractions import Fraction
from itertools import pairwise

import pytest
import timm
import torch
import torch.nn.functional as F
import torchvision.models as zoo
from torch import nn

from simseg_core.probes import UnknownOperationError, receptive_field
from tests.probes.field.shared import Calls

# --- definitions, by hand -------------------------------------------------------------


def test_clipped_and_unclipped_intervals_by_hand():
    model = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), nn.MaxPool2d((2, 1)))
    field = receptive_field(model, (1, 6, 3))
    rows, columns = field.rows, field.columns
    assert (rows.size, rows.stride, rows.offset) == (4, 2, -1)
    assert (columns.size, columns.stride, columns.offset) == (3, 1, -1)
    assert rows.unclipped_first.tolist() == [-1, 1, 3]
    assert rows.first.tolist() == [0, 1, 3]
    assert rows.last.tolist() == [2, 4, 5]
    assert field.box((2, 0)) == ((3, 5), (0, 1))


def test_taps_that_fall_on_padding_read_nothing():
    # Position 0 reads -6, 0, 6 of 8: its clipped end is 6. Position 7 reads 1, 7, 13.
    conv = nn.Conv2d(1, 1, 3, padding=6, dilation=6)
    rows = receptive_field(conv, (1, 8, 8)).rows
    assert (rows.first[0], rows.last[0]) == (0, 6)
    assert (rows.first[7], rows.last[7]) == (1, 7)
    # Position 4 reads -2, 4, 10: only 4 is there, though 10 > 7 would clip to 7.
    assert (rows.first[4], rows.last[4]) == (4, 4)
    assert set(rows.sizes.tolist()) == {13}


def test_resize_without_a_short_period_is_told_index_by_index():
    resize = Calls(lambda x: F.interpolate(x, 129, mode="bilinear"))
    rows = receptive_field(resize, (1, 33, 33)).rows
    assert rows.period is None
    assert rows.stride is None
    for i in range(129):
        place = min(
            max(Fraction(2 * i + 1, 2) * Fraction(33, 129) - Fraction(1, 2), 0), 32
        )
        assert rows.first[i] == place // 1
        assert rows.last[i] == -(-place // 1)
    corners = Calls(
        lambda x: F.interpolate(x, 129, mode="bilinear", align_corners=True)
    )
    assert receptive_field(corners, (1, 33, 33)).rows.phases == (1, 2, 2, 2)


def test_transposed_convolution_has_one_size_a_phase():
    rows = receptive_field(
        nn.Sequential(nn.ConvTranspose2d(1, 1, 2, stride=2), nn.Conv2d(1, 1, 3)),
        (1, 8, 8),
    ).rows
    assert rows.phases == (2, 2)
    rows = receptive_field(nn.ConvTranspose2d(1, 1, 3, stride=2), (1, 8, 8)).rows
    assert rows.phases == (2, 1)
    assert rows.stride == Fraction(1, 2)


# --- global operations ----------------------------------------------------------------


class PooledGate(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 2, 3, padding=1)

    def forward(self, x):
        x = self.conv(x)
        return x * x.mean((2, 3), keepdim=True).sigmoid()


class Attention(nn.Module):
    def forward(self, x):
        tokens = x.flatten(2).transpose(1, 2)
        weights = (tokens @ tokens.transpose(1, 2)).softmax(-1)
        return x + (weights @ tokens).transpose(1, 2).reshape(x.shape)


@pytest.mark.parametrize(("model", "size"), [(PooledGate(), 3), (Attention(), 1)])
def test_global_operations_leave_the_local_field_beside_them(model, size):
    field = receptive_field(model, (2, 12, 14))
    assert field.is_global
    assert field.size == (size, size)
    assert field.box((5, 5), whole=True) == ((0, 11), (0, 13))
    low, high = 5 - size // 2, 5 + size // 2
    assert field.box((5, 5)) == ((low, high), (low, high))


def test_strip_pooling_is_global_along_one_axis():
    field = receptive_field(Calls(lambda x: x.mean(2, keepdim=True)), (1, 6, 8))
    assert field.rows.is_global
    assert not field.columns.is_global
    assert field.columns.size == 1
    assert field.output.box((0, 3), whole=True) == ((0, 5), (3, 3))


def test_classifier_is_global_and_its_features_are_not():
    with torch.device("meta"):
        field = receptive_field(zoo.resnet18(), (3, 64, 64))
    assert field.is_global
    assert field.box(()) is None
    assert field.box((), whole=True) == ((0, 63), (0, 63))
    assert not field["layer4"].is_global


def test_attention_in_windows_is_local():
    model = timm.create_model(
        "swin_tiny_patch4_window7_224", img_size=56, window_size=7, features_only=True
    )
    field = receptive_field(model, (3, 56, 56))
    # The first block of a stage attends within 7 x 7 patches of 4 pixels.
    block = field["layers_0.blocks.0"]
    assert not block.is_global
    assert block.box((0, 8)) == ((0, 27), (28, 55))


# --- what is not known ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "operation"),
    [
        (lambda x: torch.fft.fft2(x).real, "aten::_fft"),
        (lambda x: x.sort(dim=-1).values, "aten::sort"),
        (lambda x: x[x > 0], "aten::"),
        (lambda x: x * float(x.mean()), "aten::_local_scalar_dense"),
        (
            lambda x: F.scaled_dot_product_attention(x, x, x, is_causal=True),
            "aten::_scaled_dot_product",
        ),
        (lambda x: x.masked_select(x > 0), "aten::masked_select"),
        (lambda x: F.grid_sample(x, x.permute(0, 2, 3, 1)), "aten::grid_sampler"),
    ],
)
def test_unknown_operations_are_named_with_their_module(function, operation):
    model = nn.Sequential(nn.Conv2d(2, 2, 1), Calls(function))
    with pytest.raises(UnknownOperationError) as error:
        receptive_field(model, (2, 8, 8))
    assert operation in str(error.value)
    assert "module '1'" in str(error.value)


@pytest.mark.parametrize("size", [(3,), (0, 4, 4), (1, 3, 8.5, 8), "3x8"])
def test_a_size_that_is_no_images_is_refused(size):
    with pytest.raises(ValueError, match="not an image's size"):
        receptive_field(nn.Conv2d(3, 1, 3), size)


def test_a_model_that_is_none_and_one_without_the_image_are_refused():
    with pytest.raises(TypeError, match="give a network"):
        receptive_field(None, (3, 8, 8))
    with pytest.raises(ValueError, match="depends on the image"):
        receptive_field(Calls(torch.zeros_like), (3, 8, 8))
    field = receptive_field(nn.Sequential(nn.Conv2d(1, 1, 3)), 8)
    with pytest.raises(IndexError, match="6 x 6 positions"):
        field.box((6, 0))
    with pytest.raises(KeyError, match="no module 'head' ran"):
        field["head"]


# --- the report -----------------------------------------------------------------------


def test_layers_come_in_call_order_and_functional_operations_are_seen():
    class Skip(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 1, 3, padding=1)

        def forward(self, x):
            return torch.cat([x, F.interpolate(self.conv(x), x.shape[2:])], dim=1)

    field = receptive_field(nn.Sequential(Skip(), nn.Conv2d(2, 1, 3)), (1, 9, 9))
    told = [(layer.name, layer.operation, layer.rows.size) for layer in field.layers]
    assert told == [
        ("0.conv", "Conv2d", 3),
        ("0", "upsample_nearest2d", 3),
        ("0", "cat", 3),
        ("0", "Skip", 3),
        ("1", "Conv2d", 5),
        ("", "Sequential", 5),
    ]
    lines = str(field).splitlines()
    assert lines[2].split() == [
        "layer",
        "operation",
        "output",
        "size",
        "stride",
        "offset",
    ]
    assert [line.split()[1] for line in lines[5:7]] == ["upsample_nearest2d", "cat"]
    html = field._repr_html_()
    assert html.count('<th scope="col"') == 6
    assert html.count('<th scope="row">') == len(lines) - 6  # those that are no row
    assert "<caption>" in html
    plain = json.loads(json.dumps(field.to_dict()))
    assert plain["outputs"][""]["rows"]["last"] == [3, 4, 5, 6, 7, 8, 8]
    assert [layer["rows"]["size"] for layer in plain["layers"]] == [t[2] for t in told]


def test_the_field_never_shrinks_along_a_chain_and_the_model_is_left_alone():
    model = zoo.mobilenet_v2(width_mult=0.35).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    field = receptive_field(model, (3, 64, 64))
    chain = [field[f"features.{i}"].rows.size for i in range(19)]
    assert all(a <= b for a, b in pairwise(chain))
    assert chain[-1] == 491
    assert model.training
    assert all(module.training for module in model.modules())
    after = model.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_the_table_folds_at_a_depth_and_keeps_the_field():
    net = nn.Sequential(
        nn.Sequential(nn.Conv2d(1, 1, 3), nn.ReLU()), nn.AdaptiveAvgPool2d(1)
    )
    field = receptive_field(net, (1, 9, 9))
    folded = field.at_depth(1)
    assert [line.split()[:2] for line in str(folded).splitlines()[4:-2]] == [
        ["0", "Sequential"],
        ["1", "AdaptiveAvgPool2d"],
        ["output", "output"],
    ]
    assert "0.0 " in str(field)
    assert folded.layers == field.layers
    # A global row stands above every size when sorted; its stride is unknown.
    html = field._repr_html_()
    assert 'data-value="Infinity">global<' in html
    assert 'data-value="9.0">3<' in html
    assert "<td>-</td>" in html
    with pytest.raises(ValueError, match="depth must be 1 or more"):
        field.at_depth(0)
