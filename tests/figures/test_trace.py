"""`draw_trace` shows the wiring that is there, on a phone's width, without clashes."""

from itertools import combinations

import matplotlib.pyplot as plt
import pytest
import torch
import torchvision
from matplotlib.text import Text
from torch import nn

from simseg_core.figures._graph import condense
from simseg_core.figures._layout import LEAST, arrange
from simseg_core.figures._levels import levels
from simseg_core.figures.style import SMALLEST, WIDTH
from simseg_core.figures.trace import _plan, draw_trace, trace_alt_text
from simseg_core.probes import trace_shapes

segmentation = torchvision.models.segmentation


class UNet(nn.Module):
    """A U-Net with unpadded convolutions and three poolings."""

    def __init__(self, widths=(8, 16, 32, 64)):
        super().__init__()
        self.pool = nn.MaxPool2d(2)
        self.down = nn.ModuleList(map(self.double, (1, *widths), widths))
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(2 * w, w, 2, stride=2) for w in widths[-2::-1]
        )
        self.merge = nn.ModuleList(self.double(2 * w, w) for w in widths[-2::-1])

    @staticmethod
    def double(a, b):
        return nn.Sequential(
            nn.Conv2d(a, b, 3), nn.ReLU(), nn.Conv2d(b, b, 3), nn.ReLU()
        )

    def forward(self, x):
        skips = []
        for stage in self.down:
            x = stage(self.pool(x) if skips else x)
            skips.append(x)
        for up, merge, skip in zip(self.up, self.merge, skips[-2::-1]):
            x = up(x)
            crop = (skip.shape[-1] - x.shape[-1]) // 2
            x = merge(torch.cat([skip[..., crop:-crop, crop:-crop], x], 1))
        return x


# HarDNet, 8 layers: which earlier outputs each layer reads (Chao et al. 2019, sec. 3).
HARMONIC = [[0], [1, 0], [2], [3, 2, 0], [4], [5, 4], [6], [7, 6, 4, 0]]


class HarmonicBlock(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Conv2d(4 * len(links), 4, 3, padding=1) for links in HARMONIC
        )

    def forward(self, x):
        made = [x]
        for layer, links in zip(self.layers, HARMONIC):
            made.append(layer(torch.cat([made[i] for i in links], 1)))
        return made[-1]


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.query, self.key, self.value = (nn.Conv2d(8, 8, 1) for _ in range(3))

    def forward(self, x):
        q, k, v = (f(x).flatten(2).transpose(1, 2) for f in self.children())
        attended = nn.functional.scaled_dot_product_attention(q, k, v)
        return attended.transpose(1, 2).view_as(x) + x


NETWORKS = {
    "unet": (UNet, (1, 1, 188, 188)),
    "harmonic": (HarmonicBlock, (1, 4, 32, 32)),
    "attention": (Attention, (1, 8, 16, 24)),
    "bottleneck": (
        lambda: torchvision.models.resnet.Bottleneck(256, 64),
        (1, 256, 56, 56),
    ),
    "aspp": (lambda: segmentation.deeplabv3.ASPP(64, [6, 12]), (1, 64, 33, 33)),
    "deeplabv3": (
        lambda: segmentation.deeplabv3_resnet50(
            weights=None, weights_backbone=None, aux_loss=True
        ),
        (1, 3, 512, 512),
    ),
    "googlenet": (
        lambda: torchvision.models.googlenet(
            weights=None, init_weights=False, aux_logits=False
        ),
        (1, 3, 224, 224),
    ),
    "linear": (lambda: nn.Linear(4, 3), (2, 4)),
}


@pytest.fixture(scope="module")
def traces():
    return {name: trace_shapes(make(), size) for name, (make, size) in NETWORKS.items()}


def test_a_unet_looks_like_a_u(traces):
    graph, layout = _plan(traces["unet"].at_depth(1))
    assert [box.level for box in graph.boxes] == [0, 0, 1, 2, 3, 2, 2, 1, 1, 0, 0]
    down = [spot.y for spot in layout.spots[1:5]]
    assert down == sorted(set(down))
    at = {box.name: index for index, box in enumerate(graph.boxes)}
    expected = {(at[f"down.{i}"], at[f"merge.{2 - i}"]) for i in range(3)}
    assert graph.skips == expected
    assert len({box.level for box in graph.boxes}) == len(layout.bands)


def test_unpadded_convolutions_on_small_maps_do_not_bend_the_u():
    """At the least size every crop more than halves its skip."""
    trace = trace_shapes(UNet(), (1, 1, 92, 92))
    graph, _ = _plan(trace)
    assert min(graph.boxes[-1].size) == 4
    for box in graph.boxes[1:]:
        part, stage, *_ = box.name.split(".")
        assert box.level == (int(stage) if part == "down" else 2 - int(stage))


def test_where_a_skip_joins_the_finest_level_counts():
    """Folded, the deepest stage goes 8 -> 4 in one step, which is no halving."""
    trace = trace_shapes(UNet(), (1, 1, 92, 92), depth=1)
    level, _ = levels(trace)
    skip, join = (
        next(i for i, row in enumerate(trace) if row.operation == operation)
        for operation in ("slice", "cat")
    )
    assert trace.rows[join].input_shapes[0] == trace.rows[skip].output_shape
    assert level[join] == level[skip] == 2


def test_aspp_looks_like_parallel_branches(traces):
    graph, layout = _plan(traces["aspp"])
    start, *branches, end = range(len(graph.boxes))
    assert len(branches) == 4  # 1x1, two rates, image pooling
    assert set(graph.links) == {(start, i) for i in branches} | {
        (i, end) for i in branches
    }
    assert graph.skips == set()
    assert len({layout.spots[i].y for i in branches}) == 4
    assert all(
        layout.spots[start].right < layout.spots[i].x < layout.spots[end].x
        for i in branches
    )
    assert layout.spots[start].y == layout.spots[end].y


