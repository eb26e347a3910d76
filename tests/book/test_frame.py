"""What stands around every page: the way on, the buttons, the picture of a link."""

import io
import json
import re
from pathlib import Path

import figure_strip
import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from tests.book.test_pages import pages

ROOT = Path(__file__).resolve().parents[2]
NEXT = re.compile(r'<a class="right-next"\s+href="([^"]+)"')


@pytest.mark.browser
def test_every_page_leads_on_and_the_last_one_home(site: Path) -> None:
    order = pages()
    for page, after in zip(order, [*order[1:], order[0]]):
        file = site / f"{page}.html"
        found = NEXT.search(file.read_text("utf-8"))
        assert found, f"{page} ends without a next thing"
        assert (file.parent / found[1]).resolve() == site / f"{after}.html"


def test_what_is_administration_comes_last() -> None:
    order = pages()
    assert all(page.startswith("chapters/") for page in order[1:12])
    last_to_read = order.index("book/bibliography")
    for page in ("book/data", "book/api", "book/house"):
        assert order.index(page) > last_to_read, page


@pytest.mark.browser
def test_a_header_offers_what_is_of_use(site: Path) -> None:
    """A notebook to keep; no source of a page of words, and no full screen."""
    chapter, words = (
        (site / page).read_text("utf-8")
        for page in ("chapters/03_unet.html", "book/claims.html")
    )
    kept = re.search(r'href="([^"]+)" download', chapter)
    assert kept
    notebook = json.loads((site / "chapters" / kept[1]).read_text("utf-8"))
    assert notebook["cells"][0]["id"] == "title"
    assert not re.search(r"<a [^>]*\bdownload\b", words)
    for page in (chapter, words):
        assert "theme-switch" in page
        assert "toggleFullScreen" not in page


@pytest.mark.browser
def test_chapters_are_numbered_where_they_are_named(site: Path) -> None:
    """In the sidebar of any page, as their notebooks say it."""
    page = (site / "book" / "claims.html").read_text("utf-8")
    shown = re.findall(r'href="\.\./chapters/(\w+)\.html">\s*([^<]+?)\s*</a>', page)
    named = dict(reversed(shown))
    for number, chapter in enumerate(pages()[1:12]):
        cells = json.loads((ROOT / f"{chapter}.ipynb").read_text())["cells"]
        title = cells[0]["source"][0].strip().removeprefix("# ")
        assert title.startswith(f"{number:02} ")
        assert named[chapter.partition("/")[2]] == title.replace("'", "’")


@pytest.mark.browser
def test_a_shared_link_has_a_picture(site: Path) -> None:
    picture = Image.open(site / "_static" / "social.png")
    assert picture.size == (1200, 630)
    colours = picture.convert("RGB").getcolors(1200 * 630)
    assert colours
    assert len(colours) > 50, "no scene in the picture"
    assert (site / "_static" / "social.png").stat().st_size < 60_000


@pytest.mark.parametrize("interpolation", ["none", "nearest"])  # stored turned over
def test_its_scenes_stand_upright(interpolation: str) -> None:
    seen = np.random.default_rng(0).integers(0, 255, (3, 3, 3), dtype=np.uint8)
    drawn, axis = plt.subplots()
    axis.imshow(seen, interpolation=interpolation)
    axis.set_axis_off()
    file = io.StringIO()
    drawn.savefig(file, format="svg")
    plt.close(drawn)
    (found,) = figure_strip.pictures(file.getvalue())
    whole = figure_strip.pixels(found.image).convert("RGB")
    small = whole.resize((3, 3), Image.Resampling.NEAREST)
    assert (np.asarray(small) == seen).all()
