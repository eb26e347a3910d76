"""A reader's own folder: what is read, and that each error names file and fix."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader
from torchvision.transforms import v2

from simseg_core.data import FolderDataset, MaskValues, augment, denormalize

CLASSES = ("background", "cat", "dog")


@pytest.fixture
def folder(tmp_path):
    """Two good pairs, a.png and b.jpg with a.png and b.png, 12 wide and 8 high."""
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    pixels = np.arange(8 * 12 * 3, dtype=np.uint8).reshape(8, 12, 3)
    Image.fromarray(pixels).save(tmp_path / "images" / "a.png")
    Image.fromarray(pixels).save(tmp_path / "images" / "b.JPG")
    save_mask(tmp_path, "a", [0, 1, 2, 255])
    save_mask(tmp_path, "b", [2, 1])
    return tmp_path


def save_mask(folder, stem, values, size=(8, 12), dtype=np.uint8):
    mask = np.resize(np.array(values, dtype=dtype), size)
    Image.fromarray(mask).save(folder / "masks" / f"{stem}.png")
    return mask


def read(folder, index=0, **options):
    options = {"classes": CLASSES, "normalize": False} | options
    return FolderDataset(folder, **options)[index]


def test_pairs_are_read_by_stem(folder):
    data = FolderDataset(folder, classes=CLASSES, normalize=False)
    assert len(data) == 2
    image, label = data[0]
    assert image.dtype == torch.float32
    assert image.shape == (3, 8, 12)
    assert image[:, 0, 1].mul(255).round().tolist() == [3, 4, 5]
    assert label.dtype == torch.int64
    assert label.flatten()[:4].tolist() == [0, 1, 2, 255]
    assert data[1][1].unique().tolist() == [1, 2]
    assert data.ignore_index == 255
    assert len(data.palette) == 3
    normalised, _ = read(folder, normalize=True)
    torch.testing.assert_close(denormalize(normalised), image)


def test_masks_without_image_and_litter_are_left_out(folder):
    save_mask(folder, "zebra", [0])
    (folder / "images" / ".DS_Store").write_bytes(b"x")
    (folder / "images" / "Thumbs.db").write_bytes(b"x")
    (folder / "masks" / "Desktop.ini").write_bytes(b"x")
    assert len(FolderDataset(folder, classes=CLASSES)) == 2


def test_resizing_mixes_no_classes(folder):
    image, label = read(folder, size=(5, 7))
    assert image.shape == (3, 5, 7)
    assert label.shape == (5, 7)
    assert set(label.unique().tolist()) <= {0, 1, 2, 255}
    assert read(folder, size=16)[1].shape == (16, 16)


def test_resizing_up_repeats_pixels(folder):
    _, small = read(folder)
    _, large = read(folder, size=(16, 24))
    assert torch.equal(large, small.repeat_interleave(2, 0).repeat_interleave(2, 1))


def test_a_transform_comes_before_normalising(folder):
    seen = []

    def note(image, label):
        seen.append((image.min().item(), image.max().item()))
        return image.flip(-1), label.flip(-1)

    image, label = read(folder, transform=note, normalize=True)
    assert 0 <= seen[0][0] <= seen[0][1] <= 1
    plain, plain_label = read(folder)
    torch.testing.assert_close(denormalize(image), plain.flip(-1))
    assert torch.equal(label, plain_label.flip(-1))
    assert read(folder, transform=augment(6))[0].shape == (3, 6, 6)


def test_white_stays_white_when_it_is_resized(folder):
    """A resize rounds 1 up to 1.0000001, which is no image from 0 to 1."""
    Image.new("RGB", (47, 61), "white").save(folder / "images" / "a.png")
    save_mask(folder, "a", [0, 1], size=(61, 47))
    for size in (20, 26, 33):
        image, _ = read(folder, size=size)
        assert image.max() == 1
        read(folder, size=size, transform=augment(size))


def test_a_transform_of_torchvision_moves_the_label_too(folder):
    (image, label), (moved, moved_label) = (
        read(folder, transform=transform)
        for transform in (None, v2.RandomHorizontalFlip(1.0))
    )
    assert torch.equal(moved, image.flip(-1))
    assert torch.equal(moved_label, label.flip(-1))


def test_images_are_not_normalised_twice(folder):
    twice = augment(8, normalize=True)
    with pytest.raises(ValueError, match=r"normalised twice.*normalize=False"):
        read(folder, transform=twice, normalize=True)
    read(folder, transform=twice, normalize=False)
    read(folder, transform=augment(8), normalize=True)


@pytest.mark.parametrize(
    "gives", [lambda image, _: image, lambda *pair: dict(zip(("image", "mask"), pair))]
)
def test_a_transform_that_gives_no_pair_is_named(folder, gives):
    with pytest.raises(TypeError, match=r"transform must return the pair .*label"):
        read(folder, transform=gives)


def test_parts_and_sizes_are_asked_for_as_they_can_be_given(folder):
    data = FolderDataset(folder, classes=CLASSES)
    with pytest.raises(TypeError, match=r"Subset\(data, range\(8\)\)"):
        data[:1]
    with pytest.raises(ValueError, match="size=0 must be 1 pixel or more"):
        read(folder, size=0)
    assert data[np.int64(1)][1].equal(data[-1][1])


def test_palette_masks_are_read_as_indices(folder):
    mask = Image.fromarray(np.resize(np.uint8([0, 1, 2, 255]), (8, 12)))
    mask = mask.convert("L")
    palette = Image.new("P", mask.size)
    palette.putpalette([v for i in range(256) for v in (255 - i, i // 2, 7)])
    palette.putdata(list(mask.tobytes()))
    palette.save(folder / "masks" / "a.png")
    assert read(folder)[1].unique().tolist() == [0, 1, 2, 255]


def test_one_bit_and_sixteen_bit_masks_are_read(folder):
    Image.fromarray(np.resize([False, True], (8, 12))).save(folder / "masks" / "a.png")
    assert read(folder)[1].unique().tolist() == [0, 1]
    save_mask(folder, "a", [0, 2], dtype=np.uint16)
    assert read(folder)[1].unique().tolist() == [0, 2]


def save_image(folder, pixels, mode=None):
    Image.fromarray(pixels, mode).save(folder / "images" / "a.png")


def test_grey_images_are_repeated(folder):
    grey = np.arange(96, dtype=np.uint8).reshape(8, 12)
    Image.fromarray(grey).save(folder / "images" / "a.png")
    image, _ = read(folder)
    assert torch.equal(image[0], image[1])
    np.testing.assert_allclose(image[2].numpy() * 255, grey, atol=1e-4)


def test_transparent_images_are_laid_on_white(folder):
    pixels = np.zeros((8, 12, 4), dtype=np.uint8)
    pixels[:, :6, 3] = 255
    Image.fromarray(pixels).save(folder / "images" / "a.png")
    image, _ = read(folder)
    assert image[:, :, :6].max() == 0
    assert image[:, :, 6:].min() == 1


def test_transparent_entries_of_a_palette_are_white(folder):
    image = Image.fromarray(np.resize(np.uint8([0, 1]), (8, 12)), mode="P")
    image.putpalette([0, 0, 0, 255, 0, 0])
    image.save(folder / "images" / "a.png", transparency=0)
    pixels, _ = read(folder)
    assert pixels[:, 0, 0].tolist() == [1, 1, 1]
    assert pixels[:, 0, 1].tolist() == [1, 0, 0]


def save_turned(folder, image, tag):
    exif = Image.Exif()
    exif[0x0112] = tag
    image.save(folder / "images" / "b.JPG", exif=exif, quality=100)


def test_photographs_stand_as_the_camera_was_held(folder):
    save_turned(folder, Image.new("RGB", (8, 12), "red"), 6)  # a quarter to the right
    assert read(folder, 1)[0].shape == (3, 8, 12)


def test_photographs_upside_down_need_a_word_about_their_masks(folder):
    pixels = np.zeros((8, 12), dtype=np.uint8)
    pixels[:2, :3] = 1
    Image.fromarray(pixels).save(folder / "masks" / "b.png")
    save_turned(folder, Image.fromarray(pixels * 255), 3)
    with pytest.raises(ValueError, match=r"b\.JPG has the EXIF orientation 3"):
        read(folder, 1)
    with pytest.raises(ValueError, match=r"1 of 2 pairs.*\n.*b\.JPG has the EXIF"):
        FolderDataset(folder, classes=CLASSES).check()
    image, label = read(folder, 1, mask_orientation="stored")
    assert torch.equal((image[0] > 0.5).long(), label)
    _, label = read(folder, 1, mask_orientation="upright")
    assert np.array_equal(label, pixels)
    with pytest.raises(ValueError, match="'sideways' is not 'upright' or 'stored'"):
        read(folder, mask_orientation="sideways")


def test_a_missing_folder_is_named(folder, tmp_path):
    (folder / "masks").rename(folder / "labels")
    with pytest.raises(FileNotFoundError, match=r"no folder .*masks.*must look like"):
        read(folder)
    (folder / "images").rename(folder / "pictures")
    with pytest.raises(FileNotFoundError, match=r"no folder .*images.*must look like"):
        read(folder)


def test_an_empty_image_folder_is_named(folder):
    for file in (folder / "images").iterdir():
        file.unlink()
    with pytest.raises(FileNotFoundError, match=r"no image in .*images"):
        read(folder)


def test_missing_masks_are_named(folder):
    (folder / "masks" / "b.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"no mask for b\.JPG: put .*b\.png"):
        read(folder)
    for i in range(7):
        Image.new("RGB", (4, 4)).save(folder / "images" / f"c{i}.png")
    with pytest.raises(FileNotFoundError, match=r"b\.JPG, c0\.png, .* and 3 more: put"):
        read(folder)


def test_two_images_of_one_name_are_named(folder):
    Image.new("RGB", (12, 8)).save(folder / "images" / "a.jpg")
    with pytest.raises(ValueError, match=r"a\.jpg and .*a\.png share .*rename one"):
        read(folder)


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("images", "a.heic"),
        ("images", "notes.txt"),
        ("masks", "a.jpg"),
        ("masks", "a.gif"),
    ],
)
def test_other_formats_are_refused_rather_than_skipped(folder, place, name):
    (folder / place / name).write_bytes(b"x")
    with pytest.raises(ValueError, match=f"{name} is not one of .*JPEG changes values"):
        read(folder)


def test_sizes_that_differ_are_named(folder):
    save_mask(folder, "a", [0, 1], size=(12, 8))
    with pytest.raises(
        ValueError, match=r"a\.png is 12 x 8 pixels but .*a\.png is 8 x 12 pixels: save"
    ):
        read(folder)


@pytest.mark.parametrize(
    ("values", "dtype", "named"),
    [
        ([0, 3, 7], np.uint8, r"3 \(32 pixels\), 7 \(32 pixels\)"),
        ([0, 300], np.uint16, r"300 \(48 pixels\)"),
    ],
)
def test_labels_out_of_range_are_named(folder, values, dtype, named):
    save_mask(folder, "a", values, dtype=dtype)
    with pytest.raises(
        ValueError, match=rf"a\.png holds the values {named}, but 3 classes are 0 to 2"
    ):
        read(folder)


def test_another_ignore_index_is_respected(folder):
    save_mask(folder, "a", [0, 1, 9])
    assert read(folder, ignore_index=9)[1].unique().tolist() == [0, 1, 9]
    with pytest.raises(ValueError, match=r"holds the values 9 \("):
        read(folder)


def test_colour_masks_are_refused_with_the_line_to_write(folder):
    Image.new("RGB", (12, 8), "red").save(folder / "masks" / "a.png")
    with pytest.raises(
        ValueError,
        match=r"a\.png holds the colours .*mask_values=\{\(255, 0, 0\): \.\.\.\}",
    ):
        read(folder)
    Image.new("RGBA", (12, 8)).save(folder / "masks" / "a.png")
    with pytest.raises(ValueError, match=r"a\.png has transparent pixels"):
        read(folder)


def make_set(folder, masks):
    """Replace the folder's pairs by one for each mask, all 12 wide and 8 high."""
    for file in [*(folder / "images").iterdir(), *(folder / "masks").iterdir()]:
        file.unlink()
    for number, values in enumerate(masks):
        Image.new("RGB", (12, 8)).save(folder / "images" / f"{number}.png")
        save_mask(folder, f"{number}", values)


