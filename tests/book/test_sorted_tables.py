"""Tables of the probes in a browser: sorted by pressing their headings."""

from collections.abc import Iterator
from pathlib import Path

import axe_playwright_python
import pytest
from playwright.sync_api import Browser, Page
from torch import nn

from simseg_core.probes import cost, receptive_field, trace_shapes
from simseg_core.probes.timing.comparison import Comparison
from simseg_core.probes.timing.measurement import Measurement
from simseg_core.training.metrics import Scores
from simseg_core.training.seeds import SeedRuns, SeedTable

pytestmark = pytest.mark.browser

AXE = Path(axe_playwright_python.__file__).parent / "axe.min.js"
NET = nn.Sequential(
    nn.Conv2d(3, 64, 3, padding=1),
    nn.MaxPool2d(2),
    nn.Conv2d(64, 9, 1),
    nn.ReLU(),
    nn.AdaptiveAvgPool2d(1),
)
SIZE = (1, 3, 64, 64)


def timed(label: str, seconds: float) -> Measurement:
    return Measurement(
        label, (seconds,) * 4, 1, False, None, "unknown", "cpu", "a machine",
        "float32", "contiguous", 1, {"torch": "2.6"},
    )  # fmt: skip


def tables() -> dict[str, str]:
    """Every kind of table by name, as Jupyter would show it."""
    scores = {
        name: SeedRuns({0: Scores({"pole": v}, {}, 0.5), 1: Scores({}, {}, 0.25)})
        for name, v in (("skips", 0.25), ("none", 0.125))
    }
    found = {
        "trace": trace_shapes(NET, SIZE),
        "cost": cost(NET, SIZE),
        "field": receptive_field(NET, SIZE),
        "measurement": timed("net", 0.5),
        "comparison": Comparison.of_rounds([[timed("slow", 9.0), timed("fast", 0.01)]]),
        "seeds": SeedTable(scores, ["pixel_accuracy"]),
    }
    return {name: table._repr_html_() for name, table in found.items()}


def page_of(parts: dict[str, str], scheme: str = "light") -> str:
    body = "".join(f'<div id="{name}">{part}</div>' for name, part in parts.items())
    return (
        f'<!doctype html><html lang="en" style="color-scheme:{scheme}">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>Tables</title><main><h1>Tables</h1>{body}</main></html>"
    )


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    tab = browser.new_page(viewport={"width": 390, "height": 900})
    tab.set_content(page_of(tables()))
    yield tab
    tab.close()


def column(page: Page, table: str, heading: str) -> list[str]:
    """The cells under a heading, as they stand now."""
    place = page.locator(f"#{table} thead th").all_inner_texts().index(heading)
    rows = page.locator(f"#{table} tbody tr").all()
    return [row.locator("th, td").nth(place).inner_text() for row in rows]


def press(page: Page, table: str, heading: str) -> str | None:
    """Press a heading; tell the order it announces."""
    button = page.locator(f"#{table}").get_by_role("button", name=heading, exact=True)
    button.click()
    return button.locator("..").get_attribute("aria-sort")


def test_a_heading_sorts_by_value_up_then_down_then_in_call_order(page: Page) -> None:
    calls = column(page, "cost", "Memory")
    assert calls == ["1.00 MiB", "256 KiB", "36.0 KiB", "36.0 KiB", "36 B"]
    assert press(page, "cost", "Memory") == "ascending"
    up = ["36 B", "36.0 KiB", "36.0 KiB", "256 KiB", "1.00 MiB"]
    assert column(page, "cost", "Memory") == up  # the texts alone give another order
    assert up != sorted(up)
    assert column(page, "cost", "Stage") == ["4", "2", "3", "1", "0"]  # 2, 3: as called
    said = page.locator("#cost").get_by_role("status")
    assert said.inner_text() == "sorted by Memory, ascending"
    assert press(page, "cost", "Memory") == "descending"
    assert column(page, "cost", "Stage") == ["0", "1", "2", "3", "4"]
    assert press(page, "cost", "Memory") is None
    assert column(page, "cost", "Memory") == calls
    assert page.locator("#cost tfoot th").inner_text() == "Total"


def test_a_second_heading_takes_over_and_other_tables_stay(page: Page) -> None:
    before = column(page, "trace", "Stage")
    press(page, "cost", "Memory")
    press(page, "cost", "Params")
    assert page.locator("[aria-sort]").count() == 1
    assert column(page, "cost", "Params") == ["0", "0", "0", "585", "1.79k"]
    assert column(page, "trace", "Stage") == before


def test_the_keyboard_alone_sorts(page: Page) -> None:
    page.locator("#trace .simseg-table").focus()
    for _ in range(6):  # Stage, Operation, Input, Output, Params, MACs
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    macs = [3 * 64 * 9 * 64 * 64, 64 * 9 * 32 * 32]
    shown = column(page, "trace", "MACs")
    assert shown[-2:] == [f"{macs[1] / 1e3:.0f}k", f"{macs[0] / 1e6:.2f}M"]
    page.keyboard.press("Space")
    assert column(page, "trace", "MACs")[0] == shown[-1]
    ring = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert ring == "solid"


@pytest.mark.parametrize("heading", ["size", "stride"])
def test_a_global_field_is_the_largest_and_an_unknown_stride_last(
    page: Page, heading: str
) -> None:
    for _ in range(2):
        press(page, "field", heading)
    shown = column(page, "field", heading)
    if heading == "size":
        assert shown[:2] == ["global", "global"]
    else:
        assert shown == ["2", "2", "2", "1", "-", "-"]


def test_every_kind_of_table_sorts_and_one_row_needs_no_button(page: Page) -> None:
    assert press(page, "comparison", "median") == "ascending"
    assert column(page, "comparison", "competitor") == ["fast", "slow"]
    assert press(page, "seeds", "network") == "ascending"
    assert column(page, "seeds", "network") == ["none", "skips"]
    assert page.locator("#measurement button").count() == 0
    assert column(page, "measurement", "median") == ["500 ms"]


def test_a_script_that_runs_again_does_nothing_again(page: Page) -> None:
    press(page, "cost", "Memory")
    before = page.locator("main").inner_html()
    page.evaluate(
        "() => { for (const old of document.scripts) (0, eval)(old.textContent); }"
    )
    assert page.locator("main").inner_html() == before
    assert press(page, "cost", "Memory") == "descending"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_tables_are_accessible_and_scroll_in_their_own_box(
    browser: Browser, scheme: str
) -> None:
    tab = browser.new_page(viewport={"width": 390, "height": 900})
    tab.set_content(page_of(tables(), scheme))
    press(tab, "trace", "MACs")
    tab.evaluate(AXE.read_text())
    found = tab.evaluate(
        "async () => (await axe.run(document)).violations.map("
        "v => v.id + ': ' + v.nodes.map(n => n.failureSummary).join(' | '))"
    )
    overflow = "e => e.scrollWidth - e.clientWidth"
    sideways = tab.locator("html").evaluate(overflow)
    inside = tab.locator("#trace .simseg-table").evaluate(overflow)
    heights = [b.bounding_box()["height"] for b in tab.get_by_role("button").all()]
    tab.close()
    assert found == []
    assert sideways <= 0
    assert inside > 0
    assert min(heights) >= 24


def test_without_scripts_every_row_is_there(browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.set_content(page_of(tables()))
    assert tab.locator("#cost tbody tr").count() == 5
    assert tab.locator("button").count() == 0
    context.close()
