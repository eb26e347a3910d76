"""Add measured results to the book's page of benchmarks, or write its tables again.

    python tools/add_timing.py gpu_timing_YOUR-DEVICE.json [--note "shared machine"]
    python tools/add_timing.py FOLDER     # what tools/on_gpu.sh wrote
    python tools/add_timing.py            # only write the tables again

A file of `chapters/gpu_timing.ipynb` is checked, put beside the other devices' in
`simseg_core/measured/`, and shown in `book/benchmarks.md`. The ratios there come from
`benchmarks/results/`, which the scripts of `benchmarks/` write with `--json`. A folder
of `tools/on_gpu.sh` holds both, and how each part of the run ended, which is kept in
`benchmarks/gpu_runs/`; all of it is checked before any of it is added, and a rehearsal
is refused. Nothing on the page between the marks is written by hand; a test holds it
to the files.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from simseg_core.probes.timing.comparison import Comparison
from simseg_core.probes.timing.device_times import FOLDER, DeviceTimes, file_stem
from simseg_core.probes.timing.kept import read_json, write_json
from simseg_core.probes.timing.measurement import Measurement
from simseg_core.tables.units import binary, duration

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))
from side_by_side import keep, read  # noqa: E402

PAGE = ROOT / "book" / "benchmarks.md"
RESULTS = ROOT / "benchmarks" / "results"
RUNS = ROOT / "benchmarks" / "gpu_runs"
RUN_SCHEMA = "simseg device run 1"


def marks(name: str) -> tuple[str, str]:
    """Return the two lines between which a table is written."""
    return f"<!-- {name}: written by tools/add_timing.py -->", f"<!-- end of {name} -->"


def time(one: Measurement) -> str:
    """Write the median, and how wide the middle half is beside it."""
    return f"{duration(one.median)} ({one.iqr / one.median:.0%})"


def memory(one: Measurement) -> str:
    """Write peak memory, or that nobody counted it."""
    return "unknown" if one.peak_bytes is None else binary(one.peak_bytes)


def device_tables(files: list[Path]) -> Iterator[str]:
    """Write one heading and table a device, mode by mode."""
    if not files:
        yield "No device has been contributed yet."
    for path in files:
        times = DeviceTimes.load(path)
        for mode, blocks in times.modes.items():
            yield f"### {times.device_name}, {mode}, {times.sizes} sizes\n"
            yield f"Measured on {times.origin}.\n"
            yield "| block | input | forward (IQR) | step (IQR) | memory of a step |"
            yield "|---|---|---:|---:|---:|"
            for name, block in blocks.items():
                shape = "x".join(map(str, block.shape))
                yield (
                    f"| {name} | {shape} | {time(block.forward)} "
                    f"| {time(block.step)} | {memory(block.step)} |"
                )
            yield ""


def ratio_tables(files: list[Path]) -> Iterator[str]:
    """Write one table a device: each competitor's ratio to the first of its kind."""
    for path in files:
        kept = json.loads(path.read_text("utf-8"))
        entries: list[dict[str, Any]] = list(kept["results"].values())
        entries.sort(key=lambda entry: entry["title"])
        found = [Comparison.from_dict(entry["comparison"]) for entry in entries]
        timed = [one for each in found for one in each.measurements.values()]
        one = next((one for one in timed if one.dtype != "none"), timed[0])
        loads = [entry["load"] for entry in entries if entry["load"] is not None]
        busy = f"; load {min(loads):.0f} to {max(loads):.0f}" if loads else ""
        note = f"; {kept['note']}" if kept.get("note") else ""
        yield f"### Ratios on {kept['device_name']}\n"
        yield f"Measured on {one.origin}{busy}{note}.\n"
        yield "| what, input, and against what | time, ratio | rounds | memory |"
        yield "|---|---:|---:|---:|"
        for entry, comparison in zip(entries, found):
            if "images" in entry:
                continue  # a training: its own table
            peer, *others = comparison.measurements
            for name in others:
                low, high = comparison.spread(name)
                what = ", ".join(filter(None, [entry["title"], entry["input"]]))
                yield (
                    f"| {what}: {name} against {peer} | {comparison.ratio(name):.2f} "
                    f"| {low:.2f} to {high:.2f} | {memory(comparison[name])}, "
                    f"{memory(comparison[peer])} |"
                )
        yield ""
        for entry in entries:
            if entry.get("unavailable"):
                names = ", ".join(entry["unavailable"])
                yield f"{entry['title']}: not to be had on this device: {names}.\n"


