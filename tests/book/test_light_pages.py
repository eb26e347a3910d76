"""What a page loads before anyone scrolls, counted as a server sends it (gzip)."""

import base64
import gzip
import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import light_pages
import pydata_sphinx_theme
import pytest
from fontTools.ttLib import TTFont
from playwright.sync_api import Browser, expect
from pygments.styles import get_style_by_name
from pygments.token import Name, Punctuation, Text, Whitespace
from sphinx.builders.html._assets import _JavaScript

KB = 1000
TEXT = 250
CHAPTER = 600
WIDGETS = 700  # on top, where a reader comes near: networks and their scenes

CLASSES = """() =>
  [...document.querySelectorAll("*")].flatMap(element => [...element.classList])"""
# Every character that a rule of the style draws in the font of the icons.
ICONS = """() => {
  const found = new Set();
  for (const element of document.querySelectorAll("*"))
    for (const part of ["::before", "::after"]) {
      const style = getComputedStyle(element, part);
      if (style.fontFamily.includes("Font Awesome") && style.content !== "none")
        for (const character of style.content.replace(/^"|"$/g, ""))
          found.add(character.codePointAt(0));
    }
  return [...found];
}"""


def pages(site: Path) -> list[Path]:
    """Every page, less the themes' own templates."""
    files = sorted(site.rglob("*.html"))
    return [file for file in files if "_static" not in file.parts]


class Loaded(NamedTuple):
    """Of one page: the bytes of each file it loads, its icons, its classes."""

    files: dict[str, int]
    icons: set[int]
    classes: set[str]


@pytest.fixture(scope="module")
def loaded(browser: Browser, address: str, site: Path) -> dict[str, Loaded]:
    found = {}
    for file in pages(site):
        tab = browser.new_page(viewport={"width": 1440, "height": 900})
        requests: list[str] = []
        tab.on("request", lambda request, to=requests: to.append(request.url))
        page = file.relative_to(site).as_posix()
        tab.goto(f"{address}/{page}", wait_until="networkidle")
        tab.evaluate("document.fonts.ready.then(() => true)")
        names = {
            unquote(urlsplit(url).path).lstrip("/")
            for url in requests
            if url.startswith(address)
        }
        found[page] = Loaded(
            {name: sent(site / name) for name in names if name},
            set(tab.evaluate(ICONS)),
            set(tab.evaluate(CLASSES)),
        )
        tab.close()
    return found


def sent(file: Path) -> int:
    content = file.read_bytes()
    return min(len(content), len(gzip.compress(content, 6)))


@pytest.mark.browser
def test_no_page_is_heavy(loaded: dict[str, Loaded]) -> None:
    heavy = []
    for page, (files, _, _) in loaded.items():
        text = CHAPTER if page.startswith("chapters/") else TEXT
        widgets = [name for name in files if "/widgets/" in name]
        for names, most in ((files.keys() - widgets, text), (widgets, WIDGETS)):
            size = sum(files[name] for name in names) / KB
            if size > most:
                greatest = sorted(names, key=lambda name: -files[name])[:5]
                heavy.append(f"{page}: {size:.0f} KB, at most {most}; first {greatest}")
    assert heavy == [], "\n".join(heavy)


@pytest.mark.browser
def test_a_page_loads_only_what_it_uses(loaded: dict[str, Loaded], site: Path) -> None:
    """The search's index to search, a font for formulas, the small font of icons."""
    for page, (files, _, _) in loaded.items():
        names = " ".join(files)
        formulas = "<math" in (site / page).read_text("utf-8")
        assert ("math.woff2" in names) == formulas, page
        assert ("searchindex.js" in names) == (page == "search.html"), page
        assert "fontawesome.js" not in names, page
        assert "fa-solid-900" not in names, (
            f"{page} shows an icon that icons.woff lacks"
        )
    assert not list(site.rglob("fontawesome.js*"))


