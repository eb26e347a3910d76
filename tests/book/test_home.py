"""The home page: its first screen, the picture on it, and where it leads."""

import base64
import io
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import draw_readme_picture as tool
import figure_strip
import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser

from simseg_core.figures.style import new_figure, style

ROOT = Path(__file__).resolve().parents[2]
PIXELS = re.compile(r"data:image/png;base64,\s*([^\"]+)\"")
RED, GREEN, BLUE, GREY = (255, 0, 0), (0, 255, 0), (0, 0, 255), (128, 128, 128)


@pytest.fixture(scope="module")
def figure() -> str:
    """Two rows of three pictures: the first red, green and blue, the second grey."""
    with style():
        drawn, axes = new_figure(height=3, nrows=2, ncols=3)
        for axis, colour in zip(axes.flat, (RED, GREEN, BLUE, GREY, RED, GREEN)):
            axis.imshow(np.full((4, 4, 3), colour, np.uint8))
            axis.set_axis_off()
        for axis, name in zip(axes[0], ("image", "with", "without")):
            axis.set_title(name)
    file = io.StringIO()
    drawn.savefig(file, format="svg")
    return file.getvalue()


def colours(svg: str) -> list[tuple[int, ...]]:
    """The colour in the middle of each picture, in the order of the file."""
    found = []
    for coded in PIXELS.findall(svg):
        pixels = plt.imread(io.BytesIO(base64.b64decode(coded)))
        middle = pixels[len(pixels) // 2, pixels.shape[1] // 2, :3]
        found.append(tuple(int(one) for one in np.rint(255 * middle)))
    return found


@pytest.mark.parametrize(
    ("columns", "row", "expected"),
    [
        (["image", "without"], 1, [RED, BLUE]),
        (["without", "image"], 1, [BLUE, RED]),
        (["image", "with", "without"], 2, [GREY, RED, GREEN]),
    ],
)
def test_a_strip_holds_the_pictures_asked_for(
    figure: str, columns: list[str], row: int, expected: list[Any]
) -> None:
    strip = figure_strip.cut_strip(figure, columns, row)
    assert colours(strip) == expected
    boxes = [one.attrib for one in ET.fromstring(strip)]
    starts = [float(box["x"]) for box in boxes]
    assert starts[0] == 0
    assert all(
        before + float(box["width"]) < after
        for before, after, box in zip(starts, starts[1:], boxes)
    )


def test_a_small_strip_shows_the_same_with_gaps_between(figure: str) -> None:
    small = figure_strip.small_strip(figure, ["image", "without"], 1)
    middle, step = (
        figure_strip.SIDE // 2,
        round(figure_strip.SIDE * (1 + figure_strip.GAP)),
    )
    assert small.size == (step + figure_strip.SIDE, figure_strip.SIDE)
    first, second, between = (
        small.getpixel((x, middle)) for x in (middle, step + middle, step - 1)
    )
    assert (first[:3], second[:3]) == (RED, BLUE)
    assert between[3] == 0, "the page shows between two pictures"


def test_a_strip_of_what_is_not_there_is_refused(figure: str) -> None:
    with pytest.raises(ValueError, match=r"\['wires'\] are not among \['image',"):
        figure_strip.cut_strip(figure, ["image", "wires"], 1)
    with pytest.raises(ValueError, match="row 3 of a figure of 2 rows"):
        figure_strip.cut_strip(figure, ["image"], 3)
    with pytest.raises(ValueError, match="row 0 of a figure of 2 rows"):
        figure_strip.cut_strip(figure, ["image"], 0)


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(390, 844), (1440, 900)])
def test_the_first_screen_invites(
    browser: Browser, address: str, width: int, height: int, scheme: Any
) -> None:
    """Picture, its names, button and doors stand above the fold; the title once."""
    size = {"width": width, "height": height}
    tab = browser.new_page(viewport=size, color_scheme=scheme)  # type: ignore[arg-type]
    tab.goto(f"{address}/index.html", wait_until="networkidle")
    parts = {"h1": 1, ".chapter-strip img": 1, ".strip-names p": 3, "a.start": 1}
    for selector, count in {**parts, ".doors li": 3}.items():
        found = tab.locator(f".bd-article {selector}").all()
        assert len(found) == count, selector
        for one in found:
            box = one.bounding_box()
            assert box is not None
            assert box["width"] > 1
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width
            assert box["y"] + box["height"] <= height, f"{selector} below the fold"
    picture = tab.locator(".chapter-strip img").bounding_box()
    assert picture is not None
    assert picture["width"] > 2.5 * picture["height"]
    titles = tab.evaluate(
        """() => [...document.querySelectorAll("h1, a, p, li")].filter(one => {
          const box = one.getBoundingClientRect();
          const said = one.innerText.replace("#", "").trim();
          return said === "Simple Segmentation, Block by Block"
            && box.width > 1 && box.height > 1 && one.checkVisibility()
            && box.right > 0 && box.top < innerHeight
            && !one.querySelector("p");
        }).map(one => one.tagName + " " + one.className)"""
    )
    assert titles == ["H1 "]
    tab.close()


