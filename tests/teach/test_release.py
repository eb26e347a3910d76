"""What students get, by nbgrader: no solution, no hidden test, their own number."""

import csv
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from teach.assignments import solutions
from teach.assignments.solutions import solved
from teach.assignments.source import Source, list_assignments
from teach.assignments.students import number_of

from tests.teach import toy

SECRET = "a secret of the tests"
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def run(teachers_python: Path, root: Path) -> Run:
    # nbgrader calls a command that was installed with it by its name.
    path = f"{teachers_python.parent}{os.pathsep}{os.environ['PATH']}"
    env = os.environ | {"PATH": path, "PYTHONPATH": str(root / "tools")}

    def run(
        course: Path, module: str, *arguments: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [teachers_python, "-m", module, *arguments],
            cwd=course,
            env=env | {"ASSIGNMENTS": str(course)},
            capture_output=True,
            text=True,
        )

    return run


@pytest.fixture(scope="module")
def released(run: Run, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All assignments as a class of two gets them, one and each."""
    out = tmp_path_factory.mktemp("released")
    (out / "secret.txt").write_text(SECRET)
    (out / "class.csv").write_text("ada\nben\n")
    for name in list_assignments():
        more = ["--out", str(out / name), "--secret", str(out / "secret.txt")]
        for students in ([], ["--students", str(out / "class.csv")]):
            done = run(
                root / "assignments",
                "teach.assignments.release",
                name,
                *more,
                *students,
            )
            assert done.returncode == 0, done.stderr
    return out


def cells(path: Path) -> dict[str, str]:
    notebook: Any = nbformat.read(path, as_version=4)
    names = [c.metadata.get("nbgrader", {}).get("grade_id") for c in notebook.cells]
    return {n: c.source for n, c in zip(names, notebook.cells, strict=True) if n}


@pytest.mark.parametrize("name", list_assignments())
def test_students_get_stubs_and_seen_tests(released: Path, name: str) -> None:
    source = Source.read(name)
    mine = cells(released / name / f"{name}.ipynb")
    for cell in source.cells:
        if cell.kind in ("given", "seen", "number"):
            assert mine[cell.name] == cell.code
        if cell.kind == "hidden":
            lines = mine[cell.name].splitlines()
            assert all(line.startswith("#") for line in lines if line)
    for question in source.questions:
        # nbgrader marks the place as well.
        got = [
            line for line in mine[question.name].splitlines() if "YOUR CODE" not in line
        ]
        assert got == question.stub.splitlines()


@pytest.mark.parametrize("name", list_assignments())
def test_no_line_of_a_solution_or_a_hidden_test_is_handed_out(
    released: Path, name: str, secret_lines: dict[str, set[str]]
) -> None:
    for path in released.glob(f"{name}/**/*.ipynb"):
        text = "\n".join(cells(path).values())
        lines = {" ".join(line.split()) for line in text.splitlines()}
        assert lines & secret_lines[name] == set()


def test_each_student_has_a_number(released: Path) -> None:
    numbers = list(csv.DictReader((released / "03_unet/numbers.csv").open()))
    assert [row["student"] for row in numbers] == ["ada", "ben"]
    for row in numbers:
        number = number_of(row["student"], "03_unet", SECRET.encode())
        assert row["number"] == str(number)
        mine = cells(released / f"03_unet/{row['student']}/03_unet.ipynb")
        assert mine["number"].startswith(f"NUMBER = {number} ")


@pytest.mark.parametrize("changed", ["ada/03_unet.ipynb", "numbers.csv"])
def test_what_was_changed_is_kept(
    released: Path, run: Run, root: Path, changed: str
) -> None:
    path = released / "03_unet" / changed
    before = path.read_text()
    path.write_text("a teacher's own")
    asked = ["03_unet", "--students", str(released / "class.csv")]
    asked += ["--out", str(released / "03_unet")]
    asked += ["--secret", str(released / "secret.txt")]
    done = run(root / "assignments", "teach.assignments.release", *asked)
    try:
        assert done.returncode == 2
        assert f"{path} is another" in done.stderr
        assert path.read_text() == "a teacher's own"
    finally:
        path.write_text(before)


def test_nothing_that_is_there_is_written_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wherever a teacher points: a chapter has the same name as its assignment."""
    there, other = tmp_path / "03_unet.ipynb", tmp_path / "00_pixels_to_score.ipynb"
    there.write_text("a chapter")
    assert solutions.main(["--out", str(tmp_path)]) == 2
    assert there.read_text() == "a chapter"
    assert not other.exists()
    assert "is kept. Remedy: move it away" in capsys.readouterr().err
    there.unlink()
    assert solutions.main(["--out", str(tmp_path)]) == 0
    assert solutions.main(["--out", str(tmp_path)]) == 0
    assert other.exists()


@pytest.mark.parametrize("name", list_assignments())
def test_teachers_get_it_solved(name: str) -> None:
    source = Source.read(name)
    made = solved(source, 123456789)
    text = "\n".join(cell.source for cell in made.cells)
    assert "NUMBER = 123456789" in text
    assert not [
        mark for mark in ("BEGIN", "END SOLUTION", "HIDDEN TESTS") if mark in text
    ]
    for question in source.questions:
        assert question.reference.strip() in text


def test_nbgrader_itself_gives_the_same_points(
    run: Run, root: Path, tmp_path: Path
) -> None:
    """The format is the ecosystem's: generated and graded by nbgrader alone."""
    (tmp_path / "source/toy").mkdir(parents=True)
    nbformat.write(toy.notebook(), tmp_path / "source/toy/toy.ipynb")
    config = (root / "assignments/nbgrader_config.py").read_text()
    (tmp_path / "nbgrader_config.py").write_text(config)
    done = run(tmp_path, "nbgrader", "generate_assignment", "toy")
    assert done.returncode == 0, done.stderr
    notebook = tmp_path / "release/toy/toy.ipynb"
    assert "return 2 * x" not in notebook.read_text()
    wrong = {"double": "def double(x):\n    return x ** 2"}
    for student, changed in (("ada", {}), ("ben", wrong)):
        mine: Any = nbformat.read(notebook, as_version=4)
        done_by = nbformat.reads(toy.handed_in(700, changed).decode(), as_version=4)
        for cell, own in zip(mine.cells, done_by.cells, strict=True):
            cell.source = own.source
        (tmp_path / f"submitted/{student}/toy").mkdir(parents=True)
        nbformat.write(mine, tmp_path / f"submitted/{student}/toy/toy.ipynb")
    done = run(tmp_path, "nbgrader", "autograde", "toy")
    assert done.returncode == 0, done.stderr
    done = run(tmp_path, "nbgrader", "export", "--to", "grades.csv")
    assert done.returncode == 0, done.stderr
    rows = csv.DictReader((tmp_path / "grades.csv").open())
    points = {row["student_id"]: float(row["raw_score"]) for row in rows}
    # As `make grade` does in test_grade.py: all but what is read, and 1 of 3 for ben.
    assert points == {"ada": 9.0, "ben": 7.0}
