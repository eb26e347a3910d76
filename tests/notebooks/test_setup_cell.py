"""The set-up cell in an environment like Colab's: torch is there, the package is not.

A new environment sees this one's libraries through links, all but `simseg_core`. The
cell runs there outside the repository, twice, and installs from a wheel, so that no
network is needed.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

SOURCES = ("pyproject.toml", "README.md", "LICENSE", "requirements.txt")


@pytest.fixture(scope="session")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of the package, built from a copy so that the clone stays clean."""
    copy = tmp_path_factory.mktemp("source")
    for name in (*SOURCES, "requirements-test.txt", "requirements-earth.txt"):
        shutil.copy(root / name, copy)
    shutil.copytree(root / "simseg_core", copy / "simseg_core")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    subprocess.run(
        [*build, "--no-build-isolation", "--wheel-dir", copy / "dist", copy], check=True
    )
    return next((copy / "dist").glob("*.whl"))


@pytest.fixture
def chapter_cell(setup_cells: set[str]) -> str:
    """The set-up cell, which all chapters share."""
    (cell,) = setup_cells
    return cell


@pytest.fixture(scope="session")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with this environment's libraries and without simseg_core."""
    place = tmp_path_factory.mktemp("colab")
    libraries = place / "libraries"
    libraries.mkdir()
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if not path.name.startswith(("simseg_core", "__editable__", "pip", "_virtual")):
            (libraries / path.name).symlink_to(path)
    venv.create(place / "env", with_pip=True)
    python = place / "env" / "bin" / "python"
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = subprocess.check_output([python, "-c", where], text=True).strip()
    (Path(site) / "libraries.pth").write_text(f"{libraries}\n")
    return python


def run(python: Path, cell: str, folder: Path, source: str) -> Any:
    """Run the cell twice in one process, as a reader does, then say what came of it."""
    script = folder / "cell.py"
    script.write_text(
        f"cell = {cell!r}\n"
        "import importlib.metadata as m, subprocess\n"
        "def versions(): return m.version('torch'), m.version('numpy')\n"
        "before = versions()\n"
        "exec(cell, {})\n"
        "first = __import__('simseg_core').__file__\n"
        "real = subprocess.run\n"
        "def refuse(*a, **k): raise AssertionError('the second run installs again')\n"
        "subprocess.run = refuse\n"
        "exec(cell, {})\n"
        "import simseg_core\n"
        "simseg_core.create_model('unet', preset='tiny')\n"
        "assert versions() == before, 'torch or numpy was replaced'\n"
        "print(simseg_core.__file__)\n"
    )
    clean = {"PYTHONPATH", "SIMSEG_SOURCE", "SIMSEG_ROOT"}
    environment = {k: v for k, v in os.environ.items() if k not in clean}
    if source:
        environment["SIMSEG_SOURCE"] = source
    return subprocess.run(
        [python, script], cwd=folder, env=environment, capture_output=True, text=True
    )


def test_it_says_what_is_missing(
    chapter_cell: str, bare_python: Path, tmp_path: Path
) -> None:
    """Without a source and without the package: one line, and no install."""
    result = run(bare_python, chapter_cell, tmp_path, source="")
    assert result.returncode == 1
    assert "Set SIMSEG_SOURCE" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("no/such/folder", "no/such/folder"),
        ("some.whl", "some.whl"),
        ("./folder", "pyproject.toml"),
        ('"git+https://github.com/OWNER/NAME"', "Invalid requirement"),
        ("file:///nowhere/book.zip", "/nowhere/book.zip"),
    ],
)
def test_a_wrong_source_is_told_with_its_remedy(
    source: str, words: str, chapter_cell: str, bare_python: Path, tmp_path: Path
) -> None:
    """Pip's own words, then ours."""
    (tmp_path / "folder").mkdir()
    result = run(bare_python, chapter_cell, tmp_path, source=source)
    assert_told(result, words)


def test_a_source_of_something_else_is_told(
    chapter_cell: str, bare_python: Path, tmp_path: Path
) -> None:
    wheel = tmp_path / "another-1-py3-none-any.whl"
    about = "another-1.dist-info"
    with ZipFile(wheel, "w") as made:
        made.writestr("another.py", "")
        made.writestr(
            f"{about}/METADATA", "Metadata-Version: 2.1\nName: another\nVersion: 1\n"
        )
        made.writestr(
            f"{about}/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        made.writestr(f"{about}/RECORD", "")
    assert_told(run(bare_python, chapter_cell, tmp_path, source=str(wheel)), "")


def assert_told(result: Any, words: str) -> None:
    assert result.returncode == 1
    assert words in result.stderr
    last = result.stderr.splitlines()[-1]
    assert last.startswith("No simseg_core in SIMSEG_SOURCE=")
    assert "Set it to the book's folder, a wheel or git+https://" in last
    assert "Traceback" not in result.stderr


def test_it_installs_once_and_leaves_torch_alone(
    chapter_cell: str, bare_python: Path, wheel: Path, tmp_path: Path, root: Path
) -> None:
    result = run(bare_python, chapter_cell, tmp_path, source=str(wheel))
    assert result.returncode == 0, result.stdout + result.stderr
    found = Path(result.stdout.split()[-1])
    assert found.is_relative_to(bare_python.parent.parent)
    assert not found.is_relative_to(root)
    uninstall = ["-m", "pip", "uninstall", "-q", "-y", "simseg-core"]
    subprocess.run([bare_python, *uninstall], check=True)
