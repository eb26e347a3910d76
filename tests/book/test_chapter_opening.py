"""What a chapter's first cells become: its heading, its picture, its boxes."""

import json
from types import SimpleNamespace
from typing import Any

import chapter_opening
import pytest
from docutils import nodes
from docutils.utils import new_document


def first_cell(text: str, **picture: Any) -> dict[str, Any]:
    return {"source": [text], "metadata": {"simseg": {"opening": picture}}}


def test_an_opening_holds_title_and_questions_alone() -> None:
    text = "# 07 A frame: its parts\n\nA 3x3 sees little. What *is* it for? And why?"
    opening = chapter_opening.read_opening([first_cell(text, figure="parts")])
    assert opening == (
        "07 A frame: its parts",
        "What *is* it for? And why?",
        {"figure": "parts"},
    )


def test_a_notebook_gets_its_picture_and_its_boxes() -> None:
    strip = {"figure": "seen", "columns": ["a, b", "c"], "row": 3, "caption": "Seen."}
    cells = [
        first_cell("# 07 A frame\n\nWhy?", **strip),
        {"source": "Know.", "metadata": {"simseg": {"block": "at-a-glance"}}},
        {"source": "Left.", "metadata": {}},
    ]
    content = [json.dumps({"cells": cells})]
    chapter_opening.open_chapter(None, "chapters/07_frame", content)
    first, box, left = (cell["source"] for cell in json.loads(content[0])["cells"])
    assert first.splitlines()[-5:] == [
        "```{chapter-figure} 07_frame seen",
        ":columns: a, b; c",
        ":row: 3",
        "Seen.",
        "```",
    ]
    assert box == ":::{container} at-a-glance\nKnow.\n:::"
    assert left == "Left."


@pytest.mark.parametrize(
    ("title", "parts"),
    [
        ("03 U-Net: where", ["03", "U-Net", ": ", "where"]),
        ("09 Which one? All of them", ["09", "Which one?", " ", "All of them"]),
        ("10 Time every block", ["10", "Time every block"]),
        ("A page: no chapter", []),
    ],
)
def test_a_title_is_parted_and_reads_the_same(title: str, parts: list[str]) -> None:
    document = new_document("chapter")
    document += nodes.section("", nodes.title("", title))
    chapter_opening.part_title(SimpleNamespace(), document, "chapters/x")
    assert [one.astext() for one in document.findall(nodes.inline)] == parts
    assert next(iter(document.findall(nodes.title))).astext() == title
