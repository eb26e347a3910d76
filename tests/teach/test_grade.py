"""A class is graded: well, badly, emptily and maliciously."""

import csv
import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from teach.assignments.students import Submission, number_of
from teach.grading.grade import _put, _shown, grade, main
from teach.grading.marks import Graded, Mark
from teach.grading.report import outcomes, report
from teach.grading.sandbox.process import Limits, protection
from teach.grading.tables import read_marks, table, written

from tests.teach import toy

SECRET = b"a secret of the tests"
LIMITS = Limits(seconds=4.0, total=40.0, memory=3 * 2**30)

RIGHT = {"half": 2.0, "double": 3.0, "scale": 4.0}
# Student -> what stands in which cell, marks that differ from RIGHT, words of a hint.
CLASS: dict[str, tuple[dict[str, str], dict[str, float], str]] = {
    "reference": ({}, {}, ""),
    "otherwise": (
        {
            "double": "double = lambda x: x + x",
            "scale": "class Scale(nn.Module):\n"
            "    def __init__(self, c):\n"
            "        super().__init__()\n"
            "        self.conv = nn.Conv2d(c, c, 1, groups=c, bias=False)\n"
            "    def forward(self, x):\n"
            "        return self.conv(x)",
        },
        {},
        "",
    ),
    "wrong": ({"double": "def double(x): return x**2"}, {"double": 1}, "Right for 2"),
    "loops": (
        {"double": "def double(x):\n    while True: pass"},
        {"double": 0},
        "loop",
    ),
    "loops-at-once": ({"double": "while True: pass"}, {"double": 0}, "loop never end"),
    "forks": (
        {"double": "import os\nwhile True: os.fork()"},
        {"double": 0},
        "more than",
    ),
    "hoards": (
        {"double": "def double(x): return torch.zeros(10**10)"},
        {"double": 0},
        "allocate",
    ),
    "exits": ({"double": "import os\nos._exit(0)"}, {"double": 0}, "ended Python"),
    "exits-late": (
        {"double": "import os\ndef double(x): os._exit(0)"},
        {"double": 0},
        "ended Python",
    ),
    "renames": ({"double": "def twice(x): return 2 * x"}, {"double": 0}, "renamed"),
    "mistypes": ({"double": "def double(x) return x"}, {"double": 0}, "SyntaxError"),
    "raises": ({"double": "def double(x): return x.y"}, {"double": 0}, "(line 1"),
    "edits": (
        {"double-seen": "assert True", "double": "def double(x): return x"},
        {"double": 0},
        "Twice 2 is 4.",
    ),
    "imitates": (
        {
            "double": "print('double 3 of 3 right')\n"
            "import sys\nsys.stdout.write('{\"points\": 3}')\ndouble = 3"
        },
        {"double": 0},
        "callable",
    ),
    "forges": (  # writes replies where the worker does, before it is asked
        {
            "double": "import os\nfor pipe in range(3, 20):\n"
            "    try: os.write(pipe, b'right' * 100)\n"
            "    except OSError: pass"
        },
        {"double": 0},
        "cannot be read",
    ),
    "patches": (
        {
            "double": "import builtins\n"
            "torch.equal = torch.allclose = torch.Tensor.equal = lambda *_: True\n"
            "builtins.AssertionError = ZeroDivisionError\n"
            "class Same:\n"
            "    def __eq__(self, other): return True\n"
            "def double(x): return Same()",
        },
        {"double": 0},
        "Twice 2 is 4.",
    ),
    "takes": (
        {"scale": "from simseg_core.models import UNetPadded as Scale"},
        {"scale": 0},
        "your own",
    ),
    "takes-in-hiding": (
        {
            "scale": "import importlib\n"
            "m = importlib.import_module('simseg_core.mod' + 'els')\n"
            "class Scale(m.UNetPadded): pass"
        },
        {"scale": 0},
        "not there where answers are run",
    ),
    "changes-its-input": (
        {"double": "def double(x):\n    x *= 2\n    return x"},
        {"double": 1},
        "changes its input in place",
    ),
}


