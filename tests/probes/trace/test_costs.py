"""`cost` against the papers' and libraries' figures, and on counts done by hand."""

import json

import pytest
import torch
import torch.nn.functional as F
import torchvision
from pytorchcv.model_provider import get_model
from torch import nn
from torch.utils.flop_counter import FlopCounterMode, register_flop_formula

from simseg_core.probes import cost, trace_shapes


class ValidUNet(nn.Module):
    """U-Net as the paper draws it, written here again from its figure 1."""

    def __init__(self):
        super().__init__()
        widths = [64, 128, 256, 512, 1024]

        def double(a, b):
            return nn.Sequential(
                nn.Conv2d(a, b, 3), nn.ReLU(), nn.Conv2d(b, b, 3), nn.ReLU()
            )

        self.down = nn.ModuleList(map(double, [1, *widths[:-1]], widths))
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(2 * w, w, 2, stride=2) for w in widths[-2::-1]
        )
        self.merge = nn.ModuleList(double(2 * w, w) for w in widths[-2::-1])
        self.last = nn.Conv2d(64, 2, 1)

    def forward(self, x):
        skips = []
        for stage in self.down:
            x = stage(F.max_pool2d(x, 2) if skips else x)
            skips.append(x)
        for up, merge, skip in zip(self.up, self.merge, skips[-2::-1]):
            x = up(x)
            crop = (skip.shape[-1] - x.shape[-1]) // 2
            skip = skip[..., crop:-crop, crop:-crop]
            x = merge(torch.cat([skip, x], dim=1))
        return self.last(x)


# The figures are those of the papers and of independent implementations: see the
# ledger in the book.
@pytest.mark.parametrize(
    ("build", "size", "parameters", "macs"),
    [
        (ValidUNet, (1, 1, 572, 572), 31_030_658, 150_428_424_448),
        (
            lambda: torchvision.models.segmentation.deeplabv3_resnet50(
                weights=None, weights_backbone=None
            ),
            (1, 3, 512, 512),
            39_638_869,
            163_579_428_864,
        ),
    ],
    ids=["unet", "deeplabv3"],
)
def test_published_counts(build, size, parameters, macs):
    found = cost(build(), size)
    assert found.parameters == parameters
    assert found.macs == macs
    assert sum(stage.macs for stage in found) == macs
    assert sum(stage.parameters for stage in found) == parameters


def test_resnet50_costs_less_with_its_stride_where_the_paper_has_it():
    size = (1, 3, 224, 224)
    first = cost(get_model("resnet50"), size)
    second = cost(torchvision.models.resnet50(), size)
    assert first.parameters == second.parameters == 25_557_032
    assert round(first.macs / 1e9, 3) == 3.858
    assert round(second.macs / 1e9, 3) == 4.089


def test_macs_are_half_the_flops_torch_counts():
    model = torchvision.models.efficientnet_b0().eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.rand(2, 3, 64, 64))
    assert 2 * cost(model, (2, 3, 64, 64)).macs == counter.get_total_flops()


def test_traffic_of_convolutions_by_hand():
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, padding=1),  # 32 -> 16
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, padding=1, groups=8),
        nn.ConvTranspose2d(8, 4, 2, stride=2),  # 16 -> 32
        nn.Flatten(),
        nn.Linear(4 * 32 * 32, 10),  # no convolution: not in CIO
    )
    found = cost(net, (1, 3, 32, 32))
    assert found["0"].cio == 3 * 32 * 32 + 8 * 16 * 16
    assert found["2"].cio == 2 * 8 * 16 * 16
    assert found["3"].cio == 8 * 16 * 16 + 4 * 32 * 32
    assert found.cio == sum(found[name].cio for name in "023")
    assert found["2"].macs == 8 * 16 * 16 * 9
    assert found["3"].macs == 8 * 16 * 16 * 4 * 2 * 2
    assert found["5"].macs == 4 * 32 * 32 * 10
    assert found["0"].macs_per_element == found["0"].macs / found["0"].cio


