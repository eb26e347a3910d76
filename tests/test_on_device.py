"""What needs a GPU, run on the CPU at tiny sizes: the files come back and are judged.

Nothing here judges a time. `tools/on_gpu.sh --rehearse` runs every part the same way.
"""

import importlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from simseg_core.models import CBAM
from simseg_core.probes.timing import ceilings, turns
from simseg_core.probes.timing.device_times import FOLDER, DeviceTimes

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Import a script or an extension, as running it would."""
    for folder in ("tools", "benchmarks", "book/_ext"):
        monkeypatch.syspath_prepend(ROOT / folder)
    return importlib.import_module


def shell(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(ROOT / "tools" / "on_gpu.sh"), *words],
        env=os.environ
        | {"PYTHON": sys.executable, "OMP_NUM_THREADS": "1"}
        | environment,
        capture_output=True,
        text=True,
        timeout=600,
    )


# --- the parts ----------------------------------------------------------------------


def test_a_rehearsal_writes_its_files_and_says_that_it_is_none(tmp_path: Path) -> None:
    out = tmp_path / "with a space"
    done = shell("--rehearse", str(out), PARTS="training")
    assert done.returncode == 0, (out / "log.txt").read_text()
    assert done.stdout.startswith("== training: done in")
    run = json.loads((out / "run.json").read_text())
    assert run["rehearsal"] is True
    assert {"device_name", "driver", "torch", "date"} <= set(run)
    assert list(run["parts"]) == ["training"]
    assert run["parts"]["training"]["end"] == "done"
    results = json.loads((out / "ratios.json").read_text())
    assert "rehearsal" in results["note"]
    for entry in results["results"].values():
        assert set(entry["comparison"]["ratios"]) == {"float32", "bfloat16"}

    again = shell("--rehearse", str(out), PARTS="training")
    assert again.returncode == 2
    assert "holds a run already" in again.stderr


def test_claims_are_kept_as_they_are_told(
    load: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second claim's cell fails: the first stays, and the part is not done."""
    part = load("on_device")
    chapter = [
        "DEVICE = 'none'",
        "LARGE = False\nSIZE, STEPS, SEEDS = 9, 9, 9\nREFERENCE = True",
        "def claim(holds, words):\n"
        "    print('shown:' if holds else 'NOT shown by this run:', words)\n"
        "    assert holds or not REFERENCE",
        "print('a cell that no claim stands on')\n1 / 0",
        "claim(LARGE, 'it is large')\nclaim(STEPS > 1, 'it takes its time')",
        "claim(1 / 0, 'never told')",
    ]
    monkeypatch.setattr(part, "code_cells", lambda name: chapter)
    assert part.main(["claims", str(tmp_path), "--device", "cpu", "--rehearsal"]) == 1
    found = json.loads((tmp_path / "run.json").read_text())["parts"]["claims"]
    assert found["held"] == {"it is large": True, "it takes its time": False}
    assert found["end"] == "failed"


def test_blocks_are_timed_by_the_notebooks_cells_and_kept_after_each_mode(
    load: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ceilings, "_CPU_SIZES", (16,))
    monkeypatch.setattr(ceilings, "_COPY_BYTES", 2**16)
    # Collecting garbage around each call takes longer than all that is timed here.
    monkeypatch.setattr(turns, "peak_memory", lambda run, device: (None, "nobody"))
    part, kept = load("on_device"), []
    save = DeviceTimes.save
    monkeypatch.setattr(
        DeviceTimes, "save", lambda t, path: (kept.append(list(t.modes)), save(t, path))
    )
    real = part.run

    def fewer(cells: list[str], settings: dict[str, Any]) -> dict[str, Any]:
        few = {"NETWORKS": ["unet_padded"], "BLOCKS": {"CBAM": lambda: CBAM(16)}}
        return real(cells, settings=settings | few)

    monkeypatch.setattr(part, "run", fewer)
    assert part.main(["blocks", str(tmp_path), "--device", "cpu", "--rehearsal"]) == 0
    assert list(map(len, kept)) == [1, 2, 3]
    found = DeviceTimes.load(next(tmp_path.glob("gpu_timing_*.json")))
    assert list(found.modes) == ["float32", "TF32", "autocast bfloat16"]
    types = {mode: blocks["CBAM"].forward.dtype for mode, blocks in found.modes.items()}
    assert types["autocast bfloat16"] == "float32, autocast bfloat16"
    assert found.ceilings["autocast bfloat16"].dtype == "bfloat16"
    assert "rehearsal" in found.origin