BINARY = ("background", "cell")


@pytest.mark.parametrize("masks", [[[0, 255]] * 3, [[255], [0, 255], [0]], [[255]]])
def test_masks_of_0_and_255_are_refused_with_the_line_to_write(folder, masks):
    make_set(folder, masks)
    data = FolderDataset(folder, classes=BINARY)
    line = r"mask_values=\{0: 'background', 255: 'cell'\}.*ignore_index=255"
    with pytest.raises(ValueError, match=rf"0\.png holds only .*255.*{line}"):
        data[0]  # so that training stops as check does
    with pytest.raises(ValueError, match=line) as caught:
        data.check()
    told = str(caught.value)
    faulty = sum(255 in values for values in masks)
    assert told.startswith(f"{faulty} of {len(masks)} pairs")
    assert told.count("mask_values=") == 1
    for number, values in enumerate(masks):
        assert told.count(f"{number}.png") == (255 in values)


def test_the_remedies_of_0_and_255_work(folder):
    make_set(folder, [[0, 255], [0]])
    data = FolderDataset(folder, mask_values={0: "background", 255: "cell"})
    data.check()
    assert data.classes == BINARY
    assert len(data.palette) == 2
    assert data[0][1].unique().tolist() == [0, 1]
    void = FolderDataset(folder, classes=BINARY, ignore_index=255)
    assert void[0][1].unique().tolist() == [0, 255]
    for values in (MaskValues.indices(BINARY), {0: "background", 1: "cell", 255: None}):
        label = FolderDataset(folder, mask_values=values)[0][1]
        assert label.unique().tolist() == [0, 255]