@pytest.mark.browser
def test_the_picture_is_the_runs(browser: Browser, address: str, site: Path) -> None:
    """Pixels and words are those of chapter 03's kept run."""
    ran = json.loads((ROOT / ".ran" / "03_unet.ipynb").read_text())
    cell = next(one for one in ran["cells"] if one["id"] == "predictions")
    output = next(one for one in cell["outputs"] if "image/svg+xml" in one["data"])
    drawn = PIXELS.findall("".join(output["data"]["image/svg+xml"]))
    tab = browser.new_page()
    tab.goto(f"{address}/index.html")
    picture = tab.locator(".chapter-strip img")
    source, alt = picture.get_attribute("src"), picture.get_attribute("alt")
    tab.close()
    assert source is not None
    assert alt is not None
    shown = PIXELS.findall((site / source).read_text())
    # Three columns; the second scene's first row: image, with skips, without.
    assert shown == drawn[6:9]
    assert alt.endswith(output["metadata"]["image/svg+xml"]["alt"])


@pytest.mark.browser
def test_next_leads_to_the_first_chapter(browser: Browser, address: str) -> None:
    tab = browser.new_page()
    tab.goto(f"{address}/index.html")
    first = f"{address}/chapters/00_pixels_to_score.html"
    for selector in ("a.right-next", "a.start"):
        assert tab.locator(selector).evaluate("one => one.href") == first
    tab.close()


def test_the_readme_opens_as_the_home_page_does() -> None:
    """The same title and sentence, a picture, the same three doors, one command."""
    page = (ROOT / "index.md").read_text().rpartition("---\n\n")[2]
    text = (ROOT / "README.md").read_text()
    home, readme = page.split("\n\n"), text.split("\n\n")
    assert home[:2] == readme[:2]
    assert re.fullmatch(r"!\[.{80,}\]\(\.github/readme\.png\)", readme[2])
    assert re.findall(r"^- \*\*(\w+)", text, re.MULTILINE) == ["Read", "Run", "Teach"]
    assert "make book" in readme[5]
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (ROOT / target).exists(), target


@pytest.mark.browser
def test_the_readmes_picture_is_the_home_pages(browser: Browser, site: Path) -> None:
    """As seen from far: a run on another machine differs in a pixel here and there."""
    small = (60, 20)
    stored, drawn = (
        np.asarray(picture.convert("RGBA").resize(small, Image.Resampling.BOX), float)
        for picture in (
            Image.open(tool.PICTURE),
            tool.draw(browser, site),
        )
    )
    off = np.abs(stored - drawn).mean()
    assert off < 6, "README's picture is another: run tools/draw_readme_picture.py"
    assert tool.PICTURE.stat().st_size < 100_000
