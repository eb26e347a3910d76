"""No solution and no hidden test is in what the project publishes.

Student notebooks are looked through in `test_release.py`.
"""

import html
import re
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import nbformat

Lines = dict[str, set[str]]


def squeezed(text: str) -> str:
    return " ".join(text.split())


def test_the_site_holds_none(root: Path, secret_lines: Lines) -> None:
    site = root / "_build" / "html"
    pages = [
        p
        for p in site.rglob("*")
        if p.suffix in (".html", ".ipynb", ".md", ".txt", ".js")
    ]
    assert len(pages) > 50, "Remedy: make book"
    for page in pages:
        text = page.read_text(encoding="utf-8")
        if page.suffix == ".html":
            text = html.unescape(re.sub(r"<[^>]+>", "", text))
        elif page.suffix == ".ipynb":
            notebook = nbformat.reads(text, as_version=4)
            text = "\n".join(cell.source for cell in notebook.cells)
        text = squeezed(text)
        for name, lines in secret_lines.items():
            held = [line for line in lines if line in text]
            assert not held, (page, name, held[0])


def test_a_wheel_and_a_source_archive_hold_none(
    root: Path, secret_lines: Lines, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(root / name, copy)
    for path in root.glob("requirements*.txt"):
        shutil.copy(path, copy)
    for name in ("simseg_core", "assignments"):
        skip = shutil.ignore_patterns("__pycache__", "release", "graded", "submitted")
        shutil.copytree(root / name, copy / name, ignore=skip)
    build = "from setuptools.build_meta import *; build_wheel('.'); build_sdist('.')"
    asked = [sys.executable, "-c", build]
    subprocess.run(asked, cwd=copy, check=True, capture_output=True)
    (wheel,) = copy.glob("*.whl")
    with ZipFile(wheel) as archive:
        names = archive.namelist()
        text = squeezed(
            "\n".join(archive.read(n).decode() for n in names if n.endswith(".py"))
        )
    assert not [name for name in names if "assignments" in name or "teach" in name]
    for name, lines in secret_lines.items():
        assert not [line for line in lines if line in text], name
    (archive_path,) = copy.glob("*.tar.gz")
    listed = subprocess.run(
        ["tar", "tzf", archive_path], check=True, capture_output=True, text=True
    )
    assert "assignments" not in listed.stdout
