"""The rules that `assignments/README.md` tells, for all assignments that there are."""

import ast
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from teach.assignments.source import (
    STUB,
    TEXT_STUB,
    NoSuchAssignment,
    Source,
    list_assignments,
)
from teach.grading.sandbox.worker import ABSENT

KINDS = {"number", "given", "answer", "seen", "hidden", "written", "text"}


@pytest.fixture(params=list_assignments())
def source(request: pytest.FixtureRequest) -> Source:
    return Source.read(request.param)


def test_the_chapters_that_a_course_begins_with_have_one() -> None:
    wanted = {"00_pixels_to_score", "01_self_attention", "03_unet"}
    assert wanted <= set(list_assignments())


def test_an_unknown_name_is_told_its_neighbour() -> None:
    with pytest.raises(NoSuchAssignment, match="did you mean NAME=03_unet"):
        Source.read("3_unet")


def test_cells_are_of_known_kinds_and_named_once(source: Source) -> None:
    assert {cell.kind for cell in source.cells} <= KINDS
    names = [cell.name for cell in source.cells if cell.name]
    assert sorted(names) == sorted(set(names))
    assert all(cell.name for cell in source.cells if cell.kind != "text")
    assert [c.code for c in source.cells if c.kind == "number"] == ["NUMBER = 0"]


def test_given_code_is_locked_and_answers_are_not(source: Source) -> None:
    for cell, raw in zip(source.cells, source.notebook.cells, strict=True):
        if cell.kind in ("given", "seen", "hidden"):
            assert raw.metadata.nbgrader.locked, cell.name
        if cell.kind in ("answer", "written", "number"):
            assert not raw.metadata.nbgrader.locked, cell.name


def test_the_set_up_is_the_chapters(source: Source, root: Path) -> None:
    chapter: Any = nbformat.read(root / "chapters/03_unet.ipynb", as_version=4)
    (wanted,) = [
        c.source for c in chapter.cells if "setup" in c.metadata.get("tags", ())
    ]
    assert [c.code for c in source.cells if "setup" in c.tags] == [wanted]


def test_each_question_has_what_it_needs(source: Source) -> None:
    assert sum(question.is_written for question in source.questions) == 1
    assert sum("slow" in cell.tags for cell in source.cells) == 1
    for question in source.questions:
        if question.is_written:
            assert question.stub.strip() == TEXT_STUB
            continue
        seen, hidden = question.tests
        assert (seen.kind, hidden.kind) == ("seen", "hidden")
        assert hidden.points > seen.points > 0
        assert STUB in question.stub
        assert "SOLUTION" not in question.reference + question.stub


def test_headings_say_the_points(source: Source) -> None:
    text = "\n".join(cell.code for cell in source.cells if cell.kind == "text")
    said = re.findall(r"^## \d+\. .+ \((\d+) points?\)$", text, flags=re.M)
    assert [float(points) for points in said] == [q.points for q in source.questions]


def test_teachers_read_the_points(source: Source, root: Path) -> None:
    page = (root / "book/assignments.md").read_text(encoding="utf-8")
    (row,) = [
        line for line in page.splitlines() if line.startswith(f"| `{source.name}`")
    ]
    assert row.endswith(f"| {source.points:g} |")


def test_hidden_tests_are_hidden_whole(source: Source) -> None:
    for cell in source.cells:
        if cell.kind == "hidden":
            before, _, _ = cell.code.partition("### BEGIN HIDDEN TESTS\n")
            assert all(line.startswith("#") for line in before.splitlines())
            assert cell.code.endswith("### END HIDDEN TESTS")
        else:
            assert "HIDDEN TESTS" not in cell.code


def test_every_assert_has_a_hint(source: Source) -> None:
    for cell in source.cells:
        if cell.kind in ("seen", "hidden"):
            asserts = [
                n for n in ast.walk(ast.parse(cell.code)) if isinstance(n, ast.Assert)
            ]
            bare = [ast.unparse(n) for n in asserts if n.msg is None]
            assert not bare, (cell.name, bare)


def test_given_code_uses_what_is_there_where_answers_run(source: Source) -> None:
    for cell in source.cells:
        if cell.kind == "given" and "setup" not in cell.tags:
            named = {f"simseg_core.{room}" for room in ABSENT} | {"create_model"}
            assert not [name for name in named if name in cell.code], cell.name
