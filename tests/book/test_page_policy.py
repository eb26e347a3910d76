"""The content-security policy: the site's own scripts run, none that gets in later.

That no page breaks its own policy is in `test_pages.py`: the browser's complaints are
errors of the console.
"""

from pathlib import Path

import page_policy
import pytest
from playwright.sync_api import Browser

# Four ways in: an element, an attribute, an address, a file of another site.
ATTACKS = """async () => {
  const refused = [];
  document.addEventListener("securitypolicyviolation", event =>
    refused.push(event.effectiveDirective));
  window.taken = [];
  const script = document.createElement("script");
  script.textContent = "taken.push('element')";
  document.body.append(script);
  document.body.insertAdjacentHTML("beforeend", `
    <button id="attribute" onclick="taken.push('attribute')">a</button>
    <a id="address" href="javascript:taken.push('address')">b</a>`);
  document.getElementById("attribute").click();
  document.getElementById("address").click();
  const foreign = document.createElement("script");
  foreign.src = "https://example.invalid/script.js";
  const ended = new Promise(end => { foreign.onerror = foreign.onload = end; });
  document.body.append(foreign);
  await ended;
  await new Promise(end => setTimeout(end));
  return [taken, refused.sort()];
}"""


def test_scripts_in_the_page_are_named_once_and_files_not() -> None:
    start = page_policy.START
    one = '<script>alert("Grüße")</script>'
    page = page_policy.guard(f'{start}{one}{one}<script defer src="a.js"></script>')
    # From `openssl dgst -sha256 -binary | base64`.
    name = "'sha256-Zz7pZUspgPVLZ2g/YYuT7cbBq1AA4Z35iwQRdmWu4K4='"
    assert page.count("sha256") == 1
    assert f"script-src 'self' {name};" in page
    assert page.index("Content-Security-Policy") < page.index("<script")


def test_every_page_has_one_policy(site: Path) -> None:
    for page in site.rglob("*.html"):
        if "_static" not in page.parts:
            text = page.read_text("utf-8")
            assert text.count('http-equiv="Content-Security-Policy"') == 1, page
            assert " onclick=" not in text


@pytest.mark.browser
@pytest.mark.parametrize("served", [True, False])
def test_what_gets_into_a_page_is_refused(
    browser: Browser, address: str, site: Path, served: bool
) -> None:
    """From a server and from a folder; what the page brings runs."""
    tab = browser.new_page()
    start = address if served else site.as_uri()
    tab.goto(f"{start}/book/claims.html", wait_until="load")
    assert tab.evaluate("document.documentElement.dataset.theme") == "light"
    taken, refused = tab.evaluate(ATTACKS)
    tab.close()
    assert taken == []
    assert refused == [
        *("script-src-attr", "script-src-elem", "script-src-elem", "script-src-elem")
    ]
