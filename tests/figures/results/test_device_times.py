"""Stored times beside fresh ones: never taken for the reader's device."""

from itertools import combinations

import numpy as np
import pytest
from matplotlib.figure import Figure

from simseg_core.figures import draw_roofline, draw_timings
from simseg_core.figures.results.device_times import draw_device_times
from simseg_core.figures.style import PAPER
from simseg_core.probes.timing.block_times import BlockTimes
from simseg_core.probes.timing.ceilings import Block, Ceilings, Roofline
from simseg_core.probes.timing.device_times import DeviceTimes
from simseg_core.probes.timing.measurement import Measurement
from tests.figures.page import check_page

HERE = "Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz (176 cores)"
THERE = "NVIDIA Example GPU"


def timed(
    label: str, *times: float, device: str = "cpu", backward: bool = False
) -> Measurement:
    return Measurement(
        label, times, 1, backward, None, "unknown", device,
        HERE if device == "cpu" else THERE,
        "float32", "contiguous", 176, {"torch": "2.6"}, "2026-01-31",
    )  # fmt: skip


def many(device: str, factor: float, side: int = 4, note: str = "") -> DeviceTimes:
    name = HERE if device == "cpu" else THERE
    top = Ceilings(1e11, 1e10, device, name, "float32", threads=176)
    blocks = {
        label: BlockTimes(
            (1, 8, side, side),
            10**9,
            10**8,
            timed(label, factor * (i + 1), device=device),
            timed(label, 3 * factor * (i + 1), device=device, backward=True),
        )
        for i, label in enumerate(["conv", "deeplabv3plus_mobilenetv2", "pool"])
    }
    return DeviceTimes("small", {"float32": blocks}, {"float32": top}, note=note)


def below(figure: Figure) -> str:
    return figure.get_supxlabel().replace("\n", " ")


def test_a_fresh_result_alone_says_nothing_of_others() -> None:
    assert "not this run" not in below(draw_timings([timed("3x3", 0.2)]))


def test_every_block_has_its_row_and_its_two_times() -> None:
    times = many("cpu", 0.1)
    figure = draw_device_times(times)
    check_page(figure)
    axes = figure.axes[0]
    rows = [label.get_text().replace("\n", "") for label in axes.get_yticklabels()]
    assert rows == list(times.modes["float32"])
    curves = [
        list(line.get_xdata()) for line in axes.lines if line.get_marker() in "os"
    ]
    assert curves[0] == pytest.approx([0.1, 0.2, 0.3])
    assert curves[1] == pytest.approx([0.3, 0.6, 0.9])
    assert HERE in below(figure)
    assert "GPU" not in below(figure)


def test_another_device_is_drawn_hollow_with_its_origin() -> None:
    other = many("cuda:0", 0.001, note="shared machine")
    figure = draw_device_times(many("cpu", 0.1), stored=[other])
    check_page(figure)
    (hollow,) = [
        line for line in figure.axes[0].lines if line.get_markerfacecolor() == PAPER
    ]
    assert list(hollow.get_xdata()) == pytest.approx([0.003, 0.006, 0.009])
    assert f"Stored, not this run, float32: {other.origin}" in below(figure)
    assert "shared machine" in below(figure)


def test_other_sizes_are_not_drawn_and_that_is_said() -> None:
    figure = draw_device_times(many("cpu", 0.1), stored=[many("cuda:0", 1, side=99)])
    assert all(line.get_markerfacecolor() != PAPER for line in figure.axes[0].lines)
    assert "Not drawn, other blocks or sizes: cuda:0" in below(figure)


def test_a_mode_that_was_not_timed_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'float16'; there are \['float32'\]"):
        draw_device_times(many("cpu", 1), mode="float16")
    with pytest.raises(ValueError, match="4 at most"):
        draw_device_times(many("cpu", 1), stored=[many("cpu", 1)] * 5)


def test_the_alt_text_has_every_number() -> None:
    other = many("cuda:0", 0.001)
    text = draw_device_times(many("cpu", 0.1), stored=[other]).alt_text
    assert f"Stored, not this run, float32: {other.origin}." in text
    for part in ("conv: 100 ms forward, 300 ms forward and backward", HERE, "pool"):
        assert part in text


def test_no_two_of_many_blocks_look_the_same_under_the_roof() -> None:
    top = Ceilings(1e11, 1e10, "cpu", HERE, "float32", threads=2)
    blocks = tuple(Block(str(i), 1e9, 1e8, 0.1 * (i + 1)) for i in range(20))
    figure = draw_roofline(Roofline(top, blocks))
    numbers = {
        text.get_text(): text.get_window_extent().get_points().mean(axis=0)
        for text in figure.axes[0].texts
        if text.get_text().isdigit()
    }
    assert list(numbers) == [str(number) for number in range(1, 21)]
    apart = 9 * figure.dpi / 72  # twenty on one spot: no number covers another
    for one, other in combinations(numbers.values(), 2):
        assert np.hypot(*(one - other)) > apart
