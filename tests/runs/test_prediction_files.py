"""Many pictures to files: none lost, none overwritten, none named like another."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from simseg_core.data import FolderDataset
from simseg_core.runs import Network, Predictor, predict_files
from simseg_core.runs.prediction_files import find_pictures
from tests.models.tiny import shown

CLASSES = ("sky", "road", "pole, or post")


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    network = Network("unet_padded", CLASSES, preset="tiny")
    return Predictor(network, shown(network.build()), device="cpu")


def picture(path: Path, size: tuple[int, int] = (20, 18)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    wide, high = size
    pixels = np.random.default_rng(len(path.name)).integers(0, 256, (high, wide, 3))
    Image.fromarray(pixels.astype(np.uint8)).save(path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    picture(tmp_path / "in/a.png")
    picture(tmp_path / "in/b.jpg", (30, 17))
    picture(tmp_path / "in/deep/er/a.png")
    (tmp_path / "in/notes.txt").write_text("no picture")
    (tmp_path / "in/._a.png").write_text("litter")
    return tmp_path


def files_in(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.*"))


def test_a_folder_is_mirrored(predictor: Predictor, folder: Path) -> None:
    out = folder / "out"
    found = predict_files(
        predictor, folder / "in", out, overlays=True, probabilities=True
    )
    names = ["a", "b", "deep/er/a"]
    assert files_in(out) == sorted(
        [f"masks/{n}.png" for n in names]
        + [f"overlays/{n}.jpg" for n in names]
        + [f"probabilities/{n}.npz" for n in names]
        + ["shares.csv"]
    )
    assert len(found.done) == 3
    assert not found.faults
    assert str(found) == f"3 pictures predicted: {out}"
    expected = predictor(folder / "in/b.jpg")
    mask = np.asarray(Image.open(out / "masks/b.png"))
    assert np.array_equal(mask, expected.label.numpy())
    with np.load(out / "probabilities/b.npz") as kept:
        assert kept["probabilities"].dtype == np.float16
        np.testing.assert_allclose(
            kept["probabilities"], expected.probabilities.numpy(), atol=1e-3
        )
        assert tuple(kept["classes"]) == CLASSES
    overlay = np.asarray(Image.open(out / "overlays/b.jpg")).astype(float)
    assert abs(overlay - np.asarray(expected.overlay())).mean() < 20
    with (out / "shares.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["picture"] for row in rows] == ["a.png", "b.jpg", "deep/er/a.png"]
    for name, share in expected.shares.items():
        assert float(rows[1][name]) == pytest.approx(share, abs=1e-6)


def test_only_what_is_asked_for_is_written(predictor: Predictor, folder: Path) -> None:
    predict_files(predictor, folder / "in/a.png", folder / "out")
    assert files_in(folder / "out") == ["masks/a.png", "shares.csv"]


def test_masks_are_read_again_as_labels(predictor: Predictor, folder: Path) -> None:
    predict_files(predictor, folder / "in/b.jpg", folder)
    picture(folder / "images/b.png", (30, 17))
    (_, label), *_ = FolderDataset(folder, classes=CLASSES)
    assert label.equal(predictor(folder / "in/b.jpg").label)


def test_pictures_of_one_name_keep_apart(predictor: Predictor, tmp_path: Path) -> None:
    for name in ("a.png", "A.jpg", "a.jpg.png", "deep/a.png"):
        picture(tmp_path / "in" / name)
    predict_files(predictor, tmp_path / "in", tmp_path / "out")
    assert files_in(tmp_path / "out/masks") == [
        "A.jpg.png",
        "a.jpg.png.png",
        "a.png.png",
        "deep/a.png",
    ]


@pytest.mark.parametrize(
    ("sources", "names"),
    [
        (["in"], ["a", "b", "deep/er/a"]),
        (["in/b.jpg"], ["b"]),
        (["in/*.png"], ["a"]),
        (["in/**/*.png"], ["a", "deep/er/a"]),
        (["in/deep/*/a.png"], ["er/a"]),
        (["in/a.png", "in/deep/er"], ["a", "deep/er/a"]),
        (["in/a.png", "in", "in/a.png"], ["a", "b", "deep/er/a"]),
        (["in/deep/er"], ["a"]),
    ],
)
def test_names_start_where_the_sources_part(
    sources: list[str],
    names: list[str],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(folder)
    assert sorted(find_pictures(sources).values()) == names
    absolute = [folder / source for source in sources]
    assert sorted(find_pictures(absolute).values()) == names


def test_masks_beside_images_are_no_pictures(folder: Path) -> None:
    picture(folder / "set/images/a.png")
    picture(folder / "set/masks/a.png")
    for source in (folder / "set", folder / "set/**/*", folder / "set/*/*"):
        assert list(find_pictures(source).values()) == ["images/a"]
    assert list(find_pictures(folder / "set/masks/*").values()) == ["a"]
    assert list(find_pictures(folder / "set/masks").values()) == ["a"]


def test_a_pattern_takes_what_a_folder_gives(folder: Path) -> None:
    expected = find_pictures(folder / "in")
    assert find_pictures(folder / "in/**/*") == expected
    left_out = [folder / "in/deep"]
    some = find_pictures(folder / "in/**/*.*", leave_out=left_out)
    assert some == find_pictures(folder / "in", leave_out=left_out)
    assert list(some.values()) == ["a", "b"]
    # Who names an ending means it.
    assert list(find_pictures(folder / "in/*.txt").values()) == ["notes"]


def test_a_picture_counts_once_however_it_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    sources = ["in/a.png", folder / "in/a.png", "in/deep/../a.png"]
    assert list(find_pictures(sources).values()) == ["a"]


def test_links_to_folders_are_followed_once(folder: Path) -> None:
    picture(folder / "elsewhere/c.png")
    (folder / "elsewhere/back").symlink_to(folder / "in")
    (folder / "in/linked").symlink_to(folder / "elsewhere")
    (folder / "in/deep/up").symlink_to(folder / "in")
    names = ["a", "b", "deep/er/a", "linked/c"]
    assert list(find_pictures(folder / "in").values()) == names


@pytest.mark.parametrize("out", ["in/out", "in"])
def test_results_are_not_taken_for_pictures(
    out: str, predictor: Predictor, folder: Path
) -> None:
    for _ in range(2):
        found = predict_files(
            predictor, folder / "in", folder / out, overlays=True, force=True
        )
        assert [path.name for path in found.done] == ["a.png", "b.jpg", "a.png"]


def test_what_cannot_be_read_is_told_and_the_others_go_on(
    predictor: Predictor, folder: Path
) -> None:
    whole = (folder / "in/a.png").read_bytes()
    (folder / "in/a.png").write_bytes(whole[: len(whole) // 2])
    Image.new("I;16", (9, 9)).save(folder / "in/deep.png")
    told: list[str] = []
    found = predict_files(predictor, folder / "in", folder / "out", tell=told.append)
    assert [path.name for path in found.done] == ["b.jpg", "a.png"]
    assert [path.name for path in found.faults] == ["a.png", "deep.png"]
    assert told == list(found.faults.values())
    assert "a.png cannot be read" in told[0]
    assert "more than 8 bits" in told[1]
    assert str(found).endswith("; 2 could not be")
    remedies = [text.rpartition(": ")[2] for text in told]
    assert len(set(remedies)) == 2
    assert files_in(folder / "out/masks") == ["b.png", "deep/er/a.png"]


def test_a_remedy_is_told_once(predictor: Predictor, folder: Path) -> None:
    for name in ("deep", "deeper", "deepest"):
        Image.new("I;16", (9, 9)).save(folder / f"in/{name}.png")
    told: list[str] = []
    found = predict_files(predictor, folder / "in", folder / "out", tell=told.append)
    assert ["scale it to 0..255" in text for text in told] == [True, False, False]
    for name, text in zip(("deep", "deeper", "deepest"), told):
        assert text.startswith(f"{folder / 'in' / name}.png has more than 8 bits")
    assert all("scale it to 0..255" in text for text in found.faults.values())


def test_too_little_memory_is_told(
    predictor: Predictor, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(image: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: 8 bytes")

    monkeypatch.setattr(predictor.model, "forward", fails)
    found = predict_files(predictor, folder / "in/b.jpg", folder / "out")
    (fault,) = found.faults.values()
    assert "b.jpg (30 x 17 pixels) needs more memory" in fault


# --- nothing is lost --------------------------------------------------------------


def test_nothing_is_replaced_without_a_word(predictor: Predictor, folder: Path) -> None:
    out = folder / "out"
    (out / "masks/deep/er").mkdir(parents=True)
    (out / "masks/deep/er/a.png").write_text("by hand")
    with pytest.raises(FileExistsError, match=r"er/a\.png would be replaced.*--force"):
        predict_files(predictor, folder / "in", out)
    assert files_in(out) == ["masks/deep/er/a.png"]
    predict_files(predictor, folder / "in", out, force=True)
    assert (out / "masks/deep/er/a.png").read_bytes()[:4] == b"\x89PNG"
    with pytest.raises(FileExistsError, match=r"and 3 more would be replaced"):
        predict_files(predictor, folder / "in", out)


def test_a_picture_is_never_replaced(predictor: Predictor, folder: Path) -> None:
    mask = picture(folder / "set/masks/a.png")
    before = mask.read_bytes()
    for source in (mask, folder / "set/masks"):
        with pytest.raises(FileExistsError, match="is one of the pictures"):
            predict_files(predictor, source, folder / "set", force=True)
    assert mask.read_bytes() == before


def table(out: Path) -> dict[str, list[str]]:
    with (out / "shares.csv").open() as file:
        return {picture: shares for picture, *shares in csv.reader(file)}


def test_what_was_stopped_goes_on(
    folder: Path, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = folder / "whole"
    predict_files(predictor, folder / "in", expected, overlays=True)
    out, forward, seen = folder / "out", predictor.model.forward, []

    def stopped_at_second(image: object) -> object:
        seen.append(image)
        if len(seen) == 2:
            raise KeyboardInterrupt
        return forward(image)

    monkeypatch.setattr(predictor.model, "forward", stopped_at_second)
    with pytest.raises(KeyboardInterrupt, match=r"1 of 3 pictures predicted: --skip"):
        predict_files(predictor, folder / "in", out)
    assert files_in(out) == ["masks/a.png", "shares.csv"]
    with (out / "shares.csv").open("a") as file:
        file.write("b.jpg,0.1")  # a line that something cut
    first = (out / "masks/a.png").stat().st_mtime_ns
    found = predict_files(predictor, folder / "in", out, skip=True)
    assert len(seen) == 4
    assert str(found) == f"3 pictures predicted (1 of them before): {out}"
    assert (out / "masks/a.png").stat().st_mtime_ns == first
    assert table(out) == table(expected)
    # What is missing comes beside what is there, and no line twice.
    predict_files(predictor, folder / "in", out, overlays=True, skip=True)
    assert (out / "masks/a.png").stat().st_mtime_ns == first
    assert files_in(out) == files_in(expected)
    assert (out / "shares.csv").read_text() == (expected / "shares.csv").read_text()


def test_skipping_keeps_what_others_made(predictor: Predictor, folder: Path) -> None:
    out = folder / "out"
    predict_files(predictor, folder / "in/b.jpg", out)
    (out / "masks/a.png").write_text("by hand")
    predict_files(predictor, folder / "in/a.png", out, skip=True)
    assert (out / "masks/a.png").read_text() == "by hand"
    assert list(table(out)) == ["picture", "b.jpg", "a.png"]
    with pytest.raises(ValueError, match=r"--force.*--skip.*not both"):
        predict_files(predictor, folder / "in", out, skip=True, force=True)
    before = (out / "shares.csv").read_text().replace("sky", "heaven")
    (out / "shares.csv").write_text(before)
    with pytest.raises(ValueError, match=r"heaven.*choose another folder"):
        predict_files(predictor, folder / "in", out, skip=True)
    assert (out / "shares.csv").read_text() == before


def test_a_folder_that_cannot_be_written_to_is_told(
    predictor: Predictor, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = folder / "in/a.png"
    for out in (folder / "in/notes.txt", folder / "in/notes.txt/deep"):
        with pytest.raises(OSError, match=r"notes.txt is a file.*another folder"):
            predict_files(predictor, source, out)
    (folder / "locked").mkdir()
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(OSError, match=r"nothing can be written in .*locked: choose"):
        predict_files(predictor, source, folder / "locked")

    def refuses(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", refuses)
    with pytest.raises(OSError, match=r"nothing can be written in .*new: choose"):
        predict_files(predictor, source, folder / "new")


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("gone.png", "there is no .*gone.png"),
        ("gone/*.png", "no file has the form"),
        ("in/empty", "no picture in .*empty: those that end with .bmp, "),
    ],
)
def test_sources_without_a_picture_are_named(
    source: str, told: str, predictor: Predictor, folder: Path
) -> None:
    (folder / "in/empty").mkdir()
    with pytest.raises(FileNotFoundError, match=told):
        predict_files(predictor, [folder / "in", folder / source], folder / "out")
    assert not (folder / "out").exists()
