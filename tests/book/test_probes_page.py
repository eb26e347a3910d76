"""The page on the probes: its code runs, and prints what the page shows."""

import contextlib
import io
import itertools
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from simseg_core.cli import main
from simseg_core.probes.field.rules.registry import RULES

PAGE = Path(__file__).resolve().parents[2] / "book" / "probes.md"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

# What differs between two runs or two machines.
OWN_TO_A_RUN = {
    r"[\d.]+ (ms|µs|ns|s)\b": "TIME",
    r"\d+ x \d+ runs": "RUNS",
    r"peak memory .*": "MEMORY",
    r"cpu: .*": "MACHINE",
    r"RuntimeError: .*?;": "WHAT TORCH SAYS",
    r"aten::\w+": "KERNEL",
    r'rule\("\w+"\)': "RULE",
}


def blocks() -> list[tuple[str, str]]:
    return FENCE.findall(PAGE.read_text("utf-8"))


def told(text: str) -> str:
    """Leave out what is a run's own, and space at the ends."""
    for pattern, word in OWN_TO_A_RUN.items():
        text = re.sub(pattern, word, text)
    return text.strip()


def in_terminal(words: list[str]) -> str:
    """Both streams of a command, as a terminal shows them."""
    assert words[:3] == ["python", "-m", "simseg_core"]
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        main(words[3:])
    return out.getvalue()


def run_page() -> Iterator[tuple[str, str, str]]:
    """Run the page from top to bottom: each block's code, what it shows and printed."""
    names: dict[str, object] = {}
    found = [*blocks(), ("end", "")]
    for (kind, text), (following, shown) in itertools.pairwise(found):
        if kind == "console":
            command, _, output = text.partition("\n")
            yield command, output, in_terminal(shlex.split(command.removeprefix("$ ")))
        if kind == "python":
            if text.startswith("# mynet.py"):
                Path("mynet.py").write_text(text)
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile(text, str(PAGE), "exec"), names)
            expected = shown if following == "text" else ""
            yield text, expected, printed.getvalue()


def test_the_page_shows_what_its_code_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.delitem(sys.modules, "mynet", raising=False)
    ran = 0
    with patch.dict(RULES):  # the page adds one
        for code, shown, printed in run_page():
            assert told(printed) == told(shown), f"{PAGE} shows otherwise:\n{code}"
            ran += 1
    assert ran == sum(kind in ("python", "console") for kind, _ in blocks()) > 15


def test_every_block_is_one_that_is_checked() -> None:
    assert {kind for kind, _ in blocks()} == {"python", "text", "console"}
    assert PAGE.read_text("utf-8").count("\n```") == 2 * len(blocks())
