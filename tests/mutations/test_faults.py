"""Faults seen in public code, planted in ours: the test named for each must fail.

Every file `faults_*.py` beside this one holds a list `FAULTS` of rows. A row says

    name        the fault, in a few words
    seen        where it was seen: a repository and thread, or "-"
    module      the module to plant it in, such as "simseg_core.models.unet"
    old, new    the piece of its source to exchange; `old` occurs exactly once
    caught_by   the test that has to fail, as pytest names it, from the root
    error       what the test has to fail with; "AssertionError" unless given. A planted
                NameError would fail any test, and prove nothing.

That the test passes on the sound code is for the test itself to show: it is run with
all others.
"""

import json
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
REQUIRED = {"name", "seen", "module", "old", "new", "caught_by"}
ROWS: list[dict[str, Any]] = [
    row
    for path in sorted(HERE.glob("faults_*.py"))
    for row in runpy.run_path(str(path))["FAULTS"]
]
Ask = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.fixture(scope="session")
def ask() -> Iterator[Ask]:
    """Start the worker once, and hand it rows one by one."""
    worker = subprocess.Popen(
        [sys.executable, str(HERE / "worker.py")],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert worker.stdin is not None
    assert worker.stdout is not None

    def send(row: dict[str, Any]) -> dict[str, Any]:
        worker.stdin.write(json.dumps(row) + "\n")
        worker.stdin.flush()
        return json.loads(worker.stdout.readline())

    assert "ready" in json.loads(worker.stdout.readline())
    yield send
    worker.stdin.close()
    worker.wait(timeout=10)


def test_there_are_rows() -> None:
    assert ROWS
    names = [row["name"] for row in ROWS]
    assert len(set(names)) == len(names)
    for row in ROWS:
        assert row.keys() - {"error"} == REQUIRED, row["name"]


@pytest.mark.parametrize("row", ROWS, ids=[row["name"] for row in ROWS])
def test_fault_is_caught(row: dict[str, Any], ask: Ask) -> None:
    answer = ask(row)
    # 1: pytest ran the tests, and one failed. 0: none did. Others: none was run.
    assert answer["code"] == 1, f"not caught by {row['caught_by']}\n{answer['output']}"
    expected = [row.get("error", "AssertionError")]
    assert answer["kinds"] == expected, answer["output"]


SOUND = {
    "module": "simseg_core.models.unet",
    "old": "    check_counts,\n",
    "new": "    check_counts,  # as before\n",
    "caught_by": "tests/mutations/test_faults.py::test_there_are_rows",
}


def test_sound_code_is_not_reported_as_caught(ask: Ask) -> None:
    assert ask(SOUND)["code"] == 0


def test_stale_row_is_not_reported_as_caught(ask: Ask) -> None:
    answer = ask({**SOUND, "old": "code that is gone"})
    assert answer["code"] == -1
    assert "holds 0 times, not once" in answer["output"]


def test_misnamed_test_is_not_reported_as_caught(ask: Ask) -> None:
    assert ask({**SOUND, "caught_by": "tests/models/test_none.py"})["code"] == 4
