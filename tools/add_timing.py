"""Add measured results to those that the book's page of benchmarks shows.

    python tools/add_timing.py gpu_timing_YOUR-DEVICE.json [--note "shared machine"]
    python tools/add_timing.py FOLDER     # what tools/on_gpu.sh wrote

A file of `chapters/gpu_timing.ipynb` is checked and put beside the other devices' in
`simseg_core/measured/`. A folder of `tools/on_gpu.sh` holds such a file, ratios as the
scripts of `benchmarks/` write them with `--json`, which go to `benchmarks/results/`,
and how each part of the run ended, which goes to `benchmarks/gpu_runs/`; all of it is
checked before any of it is added, and a rehearsal is refused. The page's tables are
made from these files when the book is built, by `book/_ext/timing_tables.py`.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from simseg_core.probes.timing.device_times import FOLDER, DeviceTimes, file_stem
from simseg_core.probes.timing.kept import read_json, write_json

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))
from side_by_side import keep, read  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results"
RUNS = ROOT / "benchmarks" / "gpu_runs"
RUN_SCHEMA = "simseg device run 1"


def read_run(path: Path) -> dict[str, Any]:
    """Read the `run.json` of `tools/on_gpu.sh`.

    Raises:
        ValueError: if it is another file, or a rehearsal's; the error names it.
    """
    return read_json(path, _checked_run)


def _checked_run(found: Any) -> dict[str, Any]:
    if not isinstance(found, dict) or found.get("schema") != RUN_SCHEMA:
        raise ValueError("this is no run of tools/on_gpu.sh")
    names = ("device", "device_name", "driver", "torch", "date", "parts")
    missing = [name for name in names if not found.get(name)]
    if missing:
        raise ValueError(f"the run lacks {', '.join(missing)}")
    if found.get("rehearsal") is not False:
        raise ValueError("this is of a rehearsal, which is no result")
    return found


def check_times(path: Path) -> DeviceTimes:
    """Read device times that may stand in the book.

    Raises:
        ValueError: if they are faulty, or a rehearsal's.
    """
    times = DeviceTimes.load(path)
    if times.sizes.partition(",")[0] not in ("small", "large"):
        raise ValueError(f"{path} has {times.sizes!r} sizes, which are no result")
    return times


def add(path: Path, note: str) -> list[Path]:
    """Check one file, or all of a run's folder, and add it; give the new places.

    Raises:
        ValueError: naming the file that is faulty; then nothing was added.
    """
    times, ratios, run = [path], [], None
    if path.is_dir():
        run = read_run(path / "run.json")
        times = sorted(path.glob("gpu_timing_*.json"))
        ratios = [path / n for n in ("ratios.json", "chapters.json")]
        ratios = [file for file in ratios if file.exists()]
    checked = [check_times(file) for file in times]
    entries = [read(file) for file in ratios]
    named = {one.device_name for one in checked}
    named |= {found["device_name"] for found in entries}
    if run and named - {run["device_name"]}:
        raise ValueError(f"{path} is of {run['device_name']!r}, but holds {named}")
    places = []
    for one in checked:
        one = replace(one, note=note) if note else one
        places.append(FOLDER / one.file_name)
        one.save(places[-1])
        places[-1].chmod(0o644)
    if run:
        name = f"{file_stem(run['device'], run['device_name'])}.json"
        places.append(RUNS / name)
        write_json(run, places[-1])
        places[-1].chmod(0o644)
        for found in entries:
            places.append(RESULTS / name)
            keep(places[-1], found["results"], note)
    return list(dict.fromkeys(places))


def main(argv: list[str] | None = None) -> int:
    """Check what is given, and add it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE_OR_FOLDER")
    parser.add_argument("--note", default="", help="what a reader must know about it")
    asked = parser.parse_args(argv)
    try:
        for path in asked.files:
            for place in add(path, asked.note):
                print(f"added {place.relative_to(ROOT)}")
    except (OSError, ValueError) as error:
        print(f"{error}. It was not added.", file=sys.stderr)
        return 2
    print("commit it; the book's page of benchmarks shows it from its next build on")
    return 0


if __name__ == "__main__":
    sys.exit(main())
