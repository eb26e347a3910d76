"""The command `train`: its words, one line for each mistake, and the whole road."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from simseg_core.cli import main

from .runs.conftest import draw_cells


@pytest.fixture(scope="module")
def cells(tmp_path_factory: Any) -> Path:
    return draw_cells(tmp_path_factory.mktemp("pictures") / "cells")


@pytest.fixture(scope="module")
def broken(tmp_path_factory: Any) -> Path:
    folder = draw_cells(tmp_path_factory.mktemp("pictures") / "broken")
    os.truncate(folder / "images" / "cell2.png", 300)
    return folder


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: Any) -> Path:
    folder = draw_cells(tmp_path_factory.mktemp("pictures") / "mixed")
    Image.new("L", (9, 9), 7).save(folder / "masks" / "cell3.png")
    return folder


@pytest.fixture(scope="module")
def void(tmp_path_factory: Any) -> Path:
    folder = draw_cells(tmp_path_factory.mktemp("pictures") / "void")
    for mask in (folder / "masks").iterdir():
        Image.new("L", Image.open(mask).size, 255).save(mask)
    Image.new("L", Image.open(mask).size, 1).save(mask)  # or nothing would say what is
    return folder


# {cells}, {broken}, {mixed}: folders; {out}: a new folder; {file}: a file.
GOOD = "--data {cells} --classes background,cell --out {out} --preset tiny"
MISTAKES = {
    "": "required: --out",
    "--out {out}": "say --data folder:PATH",
    "--data folder:{cells} --out {out}": "--classes background,class1",
    "--data folder:{cells}x --classes a,b --out {out}": "no folder",
    "--data voc --out {out}": "voc:PATH",
    "--data folder:{cells} --classes a --out {out}": "1 class",
    "--data folder:{cells} --classes a,,b --out {out}": "write each once",
    "--data folder:{cells} --classes a,a --out {out}": "a",
    "--data folder:{cells} --mask-values [] --out {out}": "is no table",
    "--data folder:{cells} --mask-values x.json --out {out}": "is no JSON",
    "--data street --part val --out {out}": "unrecognized arguments: --part",
    "--data folder:{broken} --classes a,b --out {out}": "cell2.png",
    "--data folder:{mixed} --classes a,b --scale 1 --out {out}": "cell3.png",
    f"{GOOD} --model unett": "did you mean 'unet'?",
    f"{GOOD} --model resnet18": "unknown model",
    f"{GOOD} --preset huge": "invalid choice",
    f"{GOOD} --option widths": "write key=value",
    f"{GOOD} --option wide=3": "wide",
    f"{GOOD} --pretrained": "no published weights for unet_residual",
    f"{GOOD} --model unet_resnet34 --pretrained": "say --preset paper",
    f"{GOOD} --start-from {{cells}}": "holds no best.safetensors",
    f"{GOOD} --start-from nowhere": "no run nowhere",
    f"{GOOD} --steps 0": "at least 1",
    f"{GOOD} --steps many": "no whole number",
    f"{GOOD} --max-lr -1": "--max-lr -1.0 must be above 0",
    f"{GOOD} --loss iou": "there is no 'iou'",
    f"{GOOD} --crop 0": "at least 1",
    f"{GOOD} --crop none": "--crop 256",
    f"{GOOD} --crop 8": "16",
    f"{GOOD} --val-share 2": "above 0 and below 1",
    f"{GOOD} --group (": "--group '(' is no regular",
    f"{GOOD} --group z": "finds no place",
    f"{GOOD} --lists {{file}} {{file}}": "none of the",
    f"{GOOD} --lists nowhere.txt {{file}}": "no list nowhere.txt",
    f"{GOOD} --device moon": "moon",
    f"{GOOD} --amp --precision float64": "no float64",
    f"{GOOD} --epochs 3": "unrecognized arguments: --epochs",
    f"{GOOD} --resume": "nothing to resume",
    f"{GOOD} --scale 0": "--scale 0.0 must be above 0",
    "--data {void} --classes a,b --out {out}": "no pixel of the 2 validation pictures",
    "--data street --classes a,b --out {out}": "leave classes out",
    "--data folder:{cells} --classes a,b --out {cells}": "(--resume)",
    "--data folder:{cells} --classes a,b --out {file}": "choose a new folder",
}


@pytest.mark.parametrize("words", MISTAKES)
def test_a_mistake_gets_one_line_and_leaves_nothing(
    words: str,
    cells: Path,
    broken: Path,
    mixed: Path,
    void: Path,
    tmp_path: Path,
    capsys: Any,
) -> None:
    (tmp_path / "file.txt").write_text("nothing\n")
    places = {
        "cells": cells, "broken": broken, "mixed": mixed, "void": void,
        "out": tmp_path / "out", "file": tmp_path / "file.txt",
    }  # fmt: skip
    given = words.format(**places).split()
    steps = [] if "--steps" in words else ["--steps", "2"]
    assert main(["train", *given, *steps]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    [line] = [each for each in said.err.splitlines() if each.startswith("simseg: ")]
    assert MISTAKES[words] in line
    assert not (tmp_path / "out" / "best.safetensors").exists()


def test_a_run_from_the_terminal(cells: Path, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "run"
    words = [*GOOD.format(cells=cells, out=out).split(), "--steps", "4", "--crop", "32"]
    assert main(["train", *words]) == 0
    assert f"Now: simseg predict {out}" in capsys.readouterr().out
    assert main(["train", "--out", str(out), "--resume", "--json"]) == 0
    best = json.loads(capsys.readouterr().out)
    assert best["step"] == 4
    assert 0 < best["best"]["miou"] < 1
    assert main(["train", "--out", str(out), "--resume", "--steps", "5"]) == 2
    assert "--steps 5 and not 4" in capsys.readouterr().err
