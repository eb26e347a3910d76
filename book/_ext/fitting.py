"""Make a page fit its screen: long lines hang, columns scroll, wide tables stack.

A line of code too long for a phone becomes a block of its own, told how deep it is
indented: `book.css` then breaks it as a person would, below and to the right of where
it began. A printed table would lose its columns so, and scrolls instead. A wide table
tells each cell what stands above its column, for a phone, which shows a row as a card.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

from bs4 import BeautifulSoup, Tag
from sphinx.application import Sphinx

LONGEST = 40  # characters of code beside each other on a phone
CARD = 80  # characters of a row of three cells that a phone shows side by side

LISTING = re.compile(
    r'(highlight-)([\w-]+)( notranslate"[^>]*><div class="highlight"><pre)>'
    r"(.*?)(?=</pre>)",
    re.DOTALL,
)
TABLE = re.compile(r'<table class="[^"]*\btable\b[^"]*".*?</table>', re.DOTALL)
TAGS = re.compile(r"<[^>]*>")
TEXT = ("myst-ansi", "text", "none", "console")  # what programs print
LONG_WORD = re.compile(r"\S{24}")  # that may not fit beside its line's indentation
BRACKET = re.compile(r"[(\[{]</span>")
OPTION = re.compile(r"(?<=[\s>])--\w[\w-]*")  # of a command, not broken after hyphens
INLINE_OPTION = re.compile(r'(?<=<span class="pre)(?=">--\w)')
LONG_NAME = re.compile(r"\S{15}")  # that makes a column of a table too wide
JOINT = re.compile(r"(?<=[/_(=])(?=[^/_(=])|(?<=::)")
GAP = re.compile(r"(?<=\S)  +(?=\S)")


def plain(markup: str) -> str:
    """Return the text of a piece of HTML."""
    return unescape(TAGS.sub("", markup))


def has_columns(lines: list[str]) -> bool:
    """Whether a text is a table: three lines or more with two gaps or more in each."""
    return sum(len(GAP.findall(line)) > 1 for line in lines) > 2


def hang(line: str) -> str:
    """Wrap a long line in a block that knows its indentation.

    Pygments closes every element at the end of a line; a line where one stays open is
    of someone else's making, and left alone.
    """
    text = plain(line)
    if len(text) <= LONGEST or line.count("<span") != line.count("</span"):
        return line + "\n"
    if LONG_WORD.search(text):
        line = BRACKET.sub(r"\g<0><wbr>", line)
    line = OPTION.sub(r'<span class="whole">\g<0></span>', line)
    depth = len(text) - len(text.lstrip())
    style = f' style="--depth: {depth}"' if depth else ""
    return f'<span class="long"{style}>{line}\n</span>'


def fit_listing(found: re.Match[str]) -> str:
    """Mend one block of code or of printed text."""
    before, language, between, content = found.groups()
    lines = content.split("\n")
    columns = language in TEXT and has_columns([plain(line) for line in lines])
    fitted = "".join(
        line + "\n" if columns and GAP.search(plain(line)) else hang(line)
        for line in lines
    ).removesuffix("\n")
    kind = ' class="columns"' if columns else ""
    return f"{before}{language}{between}{kind}>{fitted}"


def fit_table(found: re.Match[str]) -> str:
    """Mend one table: its long names may break, its cells know their headings."""
    soup = BeautifulSoup(found[0], "html.parser")
    for name in soup.find_all(string=LONG_NAME):
        if not name.find_parent(class_="math"):
            name.replace_with(*joined(soup, str(name)))
    table = soup.table
    assert table is not None  # TABLE finds nothing else
    headings = [each.get_text(" ", strip=True) for each in table.select("thead th")]
    rows = [row.find_all("td") for row in table.select("tbody tr")]
    if is_wide(headings, [[cell.get_text() for cell in row] for row in rows]):
        table["class"] = " ".join([*table.get_attribute_list("class"), "stacks"])
        for row in rows:
            for heading, cell in zip(headings[1:], row[1:]):
                cell["data-heading"] = heading
    return str(soup)


def is_wide(headings: list[str], rows: list[list[str]]) -> bool:
    """Whether a table needs more than a phone's width; two columns never do."""
    longest = [max(map(len, column)) for column in zip(headings, *rows)]
    return len(headings) > 3 or (len(headings) == 3 and sum(longest) > CARD)


def joined(soup: BeautifulSoup, name: str) -> Iterator[Tag | str]:
    """Let a long name break after its slashes, colons and underscores."""
    first, *others = JOINT.split(name)
    yield first
    for part in others:
        yield soup.new_tag("wbr")
        yield part


def fit(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any
) -> None:
    """Mend what one page holds."""
    if context.get("body"):
        body = LISTING.sub(fit_listing, context["body"])
        body = INLINE_OPTION.sub(" whole", body)
        context["body"] = TABLE.sub(fit_table, body)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("html-page-context", fit)
    return {"version": "1", "parallel_read_safe": True}
