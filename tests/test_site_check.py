"""The table of Lighthouse's verdicts, and the server that it is shown the book by."""

import gzip
import os
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import site_check

ROOT = Path(__file__).resolve().parents[1]


def report(performance: float, size: int, paint: float) -> dict[str, Any]:
    """What Lighthouse writes of one load, less all that is not read."""
    scores = dict.fromkeys(site_check.LEAST, 1.0) | {"performance": performance}
    return {
        "categories": {name: {"score": score} for name, score in scores.items()},
        "audits": {
            "total-byte-weight": {"numericValue": size},
            "largest-contentful-paint": {"numericValue": paint},
        },
    }


def test_a_page_gets_the_medians_of_its_loads() -> None:
    loads = [(0.91, 2000, 1500), (0.2, 2000, 9000), (0.97, 3000, 1200)]
    verdict = site_check.middle([site_check.read_report(report(*one)) for one in loads])
    assert verdict.scores["performance"] == 91
    assert verdict.scores["seo"] == 100
    assert (verdict.size, verdict.largest_paint) == (2000, 1.5)


@pytest.mark.parametrize(
    ("page", "performance", "words"),
    [
        ("book/claims", 0.95, []),
        ("book/claims", 0.94, ["book/claims: performance 94, at least 95"]),
        ("chapters/03_unet", 0.9, []),
        ("chapters/03_unet", 0.89, ["chapters/03_unet: performance 89, at least 90"]),
    ],
)
def test_a_chapter_may_be_slower(
    page: str, performance: float, words: list[str]
) -> None:
    verdict = site_check.read_report(report(performance, 1, 1))
    assert site_check.too_low(page, verdict) == words


def test_a_category_that_could_not_be_judged_falls_short() -> None:
    judged = report(1, 1, 1)
    judged["categories"]["seo"]["score"] = None
    words = site_check.too_low("index", site_check.read_report(judged))
    assert words == ["index: seo 0, at least 95"]


def test_text_is_sent_packed(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("text " * 100)
    (tmp_path / "font.woff2").write_bytes(b"font")
    with site_check.serve(tmp_path) as address:
        with urllib.request.urlopen(f"{address}/") as page:
            assert page.headers["Content-Encoding"] == "gzip"
            assert page.headers["Content-Type"] == "text/html"
            assert gzip.decompress(page.read()).decode() == "text " * 100
        with urllib.request.urlopen(f"{address}/font.woff2") as font:
            assert font.headers["Content-Encoding"] is None
            assert font.read() == b"font"


@pytest.mark.parametrize(
    ("page", "path", "words"),
    [
        ("index", "", "Lighthouse needs Node"),
        ("no/such", None, "Not in the built book: ['no/such']. Remedy: make book"),
        ("index.html", None, "name a page as chapters/03_unet"),
    ],
)
def test_what_is_missing_is_told(
    tmp_path: Path, page: str, path: str | None, words: str
) -> None:
    """A machine has neither Node nor Chromium, or both: both are played."""
    (tmp_path / "npx").touch(0o755)
    done = subprocess.run(
        [sys.executable, "tools/site_check.py", page],
        cwd=ROOT,
        env=os.environ
        | {"PATH": str(tmp_path) if path is None else path}
        | {"CHROMIUM": "chromium"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert words in done.stderr


def test_a_page_is_loaded_once_at_least() -> None:
    command = [sys.executable, "tools/site_check.py", "--runs", "0"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "--runs must be at least 1" in done.stderr
