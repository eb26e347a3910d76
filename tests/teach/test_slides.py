"""Slides: which cells are on them, how large, and what a browser makes of them."""

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser
from teach.lecture import deck, slides, wide_figure

CHAPTERS = sorted(path.stem for path in (slides.ROOT / "chapters").glob("*.ipynb"))
TAGGED = ("01_self_attention", "03_unet")


def markdown(source: str, kind: str = "", **simseg: Any) -> deck.Cell:
    return cell("markdown", source, kind, simseg)


def code(source: str, kind: str = "", said: str = "") -> deck.Cell:
    return cell("code", source, kind, {}) | {"outputs": [{"text": said}] * bool(said)}


def cell(which: str, source: str, kind: str, simseg: dict[str, Any]) -> deck.Cell:
    tags = {"slideshow": {"slide_type": kind}} if kind else {}
    about = {"simseg": simseg} if simseg else {}
    return {
        "cell_type": which,
        "id": re.sub(r"\W+", "-", source[:12]),
        "source": source,
        "metadata": tags | about,
    }


# --- which cells ---------------------------------------------------------------------


def test_a_tag_puts_a_cell_on_a_slide_and_its_prose_into_the_notes() -> None:
    made = deck.make_deck(
        [
            markdown("# A chapter\n\nWhy? See [there](other.ipynb).", "slide"),
            markdown("Only spoken."),
            markdown("## Built\n\nFirst. Second.", "subslide", slide=["Second."]),
            code("x = 1", "fragment"),
            markdown("Nowhere.", "skip"),
        ]
    )
    first, second = made
    assert (first.heading, second.heading) == ("A chapter", "Built")
    assert second.words == ["Second."]
    assert [(how, waits) for _, how, waits in second.exhibits] == [("code", True)]
    assert first.notes == ["Why? See there.", "Only spoken."]
    assert second.notes == ["First. Second."]


def test_an_untagged_opening_is_spoken_on_the_slide_that_follows() -> None:
    made = deck.make_deck(
        [
            markdown("# A\n\nWhy?", "slide"),
            markdown("## B\n\nSpoken."),
            code("x = 1", "slide"),
        ]
    )
    assert [slide.notes for slide in made] == [["Why?"], ["Spoken."]]
    assert made[1].heading == "B"


def test_a_slide_says_only_what_the_chapter_says() -> None:
    cells = [markdown("# A\n\nIt has 23 layers.", "slide", slide=["It has 24 layers."])]
    with pytest.raises(ValueError, match=r"does not say 'It has 24 layers\.'"):
        deck.make_deck(cells)


def test_long_code_is_cut_to_its_definitions_or_refused() -> None:
    body = "\n".join(f"        y = {n}" for n in range(deck.LINES))
    forward = "    def forward(self, x):\n        return x"
    network = f"class Net:\n    def __init__(self):\n{body}\n\n{forward}"
    assert deck.short_code(network) == f"class Net:\n    ...\n\n{forward}"
    with pytest.raises(ValueError, match="too many lines for a slide"):
        deck.make_deck([code(body.replace(" ", "") + "\nz = 1", "slide")])


def test_claims_of_a_section_share_a_slide() -> None:
    made = deck.make_deck(
        [
            markdown("# A\n\nWhy?", "slide"),
            code("a", "slide", "shown: one"),
            code("b", "subslide"),
            code("c", "-", "shown: two"),
        ]
    )
    assert [len(slide.exhibits) for slide in made] == [0, 2, 1]


def test_a_claim_that_failed_is_not_ticked() -> None:
    said = "shown: it rains\nNOT shown by this run: it snows"
    html, _ = slides.show(code("a", said=said), "claims")
    assert "<li>it rains</li>" in html
    assert '<li class="missed">not shown by this run: it snows</li>' in html


@pytest.mark.parametrize("name", CHAPTERS)
def test_no_slide_is_a_wall(name: str) -> None:
    cells = slides.read_chapter(name)
    tagged = [one for one in cells if deck.slide_type(one)]
    assert bool(tagged) == (name in TAGGED)
    made = deck.make_deck(cells)
    assert 12 <= len(made) <= 45
    assert made[0].kind == "slide"
    for slide in made:
        words = deck.count_words(" ".join(slide.words))
        assert words <= 60, (slide.heading, slide.words)
        for shown, how, _ in slide.exhibits:
            if how == "code":
                found = deck.short_code(deck.text(shown))
                assert found
                assert found.count("\n") < deck.LINES
    spoken = " ".join(note for slide in made for note in slide.notes)
    assert len(spoken.split()) > sum(len(" ".join(s.words).split()) for s in made)


def test_without_a_current_run_the_remedy_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(slides, "is_current", lambda *_: False)
    with pytest.raises(ValueError, match="Remedy: make chapter NAME=03_unet"):
        slides.read_chapter("03_unet")
    with pytest.raises(ValueError, match=r"no chapter '3_unet'.*03_unet"):
        slides.read_chapter("3_unet")


# --- figures -------------------------------------------------------------------------


