"""The commands on a trained run: what they print and write, one line for a mistake."""

import csv
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from simseg_core.cli import main
from simseg_core.runs import Network, Predictor
from simseg_core.runs.checkpoint import BEST, LAST, save_trained
from tests.models.tiny import shown
from tests.runs.conftest import draw_cells

CLASSES = ("background", "cell")


def save(folder: Path, name: str = BEST, seed: int = 0, **settings: Any) -> Path:
    torch.manual_seed(seed)
    settings = {"classes": CLASSES, **settings}
    network = Network("unet_padded", preset="tiny", **settings)
    folder.mkdir(exist_ok=True)
    model = shown(network.build())
    save_trained(folder / name, model, network, step=1, scores={})
    return folder


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs, pictures with masks, and things that are none of these."""
    root = tmp_path_factory.mktemp("place")
    draw_cells(root / "cells", count=4)
    save(root / "run")
    save(root / "other", seed=1)
    save(root / "only_last", LAST)
    save(root / "foreign", classes=("background", "cat"))
    (root / "empty").mkdir()
    whole = (root / "run" / BEST).read_bytes()
    (root / "cut.safetensors").write_bytes(whole[: len(whole) // 2])
    (root / "text.onnx").write_text("old")
    (root / "text.txt").write_text("no picture")
    (root / "full/masks").mkdir(parents=True)
    (root / "full/masks/cell0.png").write_text("by hand")
    return root


@pytest.fixture
def here(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, from which `place` can be seen as it stands."""
    monkeypatch.chdir(tmp_path)
    for path in place.iterdir():
        (tmp_path / path.name).symlink_to(path)
    return tmp_path


# --- predict ----------------------------------------------------------------------


def test_a_folder_is_predicted(here: Path, capsys: Any) -> None:
    words = "predict run cells --out out --overlays --probabilities --device cpu"
    assert main(words.split()) == 0
    assert capsys.readouterr().out == "4 pictures predicted: out\n"
    expected = Predictor.load("run", device="cpu")("cells/images/cell1.png")
    mask = np.asarray(Image.open("out/masks/images/cell1.png"))
    assert np.array_equal(mask, expected.label.numpy())
    assert Path("out/overlays/images/cell1.jpg").exists()
    assert Path("out/probabilities/images/cell1.npz").exists()
    with open("out/shares.csv") as file:
        rows = list(csv.DictReader(file))
    assert [row["picture"] for row in rows] == [f"images/cell{i}.png" for i in range(4)]


def test_a_picture_goes_where_nothing_was_said(here: Path, capsys: Any) -> None:
    words = ["predict", "run", "cells/images/cell0.png"]
    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {"out": "predictions", "pictures": ["cells/images/cell0.png"]}
    assert main(words) == 2
    assert "--force" in capsys.readouterr().err
    assert main([*words, "--force"]) == 0
    assert Path("predictions/masks/cell0.png").exists()


def test_the_last_weights_and_a_file_of_weights(here: Path) -> None:
    picture = "cells/images/cell0.png"
    words = ["predict", "only_last", picture, "--last", "--out", "a"]
    assert main(words) == 0
    assert main(["predict", f"run/{BEST}", picture, "--out", "b"]) == 0
    one, other = (np.asarray(Image.open(f"{n}/masks/cell0.png")) for n in "ab")
    assert np.array_equal(one, other)  # of one seed


