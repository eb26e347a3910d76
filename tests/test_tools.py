"""The scripts that make calls, and the extension that publishes what they ran."""

import importlib.util
import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import chapter_outputs
import pytest
import yaml

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


def point_at(project: Path, patch: pytest.MonkeyPatch) -> ModuleType:
    """`run_chapters`, as if it stood in this project."""
    module = load("tools/run_chapters.py")
    patch.setattr(module, "ROOT", project)
    patch.setattr(module, "CHAPTERS", project / "chapters")
    patch.setattr(module, "RAN", project / ".ran")
    return module


CODE = ("from simseg_core import used", "print(used.NUMBER)")


def write_project(project: Path) -> None:
    """A small project whose chapter imports one of two modules."""
    package = project / "simseg_core"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "used.py").write_text("NUMBER = 42\n")
    (package / "unused.py").write_text("")
    (project / "chapters").mkdir()


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """`run_chapters` on a small project that has run nothing yet."""
    write_project(tmp_path)
    return point_at(tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def project_that_ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small project after one green run of its chapter."""
    project = tmp_path_factory.mktemp("project")
    write_project(project)
    with pytest.MonkeyPatch.context() as patch:
        assert point_at(project, patch).run("01_toy", notebook(*CODE))
    return project


@pytest.fixture
def runner_that_ran(
    project_that_ran: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> ModuleType:
    """`run_chapters` on a copy of the project that ran: a run takes seconds."""
    shutil.copytree(project_that_ran, tmp_path, dirs_exist_ok=True)
    return point_at(tmp_path, monkeypatch)


def test_a_run_is_kept_until_what_it_depends_on_changes(
    runner_that_ran: ModuleType, tmp_path: Path
) -> None:
    runner = runner_that_ran
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


@pytest.mark.parametrize(
    ("reader", "file"),
    [
        ("simseg_core/measured/__init__.py", "gpu.json"),
        ("simseg_core/runs/pretrained.py", "encoder.safetensors"),
    ],
)
def test_a_new_stored_result_makes_the_chapters_that_show_it_run_again(
    runner: ModuleType, tmp_path: Path, reader: str, file: str
) -> None:
    assert file.endswith(runner.READ_STORED[reader].removeprefix("*"))
    # It is there, and reads such files.
    assert runner.READ_STORED[reader].removeprefix("*") in (ROOT / reader).read_text()
    cells = runner.code_cells(notebook(*CODE))
    shows, before = (runner.digest(cells, m) for m in ([reader], ["other.py"]))
    (tmp_path / "simseg_core" / "measured").mkdir()
    (tmp_path / "simseg_core" / "measured" / file).write_bytes(
        b"{}" if file.endswith("json") else bytes(range(256))
    )
    assert runner.digest(cells, [reader]) != shows
    assert runner.digest(cells, ["other.py"]) == before


def test_a_run_finds_nothing_of_an_earlier_one(runner: ModuleType) -> None:
    book = notebook("import pathlib\nfile = pathlib.Path('mine.json')",
                    "assert not file.exists()\nfile.touch()")  # fmt: skip
    assert runner.run("01_toy", book)
    assert runner.run("01_toy", book)


MEETING = """\
import os, pathlib, time, torch
assert torch.get_num_threads() == 1
room = pathlib.Path(os.environ["SIMSEG_ROOT"])
(room / "{here}").touch()
end = time.monotonic() + 60
while not (room / "{there}").exists():
    assert time.monotonic() < end, "the other chapter does not run"
    time.sleep(0.05)"""


def test_chapters_run_side_by_side_on_one_thread_each(
    runner: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    books = {
        "01_here": notebook(MEETING.format(here="one", there="other")),
        "02_there": notebook(MEETING.format(here="other", there="one")),
        "03_wrong": notebook("assert 1 + 1 == 3"),
    }
    assert runner.run_all(books, 2) == ["03_wrong"]


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


FIGURE = """\
import os, matplotlib.pyplot as plt
plt.plot([1, 2])
plt.show()
print(os.getcwd(), __debug__)"""


def test_a_run_does_not_depend_on_its_place_or_the_users_settings(
    runner: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "Über 'meine' Bücher"
    monkeypatch.setattr(runner, "RAN", place / ".ran")
    monkeypatch.setenv(
        "HOME", "/dev/null"
    )  # nothing can be made in it, by root neither
    for name in ("IPYTHONDIR", "MPLCONFIGDIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, "/dev/null/settings")
    monkeypatch.setenv("MPLBACKEND", "Agg")  # would draw nothing
    monkeypatch.setenv("PYTHONOPTIMIZE", "1")  # would drop the asserts
    monkeypatch.setenv("PYTEST_ADDOPTS", "--no-such-option")
    assert runner.run("01_toy", notebook(FIGURE))
    cell = json.loads((place / ".ran" / "01_toy.ipynb").read_text())["cells"][-1]
    figure, words = sorted(cell["outputs"], key=lambda output: output["output_type"])
    assert "image/png" in figure["data"]
    assert "".join(words["text"]) == f"{place / '.ran' / 'work' / '01_toy'} True\n"


def interruptible() -> None:
    """Take Ctrl-C, whoever started the tests: a shell's background does not."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


SLOW = """\
import os, pathlib, time
pathlib.Path(os.environ["SIMSEG_ROOT"], "kernel").write_text(str(os.getpid()))
time.sleep(600)"""


def is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{process}/stat").read_text().split()[2]


def wait_for(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.skipif(not Path("/proc").exists(), reason="no processes to look up here")
def test_an_interruption_says_what_is_kept(
    runner: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = notebook("1")
    digest = runner.digest(runner.code_cells(done), [])
    done["metadata"]["simseg_run"] = {"digest": digest, "modules": []}
    (tmp_path / ".ran").mkdir()
    (tmp_path / ".ran" / "01_toy.ipynb").write_text(json.dumps(done))
    for name, book in {"01_toy": done, "02_slow": notebook(SLOW)}.items():
        (tmp_path / "chapters" / f"{name}.ipynb").write_text(json.dumps(book))
    tools = tmp_path / "tools"
    tools.mkdir()
    script = shutil.copy(ROOT / "tools" / "run_chapters.py", tools)
    with subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, preexec_fn=interruptible, start_new_session=True,
    ) as running:  # fmt: skip
        wait_for(lambda: (tmp_path / "kernel").exists() or running.poll() is not None)
        os.killpg(running.pid, signal.SIGINT)  # as a terminal does
        out, err = running.communicate()
    assert running.returncode == 130
    assert out.splitlines()[-1] == "== running 02_slow ..."
    assert err == (
        "\nStopped in 02_slow. Kept are the last good book and the runs of 01_toy; the "
        "same command goes on from here.\n"
    )
    assert (tmp_path / ".ran" / "01_toy.ipynb").exists()
    kernel = int((tmp_path / "kernel").read_text())
    wait_for(lambda: not is_there(kernel))


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
    environment = SimpleNamespace(note_dependency=lambda path: None)
    app = SimpleNamespace(srcdir=root, env=environment)
    content = [json.dumps(book)]
    chapter_outputs.lay_outputs(app, "chapters/01_toy", content)
    return json.loads(content[0])


def test_the_page_shows_the_outputs_of_the_run(
    runner_that_ran: ModuleType, tmp_path: Path
) -> None:
    page = publish(tmp_path, notebook(*CODE, words="Mended words."))
    assert page["cells"][0]["source"] == ["Mended words."]
    assert "42" in "".join(page["cells"][2]["outputs"][0]["text"])
    assert "comes from one run of" in page["cells"][-1]["source"]


def test_a_page_without_its_run_draws_a_warning(
    runner_that_ran: ModuleType, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("sphinx").propagate = True
    changed = notebook("print('other code')")
    with caplog.at_level("WARNING"):
        page = publish(tmp_path, changed)
    assert "has no run to show" in caplog.text
    assert page == changed


def test_address_is_written_once_however_often_it_is_set() -> None:
    tool = load("tools/set_address.py")
    config = (ROOT / "_config.yml").read_text()
    once = tool.with_address(config, "https://github.com/a/b", "https://a.github.io/b/")
    twice = tool.with_address(once, "https://github.com/c/d", "https://d.org/")
    assert once.count("github.com/a/b") == 1
    assert yaml.safe_load(once)["html"]["baseurl"] == "https://a.github.io/b/"
    assert "a/b" not in twice
    assert "a.github.io" not in twice
    assert twice.count("github.com/c/d") == 1
    assert yaml.safe_load(twice)["html"]["baseurl"] == "https://d.org/"
    assert "use_repository_button: true" in once
    chapter = (ROOT / "chapters" / "03_unet.ipynb").read_text()
    changed = tool.with_source(chapter, "https://github.com/a/b")
    setup = "".join(
        next(c for c in json.loads(changed)["cells"] if c["id"] == "setup")["source"]
    )
    assert '"SIMSEG_SOURCE", "git+https://github.com/a/b")' in setup


def test_address_leaves_no_placeholder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tool = load("tools/set_address.py")
    monkeypatch.setattr(tool, "ROOT", tmp_path)
    shutil.copy(ROOT / "_config.yml", tmp_path)
    shutil.copy(ROOT / "CITATION.cff", tmp_path)
    shutil.copytree(ROOT / "chapters", tmp_path / "chapters")
    shutil.copytree(ROOT / "book", tmp_path / "book")
    shutil.copytree(ROOT / "assignments", tmp_path / "assignments")
    assert tool.main(["https://github.com/old/name"]) == 0
    assert tool.main(["https://github.com/Ann/Book.git"]) == 0
    cited = yaml.safe_load((tmp_path / "CITATION.cff").read_text())
    assert cited["repository-code"] == "https://github.com/Ann/Book"
    assert cited["url"] == "https://ann.github.io/Book/"
    written = [tmp_path / "_config.yml", *(tmp_path / "book").glob("*.md")]
    written += (tmp_path / "assignments").glob("**/*.yml")
    words = "".join(file.read_text() for file in written)
    assert "OWNER/NAME" not in words
    assert "git+https://github.com/Ann/Book\n" in words
    assert 'baseurl: "https://ann.github.io/Book/"' in words
    assert "https://ann.github.io/Book/" in capsys.readouterr().out
    assert tool.pages_of("https://github.com/ann/ann.github.io") == (
        "https://ann.github.io/"
    )
    assert tool.main(["https://github.com/a/b", "example.org"]) == 2


@pytest.mark.parametrize("wrong", ["", "github.com/a/b", "https://example.org/a/b"])
def test_a_wrong_address_is_refused(
    wrong: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert load("tools/set_address.py").main([wrong]) == 2
    assert "Remedy: make address URL=" in capsys.readouterr().err


# --- the pages ------------------------------------------------------------------------

# Stands for Jupyter Book: reads the pages it has not read, then ends as it is told.
SPHINX = """\
import os, pathlib, signal
read = pathlib.Path("_build/.doctrees/read")
read.parent.mkdir(parents=True, exist_ok=True)
with open("log", "a") as log:
    log.write("some " if read.exists() else "all ")
read.touch()
pathlib.Path("_build/html").mkdir(exist_ok=True)
end = pathlib.Path("end").read_text()
if end == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
raise SystemExit(end or 0)
"""


def test_what_a_bad_build_left_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Or its missing pages, and the warnings it told, would not come again."""
    builder = load("tools/build_book.py")
    monkeypatch.setattr(builder, "COMMAND", (SPHINX,))
    (tmp_path / "book" / "_static").mkdir(parents=True)
    (tmp_path / "book" / "_static" / "book.css").touch()

    def build(end: str) -> int:
        (tmp_path / "end").write_text(end)
        return builder.build(tmp_path)

    assert [build(end) for end in ("killed", "", "", "a warning", "", "")] == [
        *(1, 0, 0, 1, 0, 0)
    ]
    assert "a warning" in capsys.readouterr().err
    assert (tmp_path / "log").read_text().split() == [
        *("all", "all", "some", "some", "all", "some")
    ]
    assert (tmp_path / "_build" / "html" / "_static" / "book.css").exists()


# --- the environment ------------------------------------------------------------------

# Stands for a Python of 3.12: notes what it is asked, and dies where DIES says.
PYTHON = """\
#!/bin/sh
here=$PWD
die() { if [ "$DIES" = "$1" ]; then kill -KILL ${2:-$$}; sleep 1; fi; }
case "$*" in
-c*sys.version*) echo 3.12 ;;
"-c import venv"*) ;;
-c*"venv .venv")
    echo venv >>log
    mkdir .venv/bin
    ln -s "$(command -v "$0")" .venv/bin/python
    echo "command = $0 -m venv $here/.venv" >.venv/pyvenv.cfg
    die ensurepip; die make $PPID
    touch .venv/pip ;;
"-m pip --version") test -e .venv/pip ;;
-c*"pip install "*)
    echo pip >>log
    die pip; die shell $PPID
    test -z "$OFFLINE" ;;
