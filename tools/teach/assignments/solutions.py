"""Write the assignments solved, for teachers alone: `make solutions`.

They show the reference answers, all tests and the mark schemes. `STUDENT=ada` fills in
ada's number, so that the notebook computes what ada's right answers are.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import nbformat

from teach.assignments.keep import write_new
from teach.assignments.source import ASSIGNMENTS, EXAMPLE, Source, list_assignments
from teach.assignments.students import SECRET, number_of, read_secret


def solved(source: Source, number: int) -> Any:
    """Give an assignment with its solutions, without nbgrader's marks around them."""
    notebook: Any = nbformat.from_dict(json.loads(json.dumps(source.notebook)))
    for cell in notebook.cells:
        name = cell.metadata.pop("nbgrader", {}).get("grade_id")
        lines = cell.source.splitlines(keepends=True)
        marks = ("BEGIN SOLUTION", "END SOLUTION", "BEGIN HIDDEN", "END HIDDEN")
        cell.source = "".join(
            s for s in lines if not any(m in s for m in marks)
        ).rstrip()
        if name == "number":
            cell.source = f"NUMBER = {number}"
    return notebook


def main(arguments: list[str] | None = None) -> int:
    """Write solutions from the command line."""
    parser = argparse.ArgumentParser(prog="make solutions", description=__doc__)
    parser.add_argument("name", nargs="?", help="the assignment; all without it")
    parser.add_argument("--student", help="whose number is filled in")
    parser.add_argument("--out", type=Path, default=ASSIGNMENTS / "solutions")
    parser.add_argument("--secret", type=Path, default=SECRET)
    asked = parser.parse_args(arguments)
    written: dict[Path, str] = {}
    try:
        for name in [asked.name] if asked.name else list_assignments():
            source, number = Source.read(name), EXAMPLE
            if asked.student:
                secret = read_secret(asked.secret)
                number = number_of(asked.student, source.name, secret)
            text = str(nbformat.writes(solved(source, number))) + "\n"
            written[asked.out / f"{name}.ipynb"] = text
        write_new(written)
    except (ValueError, OSError) as error:
        print(f"make solutions: {error}", file=sys.stderr)
        return 2
    for path in written:
        print(f"== {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