def test_a_part_that_fails_says_so_and_is_not_done(
    load: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    part = load("on_device")
    monkeypatch.setattr(part, "SCRIPTS", {"no_such_script": ((1,), (1,))})
    assert part.main(["ratios", str(tmp_path), "--device", "cpu", "--rehearsal"]) == 1
    run = json.loads((tmp_path / "run.json").read_text())
    assert run["parts"]["ratios"]["end"] == "failed"
    assert "no_such_script" in run["parts"]["ratios"]["failed"]["no_such_script at 1"]
    assert "== ratios: failed" in capsys.readouterr().out


def test_no_gpu_no_run(tmp_path: Path) -> None:
    done = shell(str(tmp_path / "out"), CUDA_VISIBLE_DEVICES="")
    assert done.returncode == 1
    assert "no CUDA device here" in done.stderr
    assert shell().returncode == 2


def test_every_gpu_test_is_run_there(load: Any) -> None:
    """By its file: those without such a test need packages that the device lacks."""
    files = [p for p in (ROOT / "tests").rglob("test_*.py") if p != Path(__file__)]
    marked = [p for p in files if "mark.gpu" in p.read_text("utf-8")]
    assert marked == [p for p in files if "@pytest.mark.gpu" in p.read_text("utf-8")]


# --- the cells behind a cell --------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "target", "expected"),
    [
        (["a = 1", "b = 2", "print(a)"], 2, [0, 2]),
        (["a = 1", "a += 1", "print(a)"], 2, [0, 1, 2]),
        (["n = 3", "x = [n for n in range(2)]", "print(x)"], 2, [1, 2]),
        (["n = 3", "x = [n for n in range(2)]", "print(n)"], 2, [0, 2]),
        (["n = 3", "x = {n: n for n in range(n)}", "print(x)"], 2, [0, 1, 2]),
        (["def f():\n    return g()", "def g():\n    return 1", "f()"], 2, [0, 1, 2]),
        (
            ["k = 1", "class A:\n    def f(self):\n        return k", "A()"],
            2,
            [0, 1, 2],
        ),
        (["import os.path", "for x in [1]:\n    os.sep", "x = 1\nprint(x)"], 2, [2]),
        (["a = 1", "a = 2", "print(a)"], 2, [1, 2]),
        (["a = 1", "def f():\n    return a", "a = 2", "f()"], 3, [0, 1, 2, 3]),
        (["import os.path", "for x in [1]:\n    os.sep", "print(x)"], 2, [0, 1, 2]),
    ],
)
def test_cells_behind_a_cell(
    load: Any, cells: list[str], target: int, expected: list[int]
) -> None:
    assert load("chapter_cells").needed(cells, [target]) == expected


def test_settings_take_the_place_of_the_chapters_own(load: Any) -> None:
    run = load("chapter_cells").run
    cells = ["LARGE = False\nSIZE = 9 if LARGE else 3", "twice = 2 * SIZE"]
    assert run(cells, settings={"LARGE": True})["twice"] == 18
    assert run(cells, settings={"SIZE": 5})["twice"] == 10
    with pytest.raises(ValueError, match="no cell assigns STEPS"):
        run(cells, settings={"STEPS": 1})


def test_nothing_is_trained_for_a_chapters_timings(load: Any) -> None:
    cells, part = load("chapter_cells"), load("on_device")
    for path in sorted((ROOT / "chapters").glob("0[1-6]_*.ipynb")):
        code = cells.code_cells(path.stem)
        targets = part.timing_cells(code)
        assert targets, path.stem
        kept = cells.needed(code, targets)
        assert not [i for i in kept if "fit(" in code[i]], path.stem