*) echo "$HOME" >home ;;
esac
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What `make` needs, in a folder with an awkward name, beside someone's Python."""
    clone = tmp_path / "Über 'meine' Bücher, $neu"
    clone.mkdir()
    shutil.copytree(ROOT / "tools", clone / "tools")
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, clone)
    for name in ("requirements.txt", "requirements-test.txt"):
        shutil.copy(ROOT / name, clone)
    python = tmp_path / "a python"
    python.write_text(PYTHON)
    python.chmod(0o555)
    os.utime(python, (1e9, 1e9))
    return clone


def make(clone: Path, **settings: str) -> tuple[int, list[str]]:
    """`make chapters`: its exit status, and what the stand-in was asked."""
    log = clone / "log"
    log.write_text("")
    python = clone.parent / "a python"
    done = subprocess.run(
        ["make", "chapters", f"PYTHON={python}"],
        cwd=clone, env=os.environ | settings, capture_output=True, text=True,
    )  # fmt: skip
    assert python.stat().st_mtime == 1e9, "someone else's Python was touched"
    return done.returncode, log.read_text().split()


def test_an_environment_is_made_once(clone: Path) -> None:
    assert make(clone) == (0, ["venv", "pip"])
    assert make(clone) == (0, [])
    later = time.time() + 10
    os.utime(clone / "requirements.txt", (later, later))
    assert make(clone) == (0, ["pip"])


