"""Every built page, as a reader's browser shows it: phone and desk, light and dark."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

import axe_playwright_python
import pytest
import yaml
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Page,
    Request,
    ViewportSize,
    expect,
)

pytestmark = pytest.mark.browser

Scheme = Literal["light", "dark"]

ROOT = Path(__file__).resolve().parents[2]
AXE = Path(axe_playwright_python.__file__).parent / "axe.min.js"

# Three quarters of a chapter's elements are coloured words of code, and axe takes as
# long over each of them as over a paragraph: it is shown one word of each colour.
ONE_OF_EACH_COLOUR = """() => {
  const known = new Set();
  const words = ".highlight pre span:not(.long, .whole)"; // those two are of the layout
  for (const word of document.querySelectorAll(words)) {
    if (known.has(word.className)) word.replaceWith(...word.childNodes);
    known.add(word.className);
  }
}"""
# Contrast takes axe longer than all else, and a page has a thousand words in the same
# colour, size and weight on the same grounds: it judges three of each such kind.
THREE_OF_EACH_CONTRAST = """() => {
  const grounds = new Map([[null, ""]]);
  const groundOf = (box) => {
    if (!grounds.has(box)) {
      const { backgroundColor, backgroundImage, opacity, position } =
        getComputedStyle(box);
      const away = ["fixed", "sticky", "absolute"].includes(position);
      const own = [backgroundColor, backgroundImage, opacity, away && box.className];
      grounds.set(box, groundOf(box.parentElement) + own.join());
    }
    return grounds.get(box);
  };
  const seen = new Map();
  for (const box of document.querySelectorAll("body *")) {
    delete box.dataset.judged;
    const words = [...box.childNodes].some((one) => one.nodeType === 3 &&
      one.data.trim());
    const { width, height, right } = box.getBoundingClientRect();
    const shown = box.checkVisibility({ visibilityProperty: true });
    if (!words || !shown || width < 2 || height < 2 || right < 0) continue;
    const { color, fontSize, fontWeight, textShadow } = getComputedStyle(box);
    const kind = [color, fontSize, fontWeight, textShadow, groundOf(box)].join();
    seen.set(kind, (seen.get(kind) ?? 0) + 1);
    if (seen.get(kind) <= 3) box.dataset.judged = "";
  }
  axe.configure({ rules: [{ id: "color-contrast", selector: "[data-judged]" }] });
}"""
VIOLATIONS = """async (options) => {
  const { violations } = await axe.run(document,
    { preload: false, resultTypes: ["violations"], ...options });
  return violations.map(({ id, nodes }) => id + ": " +
    nodes.map((node) => node.target.join(" ") + " " + node.failureSummary).join(" | "));
}"""
EVERY_RULE = {"rules": {"label-content-name-mismatch": {"enabled": True}}}
COLOURS = {"runOnly": ["color-contrast", "link-in-text-block"]}

# The bottom of a chapter's question, and of three quarters of its picture: a tall
# figure with words cannot get smaller on a phone.
FIRST_SCREEN = """() => {
  const [question, picture] = ["h1 + p", "h1 + p + figure :is(img, svg)"].map(one =>
    document.querySelector(".bd-article " + one).getBoundingClientRect());
  return [question.bottom, picture.top + 0.75 * picture.height];
}"""

# What a page lays out when a reader comes near, laid out now; it still cuts what hangs
# out of it.
ALL_OF_IT = """async () => {
  for (const part of document.querySelectorAll(".bd-article *"))
    if (getComputedStyle(part).contentVisibility === "auto") {
      part.style.contentVisibility = "visible";
      part.style.contain = "content";
    }
  for (const frame of [1, 2]) await new Promise(requestAnimationFrame);
}"""

# Boxes with more in them than they show: none at a desk; on a phone only those that
# scroll sideways, show a shadow where more is hidden, and are met by the tab key.
CUT = """(desk) => [...document.querySelectorAll(".bd-article *")].filter(box => {
  if (box.clientWidth < 2 || box.closest("math, svg")) return false;
  const style = getComputedStyle(box);
  const more = (inside, outside, overflow) =>
    inside > outside + 1 && (overflow !== "visible" || style.contain === "content");
  if (more(box.scrollHeight, box.clientHeight, style.overflowY)) return true;
  if (!more(box.scrollWidth, box.clientWidth, style.overflowX)) return false;
  const shadow = style.backgroundImage.includes("linear-gradient");
  return desk || style.overflowX === "hidden" || box.tabIndex !== 0 || !shadow;
}).map(box => box.outerHTML.slice(0, 200))"""


def pages() -> list[str]:
    """Every page of the table of contents, the root first."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    files = [toc["root"]]
    for part in toc["parts"]:
        for chapter in part["chapters"]:
            sections = chapter.get("sections", [])
            files += [page["file"] for page in (chapter, *sections)]
    return files


