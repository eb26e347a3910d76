"""The numbers drawn are those of the live toy, worked out here in another way."""

import copy
import math
from itertools import pairwise, product

import pytest
import torch
from torch import nn

from simseg_core import create_model
from simseg_core.figures import (
    draw_crop,
    draw_gate,
    draw_join,
    draw_lifetimes,
    draw_query_key_value,
    draw_separable,
    draw_surgery,
    draw_taps,
    draw_way_up,
)
from simseg_core.figures.mechanisms.ink import DEEP, MADE, READ, WORK, number, vector
from simseg_core.models.deeplabv3plus import Decoder
from simseg_core.models.resnet import ResNetEncoder
from simseg_core.probes import gradient_support, receptive_field
from tests.figures.mechanisms.drawings import (
    DRAWINGS,
    NARROW,
    TOY,
    VALID,
    join,
    parts,
    returns_what_it_is_given,
    separable,
    words,
)


def squares(drawing, colour: str) -> list[set[tuple[float, float]]]:
    """For each path of squares, where they stand."""
    found = []
    for path in parts(drawing, "path", colour):
        corners = path.get("d").split("z")[:-1]
        pairs = (one[1:].split("h")[0].split() for one in corners)
        found.append({(float(x), float(y)) for x, y in pairs})
    return found


def test_numbers_are_brief() -> None:
    assert [number(n) for n in (0, -0.001, 7, -2.5, 1234.5)] == [
        *("0", "0", "7", "−2.5", "1,234.5")
    ]
    assert vector([1.0, -0.5]) == "(1, −0.5)"


@pytest.mark.parametrize("query", [1.0, 0.0, -1.0, 2.0])
def test_attention_is_worked_out_by_hand(query: float) -> None:
    keys, values = [math.log(n) for n in (1, 2, 3, 4)], [10.0, 20.0, 30.0, 40.0]
    drawing = draw_query_key_value(
        torch.tensor([query]),
        torch.tensor(keys)[:, None],
        torch.tensor(values)[:, None],
    )
    grown = [math.exp(query * key) for key in keys]
    weights = [one / sum(grown) for one in grown]
    read = sum(w * v for w, v in zip(weights, values))
    told = words(drawing)
    for score, weight, value in zip((query * k for k in keys), weights, values):
        assert {number(score), number(weight), number(weight * value)} <= set(told)
    assert told[-1] == number(read)
    assert drawing.alt_text.endswith(f"add up to {number(read)}.")
    bars = [float(bar.get("width")) for bar in parts(drawing, "rect", WORK)]
    assert bars[-4:] == pytest.approx([38 * weight for weight in weights], rel=1e-3)


def test_attention_takes_several_channels() -> None:
    key = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [2.0, 0.0]])
    drawing = draw_query_key_value(key[0], key, key)
    assert "query (1, 0)" in words(drawing)
    assert "A 1, B 0, C 1, D 2" in drawing.alt_text


def test_the_gate_opens_as_its_weights_say() -> None:
    gate = returns_what_it_is_given()
    assert {"2 + 3 = 5", "0 + 1 = 1", "0.99", "0.73", "2.98", "−2.19"} <= set(
        words(draw_gate(gate, TOY))
    )
    nn.init.constant_(gate.mlp[2].bias, -1.0)
    shut = words(draw_gate(gate, TOY))
    assert {"1 + 2 = 3", "−1 + 0 = −1"} <= set(shut)
    opened = [1 / (1 + math.exp(-score)) for score in (3, -1)]
    assert {number(one) for one in opened} <= set(shut)
    bars = parts(draw_gate(gate, TOY), "rect", WORK)[1:]
    assert [float(bar.get("width")) / 92 for bar in bars] == pytest.approx(
        opened, rel=1e-3
    )


