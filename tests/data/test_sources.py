"""A data set by a text: all forms give raw pairs with names; errors give the option."""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from simseg_core.data import (
    FolderDataset,
    MaskValues,
    Street,
    has_parts,
    open_source,
)


@pytest.fixture
def folder(tmp_path):
    make(tmp_path, [[0, 1, 2, 255], [2, 1]])
    return tmp_path


def make(root: Path, masks) -> None:
    """Pairs ``p0``, ``p1`` ... 5 high and 7 wide, with these values or colours."""
    for kind in ("images", "masks"):
        (root / kind).mkdir(parents=True)
    for i, values in enumerate(masks):
        Image.new("RGB", (7, 5), (40 * i, 255, 7)).save(root / "images" / f"p{i}.png")
        array = np.array(values, dtype=np.uint8)
        mask = np.resize(array, (5, 7, *array.shape[1:]))
        Image.fromarray(mask).save(root / "masks" / f"p{i}.png")


def test_a_folder_gives_raw_pairs_of_its_own_size(folder):
    data = open_source(f"folder:{folder}", classes=["a", "b", "c"])
    image, label = data[0]
    assert image.shape == (3, 5, 7)
    assert image.dtype == torch.float32
    assert image[:, 0, 0].mul(255).round().tolist() == [0, 255, 7]
    assert label.dtype == torch.int64
    assert label.flatten()[:4].tolist() == [0, 1, 2, 255]
    assert data.names == ["p0", "p1"]
    assert data.files[0][0].name == "p0.png"
    assert data.ignore_index == 255
    assert data.mask_values == MaskValues.indices(["a", "b", "c"])


@pytest.mark.parametrize("name", ["street", "signal", "signs", "blue-marble"])
def test_composed_sets_give_the_same(name):
    data = open_source(name)
    image, label = data[1]
    assert 0 <= image.min() <= image.max() <= 1
    assert image.shape[1:] == label.shape
    assert len(set(data.names)) == len(data)
    assert len(data.classes) == len(data.palette)
    assert data.mask_values is None
    assert data.ignore_index == 255
    assert data.names[0].startswith("train")
    assert open_source(name, part="val").names[0].startswith("val")


def test_street_is_the_street_of_the_book():
    image, label = open_source("street", part="val")[3]
    same, same_label = Street("val", normalize=False)[3]
    assert torch.equal(image, same)
    assert torch.equal(label, same_label)


def test_a_table_beside_the_masks_needs_no_classes(folder):
    values = MaskValues({0: "ground", 1: "tree", 2: "tree", 255: None})
    (folder / "mask_values.json").write_text(json.dumps(values.to_json()))
    data = open_source(f"folder:{folder}")
    assert data.classes == ("ground", "tree")
    assert data[1][1].unique().tolist() == [1]
    assert FolderDataset(folder).mask_values == values
    # What is said in the call comes first.
    own = open_source(
        f"folder:{folder}", mask_values={0: "a", 1: "b", 2: "c", 255: None}
    )
    assert own.classes == ("a", "b", "c")
    with pytest.raises(ValueError, match=r"classes=\('x',\) is not that of"):
        open_source(f"folder:{folder}", classes=["x"])


@pytest.mark.parametrize("text", ["{", "[]", '{"values": {"x": "a"}}', '{"a": 1}'])
def test_a_broken_table_is_named(folder, text):
    (folder / "mask_values.json").write_text(text)
    with pytest.raises(ValueError, match=r"mask_values.json cannot be read"):
        open_source(f"folder:{folder}")


def test_parts_of_a_folder(tmp_path):
    for part, value in (("train", 0), ("val", 1)):
        make(tmp_path / part, [[value], [value]])
        for kind in ("images", "masks"):
            folder = tmp_path / part / kind
            (folder / "p1.png").rename(folder / f"{part}.png")
    text = f"folder:{tmp_path}"
    assert has_parts(text)
    data = open_source(text, part="val", classes=["a", "b"])
    assert data[0][1].unique().tolist() == [1]
    table = MaskValues.indices(["a", "b"]).to_json()
    (tmp_path / "mask_values.json").write_text(json.dumps(table))
    assert open_source(text, part="train").classes == ("a", "b")
    with pytest.raises(ValueError, match="share the name 'p0'"):
        open_source(text)
    for kind in ("images", "masks"):
        (tmp_path / "val" / kind / "p0.png").unlink()
    both = open_source(text)
    assert both.names == ["p0", "train", "val"]
    assert [label.unique().item() for _, label in both] == [0, 0, 1]