def test_what_cannot_be_read_is_told_and_the_code_is_1(here: Path, capsys: Any) -> None:
    words = "predict run cells/images/cell0.png text.txt cells/images/cell1.png"
    assert main([*words.split(), "--out", "out"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    first, last = err.splitlines()
    assert first.startswith("simseg: text.txt cannot be read")
    assert last.startswith("simseg: 1 of 3 pictures could not be predicted")
    assert len(list(Path("out/masks").rglob("*.png"))) == 2


def test_where_no_picture_can_be_read_there_are_no_others(
    here: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    words = ["predict", "run", "cells/images/cell0.png", "--out", "out"]
    assert main(words) == 1
    first, last = capsys.readouterr().err.splitlines()
    assert first.startswith("simseg: cells/images/cell0.png is too large (")
    assert "cut it into tiles" in first
    assert "PIL" not in first  # no Python words in the terminal
    assert "attack" not in first
    assert last == "simseg: none of the pictures could be predicted, as told above"


def test_ctrl_c_says_how_to_go_on(
    here: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stops(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as stopped:
        stopped.setattr(Predictor, "__call__", stops)
        assert main([*PREDICT.split(), "--device", "cpu"]) == 130
    told = "\nsimseg: stopped with 0 of 4 pictures predicted: --skip goes on"
    assert capsys.readouterr().err.startswith(told)
    assert main([*PREDICT.split(), "--skip"]) == 0
    assert main([*PREDICT.split(), "--skip"]) == 0
    assert "4 pictures predicted (4 of them before)" in capsys.readouterr().out


def test_what_tiles_cannot_give_is_a_note(here: Path, capsys: Any) -> None:
    words = "predict run cells/images --out out --tile 32"
    assert main(words.split()) == 0
    notes = capsys.readouterr().err.splitlines()
    assert len(notes) == 1
    assert notes[0].startswith("note: UNetPadded in tiles differs from one run")
    assert main([*words.split(), "--force", "--tile", "none"]) == 0
    assert capsys.readouterr().err == ""


# --- evaluate ---------------------------------------------------------------------


def test_a_run_is_scored(here: Path, capsys: Any) -> None:
    words = ["evaluate", "run", "--data", "folder:cells", "--out", "scores"]
    assert main(words) == 0
    text = capsys.readouterr().out
    assert text.startswith("Scores of run on 4 pictures")
    assert "cell" in text
    kept = json.loads(Path("scores/scores.json").read_text())
    assert {path.name for path in Path("scores").iterdir()} == {
        "scores.json",
        "confusion.png",
        "worst.png",
    }
    assert main([*words, "--json"]) == 2
    assert "scores/scores.json and 2 more would be replaced" in capsys.readouterr().err
    assert main([*words, "--json", "--force"]) == 0
    assert json.loads(capsys.readouterr().out) == kept
    assert set(kept["pictures"]) == {f"cell{i}" for i in range(4)}


def test_two_runs_are_compared(here: Path, capsys: Any) -> None:
    words = ["evaluate", "run", "--data", "folder:cells", "--against", "other"]
    assert main(words) == 0
    assert capsys.readouterr().out.startswith("run against other")
    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["one"]["run"], told["other"]["run"]) == ("run", "other")
    assert sum(told["leads"]) <= 4


def test_runs_of_other_classes_are_refused_before_anything_is_scored(
    here: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise AssertionError("a picture was scored")

    monkeypatch.setattr(Predictor, "__call__", fails)
    words = ["evaluate", "run", "--data", "folder:cells", "--against", "foreign"]
    assert main(words) == 2
    told = "simseg: run knows the classes background,cell, and those of foreign lack"
    assert capsys.readouterr().err.startswith(told)


# --- export -----------------------------------------------------------------------


def test_a_run_is_exported(here: Path, capsys: Any) -> None:
    assert main(["export", "run", "model.onnx"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("model.onnx takes RGB from 0 to 1, not normalised")
    assert main(["export", "run", "model.onnx", "--force", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["classes"] == list(CLASSES)


# --- mistakes ---------------------------------------------------------------------

PREDICT, EVALUATE = "predict run cells --out new", "evaluate run --data folder:cells"
MISTAKES = {
    "predict": "required: RUN, PATH",
    "predict run": "required: PATH",
    "predict runn cells": "no run runn: give the folder",
    "predict empty cells": "holds no best.safetensors",
    "predict only_last cells": "there is last.safetensors",
    "predict run cells --last": "holds no last.safetensors; there is best.safetensors",
    "predict cut.safetensors cells": "no whole safetensors file",
    "predict text.txt cells": "no whole safetensors file",
    "predict run gone.jpg": "there is no gone.jpg",
    "predict run gone/*.jpg": "no file has the form gone/*.jpg",
    "predict run empty": "no picture in empty",
    "predict run cells gone": "there is no gone",
    "predict run cells/images/cell0.png --out full": "full/masks/cell0.png would be",
    "predict run cells/images/cell0.png --out text.txt": "is a file, and no folder",
    f"{PREDICT} --force --skip": "replaced (--force) or left (--skip), not both",
    "predict run full/masks/cell0.png --out full --force": "is one of the pictures",
    f"{PREDICT} --tile 0": "'0' is no whole number of at least 1",
    f"{PREDICT} --tile big": "no whole number",
    f"{PREDICT} --device moon": "no device 'moon' here: --device may be cpu",
    f"{PREDICT} --device meta": "nothing runs",
    f"{PREDICT} --overlay": "unrecognized arguments: --overlay",
    "predikt run cells": "did you mean 'predict'?",
    "evaluate run": "required: --data",
    "evaluate run --data folder:gone": "no folder gone",
    "evaluate run --data folders:cells": "no kind 'folders'",
    "evaluate run --data street": "the data lack 'background', 'cell' and have",
    f"{EVALUATE} --classes cell,background": "have them in another order",
    f"{EVALUATE} --classes background": "the data lack 'cell'",
    f"{EVALUATE} --classes background,cell,more": "have 'more' besides",
    f"{EVALUATE} --classes a,,b": "write each once",
    f"{EVALUATE} --mask-values {{}}": "is no table",
    f"{EVALUATE} --part test": "invalid choice: 'test'",
    f"{EVALUATE} --part val": "has no part 'val'",
    f"{EVALUATE} --against gone": "no run gone",
    f"{EVALUATE} --against foreign": "those of foreign lack 'cell' and have 'cat'",
    f"{EVALUATE} --mask-suffix _mask": "leave mask_suffix out",
    f"{EVALUATE} --out text.txt": "text.txt is a file, and no folder: choose another",
    "export run": "required: FILE",
    "export run model": "end its name with .onnx or .pt2",
    "export run model.pth": "end its name with .onnx or .pt2",
    "export run gone/model.onnx": "there is no folder gone: make it first",
    "export run text.onnx": "text.onnx is there",
    "export gone model.onnx": "no run gone",
    "export run model.onnx --device cpu": "unrecognized arguments: --device cpu",
}


@pytest.mark.parametrize("words", MISTAKES)
def test_a_mistake_is_one_line_with_its_remedy(
    words: str, here: Path, capsys: Any
) -> None:
    before = sorted(here.iterdir())
    assert main(words.split()) == 2
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == ""
    assert len(lines) == 1, err
    assert lines[0].startswith("simseg: ")
    assert MISTAKES[words] in lines[0]
    assert sorted(here.iterdir()) == before
    assert Path("text.onnx").read_text() == "old"


@pytest.mark.parametrize(
    "words", [PREDICT, EVALUATE, "export run model.onnx"], ids=lambda w: w.split()[0]
)
def test_without_the_extra_it_is_named(
    words: str, here: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("safetensors", "safetensors.torch"):
        monkeypatch.setitem(sys.modules, name, None)
    assert main(words.split()) == 2
    assert capsys.readouterr().err == (
        'simseg: safetensors is not installed: pip install "simseg-core[train]"\n'
    )


def test_without_onnx_it_is_named(
    here: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert main(["export", "run", "model.onnx"]) == 2
    assert capsys.readouterr().err == (
        "simseg: onnx is not installed: pip install onnx onnxscript onnxruntime\n"
    )