def test_a_gate_of_another_kind_is_refused() -> None:
    class TwoSigmoids(nn.Module):
        mlp = returns_what_it_is_given().mlp

        def forward(self, x):
            scores = self.mlp(x.mean((2, 3))) + self.mlp(x.amax((2, 3)))
            return scores.sigmoid().sigmoid()[:, :, None, None] * x

    with pytest.raises(ValueError, match="this gate is not sigmoid"):
        draw_gate(TwoSigmoids(), TOY)


@pytest.mark.parametrize("level", range(4))
def test_the_crop_is_that_of_the_network(level: int) -> None:
    net = create_model("unet", **VALID).eval()
    seen = {}

    def note(name):
        def hook(module, inputs, output) -> None:
            seen[name] = inputs[0].shape, output.shape

        return hook

    stages = f"contract.{3 - level}", f"up.{level}", f"expand.{level}"
    for name in stages:
        net.get_submodule(name).register_forward_hook(note(name))
    net(torch.zeros(1, 1, 188, 188))
    (_, skip), (_, below), (stacked, _) = (seen[name] for name in stages)
    drawing = draw_crop(skip, below)
    margin = (skip[-1] - below[-1]) // 2
    told = words(drawing)
    assert f"cut {margin} off" in told
    assert told[-1] == f"{skip[1]} + {below[1]} = {stacked[1]} channels"
    fronts = [
        [float(one.get("width")) for one in parts(drawing, "rect", colour)]
        for colour in (READ, DEEP)
    ]
    whole, cut, again = fronts[0]
    assert cut / whole == pytest.approx(below[-1] / skip[-1], rel=1e-3)
    assert fronts[1] == [cut] == [again]
    (line,) = parts(drawing, "rect", WORK)
    assert float(line.get("width")) == float(line.get("height")) == cut
    front = parts(drawing, "rect", READ)[0]
    inset = float(line.get("x")) - float(front.get("x"))
    assert inset == pytest.approx((whole - cut) / 2, abs=0.01)


def test_the_way_up_ends_at_the_values_that_the_pixels_need() -> None:
    drawing = DRAWINGS["way up"]()
    told = words(drawing)
    assert [t for t in told if t.startswith("output row")] == [
        "output row 83 sees 188",
        "output row 84 sees 204",
    ]
    net = create_model("unet", **VALID)
    for row, size in ((83, 188), (84, 204)):
        rows = gradient_support(net, (1, 348, 188), (row, 2)).any(dim=1).nonzero()
        assert len(rows) == rows.max() - rows.min() + 1 == size
    lowest = parts(drawing, "rect", WORK)
    assert len(lowest) == 4 + 5
    assert {"140 + 3 · 16 = 188 rows of the image"} <= set(told)
    assert {"140 + 4 · 16 = 204 rows of the image"} <= set(told)
    pixels, wide = parts(drawing, "rect", MADE), float(lowest[0].get("width"))
    assert [float(p.get("width")) for p in pixels] == pytest.approx(
        [wide / 16] * 2, rel=1e-3
    )
    step = float(pixels[1].get("x")) - float(pixels[0].get("x"))
    assert step == pytest.approx(wide / 16, rel=1e-2)


def test_the_way_up_stands_over_what_it_sees() -> None:
    """Where the field of the lowest values has its middle; valid sizes cut 92 off."""
    drawing = DRAWINGS["way up"]()
    field = receptive_field(create_model("unet", **VALID), (1, 1, 348, 188))
    lowest, cells = field["contract.4"].rows, parts(drawing, "rect", WORK)
    for row, cell, pixel in zip(
        (83, 84), (cells[0], cells[4]), parts(drawing, "rect", MADE)
    ):
        unit = float(cell.get("width")) / 16
        seen = field.rows.unclipped_first[row]
        index = lowest.unclipped_first.tolist().index(seen)
        middle = lowest.unclipped_first[index] + (lowest.size - 1) / 2
        left = (float(pixel.get("x")) - float(cell.get("x"))) / unit
        assert left == pytest.approx(row + 92 - (middle - 7.5), abs=0.05)


