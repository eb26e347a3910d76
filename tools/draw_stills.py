"""Draw what stands in a page where an explorer cannot run: its first picture.

Each explorer starts in Chromium as it does in a page, and the drawing that it makes is
written to ``book/_static/widgets/NAME.svg``. Colours come from ``widgets.css``, so that
the still picture follows the page's theme as the live one does.

Usage: draw_stills.py (or: make stills)
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
WIDGETS = ROOT / "book" / "_static" / "widgets"
sys.path.insert(0, str(ROOT / "book" / "_ext"))

from site_check import find_chromium  # noqa: E402
from widgets import SCRIPTS  # noqa: E402 (Sphinx extensions lie in no package)

# The lab's stills show what its networks answer: `make lab` writes them.
STILLS = sorted(
    name
    for name, scripts in SCRIPTS.items()
    if not any(script.startswith("lab/") for script in scripts)
)

# In the place of loader.js: only remembers how to start.
REMEMBER = """
window.starts = {};
window.simsegWidget = (name, start) => { starts[name] = start; };
"""
START = """name => {
  const box = document.createElement("div");
  document.body.append(box);
  starts[name](box);
  return box.querySelector("svg").outerHTML;
}"""


def draw(browser: Browser, name: str) -> str:
    """Return an explorer's first picture as SVG, an element a line."""
    tab = browser.new_page()
    tab.add_script_tag(content=REMEMBER)
    for script in SCRIPTS[name]:
        tab.add_script_tag(path=WIDGETS / script)
    drawn: str = tab.evaluate(START, name)
    tab.close()
    return drawn.replace("><", ">\n<") + "\n"


def main() -> None:
    """Draw all of them."""
    argparse.ArgumentParser(description="Draw the explorers' stills.").parse_args()
    with sync_playwright() as playwright:
        # None is the browser that Playwright itself has installed, if it has.
        browser = playwright.chromium.launch(
            executable_path=find_chromium(), args=["--no-sandbox"]
        )
        for name in STILLS:
            (WIDGETS / f"{name}.svg").write_text(draw(browser, name), encoding="utf-8")
            print(f"drawn: {name}")


if __name__ == "__main__":
    main()
