"""The scripts that make calls, and the extension that publishes what they ran."""

import importlib.util
import json
import logging
import subprocess
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]


def load(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def notebook(*code: str, words: str = "Words.") -> dict[str, Any]:
    cells: list[dict[str, Any]] = [
        {"cell_type": "markdown", "id": "w", "metadata": {}, "source": [words]}
    ]
    for number, text in enumerate(code):
        cells.append(
            {
                "cell_type": "code",
                "id": f"c{number}",
                "metadata": {},
                "execution_count": None,
                "outputs": [],
                "source": text.splitlines(keepends=True),
            }
        )
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {
        "cells": cells,
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """`run_chapters` on a small project whose chapter imports one of two modules."""
    package = tmp_path / "simseg_core"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "used.py").write_text("NUMBER = 42\n")
    (package / "unused.py").write_text("")
    (tmp_path / "chapters").mkdir()
    module = load("tools/run_chapters.py")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "CHAPTERS", tmp_path / "chapters")
    monkeypatch.setattr(module, "RAN", tmp_path / ".ran")
    return module


CODE = ("from simseg_core import used", "print(used.NUMBER)")


def test_a_run_is_kept_until_what_it_depends_on_changes(
    runner: ModuleType, tmp_path: Path
) -> None:
    book = notebook(*CODE)
    assert runner.run("01_toy", book)
    kept = json.loads((tmp_path / ".ran" / "01_toy.ipynb").read_text())
    assert kept["cells"][-1]["outputs"][0]["text"] in ("42\n", ["42\n"])
    assert set(kept["metadata"]["simseg_run"]["modules"]) == {
        "simseg_core/__init__.py",
        "simseg_core/used.py",
    }

    def current(*code: str, words: str = "Words.") -> bool:
        return runner.is_current(
            "01_toy", runner.code_cells(notebook(*code, words=words))
        )

    assert current(*CODE)
    assert current(*CODE, words="Other words.")
    assert not current(CODE[0], "print(used.NUMBER + 1)")
    (tmp_path / "simseg_core" / "unused.py").write_text("NUMBER = 1\n")
    assert current(*CODE)
    (tmp_path / "simseg_core" / "used.py").write_text("NUMBER = 43\n")
    assert not current(*CODE)


def test_a_failing_chapter_is_named_and_keeps_the_last_good_run(
    runner: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert runner.run("01_toy", notebook("print('good')"))
    before = (tmp_path / ".ran" / "01_toy.ipynb").read_text()
    assert not runner.run("01_toy", notebook("print('good')", "assert 1 + 1 == 3"))
    said = capsys.readouterr().err
    assert "assert 1 + 1 == 3" in said
    assert "01_toy failed" in said
    assert (tmp_path / ".ran" / "01_toy.ipynb").read_text() == before


def test_an_unknown_chapter_is_one_line(
    runner: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: Any, tmp_path: Path
) -> None:
    (tmp_path / "chapters" / "03_unet.ipynb").write_text(json.dumps(notebook("1")))
    monkeypatch.setattr("sys.argv", ["run_chapters.py", "--again", "3_unet"])
    assert runner.main() == 2
    assert capsys.readouterr().err == (
        "No chapter is called '3_unet' (nearest: NAME=03_unet).\n"
    )


def publish(root: Path, book: dict[str, Any]) -> dict[str, Any]:
    extension = load("book/_ext/chapter_outputs.py")
    environment = SimpleNamespace(note_dependency=lambda path: None)
    app = SimpleNamespace(srcdir=root, env=environment)
    content = [json.dumps(book)]
    extension.lay_outputs(app, "chapters/01_toy", content)
    return json.loads(content[0])


def test_the_page_shows_the_outputs_of_the_run(
    runner: ModuleType, tmp_path: Path
) -> None:
    runner.run("01_toy", notebook(*CODE))
    page = publish(tmp_path, notebook(*CODE, words="Mended words."))
    assert page["cells"][0]["source"] == ["Mended words."]
    assert "42" in "".join(page["cells"][2]["outputs"][0]["text"])
    assert "comes from one run of" in page["cells"][-1]["source"]


def test_a_page_without_its_run_draws_a_warning(
    runner: ModuleType, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    runner.run("01_toy", notebook(*CODE))
    logging.getLogger("sphinx").propagate = True
    changed = notebook("print('other code')")
    with caplog.at_level("WARNING"):
        page = publish(tmp_path, changed)
    assert "has no run to show" in caplog.text
    assert page == changed


def test_address_is_written_once_however_often_it_is_set() -> None:
    tool = load("tools/set_address.py")
    config = (ROOT / "_config.yml").read_text()
    once = tool.with_address(config, "https://github.com/a/b")
    twice = tool.with_address(once, "https://github.com/c/d")
    assert once.count("github.com/a/b") == 1
    assert "github.com/a/b" not in twice
    assert twice.count("github.com/c/d") == 1
    chapter = (ROOT / "chapters" / "03_unet.ipynb").read_text()
    changed = tool.with_source(chapter, "https://github.com/a/b")
    setup = "".join(
        next(c for c in json.loads(changed)["cells"] if c["id"] == "setup")["source"]
    )
    assert '"SIMSEG_SOURCE", "git+https://github.com/a/b")' in setup


@pytest.mark.parametrize("wrong", ["", "github.com/a/b", "https://example.org/a/b"])
def test_a_wrong_address_is_refused(
    wrong: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert load("tools/set_address.py").main([wrong]) == 2
    assert "Remedy: make address URL=" in capsys.readouterr().err


def test_find_python_names_the_remedy(tmp_path: Path) -> None:
    old = tmp_path / "python-old"
    old.write_text("#!/bin/sh\necho 3.9\n")
    old.chmod(0o755)
    find = ["sh", str(ROOT / "tools" / "find-python.sh")]
    result = subprocess.run([*find, str(old)], capture_output=True, text=True)
    assert result.returncode == 1
    assert "=3.9" in result.stderr
    assert result.stderr.count("\n") == 1
    assert "Remedy:" in result.stderr
    found = subprocess.run(find, capture_output=True, text=True)
    assert found.returncode == 0
    assert Path(found.stdout.strip()).exists()


def test_every_target_is_explained_by_make_help() -> None:
    shown = subprocess.check_output(["make", "-C", str(ROOT), "help"], text=True)
    for target in ["book", "serve", "test", "lint", "chapter", "bench", "lab", "clean"]:
        assert f"\n  {target} " in shown