def test_the_way_up_leaves_the_network_as_it_was() -> None:
    net = create_model("unet", **VALID)
    before = copy.deepcopy(net.state_dict())
    draw_way_up(net, (1, 1, 348, 188))
    assert all(torch.equal(net.state_dict()[k], v) for k, v in before.items())
    assert all(p.grad is None for p in net.parameters())


def test_a_network_whose_pixels_see_alike_has_no_such_drawing() -> None:
    net = create_model("unet", in_channels=1, widths=(2, 2, 2))
    with pytest.raises(ValueError, match="there is nothing to compare"):
        draw_way_up(net, (1, 1, 92, 92))


@pytest.mark.parametrize("rates", [(1, 2, 3), (2, 5)])
def test_taps_are_the_pixels_that_arithmetic_names(rates: tuple[int, ...]) -> None:
    drawing = draw_taps(rates, layers=3)
    steps = [{(r * i, r * j) for i, j in product((-1, 0, 1), repeat=2)} for r in rates]
    told = words(drawing)
    unit = 108 / (6 * max(rates) + 1)
    drawn = squares(drawing, WORK), squares(drawing, READ)
    for rate, taps, one, three in zip(rates, steps, *drawn):
        sums = {(sum(a), sum(b)) for a, b in (zip(*p) for p in product(taps, repeat=3))}
        assert f"9 of {(2 * rate + 1) ** 2}" in told
        assert f"{len(sums)} of {(6 * rate + 1) ** 2}" in told
        for expected, found in ((taps, one), (sums, three)):
            x0, y0 = (sum(c) / len(found) for c in zip(*found))
            places = {
                (round((x - x0) / unit), round((y - y0) / unit)) for x, y in found
            }
            assert places == expected


def test_drawing_takes_no_random_numbers_from_a_chapter() -> None:
    net = create_model("unet", **VALID)
    before = torch.get_rng_state()
    draw_taps((2,))
    draw_way_up(net, (1, 1, 348, 188))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_every_weight_is_a_square(channels: int) -> None:
    drawing = separable(channels)
    full, each, mix = 9 * channels * 4, 9 * channels, channels * 4
    assert sum(map(len, squares(drawing, WORK))) == full + each + mix
    assert {f"{n} weights" for n in (full, each, mix)} <= set(words(drawing))
    assert f"{each} + {mix} = {each + mix} weights" in words(drawing)


