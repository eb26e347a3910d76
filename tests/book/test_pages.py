"""Every built page, as a reader's browser shows it: phone and desk, light and dark."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

import axe_playwright_python
import pytest
import yaml
from playwright.sync_api import Browser, ConsoleMessage, Request

pytestmark = pytest.mark.browser

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


# The bottom of a chapter's question, and of three quarters of its picture: a tall
# figure with words cannot get smaller on a phone.
FIRST_SCREEN = """() => {
  const [question, picture] = ["h1 + p", "h1 + p + figure :is(img, svg)"].map(one =>
    document.querySelector(".bd-article " + one).getBoundingClientRect());
  return [question.bottom, picture.top + 0.75 * picture.height];
}"""

# Boxes with more in them than they show: none at a desk; on a phone only those that
# scroll sideways, show a shadow where more is hidden, and are met by the tab key.
CUT = """(desk) => [...document.querySelectorAll(".bd-article *")].filter(box => {
  if (box.clientWidth < 2 || box.closest("math, svg")) return false;
  const style = getComputedStyle(box);
  const more = (inside, outside, overflow) =>
    inside > outside + 1 && overflow !== "visible";
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


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("page", pages())
def test_page_is_sound(
    browser: Browser, address: str, page: str, scheme: str, width: int
) -> None:
    """No console error, no request elsewhere, no axe violation, nothing cut."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme
    )
    tab = context.new_page()
    complaints: list[str] = []
    elsewhere: list[str] = []
    failed: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(message.text)

    def watch(request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and not request.url.startswith(address):
            elsewhere.append(request.url)

    tab.on("console", listen)
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("request", watch)
    tab.on("requestfailed", lambda request: failed.append(request.url))
    tab.goto(f"{address}/{page}.html", wait_until="networkidle")
    if page.startswith("chapters/"):
        fold = 844 if width == 390 else 900
        assert max(tab.evaluate(FIRST_SCREEN)) <= fold, "question or picture below"
    sideways = tab.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    cut = tab.evaluate(CUT, width > 600)
    tab.evaluate(AXE.read_text())
    tab.evaluate(ONE_OF_EACH_COLOUR)
    found = tab.evaluate(
        "async () => (await axe.run(document, {preload: false, rules: {"
        "'label-content-name-mismatch': {enabled: true}}}))"
        ".violations.map(v => v.id + ': ' + v.nodes.map(n => n.target.join(' ')"
        " + ' ' + n.failureSummary).join(' | '))"
    )
    context.close()
    assert complaints == [], "\n".join(complaints)
    assert elsewhere == []
    assert failed == []
    assert sideways <= 0, f"the page scrolls sideways by {sideways} px"
    assert cut == [], "\n".join(cut)
    assert found == [], "\n".join(found)


@pytest.mark.parametrize("page", pages())
def test_images_say_what_they_show(browser: Browser, address: str, page: str) -> None:
    """Every image loads and has an alt text; between two sidebars nothing is cut."""
    tab = browser.new_page(viewport={"width": 1280, "height": 900})
    tab.goto(f"{address}/{page}.html", wait_until="networkidle")
    images = tab.evaluate(
        """async () => {
          const images = [...document.querySelectorAll(".bd-content img")];
          for (const image of images) image.loading = "eager";
          await Promise.allSettled(images.map(image => image.decode()));
          return images.map(i => [i.src, i.alt, i.complete && i.naturalWidth > 0]);
        }"""
    )
    cut = tab.evaluate(CUT, True)
    tab.close()
    assert cut == [], "\n".join(cut)
    for source, alt, shown in images:
        assert shown, f"{source} does not load"
        assert len(alt.split()) >= 4, f"{source}: alt text is {alt!r}"


@pytest.mark.parametrize("page", pages())
def test_drawings_say_what_they_show(browser: Browser, address: str, page: str) -> None:
    """Each drawing has description and caption; a phone's screen holds it, legible."""
    tab = browser.new_page(viewport={"width": 390, "height": 844})
    tab.goto(f"{address}/{page}.html")
    drawings = tab.evaluate(
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
    tab.close()
    for role, alt, caption, smallest, height in drawings:
        assert height <= 844, f"the drawing over {caption!r} is {height} px tall"
        assert smallest >= 11, f"text of {smallest:.1f} px over {caption!r}"
        assert role == "img", alt or caption
        assert len(alt.split()) >= 8, f"the drawing over {caption!r} says {alt!r}"
        assert len(caption.split()) >= 8, (
            f"a drawing has the caption {caption!r}: {alt}"
        )


@pytest.mark.parametrize("page", pages())
def test_internal_links_resolve(site: Path, browser: Browser, page: str) -> None:
    """Every link inside the book leads to a file, and to an anchor that is there."""
    tab = browser.new_page()
    tab.goto((site / f"{page}.html").as_uri())
    links = tab.evaluate(
        "[...document.querySelectorAll('a[href]')].map(a => a.href)"
        ".filter(h => h.startsWith('file:'))"
    )
    tab.close()
    assert links
    for link in sorted(set(links)):
        parts = urlsplit(link)
        target = Path(unquote(parts.path))
        assert target.exists(), f"{page} links to {link}"
        if parts.fragment and target.suffix == ".html":
            assert f'id="{parts.fragment}"' in target.read_text(), (
                f"{page} links to {link}: no such place on that page"
            )
