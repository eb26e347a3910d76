"""The command lines of the page on your own pictures, run as they stand there.

Only what makes a run long or large is exchanged: steps, widths, crop and batch.
"""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from simseg_core.cli import main

PAGE = Path(__file__).resolve().parents[2] / "book" / "own_pictures.md"
BLOCK = re.compile(r"^ *```sh\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
SHORT = shlex.split("--preset tiny --crop 32 --batch-size 2 --device cpu --steps 2")
RUN = ("simseg", "torchrun")


def commands() -> list[list[str]]:
    """The words of each command line that calls the package, in the page's order."""
    blocks = BLOCK.findall(PAGE.read_text("utf-8"))
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    return [shlex.split(line, comments=True) for line in lines if line.startswith(RUN)]


def arguments(words: list[str]) -> list[str]:
    """What the package is called with; one process in place of several."""
    if words[0] == "torchrun":
        return words[words.index("simseg_core") + 1 :]
    return words[1:]


def shortened(words: list[str]) -> list[str]:
    """The same run, small enough for a test; one that goes on is asked nothing new."""
    return words if "--resume" in words or words[0] != "train" else [*words, *SHORT]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that holds the pictures that the page speaks of."""
    rng = np.random.default_rng(0)
    for kind in ("images", "masks"):
        (tmp_path / "shores" / kind).mkdir(parents=True)
    (tmp_path / "drawn").mkdir()
    for name in ("bay_0", "bay_1", "cape_0", "cape_1", "rock_0", "rock_1"):
        pixels = rng.integers(0, 255, (32, 40, 3), dtype=np.uint8)
        mask = (pixels[..., 0] > 128).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / "shores" / "images" / f"{name}.jpg")
        Image.fromarray(mask).save(tmp_path / "shores" / "masks" / f"{name}.png")
    Image.fromarray(pixels).save(tmp_path / "drawn" / "tom.png")
    shape = {
        "label": "cat",
        "shape_type": "polygon",
        "points": [[5, 5], [30, 5], [5, 30]],
        "group_id": None,
        "flags": {},
    }
    drawing = {
        "version": "5.5.0",
        "flags": {},
        "shapes": [shape],
        "imagePath": "tom.png",
        "imageData": None,
        "imageHeight": 32,
        "imageWidth": 40,
    }
    (tmp_path / "drawn" / "tom.json").write_text(json.dumps(drawing))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_command_of_the_page_works(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = set()
    for words in commands():
        code = main(shortened(arguments(words)))
        said = capsys.readouterr()
        assert code == 0, f"{shlex.join(words)}\n{said.err}"
        names.add(arguments(words)[0])
    assert {"data", "train", "predict"} <= names
    assert (place / "sheet.png").exists()
    assert (place / "runs" / "second" / "best.safetensors").exists()
    assert (place / "cats" / "masks" / "tom.png").exists()
    assert len(list((place / "predicted").rglob("bay_0.png"))) == 1


def test_commands_are_found() -> None:
    """A block that the pattern misses would never be run."""
    text = PAGE.read_text("utf-8")
    lines = [line.strip() for line in text.splitlines()]
    assert len(commands()) == sum(
        line.startswith(tuple(f"{r} " for r in RUN)) for line in lines
    )
    assert len(commands()) >= 6
