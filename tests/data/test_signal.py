"""Signal scenes: the lamp, and only the lamp, decides."""

import pytest
import torch

from simseg_core.data import Signal
from simseg_core.data.signal import GO, MARGIN, STOP

SIZES = [64, 96, (64, 128)]


@pytest.mark.parametrize("size", SIZES)
def test_switching_the_lamp_changes_only_the_lamp_and_the_labels(size):
    """No local evidence, by construction: the vehicles' pixels are the same ones."""
    data = Signal(size=size, length=30, normalize=False)
    for index in range(30):
        red, stop = data.with_lamp(index, "stop")
        green, go = data.with_lamp(index, "go")
        changed = (red != green).any(0)
        assert changed.any()
        unit = min(data.size) / 96
        assert (data.distance_to_lamp(index)[changed] < 5.2 * unit + 1).all()
        assert not changed[stop != 0].any()
        assert torch.equal(stop != 0, go != 0)
        assert set(stop.unique().tolist()) == {0, STOP}
        assert set(go.unique().tolist()) == {0, GO}


def test_a_scene_is_one_of_its_two_states():
    data = Signal(size=48, length=20)
    for index in range(20):
        image, label = data[index]
        state = "go" if label.max() == GO else "stop"
        switched = data.with_lamp(index, state)
        assert torch.equal(image, switched[0])
        assert torch.equal(label, switched[1])


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_the_lamp_is_a_fair_coin(split):
    data = Signal(split, size=32, length=400)
    go = sum(data[i][1].max().item() == GO for i in range(400))
    assert abs(go - 200) < 40  # four standard deviations


def test_the_lamps_colour_tells_its_state():
    data = Signal(size=96, length=60, normalize=False)
    for index in range(60):
        image, label = data[index]
        row, column = data.lamp(index)
        red, green, _ = image[:, int(row), int(column)]
        assert (green > red) == (label.max().item() == GO)
        assert data.distance_to_lamp(index)[int(row), int(column)] < 1


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_the_lamp_is_at_the_side_and_no_vehicle_is(size, split):
    data = Signal(split, size=size, length=80)
    margin = MARGIN * min(data.size) / 96
    heights = set()
    for index in range(80):
        row, column = data.lamp(index)
        assert column == pytest.approx(margin / 2)
        assert 0 < row < data.size[0]
        heights.add(round(row))
        assert not data[index][1][:, : int(margin)].any()
    assert len(heights) > 20  # its height is no constant


def test_distance_is_euclidean():
    data = Signal(size=(40, 60), length=1)
    row, column = data.lamp(0)
    expected = ((30.5 - row) ** 2 + (50.5 - column) ** 2) ** 0.5
    assert data.distance_to_lamp(0)[30, 50].item() == pytest.approx(expected, abs=1e-4)
    assert data.distance_to_lamp(0).shape == (40, 60)


def test_an_unknown_state_is_named():
    with pytest.raises(
        ValueError, match=r"state='amber' is not one of \('stop', 'go'\)"
    ):
        Signal(length=1).with_lamp(0, "amber")
