"""The built book in the machine's own Chromium."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright
from site_check import Quiet, find_chromium, serve

REMEDY = (
    "BROWSER TESTS SKIPPED: no Chromium on this machine. Remedy: install it (Debian, "
    "Ubuntu: apt-get install chromium), or set CHROMIUM=/path/to/chrome."
)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not find_chromium():
        terminalreporter.write_line(REMEDY, red=True, bold=True)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = find_chromium()
    if path is None:
        if os.environ.get("SIMSEG_REQUIRE_BROWSER"):
            pytest.fail(REMEDY)
        pytest.skip(REMEDY)
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def site(root: Path) -> Path:
    """The folder of the built book."""
    built = root / "_build" / "html"
    assert (built / "index.html").exists(), "no book is built: run make book"
    return built


@pytest.fixture(scope="session")
def address(site: Path) -> Iterator[str]:
    """The book served on this machine, as `make serve` does."""
    with serve(site, Quiet) as served:
        yield served