def test_255_is_void_where_another_mask_holds_the_second_class(folder):
    make_set(folder, [[0, 255], [0, 1, 255], [255]])
    data = FolderDataset(folder, classes=BINARY)
    assert data[0][1].unique().tolist() == [0, 255]
    with pytest.warns(UserWarning, match="No pixel counts") as caught:
        data.check()
    assert [str(w.message) for w in caught] == ["No pixel counts in 2.png."]


def test_255_that_stands_beside_0_alone_is_told(folder):
    make_set(folder, [[0, 255], [0, 1]])
    data = FolderDataset(folder, classes=BINARY)
    with pytest.warns(UserWarning, match=r"in 0\.png.*1: 'cell', 255: 'cell'\}"):
        data.check()
    both = {0: "background", 1: "cell", 255: "cell"}
    assert FolderDataset(folder, mask_values=both)[0][1].unique().tolist() == [0, 1]


def test_white_of_one_bit_does_not_say_that_255_is_void(folder):
    # Some programs write black and white as 1 bit, beside others of the set with 8.
    make_set(folder, [[0, 255], [0]])
    Image.fromarray(np.resize([False, True], (8, 12))).save(folder / "masks" / "1.png")
    with pytest.raises(ValueError, match=r"0\.png holds only 0 and 255.*mask_values="):
        FolderDataset(folder, classes=BINARY)[0]
    data = FolderDataset(folder, mask_values={0: "background", 255: "cell"})
    assert torch.equal(data[0][1], data[1][1])


