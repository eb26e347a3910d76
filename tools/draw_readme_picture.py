"""Draw the home page's picture as a PNG, for README: `.github/readme.png`.

GitHub shows README without the built book, so this one picture is committed. It is the
built home page's own, drawn by the browser; `tests/book/test_home.py` fails if it is
not any more, and says to run this.

Usage: draw_readme_picture.py   (after `make book`, with Chromium)
"""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright
from site_check import SITE, find_chromium

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / ".github" / "readme.png"
WIDTH = 1200
COLOURS = 128  # few enough for a small file, and none is missed


def draw(browser: Browser, site: Path) -> Image.Image:
    """Return the picture of the built home page, on a transparent ground."""
    home = site / "index.html"
    source = re.search(
        r'class="chapter-strip.*?<img[^>]* src="([^"]+)"', home.read_text("utf-8"), re.S
    )
    assert source, f"{home} shows no picture"
    drawing = (home.parent / source[1]).read_text("utf-8")
    page = browser.new_page(viewport={"width": WIDTH, "height": WIDTH})
    style = (
        "body { margin: 0 } body > svg { display: block; width: 100%; height: auto }"
    )
    page.set_content(f"<style>{style}</style>{drawing}")
    shot = page.locator("body > svg").screenshot(omit_background=True)
    page.close()
    return Image.open(io.BytesIO(shot)).convert("RGBA")


def main() -> int:
    """Draw and write it."""
    chromium = find_chromium()
    if not (SITE / "index.html").exists() or not chromium:
        print(
            "This needs the built book and Chromium. Remedy: make book", file=sys.stderr
        )
        return 1
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=chromium, args=options)
        picture = draw(browser, SITE)
        browser.close()
    picture.quantize(COLOURS, Image.Quantize.FASTOCTREE).save(PICTURE, optimize=True)
    print(f"{PICTURE.relative_to(ROOT)}: {PICTURE.stat().st_size // 1000} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
