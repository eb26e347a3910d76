"""Annotations of other forms: which pixels get which class, and all or nothing."""

import base64
import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from simseg_core.data import MaskValues, convert_annotations
from simseg_core.data.annotations.shapes import (
    decode_runs,
    fill_circle,
    fill_polygon,
    fill_rectangle,
)

SIZE = (6, 8)  # high, wide


def picture(file: Path, size=SIZE, **options) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    seed = int.from_bytes(file.stem.encode(), "big") % 2**32
    pixels = np.random.default_rng(seed).integers(0, 255, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file, **options)
    return file


def labels(data, index=0) -> list[list[int]]:
    return data[index][1].tolist()


def contents(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


@pytest.fixture(autouse=True)
def nothing_in_place(tmp_path):
    """What is converted stays as it was, and nothing half-made stays beside it."""
    (tmp_path / "old").mkdir()
    yield
    assert {one.name for one in tmp_path.iterdir()} <= {"old", "new", "elsewhere"}


# --- outlines ---------------------------------------------------------------------


def test_a_pixel_is_inside_if_its_centre_is():
    for points in ([(1, 1), (4, 1), (4, 3), (1, 3)], [(0.6, 0.6), (4.4, 0.6),
                   (4.4, 3.4), (0.6, 3.4)]):  # fmt: skip
        inside = np.zeros(SIZE, dtype=bool)
        inside[1:3, 1:4] = True
        assert np.array_equal(fill_polygon(points, SIZE), inside)


def test_a_polygon_is_its_centres_by_brute_force():
    """A triangle as three half-planes, a centre at a time."""
    a, b, c = (0.7, 0.3), (7.2, 2.1), (2.6, 5.8)
    expected = np.zeros(SIZE, dtype=bool)
    for row in range(SIZE[0]):
        for column in range(SIZE[1]):
            x, y = column + 0.5, row + 0.5
            sides = [
                (q[0] - p[0]) * (y - p[1]) - (q[1] - p[1]) * (x - p[0])
                for p, q in ((a, b), (b, c), (c, a))
            ]
            expected[row, column] = min(sides) > 0
    assert expected.sum() > 10
    assert np.array_equal(fill_polygon([a, b, c], SIZE), expected)


def test_shapes_side_by_side_share_no_pixel_and_leave_none():
    left = fill_rectangle((0, 0), (3.5, 6), SIZE)
    right = fill_rectangle((8, 6), (3.5, 0), SIZE)
    assert not (left & right).any()
    assert (left | right).all()


def test_what_lies_outside_is_cut_off():
    assert fill_rectangle((-9, -9), (99, 99), SIZE).all()
    assert not fill_circle((50, 50), (51, 50), SIZE).any()


def test_a_circle_has_its_radius():
    circle = fill_circle((4, 3), (4, 5), SIZE)
    y, x = np.mgrid[: SIZE[0], : SIZE[1]] + 0.5
    assert np.array_equal(circle, (x - 4) ** 2 + (y - 3) ** 2 < 4)


def test_runs_go_down_the_columns():
    runs = [7, 2, 37, 2]
    expected = np.zeros(SIZE[0] * SIZE[1], dtype=bool)
    expected[[7, 8, 46, 47]] = True
    expected = expected.reshape(SIZE[1], SIZE[0]).T
    assert np.array_equal(decode_runs(runs, SIZE), expected)
    with pytest.raises(ValueError, match="runs of 47 pixels do not fill 8 x 6"):
        decode_runs([7, 40], SIZE)


# --- colours ----------------------------------------------------------------------

COLOURS = {(0, 0, 0): "ground", (255, 0, 0): "cat", (9, 9, 9): None}


@pytest.fixture
def coloured(tmp_path):
    root = tmp_path / "old"
    for stem, color in (("a", (255, 0, 0)), ("b", (9, 9, 9))):
        picture(root / "images" / f"{stem}.jpg")
        (root / "masks").mkdir(exist_ok=True)
        pixels = np.zeros((*SIZE, 3), dtype=np.uint8)
        pixels[2:4, 3:] = color
        Image.fromarray(pixels).save(root / "masks" / f"{stem}.png")
    return root


def test_colours_become_indices(coloured, tmp_path):
    before = contents(coloured)
    data = convert_annotations(
        coloured, tmp_path / "new", "colours", mask_values=COLOURS
    )
    assert contents(coloured) == before
    assert data.classes == ("ground", "cat")
    for index, value in ((0, 1), (1, 255)):
        expected = np.zeros(SIZE, dtype=int)
        expected[2:4, 3:] = value
        assert labels(data, index) == expected.tolist()
    assert sorted(contents(tmp_path / "new")) == [
        "images/a.jpg",
        "images/b.jpg",
        "mask_values.json",
        "masks/a.png",
        "masks/b.png",
    ]
    mask = Image.open(tmp_path / "new" / "masks" / "a.png")
    assert mask.mode == "P"
    assert mask.convert("RGB").getpixel((3, 2)) == (255, 0, 0)  # shown as it was
    assert contents(tmp_path / "new")["images/a.jpg"] == before["images/a.jpg"]
    table = json.loads((tmp_path / "new" / "mask_values.json").read_text())
    assert MaskValues.from_json(table) == MaskValues.indices(["ground", "cat"])


def test_every_faulty_mask_is_told_and_nothing_is_written(coloured, tmp_path):
    table = {(0, 0, 0): "ground", (1, 1, 1): "cat"}
    picture(coloured / "images" / "c.png")
    Image.new("L", (3, 3)).save(coloured / "masks" / "c.png")
    with pytest.raises(ValueError, match=r"3 of 3 pictures .* nothing was") as caught:
        convert_annotations(coloured, tmp_path / "new", "colours", mask_values=table)
    for words in ("a.png holds the colours (255, 0, 0)", "b.png", "c.png is 3 x 3",
                  "(9, 9, 9): ..., (255, 0, 0): ..."):  # fmt: skip
        assert words in str(caught.value)
    assert not (tmp_path / "new").exists()


def test_a_void_label_of_ones_own_becomes_255(coloured, tmp_path):
    values = MaskValues(COLOURS, ignore_index=1000)
    data = convert_annotations(
        coloured, tmp_path / "new", "colours", mask_values=values
    )
    assert labels(data, 1)[2][3] == data.ignore_index == 255


# --- LabelMe ----------------------------------------------------------------------


def labelme(root: Path, name: str, outlines, *, embed=False, size=SIZE, **entries):
    file = picture(root / f"{name}.jpg", size)
    data = {
        "version": "5.4.1",
        "flags": {},
        "shapes": [
            {"label": label, "shape_type": kind, "points": points, "flags": {}}
            for label, kind, points in outlines
        ],
        "imagePath": file.name,
        "imageData": None,
        "imageHeight": size[0],
        "imageWidth": size[1],
    }
    if embed:
        data["imageData"] = base64.b64encode(file.read_bytes()).decode()
        file.unlink()
    (root / f"{name}.json").write_text(json.dumps(data | entries))


BOX = ("cat", "rectangle", [[5, 4], [1, 1]])
CLASSES = ["background", "dog", "cat"]


@pytest.mark.parametrize("embed", [False, True])
def test_labelme_outlines_become_indices(tmp_path, embed):
    old = tmp_path / "old"
    triangle = ("dog", "polygon", [[0, 0], [3, 0], [3, 3], [0, 3]])
    labelme(old, "b", [BOX, triangle], embed=embed)
    labelme(old, "a", [("__ignore__", "circle", [[4, 3], [4, 5]])], embed=embed)
    data = convert_annotations(old, tmp_path / "new", "labelme", classes=CLASSES)
    assert data.classes == tuple(CLASSES)
    assert data.names == ["a", "b"]
    expected = np.zeros(SIZE, dtype=int)
    expected[1:4, 1:5] = 2
    expected[:3, :3] = 1  # the later lies over the earlier
    assert labels(data, 1) == expected.tolist()
    circle = fill_circle((4, 3), (4, 5), SIZE)
    assert labels(data, 0) == np.where(circle, 255, 0).tolist()
    assert data.files[0][0].suffix == ".jpg"


def test_labelme_finds_pictures_where_it_says(tmp_path):
    old, elsewhere = tmp_path / "old", tmp_path / "elsewhere"
    labelme(old, "a", [BOX], imagePath="..\\elsewhere\\x.png", imageHeight=None)
    (old / "a.jpg").unlink()
    picture(elsewhere / "x.png")
    data = convert_annotations(old, tmp_path / "new", "labelme", classes=CLASSES)
    assert data.files[0][0].name == "a.png"
    (old / "a.json").rename(elsewhere / "a.json")
    for file in sorted((tmp_path / "new").rglob("*"), reverse=True):
        file.unlink() if file.is_file() else file.rmdir()
    picture(old / "deep" / "x.png")
    text = (elsewhere / "a.json").read_text().replace("elsewhere", "gone")
    (elsewhere / "b.json").write_text(text)
    (elsewhere / "a.json").unlink()
    (elsewhere / "x.png").unlink()
    again = convert_annotations(
        elsewhere / "b.json",
        tmp_path / "new",  # which is there, and empty
        "labelme",
        classes=CLASSES,
        images=old / "deep",
    )
    assert again.names == ["b"]


def test_a_photograph_on_its_side_is_saved_upright(tmp_path):
    """LabelMe shows it upright, and its JSON has that size."""
    old = tmp_path / "old"
    labelme(old, "a", [BOX], size=(SIZE[1], SIZE[0]), imageHeight=SIZE[0],
            imageWidth=SIZE[1])  # fmt: skip
    tag = Image.Exif()
    tag[274] = 6
    picture(old / "a.jpg", (SIZE[1], SIZE[0]), exif=tag.tobytes())
    data = convert_annotations(old, tmp_path / "new", "labelme", classes=CLASSES)
    assert data.files[0][0].name == "a.png"
    assert len(contents(tmp_path / "new")) == 3
    image, label = data[0]
    assert image.shape[1:] == label.shape == SIZE
    assert label[1:4, 1:5].unique().tolist() == [2]
    stored = np.array(Image.open(old / "a.jpg"))
    upright = np.rot90(stored, -1)
    shown = image.permute(1, 2, 0).mul(255).round().numpy().astype(np.uint8)
    assert np.array_equal(shown, upright)


def test_a_photograph_upside_down_is_turned_as_labelme_shows_it(tmp_path):
    """Its size does not tell; LabelMe turns what it shows by the tag."""
    old = tmp_path / "old"
    labelme(old, "a", [BOX])
    tag = Image.Exif()
    tag[274] = 3
    picture(old / "a.jpg", exif=tag.tobytes())
    data = convert_annotations(old, tmp_path / "new", "labelme", classes=CLASSES)
    assert data[0][1][1:4, 1:5].unique().tolist() == [2]


FAULTS = {
    "a line": ([("cat", "line", [[0, 0], [1, 1]])], {}, "in shape 1 a line, which"),
    "two corners": (
        [("cat", "polygon", [[0, 0], [1, 1]])],
        {},
        "a polygon of 2 points",
    ),
    "no numbers": ([("cat", "polygon", [["x", 0]])], {}, "points that are no pairs"),
    "infinite": ([("cat", "circle", [[0, 0], [1e999, 0]])], {}, "points that are no"),
    "labels": ([("cow", "circle", [[0, 0], [1, 0]])], {}, r"labels \['cow'\], and"),
    "gone": ([], {"imagePath": "x.jpg"}, r"picture x.jpg is not there\n-> .*--images"),
    "not base64": ([], {"imagePath": "x", "imageData": "%"}, "imageData that is no"),
    "no picture": ([], {"imagePath": "x", "imageData": "aaaa"}, "imageData that is no"),
    "size": ([], {"imageWidth": 5}, r"picture of 5 x 6 pixels, but .* has 8 x 6"),
    "no shapes": ([], {"shapes": None}, "no JSON of LabelMe"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_of_labelme_are_named(tmp_path, fault):
    shapes, entries, words = FAULTS[fault]
    old = tmp_path / "old"
    labelme(old, "a", [BOX])
    labelme(old, "b", shapes, **entries)
    with pytest.raises(ValueError, match=rf"(?s)1 of 2 .*\n.*b.json .*{words}"):
        convert_annotations(old, tmp_path / "new", "labelme", classes=CLASSES)
    assert not (tmp_path / "new").exists()


def test_faults_before_and_while_drawing_are_told_together(tmp_path):
    old = tmp_path / "old"
    labelme(old, "a", [("cow", "circle", [[0, 0], [1, 0]])])
    labelme(old, "b", [], imagePath="x.jpg")
    labelme(old, "d", [BOX])
    (old / "c.json").write_text("{")
    (old / "d.jpg").write_bytes(b"cut")
    with pytest.raises(ValueError, match="4 of 4 pictures") as caught:
        convert_annotations(old, tmp_path / "new", "labelme", classes=CLASSES)
    for words in ("a.json has the labels", "x.jpg is not there", "c.json is no JSON",
                  "d.jpg cannot be read"):  # fmt: skip
        assert words in str(caught.value)


def test_labelme_asks_for_the_order(tmp_path):
    old = tmp_path / "old"
    labelme(old, "a", [BOX, ("ant", "circle", [[0, 0], [1, 0]])])
    labelme(old, "b", [("__ignore__", "circle", [[0, 0], [1, 0]])])
    with pytest.raises(ValueError, match=r"--classes background,ant,cat$"):
        convert_annotations(old, tmp_path / "new", "labelme")


# --- COCO -------------------------------------------------------------------------


def coco(root: Path, annotations, *, files=("a.jpg",), **entries) -> Path:
    data = {
        "images": [
            {"id": i, "file_name": name, "height": SIZE[0], "width": SIZE[1]}
            for i, name in enumerate(files)
        ],
        "annotations": [
            {"id": i, "image_id": 0, "category_id": 7, "iscrowd": 0} | one
            for i, one in enumerate(annotations)
        ],
        "categories": [{"id": 7, "name": "cat"}, {"id": 3, "name": "dog"}],
    }
    for name in files:
        picture(root / "images" / name)
    (root / "set.json").write_text(json.dumps(data | entries))
    return root


SQUARE = {"segmentation": [[1, 1, 5, 1, 5, 4, 1, 4]]}


def test_coco_outlines_and_runs_become_indices(tmp_path):
    runs = {"size": list(SIZE), "counts": [0, 6, 42]}  # the first column
    old = coco(
        tmp_path / "old",
        [
            SQUARE,
            {"segmentation": runs, "category_id": 3},
            {"segmentation": [[6, 0, 8, 0, 8, 1, 6, 1], [6, 5, 8, 5, 8, 6, 6, 6]]},
        ],
        files=("a.jpg", "b.png"),
    )
    data = convert_annotations(old, tmp_path / "new", "coco")
    assert data.classes == ("background", "dog", "cat")  # in the order of their numbers
    expected = np.zeros(SIZE, dtype=int)
    expected[1:4, 1:5] = 2
    expected[:, 0] = 1
    expected[[0, 5], 6:] = 2
    assert labels(data) == expected.tolist()
    assert not data[1][1].any()  # not annotated
    other = convert_annotations(
        old / "set.json", tmp_path / "elsewhere", "coco", classes=["sky", "cat", "dog"]
    )
    assert labels(other)[0][0] == 2


@pytest.mark.parametrize(("crowd", "value"), [("ignore", 255), ("class", 2)])
def test_crowds_do_not_count_or_get_their_class(tmp_path, crowd, value):
    old = coco(tmp_path / "old", [SQUARE | {"iscrowd": 1}])
    data = convert_annotations(old, tmp_path / "new", "coco", crowd=crowd)
    assert labels(data)[1][1] == value


def test_compressed_runs_are_read_by_pycocotools(tmp_path, monkeypatch):
    runs = {"size": list(SIZE), "counts": "06Z1"}  # six ones, 42 zeros
    old = coco(tmp_path / "old", [{"segmentation": runs}])
    monkeypatch.setitem(sys.modules, "pycocotools", None)
    with pytest.raises(ValueError, match="pip install pycocotools"):
        convert_annotations(old, tmp_path / "new", "coco")
    monkeypatch.undo()
    data = convert_annotations(old, tmp_path / "new", "coco")
    assert data[0][1].sum(dim=0).tolist() == [12, 0, 0, 0, 0, 0, 0, 0]


COCO_FAULTS = {
    "a box": ({"bbox": [0, 0, 2, 2]}, {}, "annotation 0, which has no outline"),
    "two points": ({"segmentation": [[1, 1, 2, 2]]}, {}, "no list of at least 3"),
    "odd": ({"segmentation": [[1, 1, 2, 2, 3, 3, 4]]}, {}, "no list of at least 3"),
    "text": ({"segmentation": [["x"] * 6]}, {}, "no list of at least 3"),
    "runs": (
        {"segmentation": {"size": list(SIZE), "counts": [5]}},
        {},
        "whose runs of 5 pixels do not fill",
    ),
    "size of runs": (
        {"segmentation": {"size": [2, 2], "counts": [4]}},
        {},
        r"for the size \[2, 2\], but the image is \[6, 8\]",
    ),
    "category": (SQUARE | {"category_id": 99}, {}, "category 99, which it does not"),
    "image": (SQUARE | {"image_id": 99}, {}, "image 99 .* it does not list"),
    "no categories": (SQUARE, {"categories": [{}]}, "needs the list 'categories'"),
    "a list": (SQUARE, {"images": 3}, "needs the list 'images'"),
    "gone": (SQUARE, {"images": [{"id": 0, "file_name": "x.jpg", "height": 1,
             "width": 1}]}, "x.jpg is not there, and set.json lists it"),
    "other size": (SQUARE, {"images": [{"id": 0, "file_name": "a.jpg", "height": 3,
                   "width": 8}]}, "is for a picture of 8 x 3 pixels"),
}  # fmt: skip


@pytest.mark.parametrize("fault", COCO_FAULTS)
def test_faults_of_coco_are_named(tmp_path, fault):
    annotation, entries, words = COCO_FAULTS[fault]
    old = coco(tmp_path / "old", [annotation], **entries)
    with pytest.raises(ValueError, match=words):
        convert_annotations(old, tmp_path / "new", "coco")
    assert not (tmp_path / "new").exists()


def test_two_pictures_of_one_name_are_refused(tmp_path):
    old = coco(tmp_path / "old", [], files=("x/a.jpg", "y/a.jpg"))
    with pytest.raises(ValueError, match=r"y/a.jpg and .*x/a.jpg share the name 'a'"):
        convert_annotations(old, tmp_path / "new", "coco")


def test_a_category_that_is_no_class_is_named(tmp_path):
    old = coco(tmp_path / "old", [SQUARE])
    with pytest.raises(ValueError, match=r"has the categories \['cat'\], and the"):
        convert_annotations(old, tmp_path / "new", "coco", classes=["sky", "dog"])


# --- the new folder ---------------------------------------------------------------


def test_a_folder_that_holds_something_is_left_alone(coloured, tmp_path):
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "mine.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="is there and not empty"):
        convert_annotations(coloured, tmp_path / "new", "colours", mask_values=COLOURS)
    assert list(contents(tmp_path / "new")) == ["mine.txt"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"new": "no/such/folder"}, "no folder .*: make it first"),
        ({"form": "yolo"}, "form='yolo' is not one of colours, labelme, coco"),
        ({"form": "labelme"}, "no JSON file in"),
        ({"form": "coco", "path": "gone"}, "no folder or file"),
        ({"images": "gone"}, "no folder gone, where pictures"),
        ({"classes": None}, "nothing says which classes"),
    ],
)
def test_what_cannot_begin_says_why(coloured, tmp_path, change, words):
    given = {"path": coloured, "new": tmp_path / "new", "form": "colours",
             "classes": ["a"]}  # fmt: skip
    with pytest.raises((ValueError, OSError), match=words):
        convert_annotations(**given | change)


def test_two_json_files_of_coco_are_too_many(tmp_path):
    old = coco(tmp_path / "old", [SQUARE])
    (old / "val.json").write_text((old / "set.json").read_text())
    with pytest.raises(ValueError, match=r"holds 2 JSON files: name one, as .*set"):
        convert_annotations(old, tmp_path / "new", "coco")


def test_more_classes_than_a_mask_holds_are_refused(coloured, tmp_path):
    names = [f"class{i}" for i in range(256)]
    values = MaskValues({**dict(enumerate(names)), 300: None}, ignore_index=1000)
    with pytest.raises(ValueError, match="256 classes do not fit a mask of 8 bits"):
        convert_annotations(coloured, tmp_path / "new", "colours", mask_values=values)


def test_a_computer_that_stops_leaves_no_half_folder(coloured, tmp_path, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(json, "dumps", stop)
    with pytest.raises(KeyboardInterrupt):
        convert_annotations(coloured, tmp_path / "new", "colours", mask_values=COLOURS)
    assert not (tmp_path / "new").exists()
