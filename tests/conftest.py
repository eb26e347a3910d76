"""What all tests share."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from site_check import find_chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).resolve().parent.parent


REMEDY = (
    "BROWSER TESTS SKIPPED: no Chromium on this machine. Remedy: install it (Debian, "
    "Ubuntu: apt-get install chromium), or set CHROMIUM=/path/to/chrome."
)


def pytest_configure(config: pytest.Config) -> None:
    # Under xdist every process computes on its own core.
    if "PYTEST_XDIST_WORKER" in os.environ:
        torch.set_num_threads(1)


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's root."""
    return ROOT


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the machine's own Chromium."""
    path = find_chromium()
    if path is None:
        if os.environ.get("SIMSEG_REQUIRE_BROWSER"):
            pytest.fail(REMEDY)
        pytest.skip(REMEDY)
    return path


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator["Browser"]:
    """Chromium, driven by Playwright."""
    # Only here: a machine with a GPU runs other tests, without Playwright.
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        yield browser
        browser.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    if any(REMEDY in str(report.longrepr) for report in skipped):
        terminalreporter.write_line(REMEDY, red=True, bold=True)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture(autouse=True, scope="module")
def _what_stays_is_not_looked_through() -> None:
    """Each peak of memory begins with a collection, which would walk all of torch."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say of a GPU test that there is no GPU here; nothing else may be skipped."""
    if torch.cuda.is_available():
        return
    no_gpu = pytest.mark.skip(reason="no CUDA device on this machine")
    for item in items:
        if item.get_closest_marker("gpu"):
            item.add_marker(no_gpu)