def test_a_chapter_that_times_nothing_is_left_out(
    load: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = load("on_device")
    monkeypatch.setattr(part, "code_cells", lambda name: ["DEVICE = 'none'", "1 / 0"])
    assert part.main(["chapters", str(tmp_path), "--device", "cpu", "--rehearsal"]) == 0
    assert not (tmp_path / "chapters.json").exists()


# --- into the book ------------------------------------------------------------------


@pytest.fixture
def book(load: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`add_timing` on a book of its own, and a run's folder like one from a GPU.

    Also what the book's page shows then, by the name of its tables.
    """
    tool, tables = load("add_timing"), load("timing_tables")
    given = DeviceTimes.load(next(FOLDER.glob("gpu_timing_*.json")))
    folder = tmp_path / "run"
    folder.mkdir()
    given.save(folder / given.file_name)
    shutil.copy(next(tool.RESULTS.glob("*.json")), folder / "ratios.json")
    run = {
        "schema": tool.RUN_SCHEMA, "rehearsal": False, "device": "cpu",
        "device_name": given.device_name, "driver": "5.1", "torch": "2.11",
        "date": "2026-02-03", "parts": {
            "tests": {"end": "done", "line": "9 passed"}, "ratios": {"end": "started"},
            "claims": {"end": "done", "held": {"it sees": True, "it hears": False}},
        },
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(run))
    for name, shown in [
        ("FOLDER", "device-times"), ("RESULTS", "ratios"), ("RUNS", "gpu-runs"),
    ]:  # fmt: skip
        monkeypatch.setattr(tool, name, tmp_path / tables.SOURCES[shown].folder)
    monkeypatch.setattr(tool, "ROOT", tmp_path)

    def page() -> str:
        return "\n".join(
            line for name in tables.SOURCES for line in tables.markdown(name, tmp_path)
        )

    return tool, folder, page


def test_a_folder_goes_into_the_book_in_one_step(book: Any) -> None:
    tool, folder, page = book
    assert tool.main([str(folder)]) == 0
    text = page()
    wanted = ["driver 5.1", "9 passed", "| ratios | cut off |", "Held: it sees."]
    wanted += ["Did not hold: it hears.", "### Ratios on", "| attention, fused |"]
    for words in wanted:
        assert words in text
    name = json.loads((folder / "run.json").read_text())["device_name"]
    assert [len(list(f.glob("*.json"))) for f in (tool.FOLDER, tool.RESULTS)] == [1, 1]
    assert json.loads(next(tool.RUNS.glob("*.json")).read_text())["device_name"] == name


@pytest.mark.parametrize(
    ("file", "change", "fault"),
    [
        ("run.json", {"rehearsal": True}, "rehearsal"),
        ("run.json", {"device_name": "Another GPU"}, "is of 'Another GPU', but holds"),
        ("run.json", {"driver": ""}, "lacks driver"),
        ("ratios.json", {"schema": "other"}, "no file of benchmarks"),
        ("gpu_timing", {"sizes": "rehearsal"}, "no result"),
    ],
)
def test_a_folder_with_a_fault_adds_nothing(
    book: Any, file: str, change: dict[str, Any], fault: str, capsys: Any
) -> None:
    tool, folder, page = book
    path = next(folder.glob(f"{file}*"))
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    before = page()
    assert tool.main([str(folder)]) == 2
    assert fault in capsys.readouterr().err
    assert page() == before
    assert not tool.FOLDER.exists()
    assert not tool.RESULTS.exists()


def test_training_is_told_in_images_a_second(book: Any, load: Any) -> None:
    tool, folder, page = book
    results = json.loads((folder / "ratios.json").read_text())
    entry = next(iter(results["results"].values()))
    results["results"]["training, net"] = {**entry, "title": "fit, net", "images": 40}
    (folder / "ratios.json").write_text(json.dumps(results))
    assert tool.main([str(folder)]) == 0
    measured = next(iter(entry["comparison"]["measurements"].values()))
    rate = f"{40 / measured['median']:,.0f}"
    row = next(line for line in page().splitlines() if "| fit, net" in line)
    assert row.split("|")[2].strip() == rate
