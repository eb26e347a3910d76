"""A chapter on paper: the article alone, in ink, with nothing blank and nothing cut."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pypdf
import pytest
from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]
CHAPTER = "chapters/03_unet"
MM = 96 / 25.4
PAPER = (180 * MM, 265 * MM)  # A4 less the margins of print.css


@pytest.fixture(scope="module")
def tab(browser: Browser, address: str) -> Iterator[Page]:
    """The chapter as a reader with a dark screen has it."""
    context = browser.new_context(
        color_scheme="dark", viewport={"width": int(PAPER[0]), "height": int(PAPER[1])}
    )
    page = context.new_page()
    page.goto(f"{address}/{CHAPTER}.html", wait_until="networkidle")
    yield page
    context.close()


@pytest.fixture(scope="module")
def printed(tab: Page) -> list[str]:
    """The text of each printed page."""
    pages = pypdf.PdfReader(io.BytesIO(tab.pdf(format="A4"))).pages
    return [page.extract_text() for page in pages]


def test_no_page_is_blank_and_there_are_few(printed: list[str]) -> None:
    words = [len(page.split()) for page in printed]
    assert min(words) > 10, words
    assert len(printed) < 35


def test_the_article_is_there_from_end_to_end_and_alone(printed: list[str]) -> None:
    """Its last columns, the ends of its longest lines, and no furniture of the page."""
    text = "".join("".join(printed).split())
    cells = json.loads((ROOT / f"{CHAPTER}.ipynb").read_text("utf-8"))["cells"]
    for cell in cells:
        if cell["cell_type"] == "code" and "hide-" not in str(cell["metadata"]):
            for line in "".join(cell["source"]).splitlines():
                assert "".join(line.split()) in text, line
    for heading in ("Memory", "Intensity", "mintomax"):
        assert heading in text
    for furniture in ("Ctrl+K", "Previous", "Showcode", "Contents"):
        assert furniture not in text


def test_paper_is_white_figures_are_whole_and_nothing_runs_off(tab: Page) -> None:
    tab.emulate_media(media="print")
    figures = tab.evaluate(
        """() => [...document.querySelectorAll(".bd-article figure")].map(
          e => [e.getBoundingClientRect().height, getComputedStyle(e).breakInside])"""
    )
    assert len(figures) > 5
    for height, inside in figures:
        assert 0 < height < PAPER[1]
        assert inside == "avoid"
    wide = tab.evaluate(
        """() => [...document.querySelectorAll(".bd-article :is(pre, table, img, svg)")]
          .filter(e => e.checkVisibility())
          .filter(e => e.getBoundingClientRect().right > innerWidth + 1
            || e.scrollWidth > e.clientWidth + 1 && e.tagName === "PRE")
          .map(e => e.outerHTML.slice(0, 200))"""
    )
    assert wide == []
    ink, paper = tab.evaluate(
        "[getComputedStyle(document.querySelector('.bd-article p')).color, "
        "getComputedStyle(document.body).backgroundColor]"
    )
    assert ink == "rgb(0, 0, 0)"
    assert paper in ("rgb(255, 255, 255)", "rgba(0, 0, 0, 0)")
    tab.emulate_media(media="screen")