def test_weights_stand_where_their_channels_meet() -> None:
    """Of the depthwise table the diagonal alone is filled; without groups all of it."""
    dense = nn.Conv2d(4, 4, 3, bias=False)
    whole = draw_separable(dense, dense, nn.Conv2d(4, 4, 1))
    kernels = [path for path in squares(separable(), WORK) if len(path) == 9][16:]
    assert len(kernels) == 4
    corners = [min(kernel) for kernel in kernels]
    steps = [(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(corners)]
    for dx, dy in steps:
        assert dx == pytest.approx(dy, abs=0.02)
    assert len([path for path in squares(whole, WORK) if len(path) == 9]) == 32


@pytest.mark.parametrize(("narrow", "deep"), [(48, 33), (24, 17)])
def test_the_join_has_the_sizes_of_the_decoder(narrow: int, deep: int) -> None:
    drawing = join(narrow, deep)
    told = words(drawing)
    assert {f"{narrow} × 129 × 129", f"256 × {deep} × {deep}", "resize to 129"} <= set(
        told
    )
    assert f"256 + {narrow} = {256 + narrow} channels" in told
    assert "two 3×3" in told
    fronts = [float(one.get("width")) for one in parts(drawing, "rect", DEEP)]
    assert fronts[0] / fronts[1] == pytest.approx(deep / 129, rel=1e-3)


def test_the_join_counts_full_convolutions_alike_and_leaves_no_hook() -> None:
    decoder = Decoder(8, 12, narrow_channels=4).train()
    drawing = draw_join(decoder, (1, 8, 5, 5), (1, 12, 17, 17))
    assert {"two 3×3", "resize to 17", "8 + 4 = 12 channels"} <= set(words(drawing))
    assert decoder.training
    assert not decoder.narrow._forward_hooks
    assert not decoder.refine._forward_pre_hooks


def test_a_bar_ends_where_a_map_is_read_last() -> None:
    reads = [[0], [1, 0], [2], [3, 2, 0]]
    drawing = draw_lifetimes(reads, [1, 3, 4])
    assert drawing.alt_text == (
        "The input is read by 1, 2, 4. Map 1 is read by 2 and leaves the block. "
        "Map 2 is read by 3, 4. Map 3 is read by 4 and leaves the block. "
        "Map 4 leaves the block."
    )
    arcs = [p for p in parts(drawing, "path") if "A" in p.get("d")]
    assert len(arcs) == len(parts(drawing, "circle", WORK)) == sum(map(len, reads)) == 7
    step = (346 - 48) / 5
    kept = [
        round(float(bar.get("width")) / step) for bar in parts(drawing, "rect", READ)
    ]
    assert kept == [4, 1, 2, 1]
    waits = [
        round(float(bar.get("width")) / step) for bar in parts(drawing, "rect", MADE)
    ]
    assert waits == [3, 1, 1]


def taps_of(drawing) -> list[list[float]]:
    """For each strip, the middles of the cells under its taps, from its own middle."""
    rows: dict[tuple[float, bool], list[float]] = {}
    for rect in parts(drawing, "rect", WORK):
        x = float(rect.get("x")) + float(rect.get("width")) / 2
        right = x > 200
        rows.setdefault((float(rect.get("y")), right), []).append(
            x - (286 if right else 126)
        )
    return list(rows.values())


def test_taps_stay_where_they_were_when_strides_go() -> None:
    """The outer taps of the first units and of the others, in pixels of the image."""
    drawing = DRAWINGS["surgery"]()
    by_band = [taps_of(drawing)[4 * n : 4 * n + 4] for n in range(3)]
    pixel = 140 / 96
    for strips in by_band:
        found = sorted(round(strip[-1] / pixel) for strip in strips)
        assert found == [8, 16, 16, 32]
    told = words(drawing)
    assert told.count("others: rate 4") == told.count("first: stride 1, rate 2") == 1


def test_the_fault_of_whole_stages_is_seen() -> None:
    """The chapter's fault dilates the first unit, too: its taps move."""
    net = ResNetEncoder(depth=50, output_stride=8, widths=NARROW)
    for conv in net.stages[3].modules():
        if isinstance(conv, nn.Conv2d) and conv.kernel_size == (3, 3):
            conv.dilation = conv.padding = (4, 4)
    assert "first: stride 1, rate 4" in words(draw_surgery({8: net}))


def test_several_rates_in_a_stage_are_refused() -> None:
    net = ResNetEncoder(depth=50, output_stride=16, widths=NARROW, multi_grid=(1, 2, 4))
    with pytest.raises(ValueError, match="draw it without multi-grid"):
        draw_surgery({16: net})


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: draw_query_key_value(torch.ones(1), torch.ones(3, 1), TOY), "give a"),
        (lambda: draw_gate(returns_what_it_is_given(), TOY[:, :1]), "the toy map is"),
        (lambda: draw_crop((1, 2, 8, 8), (1, 2, 9, 9)), "no larger than itself"),
        (lambda: draw_crop((1, 2, 8, 9), (1, 2, 8, 8)), "square"),
        (lambda: draw_taps((0,)), "rates of at least 1"),
        (lambda: draw_taps((1, 2, 3, 4)), "one to three rates"),
        (lambda: separable(5), "4 at most"),
        (lambda: draw_join(Decoder(4, 4), (1, 4, 3, 4), (1, 4, 9, 9)), "square"),
        (lambda: draw_lifetimes([[0], [2]], []), "layer 2 reads"),
        (lambda: draw_lifetimes([[]], []), "layer 1 reads"),
    ],
)
def test_what_cannot_be_drawn_is_refused(draw, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw()