@pytest.mark.parametrize("place", ["ensurepip", "make", "pip", "shell"])
def test_what_was_killed_is_made_again(place: str, clone: Path) -> None:
    assert make(clone, DIES=place)[0] != 0
    assert make(clone) == (0, ["venv", "pip"])
    assert make(clone) == (0, [])


def test_without_a_network_an_environment_stays(clone: Path) -> None:
    assert make(clone, OFFLINE="yes") == (2, ["venv", "pip"])
    assert make(clone, OFFLINE="yes") == (2, ["pip"])
    assert make(clone) == (0, ["pip"])


def test_a_moved_environment_is_made_again(clone: Path) -> None:
    assert make(clone)[0] == 0
    moved = clone.rename(clone.parent / "moved")
    assert make(moved) == (0, ["venv", "pip"])


def test_an_environment_that_lost_its_python_is_made_again(clone: Path) -> None:
    assert make(clone)[0] == 0
    link = clone / ".venv" / "bin" / "python"
    link.unlink()
    link.symlink_to("/nowhere/python3.12")
    assert make(clone) == (0, ["venv", "pip"])


def test_an_environment_made_by_hand_is_kept(clone: Path) -> None:
    python = clone.parent / "a python"
    (clone / ".venv" / "bin").mkdir(parents=True)
    (clone / ".venv" / "bin" / "python").symlink_to(python)
    (clone / ".venv" / "pip").touch()
    (clone / ".venv" / "pyvenv.cfg").write_text("home = /usr/bin\n")
    assert make(clone) == (0, ["pip"])


