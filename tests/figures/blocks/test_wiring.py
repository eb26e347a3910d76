"""The figure of wirings: one arc a link, from a layer to a layer, and nothing cut."""

import pytest
from matplotlib.patches import Arc

from simseg_core.figures import draw_wiring
from tests.figures.page import check_page

WIRINGS = {
    "dense": [[0], [1, 0], [2, 1, 0], [3, 2, 1, 0]],
    "harmonic": [[0], [1, 0], [2], [3, 2, 0]],
}
LEAVING = {"harmonic": [1, 3, 4]}


def test_every_link_is_one_arc_between_its_layers() -> None:
    figure = draw_wiring(WIRINGS, leaving=LEAVING)
    assert len(figure.axes) == 2
    for axes, reads in zip(figure.axes, WIRINGS.values()):
        arcs = [patch for patch in axes.patches if isinstance(patch, Arc)]
        drawn = sorted(
            (arc.center[0] - arc.width / 2, arc.center[0] + arc.width / 2)
            for arc in arcs
        )
        links = [(source, n) for n, row in enumerate(reads, 1) for source in row]
        assert drawn == sorted(links)
        strong = {
            arc.center[0] - arc.width / 2 for arc in arcs if arc.get_linewidth() == 2
        }
        assert strong == set(reads[-1])


def test_what_leaves_is_framed_twice_as_strongly() -> None:
    dense, harmonic = draw_wiring(WIRINGS, leaving=LEAVING).axes
    widths = {
        text.get_text(): text.get_bbox_patch().get_linewidth()
        for text in harmonic.texts
    }
    assert {name for name, width in widths.items() if width > 1} == {"1", "3", "4"}
    assert all(text.get_bbox_patch().get_linewidth() < 1 for text in dense.texts)


def test_is_legible_and_whole() -> None:
    long = [[n - 1] for n in range(1, 9)]
    long[-1] = [7, 0]
    figure = draw_wiring({**WIRINGS, "long": long})
    check_page(figure)
    for axes in figure.axes:
        top = max(p.center[1] + p.height / 2 for p in axes.patches)
        assert top <= axes.get_ylim()[1]


def test_alt_text_tells_links_and_the_last_layer() -> None:
    assert draw_wiring(WIRINGS, leaving=LEAVING).alt_text == (
        "Dense: 4 layers, 10 links; layer 4 reads 3, 2, 1, 0. "
        "Harmonic: 4 layers, 7 links; layer 4 reads 3, 2, 0; 1, 3, 4 leave the block."
    )


@pytest.mark.parametrize(
    ("wirings", "leaving", "words"),
    [
        ({}, None, "wirings is empty"),
        ({"a": []}, None, "'a' has no layers"),
        ({"a": [[0], []]}, None, "layer 2 reads nothing"),
        ({"a": [[0], [2]]}, None, "layer 2 reads 2, which is not before it"),
        ({"a": [[0]]}, {"b": [1]}, "leaving names"),
    ],
)
def test_what_is_no_wiring_is_refused(wirings, leaving, words) -> None:
    with pytest.raises(ValueError, match=words):
        draw_wiring(wirings, leaving=leaving)