def test_check_sees_files_that_were_mended(folder):
    make_set(folder, [[0, 255], [0, 255]])
    data = FolderDataset(folder, classes=BINARY)
    with pytest.raises(ValueError, match="2 of 2"):
        data.check()
    save_mask(folder, "1", [0, 1, 255])
    data.check()


def test_the_line_to_write_holds_the_values_of_all_masks(folder):
    make_set(folder, [[0, 255, 128], [0, 128]])
    with pytest.raises(ValueError, match="2 of 2") as caught:
        FolderDataset(folder, classes=CLASSES).check()
    line = "mask_values={0: 'background', 128: 'cat', 255: 'dog'}"
    assert str(caught.value).count(line) == 1


def test_numbered_objects_can_be_made_one_class(folder):
    """The remedy that the error prints, its dots filled in."""
    for stem in "ab":
        save_mask(folder, stem, range(96), dtype=np.uint16)
    with pytest.raises(ValueError, match="object of one class") as error:
        FolderDataset(folder, classes=["background", "cell"]).check()
    table = str(error.value).split("mask_values=")[-1]
    table = table.replace("0: ...", "0: 'background'").replace("...)", "'cell')")
    data = FolderDataset(folder, mask_values=eval(table))
    data.check()
    assert data[0][1].flatten().tolist() == [0] + [1] * 95


