"""What is in a data set: counted by hand on tiny folders."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from simseg_core.data import FolderDataset, describe, open_source
from simseg_core.data.description import ALIKE, of_one_place


@pytest.fixture
def folder(tmp_path):
    """Three pairs 4 high and 6 wide, and one 8 by 10; b is a copy of a."""
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
    noise = np.random.default_rng(0)
    for stem, size in (("a", (4, 6)), ("c", (4, 6)), ("d", (8, 10))):
        pixels = noise.integers(0, 255, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "images" / f"{stem}.png")
        save_mask(tmp_path, stem, [0, 0, 0, 1], size)
    # The same pixels, in a file of other bytes.
    copy = Image.open(tmp_path / "images" / "a.png")
    copy.save(tmp_path / "images" / "b.tif")
    save_mask(tmp_path, "b", [255])
    save_mask(tmp_path, "spare", [0])
    return tmp_path


def save_mask(folder, stem, values, size=(4, 6)):
    mask = np.resize(np.array(values, dtype=np.uint8), size)
    Image.fromarray(mask).save(folder / "masks" / f"{stem}.png")


def read(folder, **options):
    names = ["ground", "tree", "bear"]
    return FolderDataset(folder, classes=names, normalize=False, **options)


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ("paris_1 paris_2 rome_1 rome_2", "paris_1 paris_2"),
        ("a-1 site2-x0 site2-x1 site3-x0 site3-x1", "site2-x0 site2-x1"),
        ("paris_1 paris_2 rome_1", None),
        ("IMG_1 IMG_2 IMG_3", None),
        ("cell1 cell2 cell3", None),
        ("1_2 1_3 2_2 2_3", None),
        ("paris_1 paris_2 rome_1 rome_2 7", None),
    ],
)
def test_names_of_places_are_seldom_guessed_wrong(names, found):
    assert of_one_place(names.split()) == (found and tuple(found.split()))


def test_everything_is_counted(folder):
    found = describe(read(folder))
    assert found.pairs == 4
    assert found.sizes == {(4, 6): 3, (8, 10): 1}
    assert list(found.sizes) == [(4, 6), (8, 10)]
    # Masks of 24, 24 and 80 pixels, a quarter tree; one of 24 void.
    assert found.values == {0: 96, 1: 32, 255: 24}
    ground, tree, bear = found.classes
    assert (ground.pixels, ground.share, ground.pictures) == (96, 0.75, 3)
    assert (tree.pixels, tree.share, tree.pictures) == (32, 0.25, 3)
    assert (bear.pixels, bear.pictures) == (0, 0)
    assert found.ignored == pytest.approx(24 / 152)
    assert found.imbalance == 3
    assert found.void == ["b"]
    assert found.duplicates == [["a", "b"]]
    assert found.unused == ["spare.png"]
    assert found.faults == []
    assert found.sides is None


def test_the_text_says_it(folder):
    text = str(describe(read(folder), split=([0, 2], [1, 3])))
    for line in (
        "4 pairs",
        "sizes (height x width): 3 of 4 x 6, 1 of 8 x 10",
        "values in masks: 0, 1, 255",
        "ground           75 %            3",
        "15.8 % of all pixels do not count",
        "imbalance: 3 pixels of 'ground' to one of 'tree'",
        "in no mask: bear",
        "masks in which no pixel counts: b",
        "identical pictures: a = b",
        "split: 2 for training, 2 for validation; near-identical across it: a ~ b",
        "masks without a picture: spare.png",
        "faulty pairs: none",
    ):
        assert line in text.splitlines()


def test_the_same_for_programs(folder):
    found = json.loads(json.dumps(describe(read(folder)).to_dict()))
    assert found["sizes"][0] == {"height": 4, "width": 6, "pictures": 3}
    assert found["values"] == {"0": 96, "1": 32, "255": 24}
    assert found["classes"][1]["name"] == "tree"
    assert found["imbalance"] == 3.0
    assert found["sides"] is None


def test_faulty_pairs_are_told_with_their_remedy_once(folder):
    for stem in "ac":
        save_mask(folder, stem, [0, 7])
    (folder / "images" / "d.png").write_bytes(b"cut off")
    found = describe(read(folder))
    assert found.pairs == 4
    assert sum(found.sizes.values()) == 1
    assert len(found.faults) == 3
    assert found.values == {0: 24 + 60, 1: 20, 7: 24, 255: 24}
    assert found.fault_text.count("-> ") == 2
    assert "c.png" in found.fault_text
    text = str(found)
    assert "3 faulty pairs:" in text
    assert "d.png cannot be read" in text
    assert "imbalance" not in text


def test_colours_are_counted_as_colours(folder):
    red = np.zeros((4, 6, 3), dtype=np.uint8)
    red[0, :, 0] = 255
    for stem in "abc":
        Image.fromarray(red).save(folder / "masks" / f"{stem}.png")
    Image.new("L", (10, 8)).save(folder / "masks" / "d.png")
    table = {(0, 0, 0): "a", (255, 0, 0): "b"}
    found = describe(FolderDataset(folder, mask_values=table, normalize=False))
    assert found.values == {(0, 0, 0): 54 + 80, (255, 0, 0): 18}
    assert list(found.to_dict()["values"]) == ["0,0,0", "255,0,0"]


def test_greys_saved_as_colours_are_counted_once(folder):
    grey = Image.open(folder / "masks" / "a.png").convert("RGB")
    grey.save(folder / "masks" / "a.png")
    assert describe(read(folder)).values == {0: 96, 1: 32, 255: 24}


# --- pictures on both sides of a split --------------------------------------------


class Pairs:
    """Images in memory, each with an empty label."""

    classes, palette, ignore_index, mask_values = ("all",), ((0, 0, 0),), 255, None

    def __init__(self, images):
        self.images, self.names = images, [f"n{i}" for i in range(len(images))]

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        image = self.images[index]
        return image, torch.zeros(image.shape[1:], dtype=torch.long)


@pytest.mark.parametrize("change", ["jpeg", "half", "brighter"])
def test_a_picture_saved_again_is_near_identical(tmp_path, change):
    street = open_source("street")
    images = [street[i][0] for i in range(10)]
    pixels = images[4].permute(1, 2, 0).mul(255).byte().numpy()
    if change == "brighter":
        again = images[4] * 0.8
    else:
        picture = Image.fromarray(pixels)
        if change == "half":
            picture = picture.resize((48, 48))
        file = tmp_path / ("again.jpg" if change == "jpeg" else "again.png")
        picture.save(file)
        again = torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1) / 255
    found = describe(Pairs([*images, again]), split=(list(range(10)), [10]))
    assert [leak[:2] for leak in found.leaks] == [("n4", "n10")]
    assert ALIKE <= found.leaks[0][2] <= 1
    assert not found.duplicates
    assert found.to_dict()["leaks"][0]["val"] == "n10"


@pytest.mark.parametrize("change", ["turned", "cropped"])
def test_a_picture_that_was_turned_or_cropped_is_not_found(change):
    image = open_source("street")[4][0]
    again = image.flip(-1) if change == "turned" else image[:, 10:-10, 10:-10]
    assert describe(Pairs([image, again]), split=([0], [1])).leaks == []


def test_different_scenes_are_not():
    sets = [open_source("street", part=part) for part in ("train", "val")]
    images = [pairs[i][0] for pairs in sets for i in range(40)]
    found = describe(Pairs(images), split=(list(range(40)), list(range(40, 80))))
    assert found.leaks == []
    assert "near-identical across it: none" in str(found)


def test_flat_pictures_are_alike_only_if_they_are_the_same():
    flat = [torch.full((3, 20, 20), grey) for grey in (0.2, 0.2, 0.4)]
    found = describe(Pairs(flat), split=([0], [1, 2]))
    assert found.leaks == [("n0", "n1", 1.0)]
    assert describe(Pairs(flat), split=([0, 1], [2])).leaks == []


def test_composed_pictures_have_no_values():
    found = describe(open_source("signs", part="val"))
    assert found.values is None
    assert "values in masks" not in str(found)
    assert found.to_dict()["values"] is None


def test_normalised_pictures_are_refused(folder):
    with pytest.raises(ValueError, match="open the data set with normalize=False"):
        describe(FolderDataset(folder, classes=["a", "b"]))
