"""Tables: the same cells in text and HTML, and numbers that sort by value."""

import math
from html.parser import HTMLParser

import pytest

from simseg_core.tables import Column, html_table, text_table

NAME = Column("name", lambda row: row[0])
SIZE = Column("size", lambda row: f"{row[1]:.0f} k", True, value=lambda row: row[1])
ROWS = [("stem", 9.0), ("<b>", 10.0), ("head", math.nan), ("pool", math.inf)]


class Cells(HTMLParser):
    """The tags of a page with attributes and the text that follows."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None], str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs), ""))

    def handle_data(self, data: str) -> None:
        if self.found:
            tag, attrs, text = self.found[-1]
            self.found[-1] = (tag, attrs, text + data)

    def of(self, tag: str) -> list[tuple[dict[str, str | None], str]]:
        return [(attrs, text.strip()) for t, attrs, text in self.found if t == tag]


def test_a_page_without_scripts_shows_a_plain_whole_table() -> None:
    cells = Cells(html_table("Sizes & names", (NAME, SIZE), ROWS, ["a note"]))
    assert [text for _, text in cells.of("caption")] == ["Sizes & names"]
    assert [(a["scope"], text) for a, text in cells.of("th")] == [
        ("col", "name"),
        ("col", "size"),
        *(("row", name) for name, _ in ROWS),
    ]
    assert [text for _, text in cells.of("td")] == ["9 k", "10 k", "nan k", "inf k"]
    assert [text for _, text in cells.of("p")] == ["a note"]
    assert cells.of("button") == []  # the script makes them, so that none is dead


def test_a_number_carries_its_value_and_nothing_stands_for_none() -> None:
    cells = Cells(html_table("t", (NAME, SIZE), [*ROWS, ("none", 1.0)]))
    values = [attrs.get("data-value") for attrs, _ in cells.of("td")]
    assert values == ["9.0", "10.0", None, "Infinity", "1.0"]
    by_value = ["data-by-value" in attrs for attrs, _ in cells.of("th")[:2]]
    assert by_value == [False, True]


def test_long_names_may_break_and_numbers_may_not() -> None:
    rows = [("up.0", 1.5), ("blocks.0.first_unit.", 1234567890123456.0)]
    html = html_table("t", (NAME, SIZE), rows)
    assert ">up.0</th>" in html  # short enough for one line
    assert ">blocks.<wbr>0.<wbr>first_<wbr>unit.</th>" in html
    assert [text for _, text in Cells(html).of("td")] == ["2 k", "1234567890123456 k"]


def test_a_total_is_no_row_to_sort() -> None:
    html = html_table("t", (NAME, SIZE), ROWS, total=("all", 19.0))
    body, foot = html.split("</tbody>")
    assert ">all<" not in body
    assert "<tfoot>" in foot
    assert ">all<" in foot
    text = text_table("t", (NAME, SIZE), ROWS, total=("all", 19.0))
    assert text.splitlines()[-2].split() == ["all", "19", "k"]


def test_two_tables_of_a_page_have_two_names() -> None:
    names = {
        Cells(html_table("same", (NAME,), ROWS)).of("div")[0][0]["aria-label"]
        for _ in range(2)
    }
    assert len(names) == 2


def test_a_number_column_without_values_is_refused() -> None:
    with pytest.raises(ValueError, match="9 after 10: give value="):
        Column("size", str, is_number=True)
