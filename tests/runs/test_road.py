"""The whole road, by the words of the terminal: a folder to predictions and a file."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from PIL import Image

from simseg_core.cli import main
from simseg_core.runs import Predictor

# Trains as the terminal does, and is killed in its 18th step.
KILLED = """
import os, signal, sys
from simseg_core.cli import main
from simseg_core.training.step import TrainingStep
step = TrainingStep.__call__
def dying(self, batch, number, **options):
    if number == 18: os.kill(os.getpid(), signal.SIGKILL)
    return step(self, batch, number, **options)
TrainingStep.__call__ = dying
main(sys.argv[1:])
"""


def told(words: str, capsys: Any) -> Any:
    assert main(words.split()) == 0
    return json.loads(capsys.readouterr().out)


def test_from_a_folder_to_predictions_and_a_file(
    cells: Path, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    os.symlink(cells, "pictures")
    named = "--classes background,cell"
    found = told(f"data pictures {named} --json", capsys)
    assert found["pairs"] == 10

    words = f"train --data pictures {named} --out runs/a --preset tiny --steps 30"
    words += " --batch-size 4 --crop 32 --validate-every 10 --max-lr 0.02"
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, *words.split()], check=False, capture_output=True
    )
    assert ended.returncode == -signal.SIGKILL
    trained = told("train --out runs/a --resume --json", capsys)
    assert trained["step"] == 30
    assert trained["best"]["miou"] > 0.6

    held_out = json.loads(Path("runs/a/pictures.json").read_text())["val"]
    Path("val.txt").write_text("\n".join(held_out))
    for kind in ("images", "masks"):
        Path("held_out", kind).mkdir(parents=True)
        for name in held_out:
            os.symlink(cells / kind / f"{name}.png", f"held_out/{kind}/{name}.png")
    scores = told("evaluate runs/a --data held_out --json --out scores", capsys)
    # The same pictures in the same way: the run's own validation, to the last bit.
    assert scores["miou"] == trained["best"]["miou"]
    assert scores["iou"] == trained["best"]["iou"]

    large = Image.open(cells / "images" / "cell1.png").resize((600, 400))
    large.save("large.png")
    assert main(["predict", "runs/a", "large.png", "--tile", "256", "--overlays"]) == 0
    mask = Image.open("predictions/masks/large.png")
    assert (mask.mode, mask.size) == ("P", large.size)
    # Tiles that overlap by the receptive field are the whole picture's result.
    whole = Predictor.load("runs/a", tile=None)("large.png")
    assert (np.asarray(mask) == whole.label.numpy()).mean() > 0.9999

    assert main(["export", "runs/a", "model.onnx"]) == 0
    session = onnxruntime.InferenceSession("model.onnx")
    pixels = np.asarray(large, dtype=np.float32).transpose(2, 0, 1)[None] / 255
    [logits] = session.run(None, {session.get_inputs()[0].name: pixels})
    agree = logits[0].argmax(0) == whole.label.numpy()
    assert agree.mean() > 0.999
