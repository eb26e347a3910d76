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
    chapter: Any, bare_python: Path, tmp_path: Path
) -> None:
    """Without a source and without the package: one line, and no install."""
    result = run(bare_python, chapter.code[0].text, tmp_path, source="")
    assert result.returncode == 1
    assert "Set SIMSEG_SOURCE" in result.stderr
    assert "Traceback" not in result.stderr


def test_it_installs_once_and_leaves_torch_alone(
    chapter: Any, bare_python: Path, wheel: Path, tmp_path: Path, root: Path
) -> None:
    result = run(bare_python, chapter.code[0].text, tmp_path, source=str(wheel))
    assert result.returncode == 0, result.stdout + result.stderr
    found = Path(result.stdout.split()[-1])
    assert found.is_relative_to(bare_python.parent.parent)
    assert not found.is_relative_to(root)
    uninstall = ["-m", "pip", "uninstall", "-q", "-y", "simseg-core"]
    subprocess.run([bare_python, *uninstall], check=True)
