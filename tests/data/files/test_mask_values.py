"""The table from what stands in masks to classes: what it maps and what it refuses."""

import json
import pickle

import numpy as np
import pytest
import torch
from PIL import Image

from simseg_core.data import MaskValues

RED, GREEN, BLACK = (255, 0, 0), (0, 255, 0), (0, 0, 0)
CELLS = {0: "background", 255: "cell"}


@pytest.mark.parametrize(
    ("values", "mask", "label"),
    [
        (CELLS, [[0, 255], [255, 0]], [[0, 1], [1, 0]]),
        ({0: "a", 128: "b", 255: "c"}, [[255, 128, 0]], [[2, 1, 0]]),
        ({255: "cell", 0: "background"}, [[0, 255]], [[1, 0]]),  # order of the table
        ({0: "a", 1: "b", 255: None}, [[0, 1, 255]], [[0, 1, 255]]),
        ({0: "a", 7: "ignore"}, [[0, 7]], [[0, 255]]),
        ({1: "a", 2: "b", 3: "b"}, [[3, 2, 1]], [[1, 1, 0]]),  # two values, one class
        ({0: "a", 65535: "b"}, [[65535, 0]], [[1, 0]]),
        ({0: "a", -9999: None}, [[-9999, 0]], [[255, 0]]),
    ],
)
def test_values_are_mapped(values, mask, label):
    found = MaskValues(values)(np.array(mask))
    assert found.dtype == np.int64
    assert found.tolist() == label


def test_classes_give_the_order_and_may_be_more_than_the_values():
    table = MaskValues(CELLS, ["cell", "nucleus", "background"], ignore_index=9)
    assert table.classes == ("cell", "nucleus", "background")
    assert table(np.array([[0, 255]])).tolist() == [[2, 0]]
    void = MaskValues({0: "a", 1: None}, ignore_index=9)
    assert void(np.array([[0, 1]])).tolist() == [[0, 9]]


def test_a_class_may_be_called_ignore():
    table = MaskValues({0: "ignore", 1: "cat"}, ["ignore", "cat"])
    assert table(np.array([[0, 1]])).tolist() == [[0, 1]]


def test_colours_are_mapped_in_every_kind_of_picture():
    table = MaskValues({BLACK: "a", RED: "b", (255, 255, 255): None})
    colours = Image.new("RGB", (3, 1))
    colours.putdata([RED, BLACK, (255, 255, 255)])
    right = [[1, 0, 255]]
    assert table.by_color
    assert table(colours).tolist() == right
    assert table(colours.convert("RGBA")).tolist() == right
    assert table(np.asarray(colours)).tolist() == right
    palette = colours.convert("P", palette=Image.Palette.ADAPTIVE)
    assert palette.mode == "P"
    assert table(palette).tolist() == right
    assert table(Image.new("L", (1, 1), 255)).tolist() == [[255]]
    assert table(Image.new("1", (1, 1), 1)).tolist() == [[255]]
    with pytest.raises(ValueError, match="up to 300, which are no colours"):
        table(np.array([[300]]))


def test_palettes_are_read_by_index_where_numbers_are_named():
    mask = Image.new("P", (2, 1))
    mask.putpalette([*BLACK, *RED, *GREEN])
    mask.putdata([2, 1])
    assert MaskValues({1: "a", 2: "b"})(mask).tolist() == [[1, 0]]


@pytest.mark.parametrize(
    ("values", "white"),
    [
        ({0: "a", 1: "b"}, 1),
        (CELLS, 1),
        ({0: "a", 1: "b", 255: None}, 1),
        ({0: "a", 255: None}, 255),
    ],
)
def test_white_in_one_bit_is_1_or_else_255(values, white):
    mask = np.array([[False, True]])
    for one_bit in (mask, Image.fromarray(mask)):
        assert MaskValues(values)(one_bit).tolist() == [[0, white]]
    with pytest.raises(ValueError, match=r"holds the values 255 \(1 pixel\)"):
        MaskValues({0: "a", 128: "b"})(mask)


