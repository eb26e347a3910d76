"""Tables of stored timings, made from the files that the measuring scripts wrote.

A page that says ``{timing-tables} NAME`` gets the tables of that name, one a device,
each under a heading of its own: ``device-times`` (from ``simseg_core/measured``),
``ratios`` and ``training`` (from ``benchmarks/results``) or ``gpu-runs`` (from
``benchmarks/gpu_runs``). ``tools/add_timing.py`` checks and adds such files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from simseg_core.probes.timing.comparison import Comparison
from simseg_core.probes.timing.kept import read_json
from simseg_core.probes.timing.measurement import Measurement
from simseg_core.tables.units import duration, memory


def time(one: Measurement) -> str:
    """Write the median, and how wide the middle half is beside it."""
    return f"{duration(one.median)} ({one.iqr / one.median:.0%})"


def device_tables(files: list[Path]) -> Iterator[str]:
    """Write one heading and table a device, mode by mode."""
    # Brings torch, two seconds of each build: only the page that needs it waits.
    from simseg_core.probes.timing.device_times import DeviceTimes

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
                    f"| {time(block.step)} | {memory(block.step.peak_bytes)} |"
                )
            yield ""


def ratio_tables(files: list[Path]) -> Iterator[str]:
    """Write one table a device: each competitor's ratio to the first of its kind."""
    for path in files:
        kept = read_json(path, dict)
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
                pair = (comparison[name], comparison[peer])
                needs = ", ".join(memory(one.peak_bytes) for one in pair)
                yield (
                    f"| {what}: {name} against {peer} | {comparison.ratio(name):.2f} "
                    f"| {low:.2f} to {high:.2f} | {needs} |"
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
        entries = read_json(path, dict)["results"].values()
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
        found = read_json(path, dict)
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


class Source(NamedTuple):
    """Where the tables of one name come from.

    Attributes:
        folder: of the files, below the repository's root.
        files: what their names look like.
        tables: writes Markdown, line by line, from these files.
    """

    folder: str
    files: str
    tables: Callable[[list[Path]], Iterator[str]]


SOURCES = {
    "device-times": Source("simseg_core/measured", "gpu_timing_*.json", device_tables),
    "ratios": Source("benchmarks/results", "*.json", ratio_tables),
    "training": Source("benchmarks/results", "*.json", training_tables),
    "gpu-runs": Source("benchmarks/gpu_runs", "*.json", run_tables),
}


def markdown(name: str, root: Path) -> list[str]:
    """Return the lines of the tables of one name, from the repository at `root`.

    Raises:
        ValueError: if a file is faulty; the error names it.
    """
    source = SOURCES[name]
    files = sorted((root / source.folder).glob(source.files))
    return "\n".join(source.tables(files)).splitlines()


class TimingTables(SphinxDirective):
    """The tables of one name, as sections of the one that the directive stands in."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Write the tables from today's files, and let the page's parser read them."""
        (name,) = self.arguments
        if name not in SOURCES:
            raise self.error(f"no tables {name!r}: there are {', '.join(SOURCES)}")
        self.env.note_reread()  # a file that will be added is no dependency yet
        try:
            lines = markdown(name, Path(self.env.srcdir))
        except ValueError as error:
            raise self.error(str(error)) from error
        made = nodes.Element()
        self.state.nested_parse(
            StringList(lines, source=name), self.content_offset, made, match_titles=True
        )
        return made.children


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_directive("timing-tables", TimingTables)
    return {"version": "1", "parallel_read_safe": True}
