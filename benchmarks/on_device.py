"""One part of `tools/on_gpu.sh`: what needs a GPU, run without Jupyter or network.

    python benchmarks/on_device.py PART OUT [--device cuda] [--rehearsal]

The parts write into the folder OUT, each as soon as it has something:

    tests      the GPU-marked tests                                -> run.json
    blocks     chapters/gpu_timing.ipynb, mode by mode             -> gpu_timing_*.json
    chapters   the cells of each chapter that time something       -> chapters.json
    ratios     the scripts of benchmarks/ on this device           -> ratios.json
    training   images a second of `fit`                            -> ratios.json
    claims     the claims of chapter 01 in its LARGE form          -> run.json

`run.json` names device, driver, torch and date, and says how each part ended: a part
that was cut off says "started". A rehearsal takes tiny sizes, says so in every file,
and is refused by `tools/add_timing.py`.
"""

import argparse
import contextlib
import datetime
import importlib
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import traceback
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from chapter_cells import ROOT, code_cells, needed, run
from side_by_side import keep

from simseg_core.probes.timing import machine
from simseg_core.probes.timing.comparison import Comparison
from simseg_core.probes.timing.device_times import DeviceTimes
from simseg_core.probes.timing.kept import write_json

SCHEMA = "simseg device run 1"
REHEARSAL = "a rehearsal at tiny sizes: no result"
CLAIMS_OF = "01_self_attention"
REPORT = re.compile(r"^(shown|NOT shown by this run): (.+)$", re.MULTILINE)
Sizes = tuple[tuple[int, ...], tuple[int, ...]]  # on a GPU, and in a rehearsal
SCRIPTS: dict[str, Sizes] = {
    "bench_attention_kernels": ((128, 256), (6,)),
    "bench_deeplabv3": ((512,), (32,)),
    "bench_unet_resnet34": ((512,), (32,)),
    "bench_hardnet": ((512,), (32,)),
    "bench_inference": ((512,), (16,)),
    "bench_attention": ((128,), (6,)),
    "bench_launches": ((128,), (16,)),  # last: compiling takes longest
}


class Run:
    """The folder of one run, and what `run.json` in it says.

    Args:
        out: the folder.
        device: where everything runs.
        rehearsal: whether sizes are tiny and nothing is a result.
    """

    def __init__(self, out: Path, device: str, rehearsal: bool) -> None:
        self.out, self.device, self.rehearsal = out, torch.device(device), rehearsal
        self.path = out / "run.json"
        versions = machine.versions()
        self.record: dict[str, Any] = {
            "schema": SCHEMA,
            "rehearsal": rehearsal,
            "device": device,
            "device_name": machine.device_name(self.device),
            "driver": versions.get("driver", "none"),
            "torch": versions["torch"],
            "date": datetime.date.today().isoformat(),
            "parts": {},
        }
        if self.path.exists():
            self.record["parts"] = json.loads(self.path.read_text("utf-8"))["parts"]

    def note(self, part: str, **values: Any) -> None:
        """Put what a part found into `run.json`, at once."""
        self.record["parts"].setdefault(part, {}).update(values)
        write_json(self.record, self.path)

    @property
    def words(self) -> str:
        """What a reader must know of every result."""
        return REHEARSAL if self.rehearsal else ""


def _tested(files: Sequence[Path]) -> Iterator[tuple[str, str]]:
    """Run the GPU-marked tests of files; yield how each ended, and its name."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "--no-header"]
        command += ["-p", "no:cacheprovider", f"--junitxml={report}", *map(str, files)]
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if not report.exists():
            raise RuntimeError(f"pytest did not run:\n{ran.stdout}{ran.stderr}")
        cases = list(ElementTree.parse(report).iter("testcase"))
    for case in cases:
        kinds = {child.tag for child in case}
        bad = kinds & {"failure", "error"}
        end = "failed" if bad else "skipped" if "skipped" in kinds else "passed"
        yield end, f"{case.get('classname')}::{case.get('name')}"
    if any(case.find("failure") is not None for case in cases):
        print(ran.stdout)


def tests(this: Run) -> str:
    """Run the GPU-marked tests; the files without one are not even imported."""
    files = [
        path
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        if "@pytest.mark.gpu" in path.read_text("utf-8")
    ]
    # The notebooks' tests come last and by themselves: they compile, for a minute.
    compiling = [path for path in files if path.parent.name == "notebooks"]
    ends: dict[str, list[str]] = {"passed": [], "skipped": [], "failed": []}
    for group in ([path for path in files if path not in compiling], compiling):
        for end, name in _tested(group):
            ends[end].append(name)
        this.note("tests", **ends)
    return ", ".join(f"{len(names)} {end}" for end, names in ends.items())


def blocks(this: Run) -> str:
    """Time every block with the notebook's own cells; keep the file after each mode."""
    cells = code_cells("gpu_timing")
    last = next(i for i, code in enumerate(cells) if "def time_mode" in code)
    chosen = [cells[index] for index in needed(cells, [last])]
    modes = ["float32", "TF32", "autocast bfloat16"]
    settings: dict[str, Any] = {"DEVICE": this.device.type, "LARGE": True}
    if this.rehearsal:
        settings |= {"LARGE": False, "HALF": "bfloat16", "SECONDS": 0.01}
        settings |= {"CHANNELS": 16, "SIDE": 8, "PIXELS": 64, "PRESET": "tiny"}
        settings["NETWORKS"] = ["unet_padded", "fchardnet70"]
    elif this.device.type == "cuda":
        del settings["LARGE"]
    space = run(chosen, settings=settings)
    if not this.rehearsal:
        modes = space["MODES"]
    sizes = "rehearsal" if this.rehearsal else "large"
    found, tops = {}, {}
    for mode in modes:
        found[mode], tops[mode] = space["time_mode"](mode)
        times = DeviceTimes(sizes, found, tops, note=this.words)
        times.save(this.out / times.file_name)
    return f"{len(found[modes[0]])} blocks in {len(found)} modes: {times.file_name}"