def test_public_sets_are_opened_by_their_names(tmp_path):
    top = tmp_path / "oxford pets"
    make(top, [[1, 2, 3]])
    (top / "annotations").mkdir()
    (top / "masks").rename(top / "annotations" / "trimaps")
    (top / "images" / "p0.png").rename(top / "images" / "p0.jpg")
    for name in ("trainval", "test"):
        (top / "annotations" / f"{name}.txt").write_text("p0 1 1 1\n")
    data = open_source(f"pets:{top}", part="val")
    assert data.names == ["p0"]
    assert data[0][1].flatten()[:3].tolist() == [1, 0, 255]
    assert not data.normalize


# --- what the masks hold ----------------------------------------------------------

RED, BLACK = (255, 0, 0), (0, 0, 0)


@pytest.mark.parametrize(
    ("masks", "option"),
    [
        ([[0, 1, 255]], "--classes background,class1 (in"),
        ([[0, 2], [1]], "--classes background,class1,class2 (in"),
        ([[0, 255]], """--mask-values '{"0": "background", "255": "class1"}'"""),
        ([[0, 128]], """--mask-values '{"0": "background", "128": "class1"}'"""),
        (
            [[BLACK, RED]],
            """--mask-values '{"0,0,0": "background", "255,0,0": "class1"}'""",
        ),
        (
            [[0], [BLACK, RED]],
            """--mask-values '{"0,0,0": "background", "255,0,0": "class1"}'""",
        ),
    ],
)
def test_what_the_masks_hold_comes_with_the_option_to_paste(tmp_path, masks, option):
    make(tmp_path, masks)
    with pytest.raises(ValueError, match="nothing says which classes") as caught:
        open_source(f"folder:{tmp_path}")
    message = str(caught.value)
    assert option in message
    # What is pasted opens the folder.
    word = shlex.split(re.search(r"--[a-z-]+ .*", message)[0])[1].rstrip(",")
    if "--classes" in message:
        data = open_source(f"folder:{tmp_path}", classes=word.split(","))
    else:
        table = MaskValues.from_json({"values": json.loads(word)})
        data = open_source(f"folder:{tmp_path}", mask_values=table)
    assert len(data) == len(masks)
    for i in range(len(masks)):
        data[i]


def test_a_sample_of_many_masks_is_said_to_be_one(tmp_path):
    make(tmp_path, [[0, 1]] * 41)
    with pytest.raises(ValueError, match=r"14 of 41 masks hold 0, 1\."):
        open_source(f"folder:{tmp_path}")


def test_smoothed_edges_are_no_classes(tmp_path):
    make(tmp_path, [list(range(30))])
    with pytest.raises(ValueError, match=r"30 values\. So many usually come from JPEG"):
        open_source(f"folder:{tmp_path}")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", r"'' is no data set: .* there are folder:PATH, voc:PATH"),
        ("streets", "there are .*street, signal"),
        ("coco:here", "no kind 'coco'"),
        ("voc", "say where it lies, voc:PATH"),
        ("folder:", "say where it lies, folder:PATH"),
        ("street:here", "street has no path"),
        ("images", "is it folder:images?"),
    ],
)
def test_a_wrong_text_is_told_the_right_one(folder, monkeypatch, text, words):
    monkeypatch.chdir(folder)
    with pytest.raises(ValueError, match=words):
        open_source(text)


def test_options_of_folders_are_refused_elsewhere(folder):
    with pytest.raises(ValueError, match=r"street says itself .* leave classes out"):
        open_source("street", classes=["a"])
    with pytest.raises(ValueError, match="part='test' is not"):
        open_source("street", part="test")
    with pytest.raises(ValueError, match=r"no part 'val' .*split it by share"):
        open_source(f"folder:{folder}", part="val", classes=["a"])


def test_255_may_be_said_not_to_count(tmp_path):
    make(tmp_path, [[0, 255]])
    with pytest.raises(ValueError, match="holds only 0 and 255"):
        open_source(f"folder:{tmp_path}", classes=["a", "b"])[0]
    data = open_source(f"folder:{tmp_path}", classes=["a", "b"], ignore_index=255)
    assert data[0][1].unique().tolist() == [0, 255]


def test_masks_that_cannot_be_read_leave_the_question(tmp_path):
    make(tmp_path, [[0]])
    (tmp_path / "masks" / "p0.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match="hold nothing that can be read"):
        open_source(f"folder:{tmp_path}")


def test_files_of_one_name_are_refused(folder):
    other = folder / "more"
    make(other, [[0]])
    pairs = [
        (root / "images" / "p0.png", root / "masks" / "p0.png")
        for root in (folder, other)
    ]
    assert FolderDataset(folder, files=pairs[:1], classes=["a"]).names == ["p0"]
    with pytest.raises(ValueError, match="share the name 'p0'"):
        FolderDataset(folder, files=pairs, classes=["a"])
    with pytest.raises(FileNotFoundError, match="holds no pair"):
        FolderDataset(folder, files=[], classes=["a"])