class Visit:
    """A page in a tab, which is left as it is loaded, and what went wrong by then."""

    def __init__(self, tab: Page, address: str, page: str, scheme: Scheme) -> None:
        self.tab = tab
        self.page = page
        self.scheme = scheme
        self.complaints: list[str] = []
        self.elsewhere: list[str] = []
        self.failed: list[str] = []

        def listen(message: ConsoleMessage) -> None:
            if message.type == "error":
                self.complaints.append(message.text)

        def watch(request: Request) -> None:
            if not request.url.startswith((address, "data:", "blob:")):
                self.elsewhere.append(request.url)

        self.listeners: dict[Any, Any] = {
            "console": listen,
            "pageerror": lambda error: self.complaints.append(str(error)),
            "request": watch,
            "requestfailed": lambda request: self.failed.append(request.url),
        }
        for event, listener in self.listeners.items():
            tab.on(event, listener)
        tab.emulate_media(color_scheme=scheme)
        tab.goto(f"{address}/{page}.html", wait_until="networkidle")
        tab.evaluate(ALL_OF_IT)

    def end(self) -> None:
        """Leave the tab to the next page, which loads fast: the styles are there."""
        for event, listener in self.listeners.items():
            self.tab.remove_listener(event, listener)

    @property
    def size(self) -> ViewportSize:
        size = self.tab.viewport_size
        assert size is not None
        return size

    def turn(self, scheme: Scheme) -> None:
        """Change between light and dark, to the end of the change."""
        self.tab.emulate_media(color_scheme=scheme)
        expect(self.tab.locator("html")).to_have_attribute("data-theme", scheme)
        self.tab.evaluate(
            "Promise.allSettled(document.getAnimations().map(one => one.finished))"
        )


