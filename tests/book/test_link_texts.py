"""A link's words say where it goes, also to those who hear nothing but the links."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest

LINK = re.compile(r"<a\b([^>]*)>(.*?)</a>", re.DOTALL)
VAGUE = re.compile(
    r"(click |see )?(here|this|that|it|link|more|read more|learn more)"
    r"|(this|that|the) (page|link|thread|issue|chapter|one)"
    r"|an? (page|chapter) of (its|their) own",
    re.IGNORECASE,
)
ADDRESS = re.compile(r"(https?://|www\.)\S+")
# Printed as such in the bibliography: a page without a number to name it by.
ALLOWED = {"https://jfly.uni-koeln.de/color/"}


def fault_of(words: str) -> str:
    """Why a link's words do not say where it goes, "" if they do."""
    if not words:
        return "has no words"
    if VAGUE.fullmatch(words):
        return f"says only {words!r}"
    if ADDRESS.fullmatch(words) and words not in ALLOWED:
        return f"shows the bare address {words}"
    return ""


def links_of(page: str) -> Iterator[tuple[str, str]]:
    """The address and the words of each link in a page's article."""
    article = page.partition('class="bd-article"')[2].partition("</article>")[0]
    for attributes, inside in LINK.findall(article):
        named = re.search(r' (?:aria-label|title)="([^"]+)"', attributes)
        pictured = " ".join(re.findall(r' alt="([^"]*)"', inside))
        words = " ".join(unescape(re.sub(r"<[^>]+>", "", inside)).split()) or pictured
        target = re.search(r' href="([^"]*)"', attributes)
        if target and 'class="headerlink"' not in attributes:
            yield target[1], words or (named[1] if named else "")


@pytest.mark.parametrize(
    "words",
    ["", "here", "Read more", "this page", "https://a.org/b", "a page of its own"],
)
def test_words_that_say_nothing_are_told(words: str) -> None:
    assert fault_of(words)
    assert not fault_of("how to run a chapter")


def test_every_links_words_say_where_it_goes(site: Path) -> None:
    vague, count = [], 0
    for file in sorted(site.rglob("*.html")):
        if "_static" in file.parts:
            continue
        for target, words in links_of(file.read_text("utf-8")):
            count += 1
            if fault := fault_of(words):
                vague.append(f"{file.relative_to(site)}: a link to {target} {fault}")
    assert count > 1000
    assert vague == [], "\n".join(vague)
