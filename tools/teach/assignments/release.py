"""Write what students get: `make assignment NAME=03_unet`.

nbgrader takes the solutions and hidden tests out. Without a class, one notebook is
written, in which each student fills in a number that the teacher gives out; with one
(`STUDENTS=class.csv`), a notebook for each student that has it, and a list of numbers.
"""

import argparse
import csv
import io
import json
import sys
from pathlib import Path
from typing import Any

import nbformat
from nbgrader.preprocessors import (
    ClearHiddenTests,
    ClearOutput,
    ClearSolutions,
    ComputeChecksums,
    LockCells,
)
from traitlets.config import PyFileConfigLoader

from teach.assignments.keep import write_new
from teach.assignments.source import ASSIGNMENTS, Source
from teach.assignments.students import SECRET, number_of, read_roster, read_secret

_STEPS = (
    LockCells,
    ClearSolutions,
    ClearOutput,
    ComputeChecksums,
    ClearHiddenTests,
    ComputeChecksums,
)


def released(source: Source, number: int | None = None) -> Any:
    """Give the notebook that students get.

    Args:
        source: The assignment.
        number: The student's own; None leaves it to be filled in.
    """
    config = PyFileConfigLoader("nbgrader_config.py", str(ASSIGNMENTS)).load_config()
    notebook: Any = nbformat.from_dict(json.loads(json.dumps(source.notebook)))
    for step in _STEPS:
        notebook, _ = step(config=config).preprocess(notebook, {})
    if number is not None:
        cell = next(c for c in notebook.cells if _name(c) == "number")
        cell.source = f"NUMBER = {number}  # yours, and no other student's"
    return notebook


def _name(cell: Any) -> str:
    return str(cell.metadata.get("nbgrader", {}).get("grade_id", ""))


def main(arguments: list[str] | None = None) -> int:
    """Write an assignment from the command line."""
    parser = argparse.ArgumentParser(prog="make assignment", description=__doc__)
    parser.add_argument("name", help="the assignment, such as 03_unet")
    parser.add_argument("--students", type=Path, help="the class, a name a line")
    parser.add_argument("--out", type=Path, help="a new folder for what is written")
    parser.add_argument("--secret", type=Path, default=SECRET)
    asked = parser.parse_args(arguments)
    try:
        return _write(asked)
    except (ValueError, OSError) as error:
        print(f"make assignment: {error}", file=sys.stderr)
        return 2


def _write(asked: argparse.Namespace) -> int:
    source = Source.read(asked.name)
    out = asked.out or ASSIGNMENTS / "release" / source.name
    students = read_roster(asked.students) if asked.students else []
    secret = read_secret(asked.secret)
    file = f"{source.name}.ipynb"
    if not students:
        write_new({out / file: _text(released(source))})
        print(f"== {out / file}: give each student a number, from STUDENTS=class.csv")
        return 0
    numbers = {one: number_of(one, source.name, secret) for one in students}
    table = io.StringIO()
    rows = [("student", "number"), *numbers.items()]
    csv.writer(table, lineterminator="\n").writerows(rows)
    written = {
        out / one / file: _text(released(source, number))
        for one, number in numbers.items()
    }
    write_new(written | {out / "numbers.csv": table.getvalue()})
    print(f"== {out}: a notebook for each of {len(numbers)} students, and numbers.csv")
    return 0


def _text(notebook: Any) -> str:
    return str(nbformat.writes(notebook)) + "\n"


if __name__ == "__main__":
    sys.exit(main())