def test_arithmetic_intensity_is_flop_per_byte_with_each_tensor_moved_once():
    found = cost(nn.Linear(64, 32, bias=False), (8, 64))
    moved = 4 * (8 * 64 + 64 * 32 + 8 * 32)
    assert found.moved_bytes == moved
    assert found.arithmetic_intensity == 2 * 8 * 64 * 32 / moved
    assert cost(nn.ReLU(), (8, 64)).arithmetic_intensity == 0


def attend(query, key, value):
    return F.scaled_dot_product_attention(query, key=key, value=value, scale=1.0)


def attend_explicitly(query, key, value):
    return (query @ key.transpose(-1, -2)).softmax(-1) @ value


@pytest.mark.parametrize("device", [None, "cpu"])
def test_fused_attention_costs_its_two_products(device):
    sizes = [(2, 4, 10, 8), (2, 4, 6, 8), (2, 4, 6, 16)]
    fused = cost(attend, sizes, device=device)
    assert fused.macs == 2 * 4 * 10 * 6 * (8 + 16)
    assert fused.macs == cost(attend_explicitly, sizes, device=device).macs


@pytest.mark.parametrize("device", [None, "cpu"])
@pytest.mark.parametrize("need_weights", [True, False])
def test_attention_inside_a_module_of_torch_costs_the_same(need_weights, device):
    attention = nn.MultiheadAttention(16, 4, batch_first=True)
    x = torch.rand(2, 10, 16)
    named = {"query": x, "key": x, "value": x}
    found = cost(
        lambda **kwargs: attention(**kwargs, need_weights=need_weights),
        inputs=named,
        device=device,
    )
    assert found.macs == 2 * (4 * 10 * 16 * 16 + 2 * 10 * 10 * 16)