@pytest.mark.browser
def test_every_icon_is_in_the_small_font_as_the_theme_draws_it(
    loaded: dict[str, Loaded], site: Path
) -> None:
    small = TTFont(site / "_static" / "icons.woff")
    whole = TTFont(next(site.rglob("fa-solid-900.ttf")))
    shown = set().union(*(page.icons for page in loaded.values()))
    assert len(shown) > 10
    for code in shown:
        drawn, original = (
            font["glyf"][font.getBestCmap()[code]].getCoordinates(font["glyf"])
            for font in (small, whole)
        )
        assert drawn[0] == original[0], f"U+{code:X}"


def selectors(style: str) -> set[str]:
    """The selectors of a stylesheet without line breaks."""
    style = re.sub(r"/\*.*?\*/", "", style, flags=re.DOTALL)
    found = re.findall(r"([^{}@;]+)\{", style)
    return {
        one.strip() for listed in found for one in re.split(r",(?![^(]*\))", listed)
    }


@pytest.mark.browser
def test_no_page_lost_a_style(loaded: dict[str, Loaded], site: Path) -> None:
    """Scripts have run by then, and set their classes."""
    name = "styles/pydata-sphinx-theme.css"
    theme = Path(pydata_sphinx_theme.__file__).parent / "theme/pydata_sphinx_theme"
    before, after = (
        selectors((static / name).read_text())
        for static in (theme / "static", site / "_static")
    )
    used = set().union(*(page.classes for page in loaded.values()))
    lost = [
        selector
        for selector in before - after
        if used.issuperset(
            re.findall(r"[.#]([A-Za-z][\w-]*)", re.sub(r"\(.*?\)", "", selector))
        )
    ]
    assert len(after) < len(before) / 3
    assert lost == []


@pytest.mark.browser
def test_the_search_still_finds(browser: Browser, address: str) -> None:
    """From a page without the index, by its search field."""
    tab = browser.new_page(viewport={"width": 1440, "height": 900})
    tab.goto(f"{address}/book/claims.html", wait_until="networkidle")
    tab.keyboard.press("Control+k")
    tab.keyboard.type("receptive field")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/search.html?q=receptive+field")
    tab.wait_for_selector("#search-results li a")
    results = tab.locator("#search-results li a").all_inner_texts()
    tab.close()
    assert any("Receptive field" in result for result in results), results


def test_a_theme_without_the_script_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(
        light_pages.logger, "warning", lambda text, *values: told.append(text % values)
    )
    markup = '<script defer src="../_static/b.js?digest=1"></script><p>'
    assert light_pages.without_scripts(markup, "a.js") == markup
    assert len(told) == 1
    assert "loads a.js 0 times" in told[0]


def test_only_the_named_script_goes() -> None:
    kept = '<script src="_static/ba.css"></script><script>1</script>'
    gone = '<script defer src="_static/x/a.js?v=1"></script>'
    assert light_pages.without_scripts(kept + gone, "x/a.js") == kept


def test_no_style_waits_for_another_and_no_script_comes_before_them() -> None:
    """Of the theme's own markup, which a page of the book shows."""
    style = '<link href="../_static/styles/theme.css?digest=1" rel="stylesheet" />'
    early = '<link rel="preload" as="script" href="a.js" />\n'
    light = light_pages.without_detours(style + early + "<p>")
    assert light == '<link href="../_static/basic.css" rel="stylesheet" /><p>'


def test_no_page_names_a_style_that_names_another(site: Path) -> None:
    for page in pages(site):
        head = page.read_text("utf-8").split("</head>")[0]
        styles = re.findall(r'<link[^>]* href="([^"?]+\.css)', head)
        assert len(styles) > 5, page
        for style in styles:
            text = (page.parent / unquote(style)).read_text("utf-8")
            assert "@import" not in text, f"{page}: {style}"
        assert 'rel="preload"' not in head, page


