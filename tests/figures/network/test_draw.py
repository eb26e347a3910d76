"""`draw_trace` shows the wiring that is there, on a phone's width, without clashes."""

from itertools import combinations

import matplotlib.pyplot as plt
import pytest
from torch import nn

from simseg_core.figures.network.draw import draw_trace
from simseg_core.figures.network.graph import condense
from simseg_core.figures.network.layout import LEAST, arrange
from simseg_core.figures.network.levels import levels
from simseg_core.figures.network.plan import make_plan
from simseg_core.figures.style import WIDTH
from simseg_core.probes import trace_shapes
from tests.figures.legible import assert_legible
from tests.figures.networks import HARMONIC, NETWORKS, UNet, trace_of


def _plan(trace):
    plan = make_plan(trace)
    return plan.graph, plan.layout


def test_a_unet_looks_like_a_u():
    graph, layout = _plan(trace_of("unet").at_depth(1))
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


def test_aspp_looks_like_parallel_branches():
    graph, layout = _plan(trace_of("aspp"))
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


def test_a_harmonic_block_shows_its_harmonic_wiring():
    graph, layout = _plan(trace_of("harmonic"))
    expected = {(a, b) for b, links in enumerate(HARMONIC, 1) for a in links}
    assert set(graph.links) == expected
    assert graph.skips == {(a, b) for a, b in expected if b - a > 1}
    assert set(layout.arcs) == graph.skips
    longest = max(layout.arcs, key=lambda link: layout.arcs[link])
    assert longest == (0, 8)


def test_attention_stays_on_its_map_and_is_told_from_convolution():
    graph, _ = _plan(trace_of("attention"))
    kinds = [box.kind for box in graph.boxes]
    assert kinds == ["input", *["convolution"] * 3, "matrix product", "no product"]
    assert {box.level for box in graph.boxes} == {0}
    assert graph.skips == {(0, 5)}


@pytest.mark.parametrize("name", ["unet", "harmonic", "aspp", "attention"])
@pytest.mark.parametrize("shared", [None, 1, 0])
def test_no_memory_is_lost_by_folding(name, shared):
    trace = trace_of(name)
    graph = condense(trace, shared=shared)
    inputs = sum(row.output_bytes for row in trace if row.operation == "input")
    drawn = sum(box.memory for box in graph.boxes)
    assert drawn == trace.activation_bytes + inputs
    assert all(a < b for a, b in graph.links)


@pytest.mark.parametrize("name", NETWORKS)
def test_area_is_memory(name):
    graph, layout = _plan(trace_of(name))
    for box, spot in zip(graph.boxes, layout.spots):
        true = box.memory * layout.square_inches_per_byte
        assert spot.width * spot.height == pytest.approx(max(true, LEAST**2))


@pytest.mark.parametrize("name", NETWORKS)
def test_the_picture_fits_and_nothing_covers_anything(name):
    figure = draw_trace(trace_of(name))
    assert figure.get_figwidth() == WIDTH
    _, layout = _plan(trace_of(name))
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
    assert_legible(figure)


def test_nothing_is_shown_or_left_open():
    before = plt.get_fignums()
    draw_trace(trace_of("linear"))
    assert plt.get_fignums() == before


def test_the_alternative_text_tells_the_same_facts():
    trace = trace_of("unet").at_depth(1)
    text = draw_trace(trace).alt_text
    graph, layout = _plan(trace)
    operations = sum(row.operation != "input" for row in trace.at_depth(None))
    assert text.startswith(
        f"Data flow of UNet on 1×1×188×188: {operations} operations; 11 boxes, "
        f"{len(graph.links)} links."
    )
    for a, b in graph.skips:
        assert f"{graph.boxes[a].name} to {graph.boxes[b].name}" in text
    for box in graph.boxes:
        assert f"{box.name} ({box.channels} channels" in text
    for band in layout.bands:
        assert f"At {band.title}:" in text
    assert "down.0 to merge.2" in text
    assert "It goes down 3 levels and up 3." in text
    fan = draw_trace(trace_of("aspp")).alt_text
    assert "No link skips a box." in fan
    assert "input is read by convs.0, convs.1, convs.2, convs.3" in fan.replace(
        ".0, convs", ", convs"
    ).replace("convs.0.0", "convs.0")


def test_wider_and_taller_follow_channels_and_resolution():
    """Equal memory: 4 channels at 64x64 stand upright, 64 at 16x16 lie flat."""
    net = nn.Sequential(nn.Conv2d(4, 4, 1), nn.PixelUnshuffle(4), nn.Conv2d(64, 64, 1))
    graph = condense(trace_shapes(net, (1, 4, 64, 64)))
    layout = arrange(graph, WIDTH)
    tall, wide = layout.spots[1], layout.spots[2]
    assert tall.height > tall.width
    assert wide.width > wide.height
    assert graph.boxes[2].level == graph.boxes[1].level + 1