@pytest.mark.parametrize("device", [None, "cpu"])
def test_a_recurrent_layer_multiplies_its_matrices_once_a_step(device):
    layer = nn.LSTM(8, 16, num_layers=2, bidirectional=True, batch_first=True)
    matrices = sum(p.numel() for p in layer.parameters() if p.ndim == 2)
    assert cost(layer, (3, 5, 8), device=device).macs == 3 * 5 * matrices


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_packed_sequences_cost_the_steps_they_have(kind):
    class Packed(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = kind(8, 16)

        def forward(self, x):
            packed = nn.utils.rnn.pack_padded_sequence(x, [5, 2])
            return self.layer(packed)[0].data

    model = Packed()
    matrices = sum(p.numel() for p in model.parameters() if p.ndim == 2)
    assert cost(model, (5, 2, 8)).macs == (5 + 2) * matrices


def test_a_deformable_convolution_costs_what_a_convolution_does():
    class Deformable(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = torchvision.ops.DeformConv2d(4, 6, 3, padding=1, groups=2)

        def forward(self, x):
            return self.conv(x, x.new_zeros(2, 18, 5, 7))

    plain = cost(nn.Conv2d(4, 6, 3, padding=1, groups=2), (2, 4, 5, 7))
    found = cost(Deformable(), (2, 4, 5, 7))
    assert (found.macs, found.cio) == (plain.macs, plain.cio)


class Padded(nn.Module):
    """Widens queries and keys with zeros for the kernel's sake, and says so."""

    def __init__(self):
        super().__init__()
        self.narrow = nn.Conv1d(16, 2, 1)

    def forward(self, x):
        query = F.pad(self.narrow(x).transpose(1, 2), (0, 14))
        return F.scaled_dot_product_attention(query, query, x.transpose(1, 2))


class Declared(Padded):
    def mathematical_macs(self, x):
        return x.shape[0] * x.shape[2] ** 2 * (2 + 16)


def test_a_module_may_declare_the_mathematics_of_its_own_operations():
    size, convolution = (3, 16, 20), 3 * 20 * 16 * 2
    assert cost(Padded(), size).macs == convolution + 3 * 20 * 20 * (16 + 16)
    for model in (Declared(), nn.Sequential(nn.Identity(), Declared())):
        assert cost(model, size).macs == convolution + 3 * 20 * 20 * (2 + 16)
    rows = trace_shapes(Declared(), size).rows
    assert {row.operation: row.macs for row in rows if row.macs} == {
        "Conv1d": convolution,
        "scaled_dot_product_attention": 3 * 20 * 20 * 18,
    }


def test_a_formula_registered_with_torch_is_honoured():
    @torch.library.custom_op("simseg_test::outer_sum", mutates_args=())
    def outer_sum(x: torch.Tensor) -> torch.Tensor:
        return x[:, None] + x[None]

    outer_sum.register_fake(lambda x: x.new_empty(len(x), len(x)))

    @register_flop_formula(torch.ops.simseg_test.outer_sum)
    def _(shape, out_shape=None, **kwargs):
        return 2 * shape[0] * 7

    assert cost(lambda x: outer_sum(x), (5,)).macs == 5 * 7


def test_stages_repeated_calls_and_operations_without_a_module_are_summed():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 3, padding=1)

        def forward(self, x):
            return self.conv(self.conv(x) + x) + x

    found = cost(Net(), (1, 3, 8, 8))
    assert [stage.name for stage in found] == ["conv", "add"]
    assert found["conv"].macs == 2 * 8 * 8 * 3 * 3 * 9
    assert found["conv"].parameters == 3 * 3 * 9 + 3
    assert found["add"].activation_bytes == 2 * 3 * 8 * 8 * 4
    with pytest.raises(KeyError, match="no stage 'pool'; there are"):
        found["pool"]


def test_a_batch_counts_with_all_its_images():
    model = torchvision.models.resnet18()
    one, four = cost(model, (1, 3, 64, 64)), cost(model, (4, 3, 64, 64))
    for figure in ("macs", "cio", "activation_bytes"):
        assert getattr(four, figure) == 4 * getattr(one, figure)
    assert four.parameters == one.parameters
    assert four.arithmetic_intensity > one.arithmetic_intensity  # weights are shared


def test_a_trace_is_counted_without_running_again():
    model = torchvision.models.resnet18()
    trace = trace_shapes(model, (1, 3, 64, 64))
    assert cost(trace).to_dict() == cost(model, (1, 3, 64, 64)).to_dict()
    with pytest.raises(ValueError, match="call cost"):
        cost(trace, (1, 3, 64, 64))


def test_tables_end_with_the_total_and_the_dictionary_goes_to_json():
    found = cost(torchvision.models.resnet18(), (1, 3, 64, 64))
    lines = str(found).splitlines()
    assert max(map(len, lines)) <= 88
    assert any(line.startswith("Total") for line in lines)
    assert f"{found.macs:,}" in str(found)
    assert found._repr_html_().count("<tr>") == len(found.stages) + 2
    assert json.loads(json.dumps(found.to_dict()))["macs"] == found.macs


def random(*sizes):
    return tuple(torch.rand(size) for size in sizes)


# Each right value is that of its matrix products, written out: (n, k) by (k, m).
PRODUCTS = {
    "query for every picture": (
        lambda q, k: F.scaled_dot_product_attention(q, k, k),
        random((1, 8, 16, 32), (4, 8, 16, 32)), 4 * 8 * 16 * 16 * (32 + 32),
    ),
    "keys for every picture": (
        lambda q, k: F.scaled_dot_product_attention(q, k, k),
        random((4, 8, 16, 32), (8, 10, 32)), 4 * 8 * 16 * 10 * (32 + 32),
    ),
    "grouped heads, a mask": (
        lambda q, k, mask: F.scaled_dot_product_attention(
            q, key=k, value=k, attn_mask=mask > 0.5, enable_gqa=True
        ),
        random((2, 8, 16, 4), (2, 2, 10, 4), (16, 10)), 2 * 8 * 16 * 10 * (4 + 4),
    ),
    "addbmm": (torch.addbmm, random((3, 5), (2, 3, 4), (2, 4, 5)), 2 * 3 * 4 * 5),
    "addbmm_": (
        lambda x, a, b: x.clone().addbmm_(a, b),
        random((3, 5), (2, 3, 4), (2, 4, 5)), 2 * 3 * 4 * 5,
    ),
    "addmv": (torch.addmv, random((3,), (3, 4), (4,)), 3 * 4),
    "addr": (torch.addr, random((3, 4), (3,), (4,)), 3 * 4),
    "outer": (torch.outer, random((3,), (4,)), 3 * 4),
    "outer by letters": (
        lambda a, b: torch.einsum("i,j->ij", a, b), random((3,), (4,)), 3 * 4,
    ),
    "three factors": (
        lambda a, b, c: torch.einsum("ij,jk,kl->il", a, b, c),
        random((3, 4), (4, 5), (5, 6)), 3 * 4 * 5 + 3 * 5 * 6,
    ),
    "kron": (torch.kron, random((3, 2), (4, 5)), 3 * 2 * 4 * 5),
    "vecdot": (torch.linalg.vecdot, random((7, 1, 3), (2, 3)), 7 * 2 * 3),
    "a power": (lambda a: torch.linalg.matrix_power(a, 3), random((5, 5)), 2 * 5**3),
    "bilinear": (nn.Bilinear(3, 4, 5), random((2, 3), (2, 4)), 2 * (60 + 20)),
    "distances": (torch.cdist, random((2, 3, 4), (2, 30, 4)), 2 * 3 * 30 * 4),
    "distances by a product": (
        lambda a, b: torch.cdist(a, b, compute_mode="use_mm_for_euclid_dist"),
        random((2, 3, 4), (2, 30, 4)), 2 * 3 * 30 * 4,
    ),
    "time first": (
        torch.conv_tbc, random((7, 2, 3), (3, 3, 5), (5,)), (7 - 3 + 1) * 2 * 5 * 9,
    ),
    "back in three axes": (
        nn.ConvTranspose3d(4, 6, 3, stride=2, groups=2),
        random((2, 4, 5, 5, 5)), 2 * 4 * 5**3 * 3 * 3**3,
    ),
    "bytes": (
        lambda a, b: torch._int_mm(a.byte().char(), b.byte().char()),
        random((32, 16), (16, 8)), 32 * 16 * 8,
    ),
    "cells": (nn.GRUCell(8, 16), random((3, 8)), 3 * 3 * 16 * (8 + 16)),
    "projected": (
        nn.LSTM(8, 16, proj_size=4), random((5, 3, 8)),
        5 * 3 * (4 * 16 * (8 + 4) + 16 * 4),
    ),
    "a layer of a transformer": (
        nn.TransformerEncoderLayer(16, 4, 32, batch_first=True), random((2, 10, 16)),
        2 * (4 * 10 * 16 * 16 + 2 * 10 * 10 * 16 + 2 * 10 * 16 * 32),
    ),
}  # fmt: skip


@pytest.mark.parametrize("device", [None, "cpu"])
@pytest.mark.parametrize("name", PRODUCTS)
def test_whatever_multiplies_matrices_is_counted(name, device):
    function, inputs, right = PRODUCTS[name]
    found = cost(function, inputs=inputs, device=device)
    assert (found.macs, found.not_counted) == (right, {})


@pytest.mark.parametrize(
    "function",
    [
        lambda a: torch.einsum("bij,bkj->bik", a, a),
        lambda a: torch.tensordot(a, a, ([1, 2], [1, 2])),
        lambda a: torch.baddbmm(a, a, a),
        lambda a: F.conv_transpose1d(a, a[:, :, :2], stride=3),
        lambda a: F.conv1d(a, a[:, :3, :2], groups=2, dilation=2),
        lambda a: F.unfold(a[None], 3).mT @ torch.ones(54, 5),
    ],
)
def test_and_as_torch_counts_it(function):
    images = torch.rand(6, 6, 6)
    with FlopCounterMode(display=False) as counter:
        function(images)
    found = cost(function, inputs=images)
    assert 2 * found.macs == counter.get_total_flops() > 0
    assert found.not_counted == {}


@torch.library.custom_op("simseg_test::unknown_product", mutates_args=())
def unknown_product(x: torch.Tensor) -> torch.Tensor:
    return x @ x


unknown_product.register_fake(torch.empty_like)


def by_choice(x):
    return torch.cond(x.sum() > 0, lambda y: y @ y, lambda y: y + 1, (x,))


NOT_COUNTED = {
    "fft_rfft2": torch.fft.rfft2,
    "stft": lambda x: torch.stft(x[0], 4, window=x[0, :4], return_complex=True),
    "linalg_inv": torch.linalg.inv,
    "linalg_svd": lambda x: torch.linalg.svd(x).S,
    "cdist": lambda x: torch.cdist(x, x, p=1.0),
    "grid_sample": lambda x: F.grid_sample(
        x[None, None], x.new_zeros(1, 2, 2, 2), align_corners=False
    ),
    "sparse_mm": lambda x: torch.sparse.mm(torch.eye(6).to_sparse(), x),
    "embedding_bag": lambda x: F.embedding_bag(torch.ones(2, 3, dtype=torch.int), x),
    "cond": by_choice,
    "unknown_product": unknown_product,
}


@pytest.mark.parametrize("device", [None, "cpu"])
@pytest.mark.parametrize("name", NOT_COUNTED)
def test_what_may_multiply_and_has_no_formula_is_named(name, device):
    found = cost(NOT_COUNTED[name], (6, 6), device=device)
    assert (found.macs, found.not_counted) == (0, {name: 1})


def test_what_is_not_counted_stands_beside_every_total():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 1)

        def forward(self, x):
            x = torch.fft.ifft2(torch.fft.fft2(torch.fft.fft2(self.conv(x)))).real
            return F.grid_sample(x, x[:, :2].movedim(1, -1), align_corners=False)

    right = {"fft_fft2": 2, "fft_ifft2": 1, "grid_sample": 1}
    note = "no formula: fft_fft2 (2 times), fft_ifft2, grid_sample"
    trace = trace_shapes(Net(), (1, 3, 8, 8))
    assert [row.operation for row in trace if row.not_counted] == [
        "fft_fft2", "fft_fft2", "fft_ifft2", "grid_sample",
    ]  # fmt: skip
    for found in (trace, cost(trace), trace.at_depth(1)):
        assert found.not_counted == right
        assert json.loads(json.dumps(found.to_dict()))["not_counted"] == right
        for text in (str(found), found._repr_html_()):
            assert note in " ".join(text.split()).replace("</p><p>", " ")
    assert trace.modules[0].not_counted == right
    assert cost(trace)["fft_fft2"].not_counted == {"fft_fft2": 2}
    assert cost(trace)["conv"].not_counted == {}


