"""An assignment's source: a notebook in nbgrader's format, read into its questions.

What each cell is for stands in nbgrader's metadata; `assignments/README.md` says which
rules a source keeps beyond nbgrader's own.
"""

import difflib
import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import nbformat

ROOT = Path(__file__).resolve().parents[3]
# A teacher may keep assignments of their own elsewhere (make ... ASSIGNMENTS=folder).
ASSIGNMENTS = Path(os.environ.get("ASSIGNMENTS") or ROOT / "assignments").resolve()
# What nbgrader puts in a solution's place (`nbgrader_config.py` says it to nbgrader).
STUB = 'raise NotImplementedError("not attempted")'
TEXT_STUB = "YOUR ANSWER HERE"
# The number that a source is tried with; it is nobody's.
EXAMPLE = 20260807


class NoSuchAssignment(ValueError):
    """No assignment has this name; the message says which have."""


@dataclass(frozen=True)
class Cell:
    """One cell of a source.

    Attributes:
        name: nbgrader's `grade_id`; empty for text and other free cells.
        kind: `"number"`, `"given"`, `"answer"`, `"seen"`, `"hidden"`, `"written"` or
            `"text"`.
        code: Its text as the teacher wrote it.
        points: What it gives, 0 unless it is a test or a written answer.
        tags: The cell's tags.
        forbid: Names that an answer may not use.
    """

    name: str
    kind: str
    code: str
    points: float = 0.0
    tags: frozenset[str] = frozenset()
    forbid: tuple[str, ...] = ()


@dataclass(frozen=True)
class Question:
    """An answer and the tests that it has to pass, or an answer in words.

    Attributes:
        name: The `grade_id` of its answer.
        title: The heading above it, without its points.
        answer: Its answer's cell.
        tests: What the answer has to pass, in order; none for an answer in words.
    """

    name: str
    title: str
    answer: Cell
    tests: tuple[Cell, ...]

    @property
    def points(self) -> float:
        """What a right answer gives."""
        return self.answer.points + sum(test.points for test in self.tests)

    @property
    def is_written(self) -> bool:
        """Whether a teacher has to read it."""
        return self.answer.kind == "written"

    @property
    def reference(self) -> str:
        """The answer's code with its solution."""
        return re.sub(
            r"^ *### (BEGIN|END) SOLUTION\n?", "", self.answer.code, flags=re.M
        )

    @property
    def stub(self) -> str:
        """The answer as students get it."""
        return cleared(self.answer.code, TEXT_STUB if self.is_written else STUB)


class Source:
    """An assignment as its teacher wrote it.

    Attributes:
        name: Such as `"03_unet"`.
        notebook: The notebook itself.
        cells: Its cells, in order.
    """

    def __init__(self, name: str, notebook: Any) -> None:
        self.name, self.notebook = name, notebook
        self.cells = [_read(cell) for cell in notebook.cells]

    @classmethod
    def read(cls, name: str) -> "Source":
        """Read an assignment.

        Args:
            name: Such as `"03_unet"`.

        Raises:
            NoSuchAssignment: There is none of that name.
        """
        known = list_assignments()
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.3)
            meant = f": did you mean NAME={near[0]}?" if near else "."
            raise NoSuchAssignment(
                f"no assignment is called {name!r}{meant} There are {', '.join(known)}."
            )
        path = ASSIGNMENTS / "source" / name / f"{name}.ipynb"
        return cls(name, nbformat.read(path, as_version=4))

    @property
    def title(self) -> str:
        """The notebook's first heading."""
        return next(m[1] for c in self.cells if (m := re.match(r"# (.+)", c.code)))

    @cached_property
    def questions(self) -> list[Question]:
        """Its questions, in order."""
        found: list[Question] = []
        heading = ""
        for cell in self.cells:
            if cell.kind == "text":
                for title in re.findall(r"^## (.+)", cell.code, flags=re.M):
                    heading = re.sub(r"\s*\([^()]*points?\)$", "", title)
            elif cell.kind in ("answer", "written"):
                own = (f"{cell.name}-seen", f"{cell.name}-hidden")
                tests = tuple(c for c in self.cells if c.name in own)
                found.append(Question(cell.name, heading, cell, tests))
        return found

    def question(self, name: str) -> Question:
        """Find a question by the name of its answer."""
        return next(q for q in self.questions if q.name == name)

    @property
    def points(self) -> float:
        """What all right answers give together, those in words among them."""
        return sum(question.points for question in self.questions)


def list_assignments() -> list[str]:
    """List the names of the assignments that there are."""
    return sorted(path.parent.name for path in ASSIGNMENTS.glob("source/*/*.ipynb"))


def cleared(text: str, stub: str = STUB) -> str:
    r"""Put a stub where a solution stands, as nbgrader does.

    >>> print(cleared("def f():\n    ### BEGIN SOLUTION\n    return 1\n"
    ...               "    ### END SOLUTION"))
    def f():
        raise NotImplementedError("not attempted")
    """
    region = r"^( *)### BEGIN SOLUTION\n.*?^ *### END SOLUTION"
    return re.sub(region, lambda m: m[1] + stub, text, flags=re.M | re.S)


def _read(cell: Any) -> Cell:
    meta = cell.metadata.get("nbgrader", {})
    ours = cell.metadata.get("simseg", {})
    name = meta.get("grade_id", "")
    if name == "number":
        kind = "number"
    elif meta.get("solution"):
        kind = "written" if meta.get("grade") else "answer"
    elif meta.get("grade"):
        kind = name.rpartition("-")[2]
    elif cell.cell_type == "code":
        kind = "given"
    else:
        kind = "text"
    return Cell(
        name=name,
        kind=kind,
        code=cell.source,
        points=float(meta.get("points", 0)) if meta.get("grade") else 0.0,
        tags=frozenset(cell.metadata.get("tags", ())),
        forbid=tuple(ours.get("forbid", ())),
    )
