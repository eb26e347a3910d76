"""A figure in a page: its ink is the page's, its words are words, its data the same."""

import base64
import io
import re
from typing import Any
from xml.etree import ElementTree

import numpy as np
import page_figure
import pytest
from IPython.core.pylabtools import print_figure
from matplotlib.image import imread
from PIL import Image

from simseg_core.figures.style import (
    COLOURS,
    INK,
    PAPER,
    WIDTH,
    DescribedFigure,
    new_figure,
    style,
)

WORDS = 'two < three & "four"'


@pytest.fixture
def page() -> Any:
    """Put a figure into a page: figure, name -> the element, as a tree."""

    def put(figure: DescribedFigure, name: str = "a") -> ElementTree.Element:
        svg = print_figure(figure, fmt="svg")
        assert isinstance(svg, str)
        return ElementTree.fromstring(page_figure.for_page(svg, name, WORDS))

    return put


@pytest.fixture
def figure() -> DescribedFigure:
    """A line with a marker, a title of two lines, a hatched area, a rotated label."""
    with style():
        drawn, axes = new_figure(height=2)
        axes.plot([1, 2], [3, 5], "s-", color=COLOURS[0])
        axes.fill_between([1, 2], [3, 3], color=COLOURS[1], hatch="//")
        axes.set_title("one line\nand a longer one", loc="center")
        axes.set_ylabel("upright")
        axes.text(1.5, 4, WORDS, color=COLOURS[2])
    return drawn


def colours(element: ElementTree.Element) -> set[str]:
    """All that the element fills or strokes with."""
    whole = ElementTree.tostring(element, encoding="unicode")
    return set(re.findall(r"(?:fill|stroke)(?:=\"|:)([^;\"]+)", whole)) - {"none"}


def test_ink_is_the_pages_and_data_keeps_its_colour(
    page: Any, figure: DescribedFigure
) -> None:
    found = colours(page(figure))
    assert {"currentColor", "var(--pst-color-background)"} <= found
    assert {colour.lower() for colour in COLOURS[:3]} <= found
    assert not {INK.lower(), PAPER.lower(), "#000000", "#ffffff"} & found


def test_words_are_words_in_the_pages_font(page: Any, figure: DescribedFigure) -> None:
    drawn = page(figure)
    assert drawn.get("role") == "img"
    assert drawn.get("aria-label") == WORDS
    texts = {text.text: text for text in drawn.iter("text")}
    assert {"one line", "and a longer one", "upright", WORDS} <= set(texts)
    for text in texts.values():
        assert float(text.attrib["font-size"]) >= 9
        assert "font-family" not in text.get("style", "") + " ".join(text.attrib)
    assert "rotate(-90" in texts["upright"].attrib["transform"]


def test_lines_with_one_middle_keep_it_in_any_font(
    page: Any, figure: DescribedFigure
) -> None:
    short, long = (
        text for text in page(figure).iter("text") if "line" in str(text.text) or
        "longer" in str(text.text)
    )  # fmt: skip
    assert short.attrib["text-anchor"] == long.attrib["text-anchor"] == "middle"
    assert float(short.attrib["x"]) == pytest.approx(float(long.attrib["x"]), abs=1)


def test_every_reference_leads_to_its_own_figure(
    page: Any, figure: DescribedFigure
) -> None:
    for name in ("a", "b"):
        drawn = page(figure, name)
        ids = [one.attrib["id"] for one in drawn.iter() if "id" in one.attrib]
        whole = ElementTree.tostring(drawn, encoding="unicode")
        referred = set(re.findall(r"url\(#([^)]+)\)|href=\"#([^\"]+)\"", whole))
        assert {a or b for a, b in referred} == set(ids)
        assert len(ids) == len(set(ids)) > 1
        assert all(one.startswith(f"{name}-") for one in ids)


def shown(drawn: ElementTree.Element) -> np.ndarray:
    (image,) = drawn.iter("image")
    packed = base64.b64decode(image.attrib["href"].partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(packed)).convert("RGB")).astype(int)


@pytest.mark.parametrize("kinds", [6, 256**3])
def test_a_picture_keeps_its_own_pixels(page: Any, kinds: int) -> None:
    """A label map as it is, a scene of many colours within half a step of it."""
    numbers = np.random.default_rng(0).integers(kinds, size=(96, 64))
    pixels = np.stack([numbers % 256, numbers // 256 % 256, numbers // 65536], -1)
    with style():
        drawn, axes = new_figure(height=3)
        axes.imshow(pixels.astype(np.uint8))
        axes.set_axis_off()
    assert np.abs(shown(page(drawn)) - pixels).max() <= (0 if kinds == 6 else 4)


def test_all_figures_have_one_scale(page: Any, figure: DescribedFigure) -> None:
    """A notebook cuts no margins, so that a point is as large in each."""
    assert page(figure).attrib["viewBox"] == f"0 0 {72 * WIDTH:g} 144"
    small, _ = new_figure(height=1)
    assert page(small).attrib["viewBox"] == f"0 0 {72 * WIDTH:g} 72"
    file = io.BytesIO(print_figure(small, fmt="png"))
    assert imread(file).shape[:2] == (small.dpi, WIDTH * small.dpi)