def test_classes_and_masks_without_use_are_told_once(folder):
    make_set(folder, [[0, 1], [255], [255], [0]])
    save_mask(folder, "zebra", [0])
    with pytest.warns(UserWarning, match="No mask holds") as caught:
        FolderDataset(folder, classes=CLASSES, ignore_index=255).check()
    assert [str(w.message).splitlines() for w in caught] == [
        [
            "No mask holds 'dog'.",
            "No pixel counts in 1.png, 2.png.",
            "No image has the name of zebra.png: left out.",
        ]
    ]


def test_a_kind_of_fault_is_told_once_however_many_files(folder):
    make_set(folder, [[0, 255]] * 30)
    with pytest.raises(ValueError, match="30 of 30") as caught:
        FolderDataset(folder, classes=BINARY).check()
    lines = str(caught.value).splitlines()
    assert len(lines) == 5  # how many, the first, those like it, the others, remedy
    assert lines[2].count(".png") == 19
    assert lines[3].strip() == "and 10 more"


def test_palettes_that_contradict_each_other_are_refused(folder):
    make_set(folder, [[0, 1], [0, 1]])
    for stem, colors in (("0", [0, 0, 0, 255, 0, 0]), ("1", [255, 0, 0, 0, 0, 0])):
        mask = Image.fromarray(np.resize(np.uint8([0, 1]), (8, 12)), mode="P")
        mask.putpalette(colors)
        mask.save(folder / "masks" / f"{stem}.png")
    data = FolderDataset(folder, classes=BINARY)
    data[0]
    with pytest.raises(ValueError, match=r"1\.png shows index 0 as \(255, 0, 0\)"):
        data[1]  # in training, too
    with pytest.raises(ValueError, match="1 of 2 pairs") as caught:
        data.check()
    line = "mask_values={(0, 0, 0): 'background', (255, 0, 0): 'cell'}"
    assert line in str(caught.value)
    colors = {(0, 0, 0): "background", (255, 0, 0): "cell"}
    mapped = FolderDataset(folder, mask_values=colors)
    mapped.check()
    assert torch.equal(mapped[0][1], 1 - mapped[1][1])
    (folder / "masks" / "0.png").write_bytes((folder / "masks" / "1.png").read_bytes())
    data.check()  # mended since


def test_masks_may_have_a_suffix(folder):
    for stem in "ab":
        (folder / "masks" / f"{stem}.png").rename(folder / "masks" / f"{stem}_mask.png")
    with pytest.raises(
        FileNotFoundError, match=r"no mask for a\.png, b\.JPG.*mask_suffix='_mask'"
    ):
        read(folder)
    save_mask(folder, "a", [0])  # not the one that is meant
    data = FolderDataset(folder, classes=CLASSES, mask_suffix="_mask")
    assert [mask.name for _, mask in data.files] == ["a_mask.png", "b_mask.png"]
    assert [mask.name for mask in data.unused] == ["a.png"]
    with pytest.raises(FileNotFoundError, match=r"put .*a_seg\.png"):
        read(folder, mask_suffix="_seg")
    with pytest.raises(ValueError, match=r"before the file's ending: leave \.png out"):
        read(folder, mask_suffix="_mask.png")
    save_mask(folder, "b", [0])
    with pytest.raises(FileNotFoundError, match=r"Is it a\.png\? Then leave mask_suf"):
        read(folder, mask_suffix="_seg")


def test_names_must_agree_in_capitals_but_not_in_how_umlauts_are_written(folder):
    (folder / "masks" / "b.png").rename(folder / "masks" / "B.png")
    with pytest.raises(FileNotFoundError, match=r"Is it B\.png\? .*capitals"):
        read(folder)
    (folder / "masks" / "B.png").rename(folder / "masks" / "mu\u0308nze.v1.png")
    (folder / "images" / "b.JPG").rename(folder / "images" / "m\u00fcnze.v1.JPG")
    assert len(FolderDataset(folder, classes=CLASSES)) == 2