@pytest.fixture(scope="module", params=pages())
def page(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def small(browser: Browser) -> Iterator[Page]:
    tab = browser.new_page(viewport={"width": 390, "height": 844})
    yield tab
    tab.close()


@pytest.fixture(scope="module")
def large(browser: Browser) -> Iterator[Page]:
    tab = browser.new_page(viewport={"width": 1440, "height": 900})
    yield tab
    tab.close()


@pytest.fixture(scope="module")
def phone(small: Page, address: str, page: str) -> Iterator[Visit]:
    visit = Visit(small, address, page, "light")
    yield visit
    visit.end()


@pytest.fixture(scope="module")
def desk(large: Page, address: str, page: str) -> Iterator[Visit]:
    visit = Visit(large, address, page, "dark")
    yield visit
    visit.end()


def test_nothing_fails_and_nothing_is_asked_elsewhere(
    phone: Visit, desk: Visit
) -> None:
    for visit in (phone, desk):
        assert visit.complaints == [], "\n".join(visit.complaints)
        assert visit.elsewhere == []
        assert visit.failed == []


def test_the_first_screen_has_question_and_picture(phone: Visit, desk: Visit) -> None:
    for visit in (phone, desk):
        if visit.page.startswith("chapters/"):
            lowest = max(visit.tab.evaluate(FIRST_SCREEN))
            assert lowest <= visit.size["height"], "question or picture below"


def test_images_say_what_they_show(desk: Visit) -> None:
    """Every image loads, also those further down, and has an alt text."""
    images = desk.tab.evaluate(
        """async () => {
          const images = [...document.querySelectorAll(".bd-content img")];
          for (const image of images) image.loading = "eager";
          await Promise.allSettled(images.map(image => image.decode()));
          return images.map(i => [i.src, i.alt, i.complete && i.naturalWidth > 0]);
        }"""
    )
    for source, alt, shown in images:
        assert shown, f"{source} does not load"
        assert len(alt.split()) >= 4, f"{source}: alt text is {alt!r}"


def test_nothing_is_cut(phone: Visit, desk: Visit) -> None:
    """Nor, with all images loaded, at the width with least room between sidebars."""
    for visit in (phone, desk):
        before = visit.size
        for width in (before["width"], *([1280] if visit is desk else [])):
            visit.tab.set_viewport_size({**before, "width": width})
            sideways = visit.tab.evaluate(
                "document.documentElement.scrollWidth"
                " - document.documentElement.clientWidth"
            )
            cut = visit.tab.evaluate(CUT, width > 600)
            assert sideways <= 0, f"at {width} px it scrolls sideways by {sideways} px"
            assert cut == [], f"at {width} px: " + "\n".join(cut)
        visit.tab.set_viewport_size(before)


def test_drawings_say_what_they_show(phone: Visit) -> None:
    """Each drawing has description and caption; a phone's screen holds it, legible."""
    drawings = phone.tab.evaluate(
        """() => [...document.querySelectorAll(
          ".text_html svg, .chapter-figure svg")].map(drawing => {
          const texts = [...drawing.querySelectorAll("text")];
          const scale = drawing.clientWidth / drawing.viewBox.baseVal.width;
          return [
            drawing.getAttribute("role"), drawing.getAttribute("aria-label") || "",
            drawing.closest("figure")?.querySelector("figcaption")?.innerText || "",
            scale * Math.min(...texts.map(text => text.getAttribute("font-size"))),
            drawing.clientHeight];
        })"""
    )
    for role, alt, caption, smallest, height in drawings:
        assert height <= 844, f"the drawing over {caption!r} is {height} px tall"
        assert smallest >= 11, f"text of {smallest:.1f} px over {caption!r}"
        assert role == "img", alt or caption
        assert len(alt.split()) >= 8, f"the drawing over {caption!r} says {alt!r}"
        assert len(caption.split()) >= 8, (
            f"a drawing has the caption {caption!r}: {alt}"
        )


def test_internal_links_resolve(site: Path, address: str, phone: Visit) -> None:
    """Every link inside the book leads to a file, and to an anchor that is there."""
    links = phone.tab.evaluate(
        "[...document.querySelectorAll('a[href]')].map(link => link.href)"
    )
    inside = {link for link in links if link.startswith(address)}
    assert inside
    for link in sorted(inside):
        parts = urlsplit(link)
        target = site / unquote(parts.path).lstrip("/")
        assert target.is_file(), f"{phone.page} links to {link}"
        if parts.fragment and target.suffix == ".html":
            assert parts.fragment in anchors(target), (
                f"{phone.page} links to {link}: no such place on that page"
            )


@cache
def anchors(file: Path) -> set[str]:
    """Every place on a page that a link can lead to."""
    return set(re.findall(r' id="([^"]+)"', file.read_text("utf-8")))


def test_axe_finds_nothing(phone: Visit, desk: Visit) -> None:
    """In light and dark, of which the second changes no more than colours."""
    for visit in (phone, desk):
        visit.tab.evaluate(AXE.read_text())
        visit.tab.evaluate(ONE_OF_EACH_COLOUR)
        other: Scheme = "dark" if visit.scheme == "light" else "light"
        for scheme, rules in ((visit.scheme, EVERY_RULE), (other, COLOURS)):
            visit.turn(scheme)
            visit.tab.evaluate(THREE_OF_EACH_CONTRAST)
            found = visit.tab.evaluate(VIOLATIONS, rules)
            assert found == [], f"{scheme}, {visit.size}: " + "\n".join(found)
