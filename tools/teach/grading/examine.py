"""One student's notebook, graded: their cells in a sandbox, the tests out here.

The tests, the numbers and all given code are the source's own; of what was handed in,
only the cells that a student may write are looked at, and they run in the sandbox.
"""

import ast
import builtins
import io
import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any

import torch

from simseg_core.exercises.bench.steps import NotYet
from teach.assignments.source import Cell, Question, Source
from teach.assignments.students import Submission
from teach.grading.handed_in import HandedIn, read_notebook
from teach.grading.marks import Graded, Mark
from teach.grading.own_work import names_in, taken
from teach.grading.sandbox.process import Ended, Limits, Sandbox
from teach.grading.sandbox.remote import InPlace, NotDefined, fetch


@dataclass
class _Step:
    """A cell of the student's program.

    Attributes:
        name: Of the source's cell that it is, or stands behind.
        code: What is run.
        is_theirs: Whether the student may have written it.
        error: What it raised, or how it ended the process.
        is_left_out: Whether it ended the process, and is not run again.
    """

    name: str
    code: str
    is_theirs: bool
    error: str = ""
    is_left_out: bool = False


def examine(
    source: Source, handed_in: Submission, number: int, limits: Limits
) -> Graded:
    """Grade one notebook.

    Args:
        source: The assignment, with its tests.
        handed_in: What the student handed in.
        number: The student's own.
        limits: What their code may use.

    Returns:
        Points, hints and notes; whatever the notebook holds, nothing is raised.
    """
    notes = [handed_in.note] if handed_in.note else []
    if not handed_in.data:
        return Graded(handed_in.student, _nothing(source, "not attempted"), notes[0])
    try:
        handed = read_notebook(source, handed_in.data)
    except (Exception, RecursionError) as error:
        notes.append(f"is no notebook that can be read: {str(error)[:200]}")
        marks = _nothing(source, "not graded", "The file is not a notebook.")
        return Graded(handed_in.student, marks, "; ".join(notes))
    if not re.search(rf"^NUMBER *= *{number}\b", handed.number, flags=re.M):
        notes.append(f"NUMBER is not the student's own, which is {number}")
    examination = _Examination(source, handed, number, limits)
    with redirect_stdout(io.StringIO()):  # what given code prints is for students
        marks = examination.marks()
    notes += handed.notes + examination.notes
    return Graded(
        handed_in.student,
        marks,
        "; ".join(dict.fromkeys(notes)),
        examination.seconds,
        examination.peak,
        examination.copied,
    )


def _nothing(source: Source, status: str, hint: str = "") -> list[Mark]:
    return [
        Mark(q.name, q.title, 0.0, q.points, status, hint) for q in source.questions
    ]


