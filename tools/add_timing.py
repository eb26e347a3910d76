"""Add measured results to the book's page of benchmarks, or write its tables again.

    python tools/add_timing.py gpu_timing_YOUR-DEVICE.json [--note "shared machine"]
    python tools/add_timing.py            # only write the tables again

A file of `chapters/gpu_timing.ipynb` is checked, put beside the other devices' in
`simseg_core/measured/`, and shown in `book/benchmarks.md`. The ratios there come from
`benchmarks/results/`, which the scripts of `benchmarks/` write with `--json`. Nothing
on the page between the marks is written by hand; a test holds it to the files.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from simseg_core.probes._table import binary
from simseg_core.probes.comparison import Comparison
from simseg_core.probes.device_times import FOLDER, DeviceTimes
from simseg_core.probes.measurement import Measurement, duration

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "book" / "benchmarks.md"
RESULTS = ROOT / "benchmarks" / "results"


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


def tables(text: str) -> str:
    """Return the page with its tables written anew from the files.

    Raises:
        ValueError: if a mark is missing, or a file is faulty; the error names it.
    """
    parts = {
        "device times": device_tables(sorted(FOLDER.glob("gpu_timing_*.json"))),
        "ratios": ratio_tables(sorted(RESULTS.glob("*.json"))),
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


def add(path: Path, note: str) -> Path:
    """Check one file and put it beside the others; give its place."""
    times = DeviceTimes.load(path)
    if note:
        times = replace(times, note=note)
    place = FOLDER / times.file_name
    times.save(place)
    place.chmod(0o644)
    return place


def main(argv: list[str] | None = None) -> int:
    """Add what is given, then write the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    parser.add_argument("--note", default="", help="what a reader must know about it")
    asked = parser.parse_args(argv)
    try:
        for path in asked.files:
            print(f"added {add(path, asked.note).relative_to(ROOT)}")
        PAGE.write_text(tables(PAGE.read_text("utf-8")), "utf-8")
    except (OSError, ValueError) as error:
        print(f"{error}. Nothing was changed on the page.", file=sys.stderr)
        return 2
    print(f"written: {PAGE.relative_to(ROOT)}; commit it with the file")
    return 0


if __name__ == "__main__":
    sys.exit(main())
