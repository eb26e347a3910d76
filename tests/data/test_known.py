"""Public data sets on tiny folders of their official layout: what values become."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision.datasets
from PIL import Image

from simseg_core.data import ade20k, cityscapes, pets, voc
from simseg_core.data.known import fetching
from simseg_core.data.known.voc import color_map


def save(file: Path, values, colors=None) -> None:
    """Save an image of noise, or a mask of these values, 4 high and 6 wide."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if values is None:
        pixels = np.random.default_rng(0).integers(0, 255, (4, 6, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(file)
        return
    mask = Image.fromarray(np.resize(np.array(values, dtype=np.uint8), (4, 6)))
    if colors is not None:
        mask = mask.convert("L")
        picture = Image.new("P", mask.size)
        picture.putdata(list(mask.tobytes()))
        picture.putpalette([channel for color in colors for channel in color])
        mask = picture
    mask.save(file)


def values_of(label: torch.Tensor, count: int) -> list[int]:
    return label.flatten()[:count].tolist()


@pytest.fixture
def voc_folder(tmp_path: Path) -> Path:
    top = tmp_path / "VOCdevkit" / "VOC2012"
    lists = {"train": ["2007_000032"], "val": ["2007_000033"]}
    lists["trainval"] = lists["train"] + lists["val"]
    (top / "ImageSets" / "Segmentation").mkdir(parents=True)
    for name, stems in lists.items():
        (top / "ImageSets" / "Segmentation" / f"{name}.txt").write_text(
            "\n".join(stems) + "\n"
        )
    for stem in lists["trainval"]:
        save(top / "JPEGImages" / f"{stem}.jpg", None)
        mask = top / "SegmentationClass" / f"{stem}.png"
        save(mask, [0, 1, 15, 20, 255], color_map(256))
    return tmp_path


@pytest.fixture
def pets_folder(tmp_path: Path) -> Path:
    for stem in ("Abyssinian_1", "pug_7"):
        save(tmp_path / "images" / f"{stem}.jpg", None)
        save(tmp_path / "annotations" / "trimaps" / f"{stem}.png", [1, 2, 3])
    (tmp_path / "annotations" / "trainval.txt").write_text("Abyssinian_1 1 1 1\n")
    (tmp_path / "annotations" / "test.txt").write_text("pug_7 2 2 1\n")
    return tmp_path


@pytest.fixture
def cityscapes_folder(tmp_path: Path) -> Path:
    for part, city in (("train", "aachen"), ("val", "munster")):
        frame = f"{city}_000000_000019"
        images = tmp_path / "leftImg8bit" / part / city
        masks = tmp_path / "gtFine" / part / city
        save(images / f"{frame}_leftImg8bit.png", None)
        save(masks / f"{frame}_gtFine_labelIds.png", range(24))
    return tmp_path


@pytest.fixture
def ade_folder(tmp_path: Path) -> Path:
    top = tmp_path / "ADEChallengeData2016"
    for part, short in (("training", "train"), ("validation", "val")):
        stem = f"ADE_{short}_00000001"
        save(top / "images" / part / f"{stem}.jpg", None)
        save(top / "annotations" / part / f"{stem}.png", [0, 1, 2, 150])
    return tmp_path


def test_voc_indices_are_labels_and_its_border_is_void(voc_folder):
    data = voc(voc_folder)
    assert data.names == ["2007_000032", "2007_000033"]
    assert voc(voc_folder, part="train").names == data.names[:1]
    assert voc(voc_folder, part="val").names == data.names[1:]
    image, label = data[0]
    assert values_of(label, 5) == [0, 1, 15, 20, 255]
    assert (data.classes[15], data.classes[20]) == ("person", "tvmonitor")
    assert 0 <= image.min() <= image.max() <= 1
    with pytest.warns(UserWarning, match="No mask holds .bicycle. or"):
        data.check()  # the palette of the masks is no contradiction


@pytest.mark.parametrize("inside", ["VOCdevkit", "VOCdevkit/VOC2012"])
def test_voc_is_found_from_inside(voc_folder, inside):
    assert len(voc(voc_folder / inside)) == 2


def test_voc_colors_are_those_of_its_masks(voc_folder):
    """The masks hold the palette that the development kit computes."""
    data = voc(voc_folder)
    shown = Image.open(data.files[0][1]).getpalette()
    assert [c for color in data.palette for c in color] == shown[: 3 * 21]
    # As printed in the kit's documentation: aeroplane, person, void.
    assert data.palette[1] == (128, 0, 0)
    assert data.palette[15] == (192, 128, 128)
    assert color_map(256)[255] == (224, 224, 192)


def test_pets_border_does_not_count(pets_folder):
    data = pets(pets_folder)
    assert data.names == ["Abyssinian_1", "pug_7"]
    assert data.classes == ("background", "pet")
    assert values_of(data[0][1], 3) == [1, 0, 255]
    assert pets(pets_folder, part="train").names == ["Abyssinian_1"]
    assert pets(pets_folder, part="val").names == ["pug_7"]


def test_pets_are_found_where_torchvision_unpacks_them(pets_folder, tmp_path):
    top = tmp_path / "oxford-iiit-pet"
    top.mkdir()
    for name in ("images", "annotations"):
        (pets_folder / name).rename(top / name)
    data = pets(tmp_path, part="train")
    theirs = torchvision.datasets.OxfordIIITPet(tmp_path, target_types="segmentation")
    raw = torch.from_numpy(np.array(theirs[0][1]))
    assert torch.equal(data[0][1] == 1, raw == 1)
    assert torch.equal(data[0][1] == 255, raw == 3)


def test_cityscapes_ids_become_train_ids(cityscapes_folder):
    data = cityscapes(cityscapes_folder)
    assert data.names == [
        "aachen_000000_000019_leftImg8bit",
        "munster_000000_000019_leftImg8bit",
    ]
    assert len(cityscapes(cityscapes_folder, part="val")) == 1
    # The table of the data set's own scripts: void, road 7, sidewalk 8, building 11 to
    # fence 13, pole 17, traffic light 19 to sky 23; guard rail, bridge, tunnel and
    # polegroup are not scored, nor are parking and rail track.
    void = 255
    expected = [void] * 7 + [0, 1, void, void, 2, 3, 4, void, void, void, 5, void]
    assert data[0][1].flatten().tolist() == [*expected, 6, 7, 8, 9, 10]
    assert len(data.classes) == len(data.palette) == 19
    assert (data.classes[0], data.classes[18]) == ("road", "bicycle")
    assert data.palette[0] == (128, 64, 128)


def test_every_scored_kind_of_cityscapes_has_its_train_id(cityscapes_folder):
    values = cityscapes(cityscapes_folder).mask_values
    for kind in torchvision.datasets.Cityscapes.classes:
        label = values(np.array([[kind.id]])).item()
        assert label == (255 if kind.train_id in (-1, 255) else kind.train_id)


def test_ade_other_does_not_count_and_the_rest_moves_by_one(ade_folder):
    data = ade20k(ade_folder)
    assert data.names == ["ADE_train_00000001", "ADE_val_00000001"]
    assert ade20k(ade_folder / "ADEChallengeData2016", part="val").names == [
        "ADE_val_00000001"
    ]
    assert values_of(data[0][1], 4) == [255, 0, 1, 149]
    assert len(set(data.classes)) == len(data.palette) == 150
    # Lines 1, 90 and 150 of objectInfo150.txt.
    assert [data.classes[i - 1] for i in (1, 90, 150)] == ["wall", "television", "flag"]
    assert data.palette[2] == (6, 230, 230)  # sky


def test_options_of_a_folder_hold_for_all(ade_folder):
    image, label = ade20k(ade_folder, size=8, normalize=True)[0]
    assert image.shape == (3, 8, 8)
    assert label.shape == (8, 8)
    assert image.min() < 0


@pytest.mark.parametrize("dataset", [voc, pets, cityscapes, ade20k])
def test_an_empty_folder_is_told_what_to_fetch(tmp_path, dataset):
    with pytest.raises(FileNotFoundError, match=r"^no .* in .*\. Fetch .* from http"):
        dataset(tmp_path)


@pytest.mark.parametrize("dataset", [voc, pets, cityscapes, ade20k])
def test_a_wrong_part_is_named(tmp_path, dataset):
    with pytest.raises(ValueError, match="part='test' is not 'train' or 'val'"):
        dataset(tmp_path, part="test")


def test_a_file_that_is_missing_is_named(ade_folder):
    mask = next(ade_folder.rglob("ADE_val_00000001.png"))
    mask.unlink()
    with pytest.raises(FileNotFoundError, match=r"ADE_val_00000001.png: .* unpacked"):
        ade20k(ade_folder)


@pytest.mark.parametrize("dataset", [cityscapes, ade20k])
def test_what_cannot_be_downloaded_is_told_how_to_get(tmp_path, dataset):
    with pytest.raises(ConnectionError, match=r"cannot be downloaded .* Fetch"):
        dataset(tmp_path, download=True)


@pytest.mark.parametrize(
    ("dataset", "theirs"),
    [(voc, "VOCSegmentation"), (pets, "OxfordIIITPet")],
)
def test_a_host_that_is_gone_is_told_how_to_do_without(
    tmp_path, monkeypatch, dataset, theirs
):
    def gone(*_, **__):
        raise OSError("name or service not known")

    asked = []
    module = getattr(torchvision.datasets, theirs).__module__
    target = f"{module}.download_and_extract_archive"
    monkeypatch.setattr(target, gone)
    with pytest.raises(ConnectionError, match=r"name or service not known.*Fetch"):
        dataset(tmp_path, download=True)
    # Nothing is fetched unless it is asked for, nor what is there already.
    monkeypatch.setattr(target, lambda *_, **__: asked.append(1))
    with pytest.raises(FileNotFoundError):
        dataset(tmp_path)
    assert not asked


def test_a_wrong_checksum_is_a_failed_download():
    def damaged():
        raise RuntimeError("File not found or corrupted.")

    with pytest.raises(ConnectionError, match=r"corrupted.*By hand"):
        fetching.fetch(damaged, "By hand.")