def test_three_equal_channels_are_one():
    grey = Image.fromarray(np.uint8([[0, 255], [255, 0]]))
    for mode in ("RGB", "LA", "RGBA"):
        assert MaskValues(CELLS)(grey.convert(mode)).tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize("mode", ["I", "I;16", "L", "P"])
def test_depths_of_one_channel_keep_every_value(mode):
    mask = Image.new(mode, (2, 1))
    mask.putpixel((1, 0), 200)
    assert MaskValues({0: "a", 200: "b"})(mask).tolist() == [[0, 1]]


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_transparent_pixels_are_refused(mode):
    with pytest.raises(ValueError, match=r"transparent pixels.*getchannel\('A'\)"):
        MaskValues(CELLS)(Image.new(mode, (2, 2)))


@pytest.mark.parametrize("mode", ["F", "CMYK", "YCbCr", "HSV"])
def test_kinds_without_whole_values_are_refused(mode):
    with pytest.raises(ValueError, match=rf"mode {mode}.*8-bit PNG"):
        MaskValues(CELLS)(Image.new(mode, (2, 2)))


def test_fractions_and_shapes_are_refused():
    with pytest.raises(ValueError, match=r"float32.*ToTensor"):
        MaskValues(CELLS)(torch.zeros(2, 2).numpy())
    with pytest.raises(ValueError, match=r"shape \(3, 8, 12\)"):
        MaskValues(CELLS)(np.zeros((3, 8, 12), dtype=np.uint8))
    assert MaskValues(CELLS)(np.zeros((0, 4), dtype=np.uint8)).shape == (0, 4)


def message(table, mask):
    with pytest.raises(ValueError, match=r"^the mask|^holds|^has") as caught:
        table(mask)
    return str(caught.value)


def test_unknown_values_are_counted_and_the_line_to_write_is_told():
    told = message(MaskValues(CELLS), np.uint8([[0, 255, 128], [128, 99, 0]]))
    assert "values 128 (2 pixels), 99 (1 pixel), but mask_values does not name" in told
    assert "count: {99: ..., 128: ...}" in told
    told = message(MaskValues.indices(["a", "b", "c"]), np.uint8([[0, 128, 255]]))
    assert "3 classes are 0 to 2 (255 = ignore)" in told
    assert "mask_values={0: 'a', 128: 'b', 255: 'c'}" in told


def test_the_told_line_can_be_written():
    table = MaskValues.indices(["a", "b"])
    line = table.suggest([0, 200])
    mask_values = eval(line.removeprefix("mask_values="))
    assert MaskValues(mask_values)(np.uint8([[200, 0]])).tolist() == [[1, 0]]


def test_colours_without_a_table_of_colours_are_told_with_the_line():
    mask = Image.new("RGB", (3, 1))
    mask.putdata([RED, BLACK, RED])
    for table in (MaskValues(CELLS), MaskValues.indices(["a", "b"])):
        told = message(table, mask)
        assert "colours (255, 0, 0) (2 pixels), (0, 0, 0) (1 pixel)" in told
        assert "mask_values={(0, 0, 0): ..., (255, 0, 0): ...}" in told


def test_a_table_takes_the_place_of_an_ignored_class():
    """Classes 1 and 2, 0 as void: with both, the first class would not count."""
    mask = np.uint8([[1, 2]])
    told = message(MaskValues.indices(["a", "b"], ignore_index=0), mask)
    assert "mask_values={1: 'a', 2: 'b'} in place of ignore_index;" in told
    assert MaskValues({1: "a", 2: "b"})(mask).tolist() == [[0, 1]]
    assert "in place of" not in message(MaskValues.indices(["a", "b"]), mask)


