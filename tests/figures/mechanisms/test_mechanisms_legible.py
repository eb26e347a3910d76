"""Every drawing of a mechanism can be read on a phone, in the light and in the dark."""

import re
from itertools import combinations

import pytest
from matplotlib.colors import to_hex, to_rgb

from simseg_core.figures import Drawing
from simseg_core.figures.mechanisms.ink import DEEP, MADE, READ, SMALL, WORK
from simseg_core.figures.text import width
from tests.figures.legible import contrast
from tests.figures.mechanisms.drawings import DRAWINGS, parts, tree

PHONE = 342  # CSS pixels: what the book leaves a figure of a screen of 390
LEAST = 11.0  # CSS pixels of a font
COLOURS = {READ, WORK, MADE, DEEP}
# The theme's ink and paper: see book.css and the theme's own style.
THEMES = {"light": ("#222832", "#ffffff"), "dark": ("#ced6dd", "#121212")}
BOLDER = 1.13  # DejaVu Sans Bold, the widest font that a reader is likely to have


@pytest.fixture(params=DRAWINGS, scope="module")
def drawing(request: pytest.FixtureRequest) -> Drawing:
    return DRAWINGS[request.param]()


def number(element, name: str) -> float:
    return float(element.get(name))


def box(text) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of a word, in a font as wide as can be expected."""
    size = number(text, "font-size")
    wide = 72 * width(text.text, size) / 1.05  # of an SVG no letter is hinted
    wide *= BOLDER if text.get("font-weight") else 1
    x = number(text, "x")
    left = {None: x - wide / 2, "start": x, "end": x - wide}[text.get("text-anchor")]
    baseline = number(text, "y")
    return left, baseline - 0.76 * size, left + wide, baseline + 0.12 * size


def test_words_are_large_enough_on_a_phone(drawing: Drawing) -> None:
    root = tree(drawing)
    _, _, wide, _ = map(float, root.get("viewBox").split())
    assert "width:100%" in root.get("style")
    texts = parts(drawing, "text")
    assert len(texts) >= 5
    for text in texts:
        assert number(text, "font-size") * PHONE / wide >= LEAST, text.text


def test_words_are_whole_and_apart(drawing: Drawing) -> None:
    _, _, wide, high = map(float, tree(drawing).get("viewBox").split())
    boxes = {
        text.text + str(n): box(text) for n, text in enumerate(parts(drawing, "text"))
    }
    for words, (left, top, right, bottom) in boxes.items():
        within = left >= -0.5, top >= 0, right <= wide + 0.5, bottom <= high
        assert all(within), (
            f"{words!r} leaves the drawing: {(left, top, right, bottom)}"
        )
    for (one, a), (other, b) in combinations(boxes.items(), 2):
        apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
        assert apart, f"{one!r} covers {other!r}"


def test_nothing_is_cut_at_the_edge(drawing: Drawing) -> None:
    _, _, wide, high = map(float, tree(drawing).get("viewBox").split())
    for rect in parts(drawing, "rect"):
        x, y = number(rect, "x"), number(rect, "y")
        assert x >= 0.5
        assert y >= 0.5
        assert x + number(rect, "width") <= wide - 0.5
        assert y + number(rect, "height") <= high - 0.5


def test_only_ink_and_the_colours_of_four_meanings(drawing: Drawing) -> None:
    """No card, no black, no white: what is not a colour is the page's own text."""
    used = set(re.findall(r'(?:fill|stroke|color)="([^"]*)"', drawing.svg))
    assert used <= COLOURS | {"currentColor", "none"}
    assert not re.search(r"black|white|#000|#fff|rgb\(", drawing.svg)
    assert all(text.get("fill") is None for text in parts(drawing, "text"))
    assert tree(drawing).get("fill") == "currentColor"


def test_it_loads_nothing_and_shares_no_name(drawing: Drawing) -> None:
    """Drawings on one page cannot meet, and no font or address is asked for."""
    assert not re.search(r"\bid=|url\(|href|font-family|<style|<script", drawing.svg)


def test_the_same_toy_gives_the_same_drawing() -> None:
    assert DRAWINGS["gate"]() == DRAWINGS["gate"]()


@pytest.mark.parametrize("theme", THEMES)
def test_words_stand_out_from_what_is_under_them(drawing: Drawing, theme: str) -> None:
    ink, paper = THEMES[theme]
    for text in parts(drawing, "text"):
        left, top, right, bottom = box(text)
        x, y = (left + right) / 2, (top + bottom) / 2
        under = to_rgb(paper)
        for rect in parts(drawing, "rect"):
            dx, dy = x - number(rect, "x"), y - number(rect, "y")
            inside = 0 < dx < number(rect, "width") and 0 < dy < number(rect, "height")
            if inside and rect.get("fill") != "none":
                tint, over = number(rect, "fill-opacity"), to_rgb(rect.get("fill"))
                under = tuple(tint * c + (1 - tint) * u for c, u in zip(over, under))
        assert contrast(ink, to_hex(under)) >= 4.5, text.text


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("colour", sorted(COLOURS))
def test_outlines_stand_out_from_the_page(colour: str, theme: str) -> None:
    assert contrast(colour, THEMES[theme][1]) >= 3


def test_it_names_itself(drawing: Drawing) -> None:
    root = tree(drawing)
    assert root.get("role") == "img"
    assert root.get("aria-label") == drawing.alt_text == repr(drawing)
    assert drawing._repr_html_() == drawing.svg
    assert len(drawing.alt_text.split()) >= 20


def test_its_text_holds_the_numbers_that_are_drawn(drawing: Drawing) -> None:
    drawn = {
        n
        for text in parts(drawing, "text")
        for n in re.findall(r"[\d,.]*\d", text.text)
    }
    told = set(re.findall(r"[\d,.]*\d", drawing.alt_text))
    missing = drawn - told
    assert not missing, f"not told: {sorted(missing)}"


def test_the_smallest_text_is_named() -> None:
    assert SMALL * PHONE / 360 >= LEAST
