"""The built book in the machine's own Chromium."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from site_check import Quiet, serve


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