def drawn(panels: int, tall: int) -> str:
    """An SVG of panels below each other, as matplotlib writes one."""
    height = panels * tall
    boxes = "".join(
        f'<path d="M 5 {n * tall + 8} L 280 {(n + 1) * tall - 8} z"/>'
        for n in range(panels)
    )
    size = f'viewBox="0 0 288 {height}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{boxes}</svg>'


def test_a_tall_figure_is_folded_and_a_wide_one_is_not() -> None:
    for panels, tall, wide in ((1, 200, 288), (4, 150, 2 * 288 + wide_figure.BETWEEN)):
        svg = drawn(panels, tall)
        box = re.search(r'viewBox="[^"]*"', svg)
        assert box
        words = '<text font-size="9">a</text>'
        page = f'<svg class="drawn" {box[0]} role="img" style="a">{words}</svg>'
        laid = wide_figure.lay_out(svg, page, "one")
        assert f'viewBox="0 0 {wide} ' in laid.svg
        assert laid.whole
        assert 'font-size="10.5"' in laid.svg
        ET.fromstring(laid.svg)


def test_a_figure_is_cut_where_nothing_is_drawn() -> None:
    parts = list(wide_figure.parts_of(ET.fromstring(drawn(3, 100)), 8.5))
    assert parts == [(0, 100), (100, 200), (200, 300)]


# --- the page ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return slides.make_slides("03_unet", tmp_path_factory.mktemp("deck") / "03_unet")


def test_figures_keep_their_alt_texts(page: Path) -> None:
    html = page.read_text(encoding="utf-8")
    ran = json.loads((slides.ROOT / ".ran" / "03_unet.ipynb").read_text("utf-8"))
    said = [
        output["metadata"]["image/svg+xml"]["alt"]
        for one in ran["cells"]
        if one["id"] in ("samples", "train-spread", "predictions", "draw", "effective")
        for output in one["outputs"]
        if "image/svg+xml" in output.get("data", {})
    ]
    assert len(said) == 5
    for alt in said:
        assert alt.split(".")[0] in html.replace("&#x27;", "'")


def test_formulas_are_mathml_and_no_address_is_loaded(page: Path) -> None:
    html = page.read_text(encoding="utf-8")
    assert "<math" in html
    assert "$" not in re.sub(r"<(pre|svg).*?</\1>", "", html, flags=re.S)
    assert not re.search(r'(?:src|href)="(?:https?:)?//[^"]*\.(?:js|css|woff2)', html)
    loaded = re.findall(r'(?:src|<link rel="stylesheet" href)="([^"]+)"', html)
    assert all((page.parent / one).is_file() for one in loaded)


SHOWN = """() => {
  const slide = Reveal.getCurrentSlide(), box = slide.getBoundingClientRect();
  const shown = [...slide.querySelectorAll("*")].filter(one =>
    !one.closest("aside") && !one.closest("math") &&
    !one.parentElement.closest("svg"));
  const beyond = shown.filter(one => {
    const edge = one.getBoundingClientRect();
    return edge.width && (edge.bottom > box.bottom + 1 || edge.right > box.right + 1);
  });
  const small = [...slide.querySelectorAll("p, li, td, pre, h1, h2")]
    .filter(one => !one.closest("aside"))
    .map(one => parseFloat(getComputedStyle(one).fontSize));
  const drawn = [...slide.querySelectorAll("svg text")].map(one =>
    parseFloat(getComputedStyle(one).fontSize) * Math.abs(one.getScreenCTM().d ||
      one.getScreenCTM().b));
  return {
    heading: slide.querySelector("h1, h2").textContent,
    beyond: beyond.map(one => one.tagName + "." + one.className),
    words: Math.min(...small, 99), letters: Math.min(...drawn, 99),
    notes: slide.querySelectorAll("aside.notes").length,
  };
}"""


@pytest.mark.browser
def test_every_slide_fits_is_legible_and_asks_nobody(
    page: Path, browser: Browser
) -> None:
    tab = browser.new_page(viewport={"width": 1280, "height": 720})
    asked, faults = [], []
    tab.on("request", lambda request: asked.append(request.url))
    tab.on("pageerror", lambda fault: faults.append(str(fault)))
    tab.goto(page.as_uri())
    tab.wait_for_function("Reveal.isReady()")
    many = tab.evaluate("Reveal.getTotalSlides()")
    seen = []
    while not seen or not tab.evaluate("Reveal.isLastSlide()"):
        seen.append(tab.evaluate(SHOWN))
        here = tab.evaluate("Reveal.getSlidePastCount()")
        while tab.evaluate("Reveal.getSlidePastCount()") == here:
            tab.keyboard.press("ArrowRight")
    seen.append(tab.evaluate(SHOWN))
    assert len(seen) == many > 30
    assert not faults
    for slide in seen:
        assert not slide["beyond"], slide
        assert slide["words"] >= 20, slide
        assert slide["letters"] >= 16.5, slide
    assert sum(slide["notes"] for slide in seen) > many / 2
    assert asked
    assert all(url.startswith(("file:", "data:")) for url in asked)
    tab.goto(f"{page.as_uri()}?print-pdf")
    tab.wait_for_selector(".pdf-page")
    tab.wait_for_function(f"document.querySelectorAll('.pdf-page').length === {many}")
    tab.close()