@pytest.fixture(scope="module")
def graded() -> dict[str, Graded]:
    handed_in = [
        Submission(name, toy.handed_in(number_of(name, "toy", SECRET), changed))
        for name, (changed, _, _) in CLASS.items()
    ]
    stubs = {q.name: q.stub for q in toy.source().questions}
    handed_in += [
        Submission("empty", toy.handed_in(0, stubs)),
        Submission("deletes", toy.handed_in(0, {}, ["double", "given", "double-seen"])),
        Submission("no-notebook", b"hello"),
        Submission("another-kind", b'{"cells": 3, "metadata": {}, "nbformat": 4}'),
        # Everything, the number too, from another student.
        Submission("copies", toy.handed_in(number_of("reference", "toy", SECRET), {
            "half": f"side = {number_of('reference', 'toy', SECRET) // 2}",
        })),
    ]  # fmt: skip
    ready = dict(grade(toy.source(), handed_in, SECRET, LIMITS, jobs=2))
    assert sorted(ready) == list(range(len(handed_in)))
    return {one.student: one for one in ready.values()}


def marks(one: Graded) -> dict[str, float | None]:
    return {mark.question: mark.points for mark in one.marks}


def hints(one: Graded) -> str:
    return "\n".join(mark.hint for mark in one.marks)


@pytest.mark.parametrize("student", CLASS)
def test_each_gets_what_each_deserves(graded: dict[str, Graded], student: str) -> None:
    _, other, words = CLASS[student]
    one = graded[student]
    assert marks(one) == RIGHT | other | {"why": None}, hints(one)
    assert words in hints(one)


def test_an_untouched_notebook_is_not_attempted(graded: dict[str, Graded]) -> None:
    assert {mark.status for mark in graded["empty"].marks} == {"not attempted"}
    assert graded["empty"].points == 0


def test_deleted_cells_are_told_and_given_code_runs_all_the_same(
    graded: dict[str, Graded],
) -> None:
    one = graded["deletes"]
    assert marks(one) == RIGHT | {"double": 0, "why": None}
    assert "cells are missing: given, double, double-seen" in one.note


@pytest.mark.parametrize("student", ["no-notebook", "another-kind"])
def test_what_is_no_notebook_is_told(graded: dict[str, Graded], student: str) -> None:
    assert {mark.status for mark in graded[student].marks} == {"not graded"}
    assert "is no notebook that can be read" in graded[student].note


def test_copied_numbers_do_not_pass(graded: dict[str, Graded]) -> None:
    one = graded["copies"]
    assert marks(one) == RIGHT | {"half": 0, "why": None}
    own = number_of("copies", "toy", SECRET)
    assert f"NUMBER is not the student's own, which is {own}" in one.note


def test_an_edited_test_is_told(graded: dict[str, Graded]) -> None:
    assert "double-seen was changed; the original counts" in graded["edits"].note


def test_the_solution_word_for_word_is_told(graded: dict[str, Graded]) -> None:
    assert graded["reference"].copied == ["scale"]
    assert graded["otherwise"].copied == []


def test_two_at_a_time_give_the_same_grades(graded: dict[str, Graded]) -> None:
    few = ["wrong", "exits", "takes-in-hiding"]
    handed_in = [
        Submission(name, toy.handed_in(number_of(name, "toy", SECRET), CLASS[name][0]))
        for name in few
    ]
    for _, one in grade(toy.source(), handed_in, SECRET, LIMITS, jobs=1):
        assert one.marks == graded[one.student].marks
        assert one.note == graded[one.student].note


def test_the_table_is_read_by_the_report(graded: dict[str, Graded]) -> None:
    ready = list(graded.values())
    text = table(toy.source(), ready)
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [float(row["points"]) for row in rows] == [one.points for one in ready]
    half, double, *_ = outcomes(toy.source(), text)
    assert half.counts == {"right": len(ready) - 4, "not yet": 1, "not attempted": 1,
                           "not graded": 2}  # fmt: skip
    worst = max(double.mistakes, key=lambda mistake: mistake.count)
    assert worst.count == sum(hints(one).count(worst.hint) for one in ready)


def test_what_students_write_is_no_formula_and_no_markup() -> None:
    mark = Mark("why", "4. Why", None, 1.0, "to be read", "", "=HYPERLINK(1)<script>")
    one = Graded("@eve", [mark], note="+1")
    rows = list(csv.reader(io.StringIO(written(toy.source(), [one]))))
    assert rows[1] == ["'@eve", "why", "1", "", "", "'=HYPERLINK(1)<script>"]


