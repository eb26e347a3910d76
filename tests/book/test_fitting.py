"""Pages that fit: long lines hang, printed tables scroll, wide tables stack."""

import re

import fitting
import pytest
from bs4 import BeautifulSoup
from playwright.sync_api import Browser


def listing(text: str, language: str = "python") -> str:
    page = (
        f'<div class="highlight-{language} notranslate"><div class="highlight">'
        f"<pre><span></span>{text}\n</pre></div></div>"
    )
    fitted: str = fitting.LISTING.sub(fitting.fit_listing, page)
    assert fitting.plain(fitted) == fitting.plain(page)  # not a letter of it changes
    return fitted


def table(headings: list[str], *rows: list[str]) -> BeautifulSoup:
    head = "".join(f"<th><p>{heading}</p></th>" for heading in headings)
    body = "".join(
        "<tr>" + "".join(f"<td><p>{cell}</p></td>" for cell in row) + "</tr>"
        for row in rows
    )
    page = (
        f'<table class="table"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table>"
    )
    fitted: str = fitting.TABLE.sub(fitting.fit_table, page)
    return BeautifulSoup(fitted, "html.parser")


def test_a_long_line_knows_its_depth_and_a_short_one_stays() -> None:
    long = f"{'word ' * 9}end"
    fitted = listing(f"short\n\n{long}\n    {long}\nlast")
    assert re.findall(r"<span class=.*", fitted) == [
        f'<span class="long">{long}',
        f'<span class="long" style="--depth: 4">    {long}',
    ]


def test_a_line_that_an_element_runs_beyond_is_left_alone() -> None:
    text = f'<span class="s">{"word " * 9}\n{"word " * 9}</span>'
    assert 'class="long"' not in listing(text)


def test_a_call_too_long_for_a_phone_breaks_after_its_bracket() -> None:
    bracket = '<span class="p">(</span>'
    name = f"{'n' * 40}{bracket}<span>one</span>, <span>two)</span>"
    assert f"{bracket}<wbr>" in listing(name)
    words = f"{'word ' * 9}{bracket}<span>one)</span>"
    assert "<wbr>" not in listing(words)


def test_a_commands_option_stays_whole() -> None:
    command = f"{'word ' * 9}--batch-size 4"
    assert '<span class="whole">--batch-size</span> 4' in listing(command, "sh")
    marked = f'{"word " * 9}<span class="w"> </span>--batch-size'  # as Pygments does
    assert '<span class="whole">--batch-size</span>' in listing(marked, "sh")


def test_an_option_in_a_sentence_stays_whole() -> None:
    context = {
        "body": '<span class="pre">--max-lr</span> <span class="pre">max-lr</span>'
    }
    fitting.fit(None, "", "", context, None)
    assert context["body"] == (
        '<span class="pre whole">--max-lr</span> <span class="pre">max-lr</span>'
    )


def test_what_a_program_prints_in_columns_keeps_them() -> None:
    rows = "\n".join(f"{name}   1.25   {'9' * 40}" for name in ("unet", "aspp", "cbam"))
    sentence = "word " * 10
    fitted = listing(f"{sentence}\n{rows}", "myst-ansi")
    assert '<pre class="columns">' in fitted
    assert fitted.count('class="long"') == 1  # the sentence
    assert "columns" not in listing(rows, "python")
    assert "columns" not in listing(sentence, "myst-ansi")


@pytest.mark.parametrize(
    ("headings", "row", "stacks"),
    [
        (["map", "reads", "by"], ["up.1", "0 to 4", "7 to 13"], False),
        (["part", "paper", "here"], ["loss", "word " * 10, "word " * 10], True),
        (["block", "a", "b", "c"], ["ASPP", "1", "2", "3"], True),
        (["what you see", "what helps"], ["an error", "word " * 40], False),
    ],
)
def test_a_wide_table_stacks(headings: list[str], row: list[str], stacks: bool) -> None:
    made = table(headings, row)
    assert bool(made.select("table.table.stacks")) == stacks
    told = [cell.get("data-heading") for cell in made.select("td")]
    assert told == ([None, *headings[1:]] if stacks else [None] * len(row))


def test_a_long_name_in_a_table_breaks_at_its_joints() -> None:
    path = "tests/models/test_unet.py::test_sizes"
    made = table(["a", "b"], [f"<code>{path}</code>", "skip_connection short"])
    code, words = made.select("td")
    assert str(code.code) == (
        "<code>tests/<wbr/>models/<wbr/>test_<wbr/>unet.py::<wbr/>test_<wbr/>sizes</code>"
    )
    assert words.get_text() == "skip_connection short"
    formula = f'<span class="math">{"x_1" * 9}</span>'
    assert formula in str(table(["a"], [formula]))


@pytest.mark.browser
def test_a_broken_line_of_code_is_below_and_right_of_its_beginning(
    browser: Browser, address: str
) -> None:
    tab = browser.new_page(viewport={"width": 390, "height": 900})
    tab.goto(f"{address}/chapters/03_unet.html")
    lines = tab.evaluate(
        """() => [...document.querySelectorAll(".cell_input .long")].map(line => {
          const rows = new Map(), words = document.createRange();
          words.selectNodeContents(line);
          for (const {top, left} of words.getClientRects())
            rows.set(top, Math.min(left, rows.get(top) ?? left));
          const style = getComputedStyle(line);
          const paper = document.createElement("canvas").getContext("2d");
          paper.font = style.font;
          const hang = (Number(style.getPropertyValue("--depth")) + 4)
            * paper.measureText("0").width;
          return [hang, [...rows.values()]];
        })"""
    )
    tab.close()
    broken = [(hang, lefts) for hang, lefts in lines if len(lefts) > 1]
    assert len(broken) > 100
    for hang, (first, *others) in broken:
        assert others == pytest.approx([first + hang] * len(others), abs=2)


@pytest.mark.browser
def test_a_wide_table_is_cards_on_a_phone_and_a_table_at_a_desk(
    browser: Browser, address: str
) -> None:
    tab = browser.new_page(viewport={"width": 390, "height": 900})
    tab.goto(f"{address}/book/ledger.html")
    cells = "e => [...e.querySelector('tbody tr').cells].map(c => c.offsetTop)"
    row = tab.locator("table.stacks").first
    stacked = row.evaluate(cells)
    heading = row.locator("td").nth(1).evaluate(
        "cell => getComputedStyle(cell, '::before').content"
    )  # fmt: skip
    tab.set_viewport_size({"width": 1280, "height": 900})
    beside = row.evaluate(cells)
    tab.close()
    assert stacked == sorted(set(stacked))
    assert len(set(beside)) == 1
    assert "the paper says" in heading or "data-heading" in heading