def training_tables(files: list[Path]) -> Iterator[str]:
    """Write one table a device: images that `fit` learns from in a second."""
    written = False
    for path in files:
        entries = json.loads(path.read_text("utf-8"))["results"].values()
        trained = [entry for entry in entries if "images" in entry]
        if not trained:
            continue
        written = True
        found = [Comparison.from_dict(entry["comparison"]) for entry in trained]
        kinds = list(found[0].measurements)
        one = found[0][kinds[0]]
        yield f"### {one.device_name}\n"
        yield f"Measured on {one.origin}.\n"
        yield f"| network, images of a call | {' | '.join(kinds)} |"
        yield "|---|" + "---:|" * len(kinds)
        for entry, comparison in zip(trained, found):
            rates = [entry["images"] / comparison[kind].median for kind in kinds]
            cells = " | ".join(f"{rate:,.0f}" for rate in rates)
            yield f"| {entry['title']}, {entry['input']} | {cells} |"
        yield ""
    if not written:
        yield "No device has been contributed yet."


def run_tables(files: list[Path]) -> Iterator[str]:
    """Write what ran on each GPU: its tests, and the claims that it trained for."""
    if not files:
        yield "No run on a GPU has been contributed yet."
    for path in files:
        found = read_run(path)
        yield f"### {found['device_name']}, {found['date']}\n"
        yield f"torch {found['torch']}, driver {found['driver']}.\n"
        yield "| part | how it ended | |"
        yield "|---|---|---|"
        for name, part in found["parts"].items():
            end = "cut off" if part["end"] == "started" else part["end"]
            yield f"| {name} | {end} | {part.get('line', '')} |"
        yield ""
        claims = found["parts"].get("claims", {})
        for words, held in claims.get("held", {}).items():
            yield f"- {'Held' if held else 'Did not hold'}: {words}."
        yield ""


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


def tables(text: str) -> str:
    """Return the page with its tables written anew from the files.

    Raises:
        ValueError: if a mark is missing, or a file is faulty; the error names it.
    """
    parts = {
        "device times": device_tables(sorted(FOLDER.glob("gpu_timing_*.json"))),
        "ratios": ratio_tables(sorted(RESULTS.glob("*.json"))),
        "training": training_tables(sorted(RESULTS.glob("*.json"))),
        "gpu runs": run_tables(sorted(RUNS.glob("*.json"))),
    }
    for name, lines in parts.items():
        begin, end = marks(name)
        if text.count(begin) != 1 or text.count(end) != 1:
            raise ValueError(f"{PAGE} must have one line {begin!r} and one {end!r}")
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        body = "\n".join(lines).strip()
        text = f"{before}{begin}\n\n{body}\n\n{end}{after}"
    return text


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
    """Add what is given, then write the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE_OR_FOLDER")
    parser.add_argument("--note", default="", help="what a reader must know about it")
    asked = parser.parse_args(argv)
    try:
        for path in asked.files:
            for place in add(path, asked.note):
                print(f"added {place.relative_to(ROOT)}")
        PAGE.write_text(tables(PAGE.read_text("utf-8")), "utf-8")
    except (OSError, ValueError) as error:
        print(f"{error}. Nothing was changed on the page.", file=sys.stderr)
        return 2
    print(f"written: {PAGE.relative_to(ROOT)}; commit it with the file")
    return 0


if __name__ == "__main__":
    sys.exit(main())
