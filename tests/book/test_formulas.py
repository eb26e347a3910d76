"""Formulas: MathML made when the book is built, drawn by the book's own font."""

import re
from html import unescape
from pathlib import Path

import mathml
import pytest
from docutils import nodes
from fontTools.ttLib import TTFont
from playwright.sync_api import Browser

ROOT = Path(__file__).resolve().parents[2]
FORMULA = re.compile(r"<math\b.*?</math>", re.DOTALL)
FONT = ROOT / "book" / "_static" / "fonts" / "math.woff2"


def test_a_formula_becomes_mathml() -> None:
    made = mathml.to_mathml(nodes.math("", r"\frac{x'}{2}"), display=False)
    assert made == (
        "<math><mfrac><msup><mi>x</mi><mo>′</mo></msup><mn>2</mn></mfrac></math>"
    )


def test_a_formula_on_its_own_lines_is_marked() -> None:
    made = mathml.to_mathml(nodes.math_block("", "x"), display=True)
    assert made == '<math display="block"><mi>x</mi></math>'


def test_no_line_breaks_between_a_formula_and_its_comma() -> None:
    formula = '<span class="math"><math><mi>x</mi></math>'
    context = {"body": f"{formula}</span>, and {formula}</span> is"}
    mathml.keep_points(None, "", "", context, None)
    assert context["body"] == f"{formula},</span> and {formula}</span> is"


def test_a_formula_that_cannot_be_read_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(
        mathml.logger,
        "warning",
        lambda text, *values, location: told.append(text % values),
    )
    assert mathml.to_mathml(nodes.math("", r"\nosuch{1}"), display=False) == ""
    assert len(told) == 1
    assert "nosuch" in told[0]


def italic(letter: str) -> str:
    """Return what a browser draws for the one letter of an ``<mi>``."""
    if letter == "h":
        return "ℎ"
    if letter.isascii():
        return chr(
            (0x1D434 if letter.isupper() else 0x1D44E) + ord(letter.lower()) - 97
        )
    return chr(0x1D6FC + ord(letter) - ord("α"))


def test_the_font_has_every_sign_of_the_book(site: Path) -> None:
    """Else tools/cut_math_font.py must be told of it, and cut the font anew."""
    signs: set[str] = set()
    for file in site.rglob("*.html"):
        for formula in FORMULA.findall(file.read_text("utf-8")):
            letters = re.findall(r"<mi>(\w)</mi>", formula)
            signs.update(map(italic, letters))
            signs.update(unescape(re.sub("<[^>]+>", "", formula)))
    drawn = set(map(chr, TTFont(FONT).getBestCmap()))
    invisible = {"\u2061"}  # applies a function: nothing is drawn
    assert len(signs) > 80
    assert signs - invisible <= drawn


@pytest.mark.browser
def test_formulas_are_drawn_without_javascript(browser: Browser, address: str) -> None:
    """A fraction stands in two storeys, in the book's font, on a phone without loss."""
    context = browser.new_context(
        java_script_enabled=False, viewport={"width": 390, "height": 900}
    )
    tab = context.new_page()
    tab.goto(f"{address}/chapters/05_deeplabv3plus.html", wait_until="networkidle")
    above, below = (
        tab.locator("div.math mfrac > *").nth(place).bounding_box() for place in (0, 1)
    )
    fonts = tab.evaluate(
        "[...document.fonts].filter(one => one.status == 'loaded')"
        ".map(one => one.family)"
    )
    context.close()
    assert above is not None
    assert below is not None
    assert above["y"] + above["height"] <= below["y"] + 1
    assert any("STIX Two Math" in name for name in fonts)
