"""How an assignment's answers are tried: beside each wrong one stand words of its hint.

given = Answers("03_unet")

given.same("up-step", "class UpStep(nn.Module): ...")  # right, written in another way
given.changed("up-step", "[cut, rising]", "[rising, cut]", hint="skip comes first")
given.wrong("up-step", "class UpStep(nn.Module): ...", hint="no ReLU")

class TestAnswers(AnswersOfAnAssignment):
    given = given
"""

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, ClassVar

import nbformat
import pytest
from teach.assignments.source import EXAMPLE, Question, Source
from teach.assignments.students import Submission
from teach.grading.examine import examine
from teach.grading.sandbox.process import Limits


@dataclass
class Answers:
    """The answers to one assignment's questions.

    Attributes:
        name: The assignment, such as `"03_unet"`.
        right: Question and code of answers that are right and not the reference.
        bad: Question, code, and words that stand in no other answer's hint.
    """

    name: str
    right: list[tuple[str, str]] = field(default_factory=list)
    bad: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def source(self) -> Source:
        """The assignment, read once."""
        return Source.read(self.name)

    def same(self, question: str, code: str) -> None:
        """Note a right answer that is written in another way than the reference."""
        self.right.append((question, code))

    def wrong(self, question: str, code: str, *, hint: str) -> None:
        """Note a wrong answer and words of the hint that it gets."""
        self.bad.append((question, code, hint))

    def changed(self, question: str, old: str, new: str, *, hint: str) -> None:
        """Note the reference with one place changed as a wrong answer."""
        code = self.source.question(question).reference
        assert code.count(old) == 1, f"{old!r} stands {code.count(old)} times"
        self.wrong(question, code.replace(old, new), hint=hint)


def handed_in(
    source: Source, number: int, changed: dict[str, str], lacking: Iterable[str] = ()
) -> bytes:
    """Give a notebook as a student hands it in.

    Args:
        source: The assignment.
        number: What the student filled in.
        changed: Cell -> what stands in it; other answers are the reference's.
        lacking: Cells that were deleted.
    """
    mine: Any = deepcopy(source.notebook)
    answers = {question.name: question.reference for question in source.questions}
    cells = answers | changed | {"number": f"NUMBER = {number}"}
    for cell in list(mine.cells):
        name = cell.metadata.get("nbgrader", {}).get("grade_id", "")
        if name in lacking:
            mine.cells.remove(cell)
        elif name.endswith("-hidden"):
            cell.source = ""
        else:
            cell.source = cells.get(name, cell.source)
    return str(nbformat.writes(mine)).encode()


def tried_in_one_kernel(source: Source, answers: dict[str, str]) -> dict[str, Any]:
    """Run an assignment's cells in one namespace, as nbgrader does in one kernel.

    Args:
        source: The assignment.
        answers: Question -> code; the others are answered by the reference, and only
            these are tested. Without any, all are.

    Returns:
        Test cell -> what it raised, or None.
    """
    asked = set(answers) or {question.name for question in source.questions}
    names: dict[str, Any] = {"__name__": "__main__"}
    raised: dict[str, Any] = {}
    for cell in source.cells:
        if cell.kind == "number":
            names["NUMBER"] = EXAMPLE
        elif cell.kind == "given" and not cell.tags & {"setup", "slow"}:
            exec(compile(cell.code, f"<{cell.name}>", "exec"), names)
        elif cell.kind == "answer":
            code = answers.get(cell.name, source.question(cell.name).reference)
            try:
                exec(compile(code, f"<{cell.name}>", "exec"), names)
            except Exception as error:  # what the tests then say of it is looked at
                raised[cell.name] = error
        elif cell.kind in ("seen", "hidden") and cell.name.rpartition("-")[0] in asked:
            try:
                exec(compile(cell.code, f"<{cell.name}>", "exec"), names)
            except Exception as error:
                raised[cell.name] = error
            else:
                raised[cell.name] = None
    return raised


class AnswersOfAnAssignment:
    """The tests of one assignment's answers; its file inherits and names them."""

    given: ClassVar[Answers]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Give each test the questions or answers that it asks for."""
        if "hint" in metafunc.fixturenames:
            ids = [f"{name}-{hint}" for name, _, hint in self.given.bad]
            metafunc.parametrize("name, code, hint", self.given.bad, ids=ids)
        elif "code" in metafunc.fixturenames:
            metafunc.parametrize("name, code", self.given.right)
        elif "question" in metafunc.fixturenames:
            asked = self.given.source.questions
            questions = [q for q in asked if not q.is_written]
            metafunc.parametrize("question", questions, ids=lambda q: q.name)

    def test_every_question_is_tried(self, question: Question) -> None:
        assert any(question.name == name for name, _ in self.given.right)
        bad = [hint for name, _, hint in self.given.bad if name == question.name]
        assert len(set(bad)) >= 3

    def test_stub_fails_each_test(self, question: Question) -> None:
        raised = tried_in_one_kernel(self.given.source, {question.name: question.stub})
        for test in question.tests:
            assert raised[test.name] is not None

    def test_reference_is_right(self) -> None:
        assert not any(tried_in_one_kernel(self.given.source, {}).values())

    def test_the_grader_agrees(self) -> None:
        """The same answers where tests and answers run apart, as `make grade` does."""
        source, number = self.given.source, EXAMPLE
        right = dict(reversed(self.given.right))  # the first of each question
        wrong = {name: code for name, code, _ in reversed(self.given.bad)}
        hints = {name: hint for name, _, hint in reversed(self.given.bad)}
        stubs = {question.name: question.stub for question in source.questions}
        for answers in (right, wrong, stubs):
            one = Submission("ada", handed_in(source, number, answers))
            graded = examine(source, one, number, Limits())
            for mark in graded.marks:
                if answers is stubs:
                    assert (mark.points, mark.status) == (0, "not attempted")
                elif source.question(mark.question).is_written:
                    assert (mark.points, mark.status) == (None, "to be read")
                elif answers is right:
                    assert mark.points == mark.most, mark
                else:
                    assert mark.points < mark.most
                    assert hints[mark.question] in mark.hint, mark

    def test_same_is_right(self, name: str, code: str) -> None:
        raised = tried_in_one_kernel(self.given.source, {name: code})
        assert not any(raised.values()), raised

    def test_wrong_gets_its_hint(self, name: str, code: str, hint: str) -> None:
        raised = tried_in_one_kernel(self.given.source, {name: code})
        question = self.given.source.question(name)
        said = [str(raised[t.name]) for t in question.tests if raised[t.name]]
        assert said, "right"
        assert hint in said[0], said
        others = {h for n, _, h in self.given.bad if n == name and h != hint}
        assert not [other for other in others if other in said[0]], said
