"""A chapter by keyboard alone."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

# What has the focus, and whether one sees it.
FOCUS = """() => {
  const here = document.activeElement, style = getComputedStyle(here);
  const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  return [here.outerHTML.slice(0, 120), here.className, ring];
}"""


@pytest.fixture
def tab(browser: Browser, address: str) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(f"{address}/chapters/03_unet.html", wait_until="networkidle")
    page.wait_for_selector(".copybtn", state="attached")
    yield page
    context.close()


def test_every_stop_is_seen_and_none_is_a_copy_button(tab: Page) -> None:
    tab.keyboard.press("Tab")
    assert "Skip to main content" in tab.evaluate(FOCUS)[0]
    for _ in range(75):
        tab.keyboard.press("Tab")
        html, classes, seen = tab.evaluate(FOCUS)
        assert seen, html
        assert "copybtn" not in classes, html


def test_the_skip_link_leads_to_the_article(tab: Page) -> None:
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.closest('main') !== null")


def test_alt_c_copies_the_code_in_sight_as_it_was_written(tab: Page) -> None:
    block = tab.locator(".cell_input .highlight:has(.long)").nth(5)
    block.evaluate("block => block.scrollIntoView()")
    tab.evaluate("scrollBy(0, -90)")  # the page's header
    tab.keyboard.press("Alt+c")
    code = block.locator("pre").evaluate("pre => pre.textContent")
    assert tab.evaluate("navigator.clipboard.readText()").strip() == code.strip()
    assert "copybtn" in tab.evaluate(FOCUS)[1]
    assert tab.evaluate("document.activeElement.parentElement.innerText") in (
        block.inner_text()
    )
    tab.get_by_role("status").filter(has_text="Copied").wait_for(state="attached")


def test_only_code_has_a_copy_button_and_the_mouse_finds_it(tab: Page) -> None:
    assert tab.locator(".cell_output .copybtn").count() == 0
    block = tab.locator(".cell_input .highlight").nth(3)
    button = block.locator(".copybtn")
    assert not button.is_visible()
    block.hover()
    button.wait_for(state="visible")
