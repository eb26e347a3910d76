"""What a figure says of itself stands on the page: the alt text of its picture."""

import json
import logging
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import chapter_outputs
import pytest
from IPython.core.formatters import DisplayFormatter
from IPython.core.pylabtools import print_figure
from matplotlib.figure import Figure

from simseg_core.figures import draw_lifetimes, draw_wiring
from simseg_core.figures.style import new_figure


def shown(figure: Figure) -> dict[str, Any]:
    """A cell's output, as a kernel makes it with SVG chosen."""
    display = DisplayFormatter()
    as_svg = partial(print_figure, fmt="svg")
    display.formatters["image/svg+xml"].for_type(Figure, as_svg)
    data, metadata = display.format(figure)
    return {"output_type": "execute_result", "data": data, "metadata": metadata}


def as_html(markup: str) -> dict[str, Any]:
    """A cell's output in HTML."""
    data = {"text/html": [markup], "text/plain": "a drawing"}
    return {"output_type": "execute_result", "data": data, "metadata": {}}


def by_hand() -> Figure:
    figure, axes = new_figure(height=2.0)
    axes.plot([0, 1])
    return figure


@pytest.fixture
def lay(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Run the extension on a chapter of one cell: typed text, output -> its alt."""

    def lay_outputs(typed: dict[str, Any], output: dict[str, Any]) -> str:
        cell = {
            "cell_type": "code", "id": "figure", "source": "draw()",
            "metadata": {"mystnb": {"figure": {"name": "a"}, **typed}},
        }  # fmt: skip
        record = {"seconds": 1, "device": "a", "torch": "2", "date": "2026-01-31"}
        done = cell | {"outputs": [output], "execution_count": 1}
        ran = {"cells": [done], "metadata": {"simseg_run": record}}
        (tmp_path / ".ran").mkdir(exist_ok=True)
        (tmp_path / ".ran" / "01_toy.ipynb").write_text(json.dumps(ran))
        environment = SimpleNamespace(note_dependency=lambda path: None)
        app = SimpleNamespace(srcdir=tmp_path, env=environment)
        content = [json.dumps({"cells": [cell]})]
        chapter_outputs.lay_outputs(app, "chapters/01_toy", content)
        page = json.loads(content[0])["cells"][0]["metadata"]["mystnb"]
        assert page["figure"] == {"name": "a"}
        return page["image"]["alt"]

    return lay_outputs


def test_the_page_says_what_the_figure_says(lay: Any) -> None:
    figure = draw_wiring({"dense": [[0], [1, 0]]})
    output = shown(figure)
    assert output["data"]["image/svg+xml"].startswith("<?xml")
    assert figure.alt_text.startswith("Dense: 2 layers")
    assert lay({}, output) == figure.alt_text
    assert lay({"image": {"alt": "typed long ago"}}, output) == figure.alt_text


def test_a_figure_made_by_hand_keeps_its_typed_text(lay: Any) -> None:
    assert lay({"image": {"alt": "A line."}}, shown(by_hand())) == "A line."


def test_a_drawing_in_the_page_names_itself(lay: Any) -> None:
    drawing = draw_lifetimes([[0], [1, 0]], [2])
    data, _ = DisplayFormatter().format(drawing)
    assert lay({}, as_html(data["text/html"])) == drawing.alt_text
    assert data["text/plain"] == drawing.alt_text
    quoted = '<svg viewBox="0 0 1 1" aria-label="5 &lt; 6 &amp; &quot;so&quot;">'
    assert lay({}, as_html(quoted)) == '5 < 6 & "so"'


def test_a_drawing_without_a_name_draws_a_warning(
    lay: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("sphinx"), "propagate", True)
    with caplog.at_level("WARNING"):
        assert lay({}, as_html('<svg viewBox="0 0 1 1"><g aria-label="part">')) == ""
    assert "has no alt text: give cell figure a mystnb.image.alt" in caplog.text


def test_a_picture_without_any_text_draws_a_warning(
    lay: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("sphinx"), "propagate", True)
    with caplog.at_level("WARNING"):
        assert lay({}, shown(by_hand())) == ""
    assert "has no alt text: give cell figure a mystnb.image.alt" in caplog.text
