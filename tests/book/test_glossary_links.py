"""The first use of a glossary's term on a page is a link to its entry."""

import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import glossary_links
import pytest
from bs4 import BeautifulSoup, Tag
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

ROOT = Path(__file__).resolve().parents[2]
GLOSSARY = """
# Glossary

```{glossary}
Convolution
  Products, e.g. of taps and pixels, added up; see
  {term}`Tap`. Costs most of the time.

Dilated convolution
holey convolution
  A {term}`Convolution` with holes.

Softmax
  Makes *positive* weights of scores.

Tap
  One place of a kernel.

Tap distance
  Pixels from tap to tap.

Weights
  What is learned. And kept.
```
"""
Links = list[tuple[str, str]]
Build = Callable[..., dict[str, Tag]]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Let Sphinx build a small book without a warning; give each page by name."""

    def run(glossary: str = GLOSSARY, **pages: str) -> dict[str, Tag]:
        book, out = tmp_path / "source", tmp_path / "out"
        (book / "book").mkdir(parents=True, exist_ok=True)
        write(book / "book" / "glossary.md", glossary)
        for name, text in pages.items():
            if text.startswith("{"):
                write(book / "book" / f"{name}.ipynb", text)
            else:
                write(book / "book" / f"{name}.md", f"# A page\n\n{text}\n")
        write(book / "index.md", "# A\n\n```{toctree}\n:glob:\nbook/*\n```\n")
        told = io.StringIO()
        options = {
            "extensions": ["myst_nb", "glossary_links"],
            "myst_enable_extensions": ["dollarmath"],
            "nb_execution_mode": "off",
            # Sphinx keeps one default for all books of a process, and writes into it.
            "source_suffix": {".md": "myst-nb", ".ipynb": "myst-nb"},
            "html_theme": "basic",
        }
        with docutils_namespace():
            app = Sphinx(
                book, None, out, out / "doctrees", "html",
                confoverrides=options, status=None, warning=told,
            )  # fmt: skip
            app.build()
        assert told.getvalue() == ""
        return {
            path.stem: BeautifulSoup(path.read_text(), "html.parser")
            for path in (out / "book").glob("*.html")
        }

    return run


def write(path: Path, text: str) -> None:
    """Write a file, unless it says so already: then it keeps its date."""
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def linked(page: Tag) -> Links:
    """The words and the target of each link that the extension made."""
    return [
        (" ".join(link.get_text().split()), str(link["href"]).partition("#term-")[2])
        for link in page.select("a.glossary-term")
    ]


def test_the_first_use_is_a_link_and_the_second_is_not(build: Build) -> None:
    page = build(page="The softmax.\n\nThen a softmax and a tap.")["page"]
    assert linked(page) == [("softmax", "Softmax"), ("tap", "Tap")]
    first, second, *_ = page.select("p")
    assert first.get_text() == "The softmax."
    assert second.get_text() == "Then a softmax and a tap."
    assert first.a is not None
    assert first.a["href"] == "glossary.html#term-Softmax"


def test_the_link_leads_to_an_entry_that_is_there(build: Build) -> None:
    pages = build(page="A holey convolution.")
    ((_, target),) = linked(pages["page"])
    assert pages["glossary"].find(id=f"term-{target}") is not None


def test_the_tooltip_is_the_entrys_first_sentence(build: Build) -> None:
    page = build(page="Taps of convolutions, their weights, a softmax.")["page"]
    assert [link["title"] for link in page.select("a.glossary-term")] == [
        "One place of a kernel.",
        "Products, e.g. of taps and pixels, added up; see Tap.",
        "What is learned.",
        "Makes positive weights of scores.",
    ]


NOT_LINKED = {
    "code": "Call `softmax` here.\n\n```python\nsoftmax(tap)\n```",
    "math": "Take $softmax(x)$.\n\n$$\nsoftmax(x)\n$$",
    "another_link": "See [the softmax of others](https://example.org/).",
    "heading": "## Softmax\n\nNothing.",
    "heading_of_a_table": "| softmax | b |\n|---|---|\n| c | d |",
    "html": "A <b title='softmax'>c</b>.\n\n<p>softmax</p>",
    "part_of_a_word": "A softmaxed map, a log-softmax, softmax2, staps, tapped.",
    "part_of_a_name": "Set map.softmax to tap.softmax or softmax=2.",
    "another_case": "SOFTMAX and softMax.",
}


@pytest.mark.parametrize(
    ("after", "links"),
    [("", []), ("Now the softmax.", [("softmax", "Softmax")])],
    ids=["alone", "before a first use"],
)
def test_what_is_no_prose_is_left_alone(build: Build, after: str, links: Links) -> None:
    pages = build(**{name: f"{text}\n\n{after}" for name, text in NOT_LINKED.items()})
    found = {name: linked(pages[name]) for name in NOT_LINKED}
    assert found == dict.fromkeys(NOT_LINKED, links)


TAP = ("tap", "Tap")
LONG = ("dilated convolution", "Dilated-convolution")
LINKED = {
    "plural": ("Two softmaxes.", [("softmaxes", "Softmax")]),
    "singular": ("A weight.", [("weight", "Weights")]),
    "capital": ("Softmax first.", [("Softmax", "Softmax")]),
    "possessive": ("A tap's place.", [TAP]),
    "emphasis": ("A *bold **tap** here*.", [TAP]),
    "quote": ('The "tap", (softmax).', [TAP, ("softmax", "Softmax")]),
    "list": ("- one tap;\n- two.", [TAP]),
    "table": ("| a |\n|---|\n| a tap |", [TAP]),
    "other_name": (
        "A holey convolution, that is a dilated convolution.",
        [("holey convolution", "Dilated-convolution")],
    ),
    "longer_term": ("A dilated convolution and another dilated convolution.", [LONG]),
    "shorter_term_later": (
        "A dilated convolution is a convolution.",
        [LONG, ("convolution", "Convolution")],
    ),
    "longer_term_first": (
        "The tap distance, not the tap.",
        [("tap distance", "Tap-distance"), TAP],
    ),
    "line_break": ("Taken is a dilated\nconvolution.", [LONG]),
}


def test_a_term_is_found_as_sentences_write_it(build: Build) -> None:
    pages = build(**{name: text for name, (text, _) in LINKED.items()})
    found = {name: linked(pages[name]) for name in LINKED}
    assert found == {name: links for name, (_, links) in LINKED.items()}


def test_a_notebooks_prose_is_linked_and_its_code_is_not(build: Build) -> None:
    cell = {"metadata": {}, "source": "# A\n\nNothing.", "cell_type": "markdown"}
    code = {"cell_type": "code", "execution_count": 1}
    stream = {"output_type": "stream", "name": "stdout", "text": "a tap"}
    notebook = {
        "nbformat": 4,
        "nbformat_minor": 4,
        "metadata": {
            "kernelspec": {"name": "python3", "display_name": "Python"},
            "language_info": {"name": "python", "pygments_lexer": "ipython3"},
        },
        "cells": [
            cell,
            cell | code | {"source": "softmax = tap", "outputs": [stream]},
            cell | {"source": "Its softmax."},
        ],
    }
    page = build(page=json.dumps(notebook))["page"]
    assert linked(page) == [("softmax", "Softmax")]
    assert "a tap" in page.get_text()


def test_the_glossary_and_the_bibliography_are_left_alone(build: Build) -> None:
    pages = build(bibliography="The softmax.")
    assert linked(pages["glossary"]) == []
    assert linked(pages["bibliography"]) == []


def test_everyday_words_are_no_terms(build: Build) -> None:
    glossary = GLOSSARY.replace("Softmax\n", "Rate\n  A distance.\n\nSoftmax\n")
    text = "The learning rate is another than the rate."
    page = build(glossary, page=text)["page"]
    assert linked(page) == [("rate", "Rate")]
    link = page.select_one("a.glossary-term")
    assert link is not None
    assert str(link.previous_sibling).endswith("another than the ")


def test_everyday_words_are_those_of_pages() -> None:
    kinds = ("book/*.md", "chapters/*.ipynb", "simseg_core/**/*.py")
    files = [path for kind in kinds for path in ROOT.glob(kind)]
    written = " ".join("\n".join(path.read_text() for path in files).split())
    for words in glossary_links.EVERYDAY:
        assert words.replace("’", "'") in written, f"{words}: no page says so any more"


def test_a_changed_glossary_changes_pages_that_did_not(build: Build) -> None:
    build(page="A tap.")
    changed = GLOSSARY.replace("One place", "A place")
    link = build(changed, page="A tap.")["page"].select_one("a.glossary-term")
    assert link is not None
    assert link["title"] == "A place of a kernel."


def test_other_names_of_an_entry_stand_under_it_in_lower_case() -> None:
    body = (ROOT / "book" / "glossary.md").read_text().partition("```{glossary}\n")[2]
    entries = body.partition("```\n")[0].strip().split("\n\n")
    for entry in entries:
        first, *others = re.findall(r"^\S.*", entry, re.MULTILINE)
        assert all(other == other.lower() or "IoU" in other for other in others), first