@pytest.mark.parametrize("module", ["venv", "pip"])
def test_an_interrupted_installation_says_so(module: str, tmp_path: Path) -> None:
    """In one line, without a trace, and with the status of Ctrl-C."""
    python = tmp_path / "python"
    python.write_text(
        f'#!/bin/sh\nif [ "$3" = {module} ]; then exec {sys.executable} -c '
        f'"$2" interrupted; fi\nexec {sys.executable} "$@"\n'
    )
    python.chmod(0o755)
    (tmp_path / "interrupted.py").write_text(
        "import os, signal\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "os.kill(os.getppid(), signal.SIGINT)\n"
        "os.kill(os.getpid(), signal.SIGINT)\n"
    )
    venv = tmp_path / "env"
    if module == "pip":
        (venv / "bin").mkdir(parents=True)
        (venv / "pyvenv.cfg").touch()
        (venv / "bin" / "python").symlink_to(python)
    done = subprocess.run(
        ["sh", "tools/install.sh", venv, python, "no-such-thing"],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True, text=True, preexec_fn=interruptible,
    )  # fmt: skip
    assert done.returncode == 130
    assert done.stderr == "Stopped while installing: the same command goes on.\n"
    assert (venv / ".unfinished").exists() == (module == "venv")


@pytest.mark.parametrize("home", ["/dev/null", "/nowhere", ""])
def test_a_home_that_cannot_be_written_is_replaced(home: str, clone: Path) -> None:
    assert make(clone, HOME=home)[0] == 0
    assert (clone / "home").read_text() == f"{clone}/.ran/home\n"
    assert make(clone, HOME=str(clone.parent))[0] == 0
    assert (clone / "home").read_text() == f"{clone.parent}\n"


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
    targets = "book serve test lint chapter bench jupyter lab clean"
    for target in targets.split():
        assert f"\n  {target} " in shown
    widths = [re.match(r"  \S+ +", line) for line in shown.splitlines()[1:]]
    assert len({one.end() for one in widths if one}) == 1, "one column of words"