def test_a_hint_without_end_ends_no_report() -> None:
    marks = [
        Mark(q.name, q.title, 0.0, q.points, "not yet", "x" * 200_000)
        for q in toy.source().questions
    ]
    text = table(toy.source(), [Graded("eve", marks, note="y" * 200_000)])
    assert len(text) < 40_000
    report(toy.source(), text, "")


def test_half_a_sign_ends_no_class(tmp_path: Path) -> None:
    """JSON has what no text may hold; nor does it steer the teacher's terminal."""
    path = tmp_path / "page.html"
    _put(path, "a\ud800")
    assert path.read_text() == "a\\ud800"
    assert _shown("a\ud800\x1b[2J\nb") == "a??[2J?b"


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """A class of two in nbgrader's folders, and the toy's source."""
    (tmp_path / "source/toy").mkdir(parents=True)
    nbformat.write(toy.notebook(), tmp_path / "source/toy/toy.ipynb")
    (tmp_path / "secret.txt").write_text(SECRET.decode())
    for name in ("ada", "ben"):
        (tmp_path / f"submitted/{name}/toy").mkdir(parents=True)
        own = toy.handed_in(
            number_of(name, "toy", SECRET), {"why": "<script>so</script>"}
        )
        (tmp_path / f"submitted/{name}/toy/toy.ipynb").write_bytes(own)
    return tmp_path


Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def command(course: Path) -> Command:
    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        tools = str(Path(main.__code__.co_filename).parents[2])
        own = {"ASSIGNMENTS": str(course), "PYTHONPATH": tools}
        return subprocess.run(
            [sys.executable, "-m", "teach.grading.grade", *arguments],
            env=os.environ | own | variables,
            capture_output=True,
            text=True,
        )

    return run


def test_a_class_from_the_command_line(course: Path, command: Command) -> None:
    done = command("toy", str(course / "submitted"), "--jobs", "2")
    assert done.returncode == 0, done.stderr
    assert protection() in done.stdout
    out = course / "graded/toy"
    grades = (out / "grades.csv").read_bytes()
    rows = list(csv.DictReader(io.StringIO(grades.decode())))
    assert [(r["student"], r["points"]) for r in rows] == [("ada", "9"), ("ben", "9")]
    page = (out / "feedback/ada.html").read_text()
    assert "&lt;script&gt;" in page
    assert "<script" not in page
    assert "1. Half" in (out / "report.html").read_text()
    # Marks of the answers in words are brought in by a second run, into another folder.
    marks = (out / "written.csv").read_text().replace("why,1,,", "why,1,0.5,good", 1)
    (course / "read.csv").write_text(marks)
    asked = ["toy", str(course / "submitted")]
    assert "are kept. Remedy" in command(*asked).stderr
    assert (out / "grades.csv").read_bytes() == grades
    more = ["--written", str(course / "read.csv"), "--out", str(course / "again")]
    # Without bubblewrap, which lies in the path, the grades are the same.
    done = command(*asked, *more, PATH="/nowhere")
    assert "NOT PROTECTED" in done.stdout
    rows = list(csv.DictReader((course / "again/grades.csv").open()))
    assert [(r["points"], r["to be read"]) for r in rows] == [("9.5", "0"), ("9", "1")]
    assert "good" in (course / "again/feedback/ada.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["toyy", "submitted"], "did you mean NAME=toy?"),
        (["toy", "nowhere"], "is no folder"),
        (["toy", "source/toy", "--secret", "none"], "there is no none"),
        (["toy", "graded"], "is no folder"),
        (["toy", "submitted", "--students", "none.csv"], "No such file"),
    ],
)
def test_bad_requests_get_one_line(
    course: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: str,
) -> None:
    monkeypatch.setattr("teach.assignments.source.ASSIGNMENTS", course)
    monkeypatch.setattr("teach.grading.grade.ASSIGNMENTS", course)
    monkeypatch.chdir(course)
    secret = [] if "--secret" in arguments else ["--secret", "secret.txt"]
    assert main([*arguments, *secret]) == 2
    told = capsys.readouterr().err
    assert words in told
    assert told.count("\n") == 1
    assert not (course / "graded").exists()


def test_marks_that_fit_no_question_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "read.csv"
    path.write_text("student,question,points,comment\nada,why,2,\n")
    with pytest.raises(
        ValueError, match=r"line 2: '2' points for 'why'.*why \(0 to 1\)"
    ):
        read_marks(path, toy.source())
