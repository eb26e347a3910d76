"""The search page, asked in the browser: what comes first, and what is quoted."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

ROOT = Path(__file__).resolve().parents[2]
PIXELS, ATTENTION, GATES, UNET, ATROUS, DEEPLAB, HARDNET = (
    *("00_pixels_to_score", "01_self_attention", "02_cbam", "03_unet"),
    *("04_atrous_aspp", "05_deeplabv3plus", "06_fchardnet"),
)
# What is typed, the glossary's entry that answers, and the chapter that comes next.
ANSWERS = [
    ("gamma", "Gamma", ATTENTION),
    ("query", "Key, query, value", ATTENTION),
    ("attention map", "Attention map", ATTENTION),
    ("gate", "Gate", GATES),
    ("channel gates", "Channel gate", GATES),
    ("squeeze and excitation", "Squeeze and excitation", GATES),
    ("skip", "Skip connection", UNET),
    ("receptive field", "Receptive field", UNET),
    ("unet", "U-Net", UNET),
    ("transposed convolution", "Transposed convolution", UNET),
    ("atrous", "Atrous convolution", ATROUS),
    ("dilated convolution", "Atrous convolution", ATROUS),
    ("gridding", "Gridding", ATROUS),
    ("ASPP", "ASPP", ATROUS),
    ("output stride", "Output stride", ATROUS),
    ("depthwise", "Depthwise separable convolution", DEEPLAB),
    ("inverted residual", "Inverted residual", DEEPLAB),
    ("HarDBlock", "HarD block", HARDNET),
    ("CIO", "CIO", HARDNET),
    ("boundary IoU", "Boundary IoU", PIXELS),
    ("mean IoU", "mIoU", PIXELS),
    ("dice loss", "Dice loss", PIXELS),
]
# No terms of the glossary: the page that comes first.
FIRST = [
    ("cbam", f"chapters/{GATES}.html"),
    ("deeplabv3+", f"chapters/{DEEPLAB}.html"),
    ("licences", "book/data.html"),
    ("notation", "book/notation.html"),
    ("create_model", "book/api/models.html"),
]

RESULTS = """() => [...document.querySelectorAll("#search-results li")].map(item => ({
  name: item.querySelector("a").innerText,
  link: item.querySelector("a").getAttribute("href"),
  words: item.querySelector(".context")?.innerText ?? "",
}))"""


@pytest.fixture(scope="module")
def tab(browser: Browser) -> Any:
    tab = browser.new_page(viewport={"width": 1440, "height": 900})
    yield tab
    tab.close()


def search(tab: Page, address: str, words: str) -> list[dict[str, str]]:
    tab.goto(f"{address}/book/../search.html")
    tab.locator(".bd-search-container input[name=q]").fill(words)
    tab.keyboard.press("Enter")
    done = tab.locator("#search-results h2", has_text="Search Results")
    done.wait_for(state="attached")  # the theme hides it
    return tab.evaluate(RESULTS)


@pytest.mark.browser
def test_a_term_is_answered_and_its_chapter_comes_first(
    tab: Page, address: str
) -> None:
    wrong = []
    for words, name, chapter in ANSWERS:
        found = search(tab, address, words)
        first, second = found[0], found[1]
        if first["name"] != name or len(first["words"].split()) < 8:
            wrong.append(f"{words}: the answer is {first}")
        if second["link"] != f"chapters/{chapter}.html":
            wrong.append(f"{words}: {second} comes before chapter {chapter}")
        links = [one["link"] for one in found]
        if len(links) != len(set(links)):
            wrong.append(f"{words}: the same place twice among {links}")
        if "Glossary" in [one["name"] for one in found]:
            wrong.append(f"{words}: the glossary again, without a term: {links}")
    assert wrong == [], "\n".join(wrong)


@pytest.mark.browser
def test_what_is_no_term_leads_to_its_page(tab: Page, address: str) -> None:
    for words, page in FIRST:
        found = search(tab, address, words)
        assert found[0]["link"].partition("#")[0] == page, (words, found[:3])


@pytest.mark.browser
@pytest.mark.parametrize("words", ["constructor", "__proto__", "<zzz>", "[(*\\"])
def test_what_no_page_holds_finds_none(tab: Page, address: str, words: str) -> None:
    """Also where JavaScript's own objects know the word, or a pattern the sign."""
    errors: list[str] = []
    tab.on("pageerror", lambda error: errors.append(str(error)))
    assert search(tab, address, words) == []
    assert errors == []


@pytest.mark.browser
def test_excerpts_quote_prose(tab: Page, address: str) -> None:
    """Sentences that hold the word, not code, and not the page's table of contents."""
    search(tab, address, "bandwidth")
    expect(tab.locator("#search-results li:nth-child(-n+4) .context")).to_have_count(4)
    for result in tab.evaluate(RESULTS)[1:4]:
        words = result["words"]
        assert re.search("bandwidth", words, re.IGNORECASE), result
        assert "Contents" not in words
        assert "import " not in words
        assert len(words) < 300
    assert tab.locator("#search-results li:nth-child(2) mark").count()


@pytest.mark.browser
def test_a_definition_is_shown_from_a_disk_too(site: Path, browser: Browser) -> None:
    """Where no other page can be read; and nothing is an error."""
    tab = browser.new_page()
    errors: list[str] = []
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.on("console", lambda m: m.type == "error" and errors.append(m.text))
    tab.goto(f"{(site / 'search.html').as_uri()}?q=gamma")
    answer = tab.locator("#search-results li.answer")
    assert "SAGAN" in answer.inner_text()
    answer.get_by_role("link").last.click()
    tab.wait_for_url("**/chapters/01_self_attention.html*")
    tab.close()
    assert errors == []


def squashed(words: str) -> str:
    return re.sub(r"[^a-z0-9]", "", words.lower())


def test_a_chapter_that_teaches_a_term_uses_it(site: Path) -> None:
    listed = (site / "_static" / "search_terms.js").read_text("utf-8")
    entries = json.loads(listed.removeprefix("const GLOSSARY = ").rstrip(";\n"))
    taught = [entry for entry in entries if entry["chapter"]]
    assert len(taught) > 80
    for entry in taught:
        book = json.loads((ROOT / f"{entry['chapter']}.ipynb").read_text("utf-8"))
        words = squashed("".join("".join(cell["source"]) for cell in book["cells"]))
        names = [squashed(name).removesuffix("s") for name in entry["names"]]
        assert any(name in words for name in names), entry
        assert not re.search(r"[Cc]hapter \d\d", entry["words"]), entry
