"""The chapters as they are stored."""

import ast
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Cell:
    """A cell: its id, its text and its metadata."""

    id: str
    text: str
    metadata: dict[str, Any]

    @property
    def lines(self) -> list[str]:
        """The lines that hold something."""
        return [line for line in self.text.splitlines() if line.strip()]

    @property
    def tree(self) -> ast.Module:
        """The parsed code, its magics left out."""
        lines = self.text.splitlines()
        kept = ["" if line.startswith(("%", "!")) else line for line in lines]
        return ast.parse("\n".join(kept))


@dataclass(frozen=True)
class Chapter:
    """A notebook under chapters/; those called NN_name are the book's chapters."""

    name: str
    raw: dict[str, Any]

    def cells(self, kind: str) -> list[Cell]:
        """The cells of one kind, in order."""
        return [
            Cell(cell["id"], "".join(cell["source"]), cell["metadata"])
            for cell in self.raw["cells"]
            if cell["cell_type"] == kind
        ]

    @property
    def code(self) -> list[Cell]:
        """The code cells."""
        return self.cells("code")

    @property
    def words(self) -> list[Cell]:
        """The Markdown cells."""
        return self.cells("markdown")


def read_chapters() -> list[Chapter]:
    """Every notebook that the book has."""
    return [
        Chapter(path.stem, json.loads(path.read_text()))
        for path in sorted((ROOT / "chapters").glob("*.ipynb"))
    ]


@pytest.fixture(scope="session")
def setup_cells() -> set[str]:
    """The texts of the set-up cells, one if all chapters agree."""
    return {
        cell.text
        for chapter in read_chapters()
        for cell in chapter.code
        if "setup" in cell.metadata.get("tags", [])
    }


def pytest_generate_tests(metafunc: Any) -> None:
    notebooks = read_chapters()
    chapters = [one for one in notebooks if re.match(r"\d\d_", one.name)]
    for name, found in {"notebook": notebooks, "chapter": chapters}.items():
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, found, ids=[one.name for one in found])


@pytest.fixture(scope="session")
def chapters() -> dict[str, Chapter]:
    """The chapters by name."""
    return {chapter.name: chapter for chapter in read_chapters()}
