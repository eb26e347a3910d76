"""`draw_trace` leads every link clear of boxes and labels, in colours that tell."""

import re
from io import StringIO
from itertools import pairwise

import numpy as np
import pytest

from simseg_core.figures.network.draw import draw_trace
from simseg_core.figures.network.key import KINDS, LETTERS
from simseg_core.figures.network.layout import LABEL
from simseg_core.figures.network.paint import band_shade, title_places
from simseg_core.figures.network.plan import ROOM, make_plan
from simseg_core.figures.network.route import route
from simseg_core.figures.style import GREY, OKABE_ITO
from simseg_core.figures.text import width
from tests.figures.legible import contrast
from tests.figures.networks import NETWORKS, trace_of


def _plan(trace):
    plan = make_plan(trace)
    return plan.graph, plan.layout


def test_every_link_of_the_trace_is_drawn_and_an_svg_names_it():
    graph, layout = _plan(trace_of("harmonic"))
    stream = StringIO()
    draw_trace(trace_of("harmonic")).savefig(stream, format="svg")
    svg = stream.getvalue()
    links = {f'"link-{LETTERS[a]}-{LETTERS[b]}"' for a, b in graph.links}
    boxes = {f'"box-{LETTERS[i]}"' for i in range(len(graph.boxes))}
    assert set(re.findall(r'"link-\w-\w"', svg)) == links
    assert set(re.findall(r'"box-\w"', svg)) == boxes
    for a, b in graph.links:
        way = route(layout, (a, b)).vertices
        for spot, (x, y) in ((layout.spots[a], way[0]), (layout.spots[b], way[-1])):
            assert spot.x - 1e-6 <= x <= spot.right + 1e-6
            assert abs(y - spot.y) <= spot.height / 2 + 1e-6


@pytest.mark.parametrize("name", NETWORKS)
def test_no_link_leads_through_a_box_or_a_label(name):
    graph, layout = _plan(trace_of(name))
    for link in graph.links:
        way = dense(route(layout, link))
        for index, spot in enumerate(layout.spots):
            bottom, half = spot.y + spot.height / 2, spot.label / 2 - 0.015
            if index not in link:
                assert not (
                    inside(way, spot.x, spot.right, bottom - spot.height, bottom)
                )
            assert not inside(
                way,
                spot.middle - half,
                spot.middle + half,
                bottom + 0.04,
                bottom + LABEL - 0.02,
            )


def dense(path):
    """Points a hundredth of an inch apart or closer."""
    (way,) = path.to_polygons(closed_only=False)
    return np.concatenate([np.linspace(a, b, 400) for a, b in pairwise(way)])


def inside(way, left, right, top, bottom, slack=0.01):
    x, y = way.T
    wide = (left + slack < x) & (x < right - slack)
    return bool((wide & (top + slack < y) & (y < bottom - slack)).any())


def test_lines_boxes_and_words_stand_out_from_every_band():
    for shade in map(band_shade, (0, 1)):
        assert contrast(GREY, shade) >= 4.5
        assert contrast("black", shade) >= 4.5
        assert contrast(OKABE_ITO["vermillion"], shade) >= 3  # WCAG 2.1, 1.4.11
    for face, _ in KINDS.values():
        assert contrast("black", face) >= 3  # hatch and outline on the box


def test_a_title_stands_where_no_link_passes():
    graph, layout = _plan(trace_of("bottleneck"))
    places = title_places(graph, layout, ROOM)
    for band, x in zip(layout.bands, places):
        for link in graph.links:
            way = dense(route(layout, link))
            top, right = band.top + 0.03, x + width(band.title)
            assert not inside(way, x, right, top, top + 0.12)