def test_traces_of_jpeg_and_smoothing_are_told():
    table = MaskValues({BLACK: "a", RED: "b"})
    mask = np.zeros((4, 4, 3), dtype=np.uint8)
    mask[0, 0] = 250, 3, 0
    told = message(table, mask)
    assert "(250, 3, 0) (1 pixel, close to (255, 0, 0))" in told
    assert "from JPEG or from smoothed edges, make" in told
    mask = Image.new("RGB", (32, 32))
    mask.paste(RED, (3, 5, 16, 16))
    told = message(table, mask.resize((90, 90), Image.Resampling.BICUBIC))
    assert "so many usually come from JPEG or from smoothed edges" in told
    assert "nearest neighbour" in told
    assert len(told) < 600


@pytest.mark.parametrize(
    ("values", "classes", "error", "says"),
    [
        ({}, None, ValueError, "names no class"),
        ({0: None}, None, ValueError, "names no class"),
        (["a", "b"], None, TypeError, "must be a table"),
        ({0: 1}, None, TypeError, r"0: 1.*class's name"),
        ({0: ...}, None, TypeError, "class's name"),
        ({0: ""}, None, TypeError, "class's name"),
        ({"0": "a"}, None, TypeError, r"'0'.*whole number or a colour"),
        ({0.5: "a"}, None, TypeError, r"0\.5.*whole number"),
        ({True: "a"}, None, TypeError, r"True.*whole number"),
        ({(1, 2): "a"}, None, TypeError, r"\(1, 2\).*colour"),
        ({(1, 2, 3, 255): "a"}, None, TypeError, "colour"),
        ({(0, 0, 256): "a"}, None, ValueError, "no mask file can hold"),
        ({(0, 0, -1): "a"}, None, ValueError, "no mask file can hold"),
        ({2**31: "a"}, None, ValueError, "no mask file can hold"),
        ({0: "a", RED: "b"}, None, ValueError, r"mixes.*\(v, v, v\)"),
        ({0: "a", 1: "dog"}, ["a", "b"], ValueError, r"\['dog'\].*\['a', 'b'\]"),
        ({0: "a"}, ["a", "a"], ValueError, "each once"),
        ({0: "a"}, [], ValueError, "at least one class"),
        ({0: "a"}, "a", TypeError, "list of names"),
        ({0: "a"}, [0], TypeError, "list of names"),
    ],
)
def test_tables_that_cannot_be_meant_are_refused(values, classes, error, says):
    with pytest.raises(error, match=says):
        MaskValues(values, classes)


def test_the_ignored_label_is_no_class():
    many = [str(number) for number in range(300)]
    with pytest.raises(ValueError, match=r"ignore_index=255.*ignore_index=65535"):
        MaskValues.indices(many)
    assert MaskValues.indices(many, ignore_index=65535)(np.array([[255]])) == 255
    with pytest.raises(ValueError, match="ignore_index=1"):
        MaskValues({0: "a", 1: "b", 2: None}, ignore_index=1)
    # A class may be left out of the score; no pixel of another kind has its label.
    assert MaskValues.indices(["a", "b"], ignore_index=0).values == {0: "a", 1: "b"}


@pytest.mark.parametrize(
    "table",
    [
        MaskValues({0: "a", 255: "b", 7: None}, ["b", "a", "c"], ignore_index=254),
        MaskValues({RED: "a", BLACK: None}),
        MaskValues.indices(["a", "b"]),
    ],
)
def test_tables_survive_json_and_processes(table):
    assert MaskValues.from_json(json.loads(json.dumps(table.to_json()))) == table
    copy = pickle.loads(pickle.dumps(table))
    assert copy == table
    assert hash(copy) == hash(table)
    mask = np.uint8([[[255, 0, 0]]]) if table.by_color else np.array([[0]])
    assert (copy(mask) == table(mask)).all()
    assert table != MaskValues({0: "other"})


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"mask": {}}, r"\['mask'\].*\"values\""),
        ({"values": {"0": "a"}, "names": []}, "names"),
        ({"values": {"0": "a", "00": "b"}}, "'00' twice"),
        ({"values": {"red": "a"}}, r"'red'.*\"255,0,0\""),
        ({"values": {"1,2": "a"}}, "'1,2'"),
    ],
)
def test_faulty_json_is_named(data, says):
    with pytest.raises(ValueError, match=says):
        MaskValues.from_json(data)
