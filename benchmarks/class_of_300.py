"""How long grading a class takes, beside nbgrader's own grading of the same notebooks.

    PYTHONPATH=tools .venv-teach/bin/python benchmarks/class_of_300.py 03_unet 300

makes a class (a third right, a third with one question wrong and one not attempted, a
sixth not attempted at all, the rest with an answer that loops or ends Python). It is
graded two at a time as `make grade` does, and ten of the right ones one by one, also by
`nbgrader autograde`, which runs tests and answers in one kernel.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import nbformat
from teach.assignments.release import released
from teach.assignments.source import ASSIGNMENTS, Source
from teach.assignments.students import Submission, number_of
from teach.grading.grade import grade
from teach.grading.sandbox.process import Limits, protection

SECRET = b"a secret of the benchmark"
ALONE = 10


def handed_in(source: Source, place: int) -> Any:
    """Give what the student at this place of the class hands in."""
    name = f"student{place}"
    notebook = released(source, number_of(name, source.name, SECRET))
    code = [question for question in source.questions if not question.is_written]
    answers = {question.name: question.reference for question in code}
    # The ablation's reference trains again; a student types what was printed.
    answers.pop(code[-1].name)
    kind = place % 6
    if kind in (2, 3):
        answers.pop(code[0].name)
        answers[code[1].name] = answers[code[1].name].replace("+", "-")
    elif kind == 4:
        answers = {}
    elif kind == 5:
        bad = "while True:\n    pass" if place % 12 == 5 else "import os\nos._exit(1)"
        answers[code[1].name] = bad
    for cell in notebook.cells:
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
        cell.source = answers.get(grade_id, cell.source)
    return notebook


def main(name: str, students: int) -> None:
    """Grade a class and print what it took."""
    source = Source.read(name)
    notebooks = [handed_in(source, place) for place in range(students)]
    class_ = [
        Submission(f"student{place}", nbformat.writes(notebook).encode())
        for place, notebook in enumerate(notebooks)
    ]
    began = time.monotonic()
    graded = [one for _, one in grade(source, class_, SECRET, Limits(), jobs=2)]
    took = time.monotonic() - began
    own = sorted(one.seconds for one in graded)
    print(f"{source.title}: {students} notebooks, two at a time. {protection()}")
    print(
        f"  in all {took / 60:.1f} min, {took / students:.1f} s a notebook by the clock"
    )
    print(
        f"  a student's code: median {statistics.median(own):.1f} s of the processor, "
        f"at most {own[-1]:.1f}; memory at most {max(g.peak for g in graded) >> 20} MiB"
    )
    whole = [place for place in range(students) if place % 6 < 2][:ALONE]
    ours = _seconds(
        lambda: list(grade(source, [class_[i] for i in whole], SECRET, Limits()))
    )
    theirs = _by_nbgrader(source, [notebooks[place] for place in whole])
    print(
        f"  one at a time, right: {ours / len(whole):.1f} s a notebook; nbgrader "
        f"autograde {theirs / len(whole):.1f} s, a ratio of {ours / theirs:.2f}"
    )


def _by_nbgrader(source: Source, notebooks: list[Any]) -> float:
    commands = Path(sys.executable).parent
    env = os.environ | {"PATH": f"{commands}{os.pathsep}{os.environ['PATH']}"}
    with tempfile.TemporaryDirectory() as folder:
        course = Path(folder)
        config = (ASSIGNMENTS / "nbgrader_config.py").read_text()
        (course / "nbgrader_config.py").write_text(config)
        (course / f"source/{source.name}").mkdir(parents=True)
        place = course / f"source/{source.name}/{source.name}.ipynb"
        nbformat.write(source.notebook, place)
        for number, notebook in enumerate(notebooks):
            own = course / f"submitted/student{number}/{source.name}"
            own.mkdir(parents=True)
            nbformat.write(notebook, own / f"{source.name}.ipynb")

        def run(*command: str) -> None:
            asked = [sys.executable, "-m", "nbgrader", *command]
            subprocess.run(asked, cwd=course, env=env, check=False, capture_output=True)

        run("generate_assignment", source.name)
        return _seconds(lambda: run("autograde", source.name))


def _seconds(work: Any) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