@pytest.mark.parametrize("place", ["images", "masks"])
def test_pictures_in_sub_folders_are_refused(folder, place):
    below = folder / place / "more" / "still"
    below.mkdir(parents=True)
    (below / "notes.txt").write_text("no picture")
    for litter in ("__MACOSX", ".ipynb_checkpoints", "more/.thumbs"):
        (folder / place / litter).mkdir()
        Image.new("L", (2, 2)).save(folder / place / litter / "a.png")
    assert len(FolderDataset(folder, classes=CLASSES)) == 2
    Image.new("L", (2, 2)).save(below / "c.png")
    with pytest.raises(
        ValueError, match=r"more/still/c\.png lies in a sub-folder.*ConcatDataset"
    ):
        read(folder)


def test_a_file_in_place_of_the_folder_is_named(folder, monkeypatch):
    with pytest.raises(NotADirectoryError, match=r"a\.png is a file: .*unpack"):
        read(folder / "images" / "a.png")
    monkeypatch.setenv("HOME", str(folder.parent))
    monkeypatch.setenv("USERPROFILE", str(folder.parent))
    assert len(FolderDataset(f"~/{folder.name}", classes=CLASSES)) == 2


def test_pictures_too_large_do_not_end_the_check(folder, monkeypatch):
    make_set(folder, [[0, 1], [0, 2]])
    Image.new("RGB", (500, 500)).save(folder / "images" / "0.png")
    save_mask(folder, "1", [0, 9])
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(ValueError, match="2 of 2 pairs are faulty") as caught:
        FolderDataset(folder, classes=CLASSES).check()
    assert "0.png is too large" in str(caught.value)
    assert "1.png holds the values 9" in str(caught.value)


def test_sixteen_bit_images_are_refused(folder):
    deep = np.arange(96, dtype=np.uint16).reshape(8, 12) * 600
    Image.fromarray(deep).save(folder / "images" / "a.png")
    with pytest.raises(ValueError, match=r"a\.png has more than 8 bits .*8-bit PNG"):
        read(folder)


@pytest.mark.parametrize("place", ["images", "masks"])
@pytest.mark.parametrize("damage", ["cut", "text", "empty"])
def test_unreadable_files_are_named(folder, place, damage):
    file = folder / place / "a.png"
    content = file.read_bytes()
    damaged = {"cut": content[: len(content) * 2 // 3], "text": b"hello", "empty": b""}
    file.write_bytes(damaged[damage])
    with pytest.raises(ValueError, match=rf"{place}/a\.png cannot be read .*again"):
        read(folder)


def test_check_lists_every_fault(folder):
    FolderDataset(folder, classes=CLASSES).check()
    save_mask(folder, "a", [0, 5])
    (folder / "images" / "b.JPG").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"2 of 2 pairs are faulty") as caught:
        FolderDataset(folder, classes=CLASSES).check()
    assert "holds the values 5 (48 pixels)" in str(caught.value)
    assert "b.JPG cannot be read" in str(caught.value)


@pytest.mark.parametrize("classes", ["cat", 3])
def test_classes_must_be_names(folder, classes):
    with pytest.raises(TypeError, match="must be a list of names"):
        read(folder, classes=classes)


def test_classes_and_values_must_agree(folder):
    table = MaskValues({0: "background", 1: "cat"})
    save_mask(folder, "a", [0, 1])
    assert read(folder, classes=["background", "cat"], mask_values=table)[1].max() == 1
    for options, says in (
        ({"classes": ["cat", "background"]}, r"classes=\('cat', 'background'\) is not"),
        ({"classes": None, "ignore_index": 9}, "ignore_index=9 is not"),
        ({"mask_values": {0: "bird"}}, r"names \['bird'\]"),
    ):
        with pytest.raises(ValueError, match=says):
            read(folder, **({"mask_values": table} | options))
    with pytest.raises(TypeError, match=r"name the classes.*mask_values="):
        FolderDataset(folder)


def test_faults_are_value_errors_in_loading_processes_too(folder):
    make_set(folder, [[0, 255]])
    data = FolderDataset(folder, classes=BINARY)
    with pytest.raises(ValueError, match=r"0\.png holds only 0 and 255"):
        list(DataLoader(data, num_workers=1))


def test_palette_and_classes_must_fit(folder):
    with pytest.raises(ValueError, match="3 classes but 1 colours"):
        read(folder, palette=[(0, 0, 0)])
