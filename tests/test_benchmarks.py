"""The benchmarks run, check before they time, and their page shows what the files say.

Nothing here judges a time: sizes are tiny, and one round is one round.
"""

import importlib
import io
import json
import re
import shutil
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

from simseg_core import create_model
from simseg_core.probes.timing.comparison import Comparison
from simseg_core.probes.timing.device_times import FOLDER, DeviceTimes

ROOT = Path(__file__).resolve().parents[1]
SIZES = {
    "attention": 6,
    "attention_kernels": 6,
    "deeplabv3": 32,
    "hardnet": 32,
    "inference": 16,
    "launches": 16,
    "receptive_field": 16,
    "runs": 32,
    "training": 32,
    "unet_resnet34": 32,
}


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Import a script or an extension, as running it would; be brief."""
    for folder in ("tools", "benchmarks", "book/_ext"):
        monkeypatch.syspath_prepend(ROOT / folder)
    shared = importlib.import_module("side_by_side")
    real = shared.compare
    monkeypatch.setattr(
        shared, "compare", lambda *a, **k: real(*a, **k, turn_time=0.001)
    )
    return importlib.import_module


@pytest.mark.parametrize("name", SIZES)
def test_each_script_runs_small_and_keeps_its_result(
    name: str, load: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared, script = load("side_by_side"), load(f"bench_{name}")
    if name == "inference":  # it has no peer whose size it must have
        tiny = partial(create_model, preset="tiny")
        monkeypatch.setattr(script, "create_model", tiny)
    if name == "launches":  # compiling takes a minute; what is timed is not judged
        eager = partial(torch.compile, backend="eager")
        monkeypatch.setattr(torch, "compile", eager)
    kept = tmp_path / "results.json"
    size = str(SIZES[name])
    line = [f"bench_{name}.py", "--size", size, "--rounds", "2", "--json", str(kept)]
    monkeypatch.setattr(sys, "argv", line)
    assert shared.main(script.__doc__, 999, script.bench) == 0
    found = shared.read(kept)["results"]
    assert all(("images" in entry) == (name == "training") for entry in found.values())
    for entry in found.values():
        assert {"title", "input", "largest_difference", "load"} <= set(entry)
        found = Comparison.from_dict(entry["comparison"])
        assert len(found.measurements) >= 2
        assert all(len(ratios) == 2 for ratios in found.ratios.values())


def test_every_script_is_tested_and_named_on_the_page() -> None:
    page = (ROOT / "book" / "benchmarks.md").read_text()
    scripts = {path.stem for path in (ROOT / "benchmarks").glob("bench_*.py")}
    assert scripts == {f"bench_{name}" for name in SIZES} | {"bench_data"}
    assert scripts == {
        name.removesuffix(".py") for name in re.findall(r"`(bench_\w+\.py)`", page)
    }


def test_what_does_not_compute_the_same_is_not_timed(load: Any) -> None:
    shared = load("side_by_side")
    pair = {"peer": torch.relu, "ours": lambda x: torch.relu(x) + 0.01}
    with pytest.raises(shared.UnequalError, match=r"differ by .* is not timed"):
        shared.side_by_side("ReLU", pair, torch.ones(4))
    assert shared.largest_difference(pair, torch.full((4,), 2.0)) == pytest.approx(
        0.005, rel=1e-4
    )


@pytest.mark.parametrize("allowed", [True, False])
def test_tf32_is_switched_alone_and_back(load: Any, allowed: bool) -> None:
    def settings() -> tuple[bool, bool, str]:
        cudnn = torch.backends.cudnn
        precision = torch.get_float32_matmul_precision()
        return cudnn.enabled, cudnn.allow_tf32, precision

    before = settings()
    with load("side_by_side").products_in_tf32(allowed):
        assert settings() == (True, allowed, "high" if allowed else "highest")
    assert settings() == before


def test_folding_leaves_no_batchnorm_and_changes_nothing(load: Any) -> None:
    model = torch.nn.Sequential(
        torch.nn.Conv2d(2, 3, 3, bias=False), torch.nn.BatchNorm2d(3), torch.nn.ReLU()
    ).eval()
    for buffer in model.buffers():
        if buffer.is_floating_point():
            torch.nn.init.uniform_(buffer, 0.5, 2)
    folded = load("bench_inference").fold(model)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in folded.modules())
    x = torch.randn(1, 2, 5, 5)
    torch.testing.assert_close(folded(x), model(x))


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda text: text[: len(text) // 2], "no whole JSON file"),
        (lambda text: text.replace("simseg benchmarks 1", "other"), "no file of bench"),
        (lambda text: text.replace('"device_name": "A"', '"device_name": ""'), "lacks"),
        (lambda text: text.replace('"times"', '"time"'), "'ReLU': .*lacks times"),
    ],
)
def test_faulty_results_are_refused(
    load: Any, tmp_path: Path, change: Any, fault: str
) -> None:
    shared = load("side_by_side")
    pair = {"peer": torch.relu, "ours": torch.relu}
    path = tmp_path / "results.json"
    shared.keep(path, {"ReLU": shared.side_by_side("ReLU", pair, torch.ones(4))})
    name = json.loads(path.read_text())["device_name"]
    path.write_text(
        path.read_text().replace(f'"device_name": "{name}"', '"device_name": "A"')
    )
    shared.read(path)
    path.write_text(change(path.read_text()))
    with pytest.raises(ValueError, match=rf"results\.json.*{fault}"):
        shared.read(path)


def test_results_of_two_devices_are_not_mixed(load: Any, tmp_path: Path) -> None:
    shared = load("side_by_side")
    entry = shared.side_by_side("ReLU", dict.fromkeys("ab", torch.relu), torch.ones(4))
    path = tmp_path / "results.json"
    shared.keep(path, {"ReLU": entry})
    text = json.loads(path.read_text())
    path.write_text(json.dumps({**text, "device_name": "Another"}))
    with pytest.raises(ValueError, match=r"results of 'Another'.*another file"):
        shared.keep(path, {"ReLU": entry})


def test_the_page_shows_what_the_files_say(load: Any) -> None:
    tool, tables = load("add_timing"), load("timing_tables")
    page = (ROOT / "book" / "benchmarks.md").read_text("utf-8")
    asked = re.findall(r"^```\{timing-tables\} (\S+)$", page, re.MULTILINE)
    assert sorted(asked) == sorted(tables.SOURCES)
    shown = "\n".join(line for name in asked for line in tables.markdown(name, ROOT))
    assert list(tool.RESULTS.glob("*.json"))
    for path in FOLDER.glob("gpu_timing_*.json"):
        assert DeviceTimes.load(path).origin in shown
    for path in tool.RUNS.glob("*.json"):
        assert tool.read_run(path)["driver"] in shown


def test_a_contributed_file_gets_its_place_and_its_rows(
    load: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool, tables = load("add_timing"), load("timing_tables")
    given = DeviceTimes.load(next(FOLDER.glob("gpu_timing_*.json")))
    given.save(tmp_path / "mine.json")
    measured = tmp_path / tables.SOURCES["device-times"].folder
    for name, value in [("FOLDER", measured), ("ROOT", tmp_path)]:
        monkeypatch.setattr(tool, name, value)
    for name in ("RESULTS", "RUNS"):
        monkeypatch.setattr(tool, name, tmp_path / "none")
    assert tool.main([str(tmp_path / "mine.json"), "--note", "on battery"]) == 0
    added = DeviceTimes.load(measured / given.file_name)
    assert added.note == "on battery"
    text = "\n".join(tables.markdown("device-times", tmp_path))
    assert "on battery" in text
    assert "| attention, fused |" in text

    (tmp_path / "bad.json").write_text("{")
    assert tool.main([str(tmp_path / "bad.json")]) == 2
    assert "\n".join(tables.markdown("device-times", tmp_path)) == text


def test_without_files_the_page_says_so(load: Any, tmp_path: Path) -> None:
    tables = load("timing_tables")
    for name in ("device-times", "training", "gpu-runs"):
        (line,) = tables.markdown(name, tmp_path)
        assert "contributed yet" in line
    assert tables.markdown("ratios", tmp_path) == []


def read_page(book: Path, out: Path) -> tuple[nodes.document, str]:
    """Let Sphinx read the one page of a small book; give it, and the warnings."""
    told = io.StringIO()
    options = {
        "extensions": ["myst_parser", "timing_tables"],
        # Sphinx keeps one default for all books of a process, and writes into it.
        "source_suffix": {".md": "markdown"},
    }
    with docutils_namespace():
        app = Sphinx(
            book, None, out, out / "doctrees", "dummy",
            confoverrides=options, status=None, warning=told,
        )  # fmt: skip
        app.build()
        return app.env.get_doctree("index"), told.getvalue()


def test_tables_are_sections_of_the_page_and_a_faulty_file_is_told(
    load: Any, tmp_path: Path
) -> None:
    tables = load("timing_tables")
    book, out = tmp_path / "book", tmp_path / "out"
    for folder in ("simseg_core/measured", "benchmarks/results"):
        shutil.copytree(ROOT / folder, book / folder)
    parts = [f"## {n}\n\n```{{timing-tables}} {n}\n```\n" for n in tables.SOURCES]
    (book / "index.md").write_text("\n".join(["# Page\n", *parts]))
    page, told = read_page(book, out)
    assert told == ""
    sections = {
        section.next_node(nodes.title).astext(): section
        for section in page.findall(nodes.section)
    }
    times = sections["device-times"]
    for path in FOLDER.glob("gpu_timing_*.json"):
        assert DeviceTimes.load(path).origin in times.astext()
    assert all(
        isinstance(one.parent, nodes.section) for one in times.findall(nodes.table)
    )
    assert any(one.startswith("Ratios on") for one in sections)
    assert "No device has been contributed yet." in sections["training"].astext()

    results = next((book / "benchmarks" / "results").glob("*.json"))
    results.write_text("{")
    _, told = read_page(book, out)
    assert f"{results} is no whole JSON file" in told
