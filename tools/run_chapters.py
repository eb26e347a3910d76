"""Run the chapters whose result could have changed, with nbmake, and keep the outputs.

A chapter is run as a copy that holds its code cells only, under ``.ran/work/NAME/``.
When every cell is green the copy moves to ``.ran/NAME.ipynb``, from where the book's
extension (``book/_ext/chapter_outputs.py``) lays the outputs into the page. A chapter
that fails or is interrupted leaves its last good run, and so the last good book, as
they were.

Several chapters run side by side, one on each core (at most four: a chapter takes up to
3 GB). Each computes with one thread, so that what it finds does not depend on how many
run beside it.

What a run depends on is recorded by the run itself: the code of its cells, the files of
``simseg_core`` that were imported when it ended, and the versions of the libraries that
it computes with. The next call compares digests; a sentence edited in a Markdown cell,
or a module that the chapter never imports, runs nothing.

Usage: run_chapters.py [--again NAME] [--jobs N]
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import hashlib
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = ROOT / "chapters"
RAN = ROOT / ".ran"
INTERRUPTED = 130  # as a shell counts: 128 + signal
# A change of one of these can change a figure or a number in a chapter.
LIBRARIES = ("torch", "torchvision", "numpy", "matplotlib", "torchmetrics", "torchinfo")

# What reads stored results: a run that imports one of them shows what it found there.
READ_STORED = {
    "simseg_core/measured/__init__.py": "*.json",
    "simseg_core/runs/pretrained.py": "*.safetensors",
}

# A user's settings that would change what a page shows, or keep nbmake from running.
NOT_OURS = (
    *("MATPLOTLIBRC", "PYTHONOPTIMIZE", "PYTHONSTARTUP", "PYTHONWARNINGS"),
    *("PYTEST_ADDOPTS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD", "PYTEST_PLUGINS"),
)

# Appended to the copy, and taken off again after the run: what did the run import, and
# on what did it compute?
PROBE = """
import json, os, sys
import torch
print(json.dumps({
    "modules": sorted(
        os.path.relpath(module.__file__, os.environ["SIMSEG_ROOT"])
        for name, module in list(sys.modules.items())
        if name.split(".")[0] == "simseg_core" and getattr(module, "__file__", None)
    ),
    "device": (
        torch.cuda.get_device_name() if torch.cuda.is_available()
        else f"{os.cpu_count()} CPU cores"
    ),
}))
"""


def code_cells(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    """Return copies of the notebook's code cells, without outputs."""
    return [
        cell | {"outputs": [], "execution_count": None}
        for cell in notebook["cells"]
        if cell["cell_type"] == "code"
    ]


def source(cell: dict[str, Any]) -> str:
    """Return a cell's text, which the notebook format may store as a list of lines."""
    text = cell["source"]
    return text if isinstance(text, str) else "".join(text)


def digest(cells: list[dict[str, Any]], modules: list[str]) -> str:
    """Digest everything that a run's outputs follow from."""
    libraries = []
    for name in LIBRARIES:
        try:
            libraries.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            libraries.append(f"{name} absent")
    parts = [source(cell) for cell in cells] + libraries + [platform.python_version()]
    stored = ROOT / "simseg_core" / "measured"
    for reader, files in READ_STORED.items():
        if reader in modules:
            found = (os.path.relpath(p, ROOT) for p in stored.glob(files))
            modules = [*modules, *found]
    for module in sorted(modules):
        path = ROOT / module
        # Weights are no text: latin-1 has a letter for every byte.
        kind = "latin-1" if path.suffix == ".safetensors" else "utf-8"
        text = path.read_text(encoding=kind) if path.exists() else "gone"
        parts.append(f"{module}\n{text}")
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def is_current(name: str, cells: list[dict[str, Any]]) -> bool:
    """Say whether the kept run is the run of this code on this package."""
    kept = RAN / f"{name}.ipynb"
    if not kept.exists():
        return False
    record = json.loads(kept.read_text(encoding="utf-8"))["metadata"].get(
        "simseg_run", {}
    )
    return record.get("digest") == digest(cells, record.get("modules", []))


def settings() -> dict[str, str]:
    """Return the environment of a run: the user's, but for what would change a page.

    What Jupyter, IPython and matplotlib write or read in a home lies under `.ran/home`:
    the user's own may be read-only, and settings kept there change nothing.
    """
    home = RAN / "home"
    kept = {name: text for name, text in os.environ.items() if name not in NOT_OURS}
    return kept | {
        "SIMSEG_ROOT": str(ROOT),
        # A kernel of the same name in the user's home must not take the place of ours.
        "JUPYTER_PREFER_ENV_PATH": "1",
        "JUPYTER_RUNTIME_DIR": str(home / "jupyter"),
        "IPYTHONDIR": str(home / "ipython"),
        "MPLCONFIGDIR": str(home / "matplotlib"),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        # Threads that wait give their core away: on a shared machine a spinning thread
        # makes training several times slower.
        "OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "PASSIVE"),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
        # Cells that read a clock take turns, over all chapters that run side by side.
        "SIMSEG_CLOCK": str(RAN / "clock") if os.name == "posix" else "",
        "PYTHONUTF8": "1",
        "PYTHONPATH": os.pathsep.join(
            filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")])
        ),
    }


