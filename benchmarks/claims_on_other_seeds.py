"""Run the chapters' claims again on seeds that no chapter shows, and store what held.

    python benchmarks/claims_on_other_seeds.py [--chapters 03_unet] [--seeds 100 200]

A chapter trains on the seeds 0, 1 and 2 and fails if one of its claims does not hold.
Here each chapter runs as it stands, up to its last claim, with its seeds exchanged for
three others: 100 means 100, 101 and 102. Claims report instead of failing, and the page
`book/claims.md` shows in how many of these runs each of them held.

A run takes as long as the chapter, two to three minutes on two CPU cores. Each is kept
in the result's file as soon as it is done, so that the script can be stopped and
started again; remove a chapter from the file to run it anew.
"""

import argparse
import datetime
import json
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
import torch
from nbclient import NotebookClient

from simseg_core.probes.timing.kept import write_json
from simseg_core.probes.timing.machine import device_name

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "claims" / "other-seeds.json"
# Seeds on which no margin was chosen and which no chapter shows.
FIRST_SEEDS = (100, 300, 400)
SEEDS = re.compile(r"^(.*\bSEEDS\b.* else .*)\brange\(3\)", re.MULTILINE)
REFERENCE = re.compile(r"^REFERENCE = .*$", re.MULTILINE)
CLAIM = re.compile(r"^\s*claim\(", re.MULTILINE)
REPORT = re.compile(r"^(shown|NOT shown by this run): (.+)$", re.MULTILINE)


def chapters() -> dict[str, Path]:
    """Return the notebooks that train with and without a block, by name."""
    found = sorted((ROOT / "chapters").glob("[0-9][0-9]_*.ipynb"))
    return {path.stem: path for path in found}


def with_seeds(cells: list[str], first: int) -> list[str]:
    """Return a chapter's code up to its last claim, with other seeds, reporting only.

    Raises:
        ValueError: if the seeds, or the switch that makes claims fail, do not stand in
            the chapter exactly once.
    """
    last = max(index for index, text in enumerate(cells) if CLAIM.search(text))
    kept = cells[: last + 1]
    for pattern, words in (
        (SEEDS, rf"\g<1>range({first}, {first + 3})"),
        (REFERENCE, "REFERENCE = False"),
    ):
        found = sum(len(pattern.findall(text)) for text in kept)
        if found != 1:
            raise ValueError(f"{pattern.pattern!r} stands {found} times, not once")
        kept = [pattern.sub(words, text) for text in kept]
    return kept


def run(path: Path, first: int) -> dict[str, bool]:
    """Run one chapter on the seeds from `first` on: words of each claim -> held."""
    notebook = nbformat.read(path, as_version=4)
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    notebook.cells = [nbformat.v4.new_code_cell(t) for t in with_seeds(code, first)]
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("JUPYTER_PREFER_ENV_PATH", "1")  # the kernel of this Python
    with tempfile.TemporaryDirectory() as folder:  # what a chapter may write
        resources = {"metadata": {"path": folder}}
        NotebookClient(notebook, timeout=None, resources=resources).execute()
    held: dict[str, bool] = {}
    for cell in notebook.cells:
        for output in cell.outputs:
            for said, words in REPORT.findall(output.get("text", "")):
                held[words] = held.get(words, True) and said == "shown"
    return held


def main(argv: list[str] | None = None) -> int:
    """Run what is asked for and not done yet."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    known = chapters()
    parser.add_argument("--chapters", nargs="+", choices=known, default=list(known))
    parser.add_argument("--seeds", nargs="+", type=int, default=FIRST_SEEDS)
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args(argv)
    stored: dict[str, Any] = {"chapters": {}}
    if asked.out.exists():
        stored = json.loads(asked.out.read_text())
    for first in asked.seeds:
        for name in asked.chapters:
            runs = stored["chapters"].setdefault(name, {})
            if str(first) in runs:
                continue
            runs[str(first)] = {
                "held": run(known[name], first),
                "device": device_name(torch.device("cpu")),
                "date": datetime.date.today().isoformat(),
                "torch": torch.__version__,
            }
            write_json(stored, asked.out)
            held = list(runs[str(first)]["held"].values())
            print(f"{name}, seeds from {first}: {sum(held)} of {len(held)}", flush=True)
    print(asked.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