def test_a_large_picture_in_a_figure_has_a_file_of_its_own(tmp_path: Path) -> None:
    large, small = (bytes(range(256)) * 8, b"a few bytes")
    codes = [base64.b64encode(one).decode() for one in (large, small)]
    figure = "".join(
        f'<image href="data:image/{kind};base64,{code}"/>'
        for kind, code in zip(("webp", "png"), codes)
    )
    body = light_pages.in_files(figure, tmp_path / "images", "../images")
    (file,) = (tmp_path / "images").iterdir()
    assert file.read_bytes() == large
    assert file.suffix == ".webp"
    kept = f'<image href="data:image/png;base64,{codes[1]}"/>'
    assert body == f'<image href="../images/{file.name}"/>{kept}'


@pytest.mark.browser
def test_what_is_far_down_is_laid_out_late_and_found_all_the_same(
    browser: Browser, address: str
) -> None:
    tab = browser.new_page(viewport={"width": 390, "height": 844})
    tab.goto(f"{address}/chapters/03_unet.html", wait_until="networkidle")
    place = tab.locator("#exercises")
    paragraph = place.locator("p").first
    seen = "box => box.checkVisibility({ contentVisibilityAuto: true })"
    assert not paragraph.evaluate(seen)
    tab.goto(f"{address}/chapters/03_unet.html#exercises")
    expect(place.locator("h2")).to_be_in_viewport()
    assert paragraph.evaluate(seen)
    top = place.locator("h2").evaluate("box => box.getBoundingClientRect().top")
    tab.close()
    assert 0 < top < 150


def test_only_the_settings_hold_up_a_page(site: Path) -> None:
    """All else that a page's head names waits until the page is read."""
    for page in pages(site):
        head = page.read_text("utf-8").split("</head>")[0]
        waits = re.findall(r'<script src="[^"]*/([\w.-]+\.js)', head)
        late = re.findall(r'<script[^>]* defer\b[^>]* src="[^"]*\.js', head)
        if page.name != "search.html":
            assert waits == ["documentation_options.js"], page
            assert len(late) > 5, page


def test_a_late_script_keeps_its_other_attributes() -> None:
    script = _JavaScript("a.js", priority=3, id="b")
    late = light_pages.run_late(script)
    assert (late.filename, late.priority) == ("a.js", 3)
    assert late.attributes == {"id": "b", "defer": "defer"}
    assert script.attributes == {"id": "b"}
    within = _JavaScript("", body="let a")
    assert light_pages.run_late(within) is within


def test_pictures_after_the_first_load_when_near(tmp_path: Path) -> None:
    """The first loads before all others; one whose size is unknown is left alone."""
    pictures = {}
    for name, size in {
        "a.svg": 'width="30pt" height="60pt"',
        "b.svg": 'width="30pt" height="60pt"',
        "c.svg": 'width="100%" height="60"',
        "d.svg": 'viewBox="0 0 1 1"',
        "e.svg": 'width="7" height="8px"',
    }.items():
        pictures[name] = tmp_path / name
        pictures[name].write_text(f'<svg xmlns="http://www.w3.org/2000/svg" {size}/>')
    tag = '<img alt="1 &gt; 0" src="../_images/{}" />'
    body = light_pages.load_when_near(
        "".join(map(tag.format, pictures)) + '<img src="data:x" />', pictures
    )
    lines = body.split("<img ")[1:]
    assert ["lazy" in line for line in lines] == [
        False,
        True,
        False,
        False,
        True,
        False,
    ]
    assert ["high" in line for line in lines] == [True] + 5 * [False]
    assert all('width="40" height="80"' in line for line in lines[:2])
    assert 'width="7" height="8"' in lines[4]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_not_marked_has_the_colour_of_the_text(site: Path, scheme: str) -> None:
    style = get_style_by_name(f"a11y-high-contrast-{scheme}")
    ink = style.style_for_token(Text)["color"]
    sheet = (site / "_static" / "pygments.css").read_text("utf-8").lower()
    assert f'{scheme}"] .highlight {{' in sheet
    assert f"color: #{ink}".lower() in sheet  # the theme draws in this style
    for kind in (Name, Punctuation, Whitespace):
        assert style.style_for_token(kind)["color"] == ink, kind
