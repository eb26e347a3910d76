"""What every composed data set promises, whatever is in its scenes."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from simseg_core.data import Signal, Signs, Street, denormalize, signal, signs
from simseg_core.data.compose import canvas
from simseg_core.data.compose.scenes import SPLITS

ALL = (Street, Signal, Signs)
everyone = pytest.mark.parametrize("kind", ALL)


def fingerprint(pairs):
    digest = hashlib.sha256()
    for image, label in pairs:
        digest.update(image.numpy().tobytes())
        digest.update(label.numpy().tobytes())
    return digest.hexdigest()


@everyone
@pytest.mark.parametrize("size", [64, (48, 80), (97, 33), (32, 160)])
def test_tensors_have_the_promised_shape_type_and_range(kind, size):
    data = kind("val", size=size, length=3)
    height, width = (size, size) if isinstance(size, int) else size
    for image, label in data:
        assert image.shape == (3, height, width)
        assert image.dtype == torch.float32
        assert label.shape == (height, width)
        assert label.dtype == torch.int64
        assert label.min() >= 0
        assert label.max() < len(data.classes)
    assert len(data.palette) == len(data.classes)


@everyone
def test_normalising_is_what_denormalize_undoes(kind):
    normalised, _ = kind(size=64, length=2)[1]
    plain, _ = kind(size=64, length=2, normalize=False)[1]
    assert plain.min() >= 0
    assert plain.max() <= 1
    assert normalised.min() < -0.5  # else nothing was taken out
    torch.testing.assert_close(denormalize(normalised), plain)
    levels = plain * 255
    torch.testing.assert_close(levels, levels.round(), atol=1e-3, rtol=0)


@everyone
def test_order_and_instance_do_not_matter(kind):
    data = kind(size=64, length=6)
    forward = [data[i] for i in range(6)]
    backward = [kind(size=64, length=6)[i] for i in reversed(range(6))][::-1]
    assert fingerprint(forward) == fingerprint(backward)
    assert fingerprint([data[-1]]) == fingerprint([data[5]])
    longer = kind(size=64, length=60)
    assert fingerprint([longer[5]]) == fingerprint([data[5]])


@everyone
def test_workers_give_the_same_scenes(kind):
    data = kind("test", size=48, length=6, seed=3)
    alone = list(data)
    images, labels = next(iter(DataLoader(data, batch_size=6, num_workers=2)))
    assert fingerprint(alone) == fingerprint(zip(images, labels))


def test_another_process_gives_the_same_scenes():
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from test_composed import ALL, fingerprint\n"
        "print(*(fingerprint([k('val', size=48, length=2)[1]]) for k in ALL))"
    )
    here = os.path.dirname(__file__)
    environment = os.environ | {"PYTHONHASHSEED": "77", "OMP_NUM_THREADS": "1"}
    run = subprocess.run(
        [sys.executable, "-c", code, here],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    assert run.stdout.split() == [
        fingerprint([kind("val", size=48, length=2)[1]]) for kind in ALL
    ]


@everyone
def test_index_seed_and_split_each_give_another_scene(kind):
    scenes = [
        kind(size=48, length=2)[0],
        kind(size=48, length=2)[1],
        kind(size=48, length=2, seed=1)[0],
        kind("val", size=48, length=2, pictograms="train")[0],
        kind("test", size=48, length=2, pictograms="train")[0],
    ]
    assert len({fingerprint([scene]) for scene in scenes}) == len(scenes)


@everyone
def test_no_pictogram_is_in_two_splits(kind):
    assert set(kind.casts) == set(SPLITS)
    names = [{n for c in kind.casts[s].values() for n in c} for s in SPLITS]
    assert all(names)
    for i, j in ((0, 1), (0, 2), (1, 2)):
        assert not names[i] & names[j]
    assert kind("test").held_out == names[2]
    assert kind("train").held_out == frozenset()
    assert kind("test", pictograms="train").held_out == frozenset()


@everyone
@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("pictograms", [None, "train"])
def test_only_the_cast_is_drawn(kind, split, pictograms, monkeypatch):
    drawn = set()
    original = canvas.pictogram

    def record(name, height):
        drawn.add(name)
        return original(name, height)

    monkeypatch.setattr(canvas, "pictogram", record)
    monkeypatch.setattr(signs, "pictogram", record)
    monkeypatch.setattr(signal, "pictogram", record)
    data = kind(split, size=48, length=40, pictograms=pictograms)
    for index in range(len(data)):
        data[index]
    cast = {n for names in kind.casts[pictograms or split].values() for n in names}
    assert drawn
    assert drawn <= cast
    assert len(drawn) >= 0.8 * len(cast)  # and nearly all of it is used


@everyone
def test_labels_are_exactly_what_was_opaque(kind, monkeypatch):
    """Replay the layers with plain loops; the label must come out the same."""
    layers = []
    paint, cover = canvas.Canvas.paint, canvas.Canvas.cover

    def record_paint(self, alpha, color, **where):
        layers.append((np.array(alpha), where))
        paint(self, alpha, color, **where)

    def record_cover(self, color, **where):
        layers.append((np.ones(color.shape[1:]), where))
        cover(self, color, **where)

    monkeypatch.setattr(canvas.Canvas, "paint", record_paint)
    monkeypatch.setattr(canvas.Canvas, "cover", record_cover)
    data = kind(size=(40, 56), length=2)
    for index in range(len(data)):
        layers.clear()
        _, label = data[index]
        expected = np.zeros((40, 56), dtype=np.int64)
        for alpha, where in layers:
            if where["class_index"] is None:
                continue
            for y, x in np.argwhere(alpha >= 0.5):
                row, column = y + where["top"], x + where["left"]
                if 0 <= row < 40 and 0 <= column < 56:
                    expected[row, column] = where["class_index"]
        if kind is Signal:  # the lamp renames the vehicles afterwards
            expected[expected == 1] = label.max().item()
        assert len(layers) > 3
        assert np.array_equal(label.numpy(), expected)


@everyone
def test_iterating_ends_at_the_length(kind):
    assert len(list(kind(size=32, length=3))) == 3


@everyone
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "dev"}, "split='dev' is not one of"),
        ({"pictograms": "all"}, "pictograms='all' is not one of"),
        ({"size": 16}, "32 pixels or more"),
        ({"size": (64, 20)}, "32 pixels or more"),
        ({"length": 0}, "length=0 must be 1 or more"),
        ({"seed": -1}, "seed=-1"),
    ],
)
def test_bad_options_are_named(kind, options, message):
    with pytest.raises(ValueError, match=message):
        kind(**options)


@everyone
@pytest.mark.parametrize("index", [3, -4])
def test_an_index_outside_is_named(kind, index):
    with pytest.raises(IndexError, match=f"scene {index} of a data set of 3"):
        kind(size=32, length=3)[index]


def test_repr_says_which_scenes():
    assert "Street(split='val', size=(64, 80)" in repr(Street("val", size=(64, 80)))
