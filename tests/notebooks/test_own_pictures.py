"""The cells on a reader's own pictures, run with `root` at a reader's folder.

They, and every other cell of the notebooks, write and delete nothing of hers.
"""

import pathlib
import re
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from simseg_core import data
from simseg_core.training import evaluate

WRITES = re.compile(
    r"\.(save|savefig|unlink|rmdir|rmtree|rename|write_\w+|mkdir|touch|copytree|move)\("
    r"|\bopen\("
)


def own_cells(notebook: Any) -> list[str]:
    """The code cells that follow the heading on the reader's pictures, in order."""
    cells = notebook.raw["cells"]
    texts = [(one["cell_type"], "".join(one["source"])) for one in cells]
    headings = [i for i, (_, text) in enumerate(texts) if text.startswith("## ")]
    start = next(i for i in headings if "Your own pictures" in texts[i][1])
    end = next(i for i in headings if i > start)
    return [text for kind, text in texts[start:end] if kind == "code"]


def readers_folder(place: Path) -> Path:
    """Ten pictures with masks, a folder within the folders, and a file of notes."""
    root = place / "holiday"
    rng = np.random.default_rng(0)
    for kind, channels in (("images", (3,)), ("masks", ())):
        (root / kind).mkdir(parents=True)
        for i in range(10):
            pixels = rng.integers(0, 2, (96, 96, *channels), dtype=np.uint8)
            Image.fromarray(pixels).save(root / kind / f"{i}.png")
    (root / "raw" / "2019").mkdir(parents=True)
    (root / "raw" / "2019" / "3.png").write_bytes(b"not yet sorted")
    (root / "notes.txt").write_text("do not lose")
    return root


def contents(folder: Path) -> dict[str, bytes | None]:
    """Every folder and file under a folder, and what the files hold."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


# Its whole subject; it opens no folder but the one that it writes.
ALL_OF_IT = "08_your_own_pictures"


def test_the_chapter_on_own_pictures_opens_what_it_wrote(chapters: Any) -> None:
    cells = {cell.id: cell.text for cell in chapters[ALL_OF_IT].code}
    assert "coast = pathlib.Path(tempfile.mkdtemp())" in cells["own-write"]
    for text in cells.values():
        for opened in re.findall(r"FolderDataset\((\w+)|folder:\{(\w+)\}", text):
            assert set(opened) <= {"coast", "broken", ""}
    assert "shutil.copytree(coast, broken)" in cells["own-missing"]


def test_the_readers_folder_is_left_as_it_was(
    chapter: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if chapter.name == ALL_OF_IT:
        return
    for name in ("reader", "elsewhere", "temporary"):
        (tmp_path / name).mkdir()
    root = readers_folder(tmp_path / "reader")
    before = contents(tmp_path / "reader")
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))

    cells = own_cells(chapter)
    pointed = [
        re.sub(r"^root = .*$", f"root = {str(root)!r}", c, flags=re.M) for c in cells
    ]
    assert pointed != cells, "the reader finds no line `root = ...` to change"
    kind = next(k for k in ("Signal", "Signs", "Street") if f"{k}.classes" in cells[1])
    scenes = getattr(data, kind)
    network = torch.nn.Conv2d(3, len(scenes.classes), 1)
    names: dict[str, Any] = {
        **{"pathlib": pathlib, "evaluate": evaluate, "SIZE": 96, kind: scenes},
        "pictures": scenes("val", size=96, length=8, normalize=False),
        **{"kept": network, "final": network, "trained": defaultdict(lambda: network)},
    }
    for _ in range(2):  # a reader runs a cell again
        for cell in pointed:
            exec(cell, names)
    assert contents(tmp_path / "reader") == before
    assert contents(tmp_path / "elsewhere") == {}
    assert len(names["mine"]) == 10


def test_no_other_cell_writes_a_file(notebook: Any) -> None:
    """Only into a temporary folder, or a file that the notebook is there to write."""
    allowed = {"own-write", "own-missing"}
    allowed |= {"file"} if notebook.name == "gpu_timing" else set()
    for cell in notebook.code:
        if cell.id not in allowed:
            found = WRITES.search(cell.text)
            assert not found, f"cell {cell.id} calls {found.group()}"
