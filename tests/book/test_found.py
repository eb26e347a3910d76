"""What search engines, previews of shared links and lost readers are told."""

import re
import shutil
import subprocess
import sys
from collections import Counter
from html import unescape
from pathlib import Path
from urllib.parse import urljoin, urlsplit
from xml.etree import ElementTree

import pytest
import yaml
from bs4 import BeautifulSoup, Tag

ROOT = Path(__file__).resolve().parents[2]
ADDRESS = "https://ann.github.io/Book/"
SHARED = 'meta[property^="og:"], meta[name^="twitter:"]'


def heads(site: Path) -> dict[str, Tag]:
    """The parsed head of each page, less the root where it only leads on."""
    found = {}
    for file in sorted(site.rglob("*.html")):
        text = file.read_text("utf-8")
        if "_static" not in file.parts and 'http-equiv="Refresh"' not in text[:200]:
            head = BeautifulSoup(text.partition("</head>")[0], "html.parser")
            found[file.relative_to(site).as_posix()] = head
    return found


def contents(head: Tag, which: str) -> list[str]:
    return [str(tag["content"]) for tag in head.select(which)]


@pytest.fixture(scope="module")
def built(site: Path) -> dict[str, Tag]:
    return heads(site)


def test_every_page_says_in_a_sentence_what_it_is_about(
    built: dict[str, Tag],
) -> None:
    said = {
        page: contents(head, 'meta[name="description"]')
        for page, head in built.items()
        if page != "index.html"  # the home page, where it is served twice
    }
    assert len(said) > 30
    assert {page: len(words) for page, words in said.items() if len(words) != 1} == {}
    lengths = {page: len(words) for page, (words,) in said.items()}
    assert {page: n for page, n in lengths.items() if not 50 <= n <= 160} == {}
    words = Counter(words for (words,) in said.values())
    assert [text for text, n in words.items() if n > 1] == []


def test_a_title_names_the_book_once(built: dict[str, Tag]) -> None:
    book = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))["title"]
    for page, head in built.items():
        assert head.title.text.count(book) == 1, f"{page}: {head.title}"


def test_a_page_claims_an_address_only_if_the_book_has_one(
    built: dict[str, Tag], site: Path
) -> None:
    settings = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
    has_address = bool(settings["html"]["baseurl"])
    for page, head in built.items():
        if has_address and "404" in page:
            continue  # what is not there stands nowhere
        assert bool(head.select('link[rel="canonical"]')) == has_address, page
        assert has_address or head.select(SHARED) == [], page
    for name in ("sitemap.xml", "robots.txt"):
        assert (site / name).exists() == has_address


@pytest.fixture(scope="module")
def addressed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pages, built as the book is once it has an address."""
    source = tmp_path_factory.mktemp("book")
    (source / "_templates").mkdir()
    shutil.copy(ROOT / "book/_templates/404.html", source / "_templates")
    (source / "_static").mkdir()
    (source / "_static" / "social.png").touch()
    page = "---\nmyst:\n  html_meta:\n    description: About {0} & more\n---\n# {0}\n"
    (source / "index.md").write_text(
        page.format("Home") + "```{toctree}\nbook/glossary\n```\n"
    )
    (source / "book").mkdir()
    (source / "book" / "glossary.md").write_text(page.format("Terms"))
    (source / "conf.py").write_text(
        f"import sys; sys.path.insert(0, {str(ROOT / 'book' / '_ext')!r})\n"
        "extensions = ['myst_parser', 'found']\n"
        "html_theme, html_title = 'sphinx_book_theme', 'The Book'\n"
        f"html_baseurl = {ADDRESS!r}\n"
        "templates_path, html_static_path = ['_templates'], ['_static']\n"
    )
    out = source / "html"
    for page in (None, source / "book" / "glossary.md"):
        if page:  # once more, with one page changed
            page.write_text(page.read_text() + "\nChanged.\n")
        build = [sys.executable, "-m", "sphinx", "-q", "-W", source, out]
        subprocess.run(build, check=True)
    return out


def test_with_an_address_each_page_tells_it(addressed: Path) -> None:
    found = heads(addressed)
    for page in ("index.html", "book/glossary.html"):
        head = found[page]
        (canonical,) = head.select('link[rel="canonical"]')
        assert canonical["href"] == ADDRESS + page
        shared = {
            tag.get("property", tag.get("name")): tag["content"]
            for tag in head.select(SHARED)
        }
        assert shared["og:url"] == ADDRESS + page
        assert shared["og:image"] == ADDRESS + "_static/social.png"
        assert shared["og:site_name"] == "The Book"
        assert shared["twitter:card"] == "summary_large_image"
        name = shared["og:title"]
        assert name == ("Home" if page == "index.html" else "Terms")
        assert shared["og:description"] == f"About {name} & more"


def test_with_an_address_there_is_a_map_of_all_pages(addressed: Path) -> None:
    """Also of those that the last build did not make anew."""
    tree = ElementTree.parse(addressed / "sitemap.xml")
    places = [element.text for element in tree.iter() if element.tag.endswith("}loc")]
    assert places == [ADDRESS + "book/glossary.html", ADDRESS + "index.html"]
    assert f"Sitemap: {ADDRESS}sitemap.xml" in (addressed / "robots.txt").read_text()


def test_the_page_for_what_is_not_there_works_at_any_depth(addressed: Path) -> None:
    """GitHub Pages shows it under the address that was asked for."""
    text = (addressed / "404.html").read_text("utf-8")
    (base,) = re.findall(r'<base href="(.*?)"', text)
    assert text.index("<base") < min(map(text.index, ("<link", "<script", "<a ")))
    links = re.findall(r'(?:href|src)="([^"]+)"', text.replace(base, ""))
    here = urljoin("https://ann.github.io/Book/no/such/page", base)
    assert len(links) > 10
    for link in map(unescape, links):
        target = urljoin(here, link)
        if not link.startswith(("https:", "data:")):
            assert target.startswith(ADDRESS), f"{link} leads out of the site"
            assert (addressed / urlsplit(target).path.removeprefix("/Book/")).exists()
        assert not link.startswith("#"), f"{link} would lead to the home page"