class _Examination:
    """Goes through the cells in order; begins a new sandbox where one has ended."""

    def __init__(
        self, source: Source, handed: HandedIn, number: int, limits: Limits
    ) -> None:
        self._source, self._handed, self._limits = source, handed, limits
        self._number = number
        self._given: dict[str, Any] = {"__name__": "__main__", "NUMBER": number}
        self._steps = list(self._program())
        self.answer = {q.name: self._answer(q) for q in source.questions}
        self.why_taken = {q.name: self._taken(q) for q in source.questions}
        self._sandbox: Sandbox | None = None
        self._ran = 0  # so many steps are behind the sandbox
        self._over = ""  # why no more is run
        self._lost: dict[str, str] = {}  # question -> how it ended the process
        self.notes: list[str] = []
        self.copied: list[str] = []
        self.seconds, self._waited, self.peak = 0.0, 0.0, 0

    def marks(self) -> list[Mark]:
        """Run what there is and test it."""
        found: dict[str, list[tuple[float, str]]] = {}
        try:
            for cell in self._source.cells:
                if cell.kind == "given" and not cell.tags & {"setup", "slow"}:
                    exec(
                        compile(cell.code, f"<frozen {cell.name}>", "exec"), self._given
                    )
                elif cell.kind in ("seen", "hidden"):
                    name = cell.name.rpartition("-")[0]
                    found.setdefault(name, []).append(self._tested(cell, name))
        finally:
            self._leave()
        return [self._marked(q, found.get(q.name, [])) for q in self._source.questions]

    def _marked(self, question: Question, found: list[tuple[float, str]]) -> Mark:
        answer = self.answer[question.name]
        mark = Mark(
            question.name,
            question.title,
            0.0,
            question.points,
            "not attempted",
            "",
            answer,
        )
        if _is_untouched(question, answer):
            if question.name not in self._handed.answers:
                mark.hint = "Its cell was not handed in."
            return mark
        if question.is_written:
            mark.points, mark.status = None, "to be read"
            return mark
        why = self.why_taken[question.name]
        if why:
            mark.status, mark.hint = "not yet", f"The answer {why}."
            return mark
        if _is_the_solution(question, answer):
            self.copied.append(question.name)
        mark.points = sum(points for points, _ in found)
        mark.hint = next((hint for _, hint in found if hint), "")[:2000]
        whole = mark.points == question.points
        mark.status = "right" if whole else "partly right" if mark.points else "not yet"
        return mark

    def _answer(self, question: Question) -> str:
        """Give what was written into an answer's cell, or into another one instead."""
        answer = self._handed.answers.get(question.name, "")
        if question.is_written or not _is_untouched(question, answer):
            return answer
        wanted = names_in(question.reference)
        own = {q.name for q in self._source.questions}
        elsewhere = [
            step.code
            for step in self._steps
            if step.is_theirs and step.name not in own and wanted & names_in(step.code)
        ]
        return "\n\n".join(elsewhere) or answer

    def _taken(self, question: Question) -> str | None:
        cells = [(step.name, step.code) for step in self._steps if step.is_theirs]
        names = names_in(question.reference)
        return taken(cells, question.name, question.answer.forbid, names)

    def _tested(self, cell: Cell, name: str) -> tuple[float, str]:
        """Run one test cell: its points and no hint, or none and the hint."""
        question = self._source.question(name)
        if _is_untouched(question, self.answer[name]) or self.why_taken[name]:
            return 0.0, ""
        if name in self._lost:
            return 0.0, self._lost[name]
        try:
            self._reach(cell)
            names = dict(self._given)
            wanted = _names_of_others(cell.code, names)
            assert self._sandbox is not None
            names |= {other: fetch(self._sandbox, other) for other in wanted}
            torch.manual_seed(self._number % 2**31)
            exec(compile(cell.code, f"<frozen {cell.name}>", "exec"), names)
        except Ended as error:
            self._leave()
            self._lost[name] = str(error)
            if error.for_good:
                self._over = str(error)
            return 0.0, str(error)
        except NotDefined as error:
            return 0.0, self._why_not_defined(name) or str(error)
        except AssertionError as error:
            return 0.0, str(error) or "A test does not hold."
        except Exception as error:
            return 0.0, _told(error)
        return cell.points, ""

    def _why_not_defined(self, name: str) -> str:
        """Give what the answer's own cell raised, if it did."""
        return next((s.error for s in self._steps if s.name == name and s.error), "")

    def _program(self) -> Iterator[_Step]:
        """Give what runs in the sandbox, in order."""
        handed = self._handed
        yield from (_Step("", code, True) for code in handed.extra.get("", []))
        for cell in self._source.cells:
            if cell.kind == "number":
                yield _Step(cell.name, f"NUMBER = {self._number}", False)
            elif cell.kind == "given" and not cell.tags & {"setup", "slow"}:
                yield _Step(cell.name, cell.code, False)
            elif cell.kind == "answer" and cell.name in handed.answers:
                yield _Step(cell.name, handed.answers[cell.name], True)
            elif cell.kind in ("seen", "hidden"):
                yield _Step(cell.name, "", False)
            if cell.name:
                for code in handed.extra.get(cell.name, []):
                    yield _Step(f"{cell.name}+", code, True)

    def _reach(self, test: Cell) -> None:
        """Have run, in one sandbox, all cells before a test."""
        if self._over:
            raise Ended(self._over)
        if self._sandbox is None:
            self._enter()
        stop = next(i for i, step in enumerate(self._steps) if step.name == test.name)
        while self._ran < stop:
            step = self._steps[self._ran]
            self._ran += 1
            if not step.code or step.is_left_out:
                continue
            try:
                assert self._sandbox is not None
                doing = "This cell" if step.is_theirs else "A cell of the assignment"
                reply = self._sandbox.ask("run", doing, code=step.code, name=step.name)
            except Ended as error:
                step.error, step.is_left_out = str(error), True
                self._leave()
                if error.for_good:
                    raise
                self.notes.append(f"{step.name.rstrip('+')}: {error}")
                self._enter()
                continue
            raised = reply.get("raised")
            if isinstance(raised, dict):
                step.error = "Its cell raises {kind}: {text}{line}".format(**raised)

    def _enter(self) -> None:
        self._ran = 0
        sandbox = Sandbox(self._limits, self.seconds, self._waited)
        self._sandbox = sandbox.__enter__()

    def _leave(self) -> None:
        if self._sandbox is not None:
            self._sandbox.close()
            self.seconds = self._sandbox.seconds
            self._waited = self._sandbox.waited
            self.peak = max(self.peak, self._sandbox.peak)
            self._sandbox = None


def _told(error: Exception) -> str:
    """Tell what made a test fail: its hint, the student's error, or what came back."""
    if isinstance(error, NotYet | InPlace):
        return str(error)
    text = f"{type(error).__name__}: {error}"
    if hasattr(error, "line"):  # raised by the student's code
        return f"The answer raises {text}{error.line}."
    return f"What came back cannot be compared: {text.splitlines()[0]}"


def _is_untouched(question: Question, answer: str) -> bool:
    """Say whether an answer is what was handed out, but for blanks and comments."""
    if question.is_written:
        return " ".join(answer.split()) in ("", " ".join(question.stub.split()))
    try:
        return ast.dump(ast.parse(answer)) in (
            ast.dump(ast.parse(question.stub)),
            ast.dump(ast.parse("")),
        )
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


def _is_the_solution(question: Question, answer: str) -> bool:
    """Say whether an answer of some length is the reference but for its comments."""
    try:
        wanted = ast.dump(ast.parse(question.reference))
        return len(wanted) > 1000 and ast.dump(ast.parse(answer)) == wanted
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


def _names_of_others(code: str, given: dict[str, Any]) -> list[str]:
    """List the names that a test reads and that only the student can have defined."""
    nodes = list(ast.walk(ast.parse(code)))
    read = {n.id for n in nodes if isinstance(n, ast.Name)}
    own = {
        n.id
        for n in nodes
        if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)
    }
    own |= {n.name for n in nodes if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    own |= {n.arg for n in nodes if isinstance(n, ast.arg)}
    own |= {n.name for n in nodes if isinstance(n, ast.ExceptHandler) and n.name}
    for node in nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            own |= {(a.asname or a.name).partition(".")[0] for a in node.names}
    return sorted(read - own - set(given) - set(vars(builtins)))