def test_a_harmonic_block_shows_its_harmonic_wiring(traces):
    graph, layout = _plan(traces["harmonic"])
    expected = {(a, b) for b, links in enumerate(HARMONIC, 1) for a in links}
    assert set(graph.links) == expected
    assert graph.skips == {(a, b) for a, b in expected if b - a > 1}
    assert set(layout.arcs) == graph.skips
    longest = max(layout.arcs, key=lambda link: layout.arcs[link])
    assert longest == (0, 8)


def test_attention_stays_on_its_map_and_is_told_from_convolution(traces):
    graph, _ = _plan(traces["attention"])
    kinds = [box.kind for box in graph.boxes]
    assert kinds == ["input", *["convolution"] * 3, "matrix product", "no product"]
    assert {box.level for box in graph.boxes} == {0}
    assert graph.skips == {(0, 5)}


@pytest.mark.parametrize("name", ["unet", "harmonic", "aspp", "attention"])
@pytest.mark.parametrize("shared", [None, 1, 0])
def test_no_memory_is_lost_by_folding(traces, name, shared):
    trace = traces[name]
    graph = condense(trace, shared=shared)
    inputs = sum(row.output_bytes for row in trace if row.operation == "input")
    drawn = sum(box.memory for box in graph.boxes)
    assert drawn == trace.activation_bytes + inputs
    assert all(a < b for a, b in graph.links)


@pytest.mark.parametrize("name", NETWORKS)
def test_area_is_memory(traces, name):
    graph, layout = _plan(traces[name])
    for box, spot in zip(graph.boxes, layout.spots):
        true = box.memory * layout.square_inches_per_byte
        assert spot.width * spot.height == pytest.approx(max(true, LEAST**2))


@pytest.mark.parametrize("name", NETWORKS)
def test_the_picture_fits_and_nothing_covers_anything(traces, name):
    figure = draw_trace(traces[name])
    assert figure.get_figwidth() == WIDTH
    _, layout = _plan(traces[name])
    for a, b in combinations(layout.spots, 2):
        apart = a.right <= b.x or b.right <= a.x
        assert apart or abs(a.y - b.y) >= (a.height + b.height) / 2
    for link, high in layout.arcs.items():
        ends = [layout.spots[i] for i in link]
        between = [
            spot
            for spot in layout.spots
            if spot.level == ends[0].level and ends[0].right < spot.x < ends[1].x
        ]
        assert all(
            ends[0].y - high < spot.y - spot.height / 2
            for spot in between
            if spot.lane == ends[0].lane
        )
    figure.draw_without_rendering()
    page = figure.bbox
    texts = [t for t in figure.findobj(Text) if t.get_text() and t.get_visible()]
    boxes = [t.get_window_extent().padded(-1) for t in texts]
    for text, box in zip(texts, boxes):
        assert text.get_fontsize() >= SMALLEST
        within = page.x0 <= box.x0, box.x1 <= page.x1, page.y0 <= box.y0
        assert all((*within, box.y1 <= page.y1)), text.get_text()
    for (a, one), (b, other) in combinations(zip(texts, boxes), 2):
        assert not one.overlaps(other), (a.get_text(), b.get_text())


def test_a_trace_too_detailed_is_folded_until_it_fits():
    trace = trace_shapes(torchvision.models.resnet50(), (1, 3, 224, 224))
    assert len(trace) > 100
    graph, layout = _plan(trace)
    assert layout.width <= WIDTH
    assert [box.name for box in graph.boxes] == [
        *("input", "conv1", "layer1", "layer2", "layer3", "layer4", "fc")
    ]
    assert [box.level for box in graph.boxes] == [0, 1, 2, 3, 4, 5, 6]


def test_what_cannot_be_folded_is_drawn_wider():
    class Comb(nn.Module):
        def forward(self, x):
            made = [x]
            for _ in range(30):
                made.append(torch.cat(made, 1) @ torch.ones(4, 4))
            return made[-1]

    figure = draw_trace(trace_shapes(Comb(), (1, 1, 4, 4)), title="Comb")
    assert figure.get_figwidth() > WIDTH
    assert figure.get_suptitle() == "Comb"


def test_nothing_is_shown_or_left_open(traces):
    before = plt.get_fignums()
    draw_trace(traces["linear"])
    assert plt.get_fignums() == before


def test_the_alternative_text_tells_the_same_facts(traces):
    trace = traces["unet"].at_depth(1)
    text = trace_alt_text(trace)
    graph, layout = _plan(trace)
    assert text.startswith("Data flow of UNet on 1×1×188×188, 11 boxes.")
    for box in graph.boxes:
        assert f"{box.name} ({box.channels} channels" in text
    for band in layout.bands:
        assert f"At {band.title}:" in text
    assert "down.0 to merge.2" in text
    assert "No skip" in trace_alt_text(traces["aspp"])


def test_wider_and_taller_follow_channels_and_resolution():
    """Equal memory: 4 channels at 64x64 stand upright, 64 at 16x16 lie flat."""
    net = nn.Sequential(nn.Conv2d(4, 4, 1), nn.PixelUnshuffle(4), nn.Conv2d(64, 64, 1))
    graph = condense(trace_shapes(net, (1, 4, 64, 64)))
    layout = arrange(graph, WIDTH)
    tall, wide = layout.spots[1], layout.spots[2]
    assert tall.height > tall.width
    assert wide.width > wide.height
    assert graph.boxes[2].level == graph.boxes[1].level + 1
