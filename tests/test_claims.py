"""Claims are run again on other seeds, and the stored runs are of today's claims."""

import ast
import importlib
import json
import re
from pathlib import Path
from typing import Any

import claims_table as tables
import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]
CHAPTERS = sorted(path.stem for path in (ROOT / "chapters").glob("[0-9][0-9]_*.ipynb"))
TOY = [
    "LARGE = False\nSEEDS = range(5) if LARGE else range(3)",
    'REFERENCE = not LARGE\n\ndef claim(holds, words):\n    print("shown:" if holds '
    'else "NOT shown by this run:", words)\n    assert holds or not REFERENCE',
    'claim(max(SEEDS) < 3, "few seeds")\nclaim(len(SEEDS) == 3, "three of them")',
    'raise SystemExit("behind the last claim nothing is run")',
]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module("claims_on_other_seeds")


def code(name: str) -> list[str]:
    """A chapter's code cells."""
    cells = json.loads((ROOT / "chapters" / f"{name}.ipynb").read_text())["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def pattern(part: ast.expr) -> str:
    """What a part of a claim's words matches: itself, or anything if computed."""
    return re.escape(part.value) if isinstance(part, ast.Constant) else ".+"


def claims(name: str) -> list[str]:
    """Patterns of the words of a chapter's claims, in order."""
    found = []
    for text in code(name):
        lines = ["" if line.startswith("%") else line for line in text.splitlines()]
        for node in ast.walk(ast.parse("\n".join(lines))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "claim":
                words = node.args[1]
                parts = words.values if isinstance(words, ast.JoinedStr) else [words]
                found.append("".join(map(pattern, parts)))
    return found


@pytest.mark.parametrize("name", CHAPTERS)
def test_seeds_are_exchanged_and_claims_report(name: str, script: Any) -> None:
    cells = code(name)
    changed = script.with_seeds(cells, 100)
    assert "claim(" in changed[-1]
    assert not any(script.CLAIM.search(text) for text in cells[len(changed) :])
    lines = [
        (old, new)
        for a, b in zip(cells, changed, strict=False)
        for old, new in zip(a.splitlines(), b.splitlines(), strict=True)
        if old != new
    ]
    (was, now), (_, switch) = sorted(lines, key=lambda pair: "REFERENCE" in pair[0])
    assert now == was.replace("range(3)", "range(100, 103)") != was
    assert switch == "REFERENCE = False"


def test_a_claim_that_fails_is_stored_as_such(script: Any, tmp_path: Path) -> None:
    path = tmp_path / "toy.ipynb"
    cells = [nbformat.v4.new_code_cell(text) for text in TOY]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    assert script.run(path, 0) == {"few seeds": True, "three of them": True}
    assert script.run(path, 7) == {"few seeds": False, "three of them": True}


def test_a_chapter_without_the_switch_is_refused(script: Any) -> None:
    with pytest.raises(ValueError, match=r"REFERENCE.* stands 0 times"):
        script.with_seeds([TOY[0], TOY[2]], 7)


@pytest.mark.parametrize("name", CHAPTERS)
def test_every_claim_of_today_was_run_on_other_seeds(name: str, script: Any) -> None:
    runs = json.loads(script.RESULTS.read_text())["chapters"][name]
    assert len(runs) >= 3
    assert not {0, 1, 2} & {int(first) + i for first in runs for i in range(3)}
    for run in runs.values():
        for words in claims(name):
            found = [told for told in run["held"] if re.fullmatch(words, told)]
            assert found, f"run `make claims` again: {words!r} has no stored run"
        assert {"device", "date", "torch"} <= set(run)


def test_chapter_08_tells_how_often_its_encoder_helped(script: Any) -> None:
    name = "08_your_own_pictures"
    runs = json.loads(script.RESULTS.read_text())["chapters"][name]
    held = tables.count_held(runs)
    failed = {words: count for words, count in held.items() if count[0] < count[1]}
    assert set(failed.values()) == {(5, 6)}
    assert len(failed) == 2
    assert not any(runs["500"]["held"][words] for words in failed)
    text = (ROOT / "chapters" / f"{name}.ipynb").read_text()
    assert "in five of six runs" in text


def test_runs_in_which_a_claim_held_are_counted() -> None:
    runs = {
        "100": {"held": {"a": True, "b": False}},
        "200": {"held": {"a": True, "b": True}},
        "300": {"held": {"a": True}},
    }
    assert tables.count_held(runs) == {"a": (3, 3), "b": (1, 2)}
