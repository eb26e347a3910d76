"""What the tests of teaching share."""

import re
from pathlib import Path

import nbformat
import pytest
from teach.assignments.source import Source, list_assignments


@pytest.fixture(scope="session")
def teachers_python(root: Path) -> Path:
    """The Python of the teachers' environment, where nbgrader is."""
    python = root / ".venv-teach" / "bin" / "python"
    assert python.exists(), "Remedy: make teach"
    return python


@pytest.fixture(scope="session")
def secret_lines(root: Path) -> dict[str, set[str]]:
    """Assignment -> lines of its solutions and hidden tests that stand nowhere else.

    Lines are as long as a thought (25 letters or more), blanks count once.
    """
    public = ""
    for path in [*root.glob("simseg_core/**/*.py"), *root.glob("chapters/*.ipynb")]:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".ipynb":
            cells = nbformat.reads(text, as_version=4).cells
            text = "\n".join(cell.source for cell in cells)
        public += f"{text}\n"
    for name in list_assignments():
        source = Source.read(name)
        for cell in source.cells:
            if cell.kind in ("text", "given", "seen"):
                public += f"{cell.code}\n"
        public += "\n".join(question.stub for question in source.questions)
    known = {_squeezed(line) for line in public.splitlines()}
    region = re.compile(r"### BEGIN (?:SOLUTION|HIDDEN TESTS)\n(.*?)### END", re.S)
    found = {}
    for name in list_assignments():
        text = "\n".join(cell.code for cell in Source.read(name).cells)
        lines = {
            _squeezed(s) for part in region.findall(text) for s in part.splitlines()
        }
        found[name] = {line for line in lines - known if len(line) >= 25}
        assert len(found[name]) > 50
    return found


def _squeezed(line: str) -> str:
    return " ".join(line.split())