def run(name: str, notebook: dict[str, Any]) -> bool:
    """Run one chapter; keep its outputs and return True when every cell is green."""
    cells = code_cells(notebook)
    probe: dict[str, Any] = {
        "cell_type": "code",
        "id": "run-record",
        "metadata": {},
        "source": PROBE,
        "outputs": [],
        "execution_count": None,
    }
    work = RAN / "work" / name / f"{name}.ipynb"
    shutil.rmtree(work.parent, ignore_errors=True)  # what an earlier run left there
    work.parent.mkdir(parents=True)
    work.write_text(json.dumps(notebook | {"cells": [*cells, probe]}), "utf-8")
    command = [sys.executable, "-m", "pytest", "--nbmake", "--overwrite", "-q"]
    command += ["--no-header", "-p", "no:cacheprovider", "-p", "no:xdist"]
    print(f"== running {name} ...", flush=True)
    began = time.monotonic()
    status, said = run_to_the_end([*command, str(work)])
    seconds = time.monotonic() - began
    if _stopping.is_set():
        return False
    if status:
        print(said, file=sys.stderr)
        print(
            f"{name} failed after {seconds:.0f} s: the cell is named above. The last "
            "good book is as it was.",
            file=sys.stderr,
        )
        return False
    ran = json.loads(work.read_text(encoding="utf-8"))
    answer = ran["cells"].pop()
    record = json.loads("".join(answer["outputs"][0]["text"]))
    ran["metadata"]["simseg_run"] = record | {
        "digest": digest(cells, record["modules"]),
        "seconds": round(seconds),
        "date": time.strftime("%Y-%m-%d"),
        "torch": version("torch"),
    }
    work.write_text(json.dumps(ran, indent=1), encoding="utf-8")
    os.replace(work, RAN / f"{name}.ipynb")
    print(f"   {name}: green in {seconds:.0f} s", flush=True)
    return True


_running: list[subprocess.Popen[str]] = []
_stopping = threading.Event()


def run_to_the_end(command: list[str]) -> tuple[int, str]:
    """Run a command; return its exit status and all that it said."""
    child = subprocess.Popen(
        command, cwd=ROOT, env=settings(), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        encoding="utf-8", errors="replace",
    )  # fmt: skip
    _running.append(child)
    with child:
        said, _ = child.communicate()
    _running.remove(child)
    return child.returncode, said


def stop(child: subprocess.Popen[str]) -> None:
    """End a process that Ctrl-C has reached as well, or has not (`kill -INT`).

    nbmake is given the time to end its kernel.
    """
    can_ask = sys.platform != "win32"
    ask = (lambda: child.send_signal(signal.SIGINT)) if can_ask else child.terminate
    for end in (lambda: None, ask, child.kill):
        end()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=5)
            return


class Stopped(Exception):
    """Ctrl-C: which chapters were green by then, and in which it came."""

    def __init__(self, green: list[str], running: list[str]) -> None:
        super().__init__()
        self.green, self.running = green, running


def run_all(notebooks: dict[str, dict[str, Any]], jobs: int) -> list[str]:
    """Run chapters side by side; return the names of those that failed.

    Raises:
        Stopped: at Ctrl-C, when all that ran has ended.
    """
    began: list[str] = []

    def start(name: str) -> bool:
        began.append(name)
        return run(name, notebooks[name])

    with ThreadPoolExecutor(jobs) as pool:
        runs = {name: pool.submit(start, name) for name in notebooks}
        try:
            return [name for name, one in runs.items() if not one.result()]
        except KeyboardInterrupt:
            _stopping.set()
            ended = [name for name, one in runs.items() if one.done()]
            pool.shutdown(wait=False, cancel_futures=True)
            for child in list(_running):
                stop(child)
            green = [name for name in ended if runs[name].result()]
            raise Stopped(green, [n for n in began if n not in ended]) from None


def main() -> int:
    """Run what is stale, or the one chapter that was named."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--again", metavar="NAME", help="run this one, stale or not")
    parser.add_argument(
        "--jobs", metavar="N", type=int, default=min(os.cpu_count() or 1, 4),
        help="chapters that run at once (default: one a core, at most 4)",
    )  # fmt: skip
    given = parser.parse_args()
    paths = {path.stem: path for path in sorted(CHAPTERS.glob("*.ipynb"))}
    if given.again is not None:
        if given.again not in paths:
            near = difflib.get_close_matches(given.again, paths, n=1, cutoff=0.0)
            hint = f" (nearest: NAME={near[0]})" if near else ""
            print(f"No chapter is called {given.again!r}{hint}.", file=sys.stderr)
            return 2
        paths = {given.again: paths[given.again]}
    books = {n: json.loads(p.read_text(encoding="utf-8")) for n, p in paths.items()}
    current = [
        name
        for name, book in books.items()
        if given.again is None and is_current(name, code_cells(book))
    ]
    for name in current:
        print(f"== {name}: its code has not changed since its last run")
    stale = {name: book for name, book in books.items() if name not in current}
    try:
        failed = run_all(stale, max(given.jobs, 1))
    except Stopped as stopped:
        kept = [name for name in books if name in (*current, *stopped.green)]
        print(
            f"\nStopped in {' and '.join(stopped.running)}. Kept are the last good "
            f"book and the runs of {', '.join(kept) or 'the chapters before'}; "
            "the same command goes on from here.",
            file=sys.stderr,
        )
        return INTERRUPTED
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