def chapters(this: Run) -> str:
    """Run what each chapter compares on the clock; nothing is trained for it."""
    kept = 0
    for path in sorted((ROOT / "chapters").glob("[0-9][0-9]_*.ipynb")):
        cells = code_cells(path.stem)
        timed = timing_cells(cells)
        if not timed:  # chapter 00 has no block yet
            continue
        chosen = [cells[index] for index in needed(cells, timed)]
        with contextlib.redirect_stdout(io.StringIO()):
            space = run(chosen, settings={"DEVICE": this.device.type})
        for name, found in comparisons(space):
            entry = {
                "title": f"Chapter {path.stem[:2]}, {name}",
                "input": "as the chapter has it on this device",
                "largest_difference": None,  # networks that differ by intention
                "load": os.getloadavg()[0],
                "comparison": found.to_dict(),
            }
            keep(this.out / "chapters.json", {entry["title"]: entry}, this.words)
            kept += 1
    return f"{kept} timings: chapters.json"


def timing_cells(cells: Sequence[str]) -> list[int]:
    """Return the numbers of the cells that time rivals in turn."""
    return [i for i, code in enumerate(cells) if re.search(r"= compare\(", code)]


def comparisons(space: Mapping[Any, Any]) -> Iterator[tuple[str, Comparison]]:
    """Yield what a chapter's cells compared, by its name there."""
    for name, value in list(space.items()):
        if isinstance(value, Comparison):
            yield str(name), value
        elif isinstance(value, dict) and name != "__builtins__":
            for key, each in comparisons(value):
                yield f"{name} {key}", each


def scripts(this: Run, chosen: dict[str, Sizes]) -> tuple[int, dict[str, str]]:
    """Run scripts of `benchmarks/`; one that fails does not stop the others."""
    kept, failed = 0, {}
    for name, (large, tiny) in chosen.items():
        for size in tiny if this.rehearsal else large:
            try:
                with torch.device(this.device):
                    script = importlib.import_module(name)
                    entries = script.bench(size, 2 if this.rehearsal else 5)
                keep(this.out / "ratios.json", entries, this.words)
                kept += len(entries)
            except Exception as error:  # told in run.json, and by the exit code
                failed[f"{name} at {size}"] = f"{type(error).__name__}: {error}"
                traceback.print_exc()
            if this.device.type == "cuda":
                torch.cuda.empty_cache()
    return kept, failed


def ratios(this: Run) -> str:
    """Time the book's networks and blocks against their peers."""
    kept, failed = scripts(this, SCRIPTS)
    this.note("ratios", failed=failed)
    if failed:
        raise RuntimeError(f"{kept} kept; failed: {', '.join(failed)}")
    return f"{kept} comparisons: ratios.json"


def training(this: Run) -> str:
    """Time `fit` in each type."""
    kept, failed = scripts(this, {"bench_training": ((256,), (32,))})
    if failed:
        raise RuntimeError("; ".join(failed.values()))
    return f"{kept} networks trained in each type: ratios.json"


def claims(this: Run) -> str:
    """Train what the claims of one chapter stand on, in its LARGE form."""
    cells = code_cells(CLAIMS_OF)
    targets = [i for i, code in enumerate(cells) if re.search(r"^claim\(", code, re.M)]
    chosen = [cells[index] for index in needed(cells, targets)]
    settings: dict[str, Any] = {"DEVICE": this.device.type, "LARGE": True}
    settings["REFERENCE"] = False  # report, do not fail
    if this.rehearsal:
        settings |= {"SIZE": 48, "STEPS": 1, "SEEDS": range(1)}
    printed = io.StringIO()

    def keep_claims(index: int) -> None:
        found = {words: said for said, words in REPORT.findall(printed.getvalue())}
        held = {words: said == "shown" for words, said in found.items()}
        this.note("claims", chapter=CLAIMS_OF, held=held)

    with contextlib.redirect_stdout(printed):
        run([*chosen, ""], settings=settings, before=keep_claims)
    held = this.record["parts"]["claims"]["held"]
    return f"{sum(held.values())} of {len(held)} claims of {CLAIMS_OF} held"


PARTS: dict[str, Callable[[Run], str]] = {
    part.__name__: part for part in (tests, blocks, chapters, ratios, training, claims)
}


def main(argv: list[str] | None = None) -> int:
    """Run one part; say in one line how it ended."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("out", type=Path)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--rehearsal", action="store_true", help="tiny sizes")
    asked = parser.parse_args(argv)
    torch.manual_seed(0)
    this = Run(asked.out.resolve(), asked.device, asked.rehearsal)
    this.note(asked.part, end="started")
    began = time.monotonic()
    try:
        line, end = PARTS[asked.part](this), "done"
    except Exception as error:  # the other parts go on; the exit code tells
        traceback.print_exc()
        line, end = f"{type(error).__name__}: {error}", "failed"
    seconds = round(time.monotonic() - began, 1)
    this.note(asked.part, end=end, line=line, seconds=seconds)
    print(f"== {asked.part}: {end} in {seconds:.0f} s: {line}", flush=True)
    return end != "done"


if __name__ == "__main__":
    sys.exit(main())
