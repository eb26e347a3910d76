"""A figure of a chapter's run, shown on another page."""

import json
import re
from pathlib import Path
from typing import Any

import chapter_figure

ROOT = Path(__file__).resolve().parents[2]


def cell(name: str, outputs: list[Any]) -> dict[str, Any]:
    shown = {"figure": {"name": name}, "image": {"alt": f"what {name} shows"}}
    return {"metadata": {"mystnb": shown}, "outputs": outputs}


def test_the_figure_of_that_name_is_found_with_its_text() -> None:
    printed = {"output_type": "stream", "text": "shown: a claim"}
    drawn = {"data": {"image/svg+xml": ["<svg>", "</svg>"]}}
    ran = {
        "cells": [
            {"metadata": {}, "outputs": [drawn]},
            cell("other", [{"data": {"image/svg+xml": "<svg/>"}}]),
            cell("wanted", [printed, drawn]),
        ]
    }
    found = chapter_figure.find_figure(ran, "wanted")
    assert found == ("<svg></svg>", "what wanted shows")
    assert chapter_figure.find_figure(ran, "absent") is None
    assert (
        chapter_figure.find_figure({"cells": [cell("bare", [printed])]}, "bare") is None
    )


def test_pages_ask_for_figures_that_chapters_draw() -> None:
    asked = [
        match
        for page in (ROOT / "book").glob("*.md")
        for match in re.findall(r"\{chapter-figure\} (\S+) (\S+)", page.read_text())
    ]
    assert asked
    for chapter, name in asked:
        cells = json.loads((ROOT / "chapters" / f"{chapter}.ipynb").read_text())[
            "cells"
        ]
        shown = [c["metadata"].get("mystnb", {}) for c in cells]
        assert name in [one["figure"]["name"] for one in shown if "figure" in one]
