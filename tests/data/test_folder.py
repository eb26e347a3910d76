"""A reader's own folder: what is read, and that each error names file and fix."""

import numpy as np
import pytest
import torch
from PIL import Image

from simseg_core.data import FolderDataset, augment, denormalize

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


def test_photographs_stand_as_the_camera_was_held(folder):
    tall = Image.new("RGB", (8, 12), "red")
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turn a quarter to the right
    tall.save(folder / "images" / "b.JPG", exif=exif)
    assert read(folder, 1)[0].shape == (3, 8, 12)


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
    [("images", "a.heic"), ("images", "notes.txt"), ("masks", "a.jpg")],
)
def test_other_formats_are_refused_rather_than_skipped(folder, place, name):
    (folder / place / name).write_bytes(b"x")
    with pytest.raises(ValueError, match=f"{name} is not one of .*JPEG changes values"):
        read(folder)


def test_sizes_that_differ_are_named(folder):
    save_mask(folder, "a", [0, 1], size=(12, 8))
    with pytest.raises(
        ValueError, match=r"a\.png is 12 x 8 pixels but .*a\.png is 8 x 12: save"
    ):
        read(folder)


@pytest.mark.parametrize(
    ("values", "dtype", "named"),
    [([0, 3, 7], np.uint8, r"\[3, 7\]"), ([0, 300], np.uint16, r"\[300\]")],
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
    with pytest.raises(ValueError, match=r"holds the values \[9\]"):
        read(folder)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA"])
def test_colour_masks_are_refused(folder, mode):
    Image.new(mode, (12, 8)).save(folder / "masks" / "a.png")
    with pytest.raises(
        ValueError, match=rf"a\.png has channels .*mode {mode}.*0, 1, 2"
    ):
        read(folder)


def test_black_and_white_masks_draw_a_warning(folder):
    save_mask(folder, "a", [0, 255])
    with pytest.warns(UserWarning, match=r"a\.png holds only 0 and 255.*mask // 255"):
        read(folder)


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
    assert "holds the values [5]" in str(caught.value)
    assert "b.JPG cannot be read" in str(caught.value)


@pytest.mark.parametrize("classes", ["cat", 3])
def test_classes_must_be_names(folder, classes):
    with pytest.raises(TypeError, match="must be a list of names"):
        read(folder, classes=classes)


def test_palette_and_classes_must_fit(folder):
    with pytest.raises(ValueError, match="3 classes but 1 colours"):
        read(folder, palette=[(0, 0, 0)])