def test_a_module_that_declares_its_mathematics_leaves_nothing_out():
    class Spectrum(nn.Module):
        def forward(self, x):
            return torch.fft.fft2(x).abs()

        def mathematical_macs(self, x):
            return x.numel() * 6

    found = cost(Spectrum(), (1, 1, 8, 8))
    assert (found.macs, found.not_counted) == (64 * 6, {})


@pytest.mark.parametrize(
    "function",
    [
        lambda x: F.max_pool2d(x, 2).flatten(1).softmax(1),
        lambda x: F.interpolate(x, scale_factor=2, mode="bicubic", antialias=True),
        lambda x: F.group_norm(F.gelu(x, approximate="tanh"), 3).clamp_(0, 1),
        lambda x: F.layer_norm(F.pixel_unshuffle(x, 2), (4, 4)).topk(2)[0],
        lambda x: torch.stack(F.pad(x, (1, 1, 1, 1), "circular").unbind(1)).squeeze_(0),
        lambda x: F.fold(F.unfold(x, 3), 8, 3).half().to_dense().argmax(1),
        lambda x: F.cross_entropy(x, torch.zeros(1, 8, 8, dtype=torch.long)),
        lambda x: x.masked_fill(x > 0.5, 0).index_add(1, torch.tensor([0]), x[:, :1]),
        lambda x: F.dropout(F.glu(F.hardswish(x, inplace=True), 2)).cumsum(1).var(1),
        lambda x: torch.rand_like(x).bernoulli_().roll(1, 2).flip(3).sort(2).values,
        torchvision.models.convnext_tiny(num_classes=2),
        torchvision.models.swin_t(num_classes=2),
    ],
)
def test_what_is_known_to_multiply_no_matrices_is_not_named(function):
    for device in (None, "cpu"):
        size = (1, 3, 32, 32) if isinstance(function, nn.Module) else (1, 3, 8, 8)
        assert cost(function, size, device=device).not_counted == {}
