"""Figures of timings: what they say, and that it fits the page."""

from dataclasses import replace

import pytest
from matplotlib.figure import Figure

from simseg_core.figures import draw_roofline, draw_timings
from simseg_core.probes.timing.ceilings import Block, Ceilings, Roofline
from simseg_core.probes.timing.comparison import Comparison
from simseg_core.probes.timing.measurement import Measurement
from tests.figures.page import check_page

CPU = "Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz (176 cores)"


def timed(label: str, *times: float, device: str = "cpu") -> Measurement:
    return Measurement(
        label, times, 1, False, None, "unknown", device, CPU,
        "float32", "contiguous", 176, {"torch": "2.6"},
    )  # fmt: skip


def texts(figure: Figure) -> list[str]:
    found = figure.findobj(lambda artist: hasattr(artist, "get_fontsize"))
    return [artist.get_text() for artist in found]


def test_timings_show_median_middle_half_and_device() -> None:
    names = ["scaled dot-product attention with padded queries", "short"]
    figure = draw_timings(
        [timed(names[0], 0.1, 0.2, 0.3, 0.4, 0.5), timed(names[1], 0.002)]
    )
    check_page(figure)
    axes = figure.axes[0]
    assert [bar.get_width() for bar in axes.patches] == [0.3, 0.002]
    assert list(axes.lines[0].get_xdata()) == [0.2, 0.4]
    assert "300 ms" in texts(figure)
    assert [text.get_text() for text in axes.texts[1::2]] == names
    below = figure.get_supxlabel().replace("\n", " ")
    assert CPU in below
    assert "cpu" in below
    assert "GPU" not in " ".join(texts(figure))
    assert CPU in figure.alt_text
    assert f"{names[0]}: median 300 ms, middle half 200 ms to 400 ms." in (
        figure.alt_text
    )


def test_competitors_are_drawn_in_their_order() -> None:
    pair = Comparison.of_rounds([[timed("B", 0.2), timed("A", 0.1)]])
    axes = draw_timings(pair).axes[0]
    assert [text.get_text() for text in axes.texts[1::2]] == ["B", "A"]
    assert axes.yaxis_inverted()


def test_one_thread_is_told_as_one() -> None:
    alone = replace(timed("A", 0.1), threads=1)
    told = " ".join(texts(draw_timings([alone]))).replace("\n", " ")
    assert ", 1 thread, float32" in told


def test_one_figure_is_of_one_device() -> None:
    with pytest.raises(ValueError, match="one device"):
        draw_timings([timed("a", 1), timed("b", 1, device="cuda:0")])
    with pytest.raises(ValueError, match="no measurement"):
        draw_timings([])


def test_the_roofline_stands_where_the_ceilings_say() -> None:
    top = Ceilings(100e9, 10e9, "cpu", CPU, "float32", threads=176)
    blocks = (Block("3x3", 1e9, 1e8, 0.04), Block("depthwise", 1e7, 1e8, 0.1))
    figure = draw_roofline(Roofline(top, blocks))
    check_page(figure)
    roof, _, *others = figure.axes[0].lines
    points = [line for line in others if len(line.get_xdata())]
    x, y = roof.get_data()
    assert list(y) == [10e9 * x[0], 100e9, 100e9]
    assert x[1] == 10
    assert [(p.get_xdata()[0], p.get_ydata()[0]) for p in points] == [
        (20, 50e9),
        (0.2, 2e8),
    ]
    assert len({p.get_color() for p in points}) == 2
    numbers = [text for text in figure.axes[0].texts if text.get_text() in "12"]
    assert [number.xy for number in numbers] == [(20, 50e9), (0.2, 2e8)]
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend[0] == "1 3x3: 50% of the roof, limited by arithmetic"
    assert legend[1] == "2 depthwise: 10% of the roof, limited by memory"
    assert CPU in legend[2].replace("\n", " ")
    assert "memory is the limit below 10 FLOP per byte" in figure.alt_text
    assert (
        "3x3 at 20 FLOP per byte reaches 50% of the roof, limited by arithmetic."
        in figure.alt_text
    )


def test_a_block_above_the_roof_is_told_why_and_given_no_share() -> None:
    """Below the ridge it moves less than is counted, beyond it it multiplies less."""
    top = Ceilings(100e9, 10e9, "cpu", CPU, "float32", threads=176)
    blocks = (
        Block("rate 6", 1e9, 1e8, 2e9 / 170e9),
        Block("CBAM", 1e7, 1e8, 2e7 / 3e9),
        Block("3x3", 1e9, 1e8, 2e9 / 100.4e9),  # as near as clocks agree
    )
    figure = draw_roofline(Roofline(top, blocks))
    check_page(figure)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels[:3] == [
        "1 rate 6: above the arithmetic roof",
        "2 CBAM: above the memory roof",
        "3 3x3: 100% of the roof, limited by arithmetic",
    ]
    arithmetic, memory = (label.replace("\n", " ") for label in labels[4:])
    assert arithmetic.startswith("Above the arithmetic roof: it multiplies less than")
    assert memory.startswith("Above the memory roof: it moves less than")
    assert "rate 6 at 20 FLOP per byte stands above the arithmetic roof." in (
        figure.alt_text
    )
    for told in (" ".join(texts(figure)), figure.alt_text):
        assert "170" not in told
        assert "150%" not in told
    assert figure.alt_text.endswith(f"{arithmetic} {memory}")
