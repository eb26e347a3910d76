"""Let Lighthouse judge the built pages as a phone sees them, and print a table.

The built book is served with gzip, as its public server does. Each page is loaded
several times and gets its medians: one load is noise. Scores are of a phone that
Lighthouse simulates; on a busy machine they are lower than on a quiet one, the bytes
are the same everywhere. Needs Node and Chromium; nothing else of the project does.

Usage: site_check.py [--runs N] [PAGE ...]   (a page as chapters/03_unet; default: all)
"""

from __future__ import annotations

import argparse
import functools
import gzip
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

SITE = Path(__file__).resolve().parent.parent / "_build" / "html"
LIGHTHOUSE = "lighthouse@12.2.3"  # the newest that Node 18 and 20 take
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Lighthouse's categories with the least score: of a text page, of a chapter.
LEAST = {
    "performance": (95, 90),
    "accessibility": (95, 95),
    "best-practices": (95, 95),
    "seo": (95, 95),
}


class Verdict(NamedTuple):
    """Medians over the loads of one page: scores to 100, bytes sent, seconds."""

    scores: dict[str, float]
    size: float
    largest_paint: float


def read_report(report: dict[str, Any]) -> Verdict:
    """Return what counts of one report of Lighthouse's."""
    audits = report["audits"]
    return Verdict(
        {name: 100 * (report["categories"][name]["score"] or 0) for name in LEAST},
        audits["total-byte-weight"]["numericValue"],
        audits["largest-contentful-paint"]["numericValue"] / 1000,
    )


def middle(verdicts: list[Verdict]) -> Verdict:
    """Return the medians of several loads, each value by itself."""
    return Verdict(
        {name: median(one.scores[name] for one in verdicts) for name in LEAST},
        median(one.size for one in verdicts),
        median(one.largest_paint for one in verdicts),
    )


def too_low(page: str, verdict: Verdict) -> list[str]:
    """Return what a page falls short of, each as words."""
    chapter = page.startswith("chapters/")
    return [
        f"{page}: {name} {verdict.scores[name]:.0f}, at least {least[chapter]}"
        for name, least in LEAST.items()
        if round(verdict.scores[name]) < least[chapter]
    ]


def row(page: str, verdict: Verdict) -> str:
    """Return a page's line of the table."""
    scores = "".join(f"{verdict.scores[name]:>8.0f}" for name in LEAST)
    return f"{page:<34}{scores}{verdict.size / 1000:>8.0f}{verdict.largest_paint:>8.1f}"


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files as `make serve` does, and prints nothing."""

    def log_message(self, *args: object) -> None:
        """Say nothing."""


class Gzipped(Quiet):
    """Serves files as a public server does: text packed, everything to be kept."""

    protocol_version = "HTTP/1.1"
    packed = (".html", ".css", ".js", ".json", ".svg")

    def do_GET(self) -> None:
        """Send a file."""
        path = Path(self.translate_path(self.path))
        path = path / "index.html" if path.is_dir() else path
        if not path.is_file():
            self.send_error(404)
            return
        body = path.read_bytes()
        self.send_response(200)
        if path.suffix in self.packed:
            body = gzip.compress(body, 6)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "max-age=600")
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def serve(site: Path, handler: type[Quiet] = Gzipped) -> Iterator[str]:
    """Serve a folder; give its address."""
    here = functools.partial(handler, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), here) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def load(address: str, browser: str) -> Verdict:
    """Let Lighthouse load one page once."""
    command = [
        *("npx", "--yes", LIGHTHOUSE, address, "--output=json", "--quiet"),
        f"--only-categories={','.join(LEAST)}",
        "--chrome-flags=--headless=new --no-sandbox --disable-gpu",
    ]
    environment = os.environ | {"CHROME_PATH": browser}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"Lighthouse could not load {address}:\n{done.stderr}")
    return read_report(json.loads(done.stdout))


def find_chromium() -> str | None:
    """Return the path of a Chromium, the one named by CHROMIUM first."""
    named = os.environ.get("CHROMIUM")
    return named or next(filter(None, map(shutil.which, BROWSERS)), None)


def needed_browser() -> str:
    """Return the path of Chromium; end with the remedy if that or Node is missing."""
    browser = find_chromium()
    if not shutil.which("npx"):
        raise SystemExit(
            "Lighthouse needs Node, which is not on this machine. Remedy: install it "
            "(Debian, Ubuntu: apt-get install nodejs npm)."
        )
    if browser is None:
        raise SystemExit(
            "No Chromium on this machine. Remedy: install it (Debian, Ubuntu: apt-get "
            "install chromium), or set CHROMIUM=/path/to/chrome."
        )
    return browser


def main() -> int:
    """Judge the pages; return 1 if one falls short."""
    parser = argparse.ArgumentParser(description="Judge the built pages by Lighthouse.")
    parser.add_argument("pages", nargs="*", help="as chapters/03_unet; default: all")
    parser.add_argument("--runs", type=int, default=5, help="loads of each page")
    arguments = parser.parse_args()
    if arguments.runs < 1:
        parser.error("--runs must be at least 1")
    browser = needed_browser()
    every = [
        file.relative_to(SITE).with_suffix("").as_posix()
        for file in sorted(SITE.rglob("*.html"))
        if "_static" not in file.parts
    ]
    pages = arguments.pages or every
    missing = [page for page in pages if page not in every]
    if missing or not every:
        raise SystemExit(
            f"Not in the built book: {missing or SITE}. Remedy: make book, and name a "
            "page as chapters/03_unet."
        )
    heads = ("speed", "access", "practice", "seo", "KB", "paint s")
    print(f"{'page':<34}" + "".join(f"{head:>8}" for head in heads), flush=True)
    short: list[str] = []
    with serve(SITE) as address:
        for page in pages:
            url = f"{address}/{page}.html"
            verdict = middle([load(url, browser) for _ in range(arguments.runs)])
            short += too_low(page, verdict)
            print(row(page, verdict), flush=True)
    print("\n".join(short) or "Every page is as good as it has to be.")
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
