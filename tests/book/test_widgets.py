"""How a widget comes into a page and starts there, in a small book of its own."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import widgets
from playwright.sync_api import Browser
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

ROOT = Path(__file__).resolve().parents[2]
WIDGETS = ROOT / "book" / "_static" / "widgets"
SPACER = '\n\n<div style="height: 5000px"></div>\n\n'
FIRST = "window.loaded = (window.loaded || []).concat('first');"
SECOND = """
window.loaded.push("second");
simsegWidget("toy", (box) => { box.textContent = `started over ${box.innerHTML}.`; });
"""
Build = Callable[..., str]


@pytest.fixture
def extension(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(widgets, "SCRIPTS", {"toy": ("first.js", "second.js")})
    return widgets


@pytest.fixture
def build(extension: Any, tmp_path: Path) -> Build:
    """Build a book of these pages, with the toy's files; return the warnings."""

    def run(**pages: str) -> str:
        folder = tmp_path / extension.FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("loader.js", "widgets.css"):
            (folder / name).write_text((WIDGETS / name).read_text())
        (folder / "first.js").write_text(FIRST)
        (folder / "second.js").write_text(SECOND)
        (tmp_path / "chapters").mkdir(exist_ok=True)
        for name, text in pages.items():
            kind = "ipynb" if text.startswith("{") else "md"
            (tmp_path / "chapters" / f"{name}.{kind}").write_text(text)
        index = "# Index\n\n```{toctree}\n:glob:\nchapters/*\n```\n"
        (tmp_path / "index.md").write_text(index)
        told = io.StringIO()
        options = {
            "extensions": ["myst_nb", "widgets"],
            "nb_execution_mode": "off",
            "source_suffix": {".md": "myst-nb", ".ipynb": "myst-nb"},
            "html_static_path": ["book/_static"],
            "html_theme": "basic",
        }
        with docutils_namespace():
            Sphinx(
                tmp_path, None, tmp_path / "out", tmp_path / "doctrees", "html",
                confoverrides=options, status=None, warning=told,
            ).build()  # fmt: skip
        return told.getvalue()

    return run


def page(text: str) -> str:
    return f"# A page\n\n{text}\n"


def chapter(*cells: tuple[str, dict[str, Any]]) -> str:
    """A notebook of Markdown cells with their metadata."""
    made = [
        {"cell_type": "markdown", "id": f"c{n}", "metadata": about, "source": text}
        for n, (text, about) in enumerate(cells)
    ]
    return json.dumps(
        {"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    )


@pytest.mark.browser
def test_a_widget_starts_when_the_reader_comes_near_also_from_a_folder(
    build: Build, browser: Browser, tmp_path: Path
) -> None:
    box = "```{widget} toy\nOnly *words*.\n```"
    assert build(a=page(f"{box}{SPACER}{box}"), b=page("No box.")) == ""
    tab = browser.new_page(viewport={"width": 800, "height": 600})
    complaints: list[str] = []
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.goto((tmp_path / "out/chapters/a.html").as_uri())
    tab.wait_for_selector(".widget-live")
    boxes = tab.locator(".widget")
    before = boxes.all_inner_texts()
    boxes.nth(1).scroll_into_view_if_needed()
    tab.wait_for_function("document.querySelectorAll('.widget-live').length == 2")
    after = boxes.all_inner_texts()
    loaded = tab.evaluate("loaded")
    tab.close()
    assert before == ["started over .", "Only words."]
    assert after == ["started over .", "started over ."]
    assert loaded == ["first", "second"]  # in this order, and once for both boxes
    assert complaints == []
    assert "widgets/" not in (tmp_path / "out/chapters/b.html").read_text()


@pytest.mark.browser
@pytest.mark.parametrize(
    "fault",
    [None, "", "simsegWidget('toy', (box) => { box.append('half'); oh.no(); });"],
)
def test_where_a_script_fails_the_words_remain_and_more_say_so(
    build: Build, browser: Browser, tmp_path: Path, fault: str | None
) -> None:
    """Its file does not arrive, starts no widget, or fails as it starts."""
    build(a=page("```{widget} toy\nOnly *words*.\n```"))
    tab = browser.new_page()
    uncaught: list[str] = []
    tab.on("pageerror", lambda error: uncaught.append(str(error)))
    tab.route(
        "**/second.js*",
        lambda route: route.abort() if fault is None else route.fulfill(body=fault),
    )
    tab.goto((tmp_path / "out/chapters/a.html").as_uri())
    said = tab.get_by_role("status").inner_text()
    words = tab.locator(".widget").inner_text().split("\n")[0]
    live = tab.locator(".widget-live").count()
    tab.close()
    assert "did not load" in said
    assert words == "Only words."
    assert live == 0
    assert uncaught == []


@pytest.mark.browser
def test_without_scripts_the_words_remain(
    build: Build, browser: Browser, tmp_path: Path
) -> None:
    build(a=page("```{widget} toy\nOnly *words*.\n```"))
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto((tmp_path / "out/chapters/a.html").as_uri())
    words = tab.locator(".widget").inner_text()
    context.close()
    assert words == "Only words."


def test_a_cell_keeps_its_words_and_the_widget_follows(
    build: Build, extension: Any, tmp_path: Path
) -> None:
    """With its still picture, since a chapter's cell has no other text for it."""
    cells = ("# Title", {}), ("Words.", {"simseg": {"widget": "toy"}}), ("After.", {})
    still = tmp_path / extension.FOLDER / "toy.svg"
    still.parent.mkdir(parents=True)
    still.write_text("<svg id='still'></svg>")
    assert build(a=chapter(*cells)) == ""
    html = (tmp_path / "out/chapters/a.html").read_text()
    words, box, after = (html.index(part) for part in ("Words.", "'still'", "After."))
    assert words < box < after


def test_a_changed_script_has_a_new_address(extension: Any, tmp_path: Path) -> None:
    addresses = set()
    for text in ("1", "2"):
        (tmp_path / "toy.js").write_text(text)
        addresses.add(extension.address(tmp_path, "toy.js"))
    assert len(addresses) == 2


@pytest.mark.parametrize(
    ("files", "box", "words"),
    [
        ("second.js", "```{widget} tyo\nWords.\n```", "no widget 'tyo': there are toy"),
        ("third.js", "```{widget} toy\nWords.\n```", "lacks a file"),
        ("second.js", "```{widget} toy\n```", "has neither a text nor"),
    ],
)
def test_a_widget_that_is_not_there_is_told(
    build: Build,
    extension: Any,
    monkeypatch: pytest.MonkeyPatch,
    files: str,
    box: str,
    words: str,
) -> None:
    monkeypatch.setattr(extension, "SCRIPTS", {"toy": (files,)})
    assert words in build(a=page(box))
