"""Run the chapters whose result could have changed, with nbmake, and keep the outputs.

A chapter is run as a copy that holds its code cells only, under ``.ran/work/``. When
every cell is green the copy moves to ``.ran/NAME.ipynb``, from where the book's
extension (``book/_ext/chapter_outputs.py``) lays the outputs into the page. A failing
chapter leaves the last good run, and so the last good book, as they were.

What a run depends on is recorded by the run itself: the code of its cells, the files of
``simseg_core`` that were imported when it ended, and the versions of the libraries that
it computes with. The next call compares digests; a sentence edited in a Markdown cell,
or a module that the chapter never imports, runs nothing.

Usage: run_chapters.py [--again NAME]
"""

from __future__ import annotations

import argparse
import difflib
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = ROOT / "chapters"
RAN = ROOT / ".ran"
# A change of one of these can change a figure or a number in a chapter.
LIBRARIES = ("torch", "torchvision", "numpy", "matplotlib", "torchmetrics", "torchinfo")

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
    for module in modules:
        path = ROOT / module
        parts.append(f"{module}\n{path.read_text() if path.exists() else 'gone'}")
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def is_current(name: str, cells: list[dict[str, Any]]) -> bool:
    """Say whether the kept run is the run of this code on this package."""
    kept = RAN / f"{name}.ipynb"
    if not kept.exists():
        return False
    record = json.loads(kept.read_text())["metadata"].get("simseg_run", {})
    return record.get("digest") == digest(cells, record.get("modules", []))


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
    work = RAN / "work" / f"{name}.ipynb"
    work.parent.mkdir(parents=True, exist_ok=True)
    work.write_text(json.dumps(notebook | {"cells": [*cells, probe]}))
    command = [sys.executable, "-m", "pytest", "--nbmake", "--overwrite", "-q"]
    command += ["--no-header", "-p", "no:cacheprovider", "-p", "no:xdist"]
    environment = os.environ | {
        "SIMSEG_ROOT": str(ROOT),
        # A kernel of the same name in the user's home must not take the place of ours.
        "JUPYTER_PREFER_ENV_PATH": "1",
        # Threads that wait give their core away: on a shared machine a spinning thread
        # makes training several times slower.
        "OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "PASSIVE"),
        "PYTHONPATH": os.pathsep.join(
            filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")])
        ),
    }
    print(f"== running {name} ...", flush=True)
    began = time.monotonic()
    result = subprocess.run(
        [*command, str(work)], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    seconds = time.monotonic() - began
    if result.returncode:
        print(result.stdout + result.stderr, file=sys.stderr)
        print(
            f"{name} failed after {seconds:.0f} s: the cell is named above. The last "
            "good book is as it was.",
            file=sys.stderr,
        )
        return False
    ran = json.loads(work.read_text())
    answer = ran["cells"].pop()
    record = json.loads("".join(answer["outputs"][0]["text"]))
    ran["metadata"]["simseg_run"] = record | {
        "digest": digest(cells, record["modules"]),
        "seconds": round(seconds),
        "date": time.strftime("%Y-%m-%d"),
        "torch": version("torch"),
    }
    work.write_text(json.dumps(ran, indent=1))
    shutil.move(work, RAN / f"{name}.ipynb")
    print(f"   {name}: green in {seconds:.0f} s", flush=True)
    return True


def main() -> int:
    """Run what is stale, or the one chapter that was named."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--again", metavar="NAME", help="run this one, stale or not")
    again = parser.parse_args().again
    notebooks = {path.stem: path for path in sorted(CHAPTERS.glob("*.ipynb"))}
    if again is not None:
        if again not in notebooks:
            near = difflib.get_close_matches(again, notebooks, n=1, cutoff=0.0)
            hint = f" (nearest: NAME={near[0]})" if near else ""
            print(f"No chapter is called {again!r}{hint}.", file=sys.stderr)
            return 2
        notebooks = {again: notebooks[again]}
    failed = []
    for name, path in notebooks.items():
        notebook = json.loads(path.read_text())
        if again is None and is_current(name, code_cells(notebook)):
            print(f"== {name}: its code has not changed since its last run")
        elif not run(name, notebook):
            failed.append(name)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
