"""A class's results as CSV: grades, and answers in words with room for marks."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from teach.assignments.source import Source
from teach.grading.marks import Graded

LONGEST = 5000  # signs of a cell in the table
Marks = dict[tuple[str, str], tuple[float, str]]


def read_marks(path: Path, source: Source) -> Marks:
    """Read a teacher's marks of answers in words.

    Returns:
        Student and question -> points and comment.

    Raises:
        ValueError: A row names no question of the assignment, or too many points.
    """
    marks: Marks = {}
    csv.field_size_limit(2**27)  # an answer in words may hold a picture
    with path.open(newline="", encoding="utf-8-sig") as file:
        for line, row in enumerate(csv.DictReader(file), start=2):
            text = (row.get("points") or "").strip()
            if not text:
                continue
            known = {q.name: q.points for q in source.questions if q.is_written}
            question = row.get("question") or ""
            try:
                points = float(text.replace(",", "."))
            except ValueError:
                points = -1.0
            if question not in known or not 0 <= points <= known[question]:
                raise ValueError(
                    f"{path}, line {line}: {text!r} points for {question!r}. There are "
                    + ", ".join(
                        f"{name} (0 to {most:g})" for name, most in known.items()
                    )
                )
            marks[row["student"] or "", question] = points, row.get("comment") or ""
    return marks


def table(source: Source, graded: Iterable[Graded]) -> str:
    """Write a class's grades as CSV."""
    names = [question.name for question in source.questions]
    head = ["student", "points", "of", "to be read"]
    for name in names:
        head += [name, f"{name}: status", f"{name}: why"]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    head += ["note", "the solution's words", "seconds", "memory in MiB"]
    writer.writerow(head)
    for one in graded:
        unread = sum(mark.most for mark in one.marks if mark.points is None)
        row: list[object] = [one.student, f"{one.points:g}", f"{source.points:g}"]
        row.append(f"{unread:g}")
        for mark in one.marks:
            points = "" if mark.points is None else f"{mark.points:g}"
            row += [points, mark.status, mark.hint]
        row += [one.note, " ".join(one.copied), f"{one.seconds:.1f}", one.peak >> 20]
        # A test may quote what came back, and that has no end; a CSV's reader has.
        writer.writerow([_harmless(str(item))[:LONGEST] for item in row])
    return file.getvalue()


def written(source: Source, graded: Iterable[Graded]) -> str:
    """Write the answers in words as CSV, with room for points and a comment."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["student", "question", "of", "points", "comment", "answer"])
    for one in graded:
        for mark in one.marks:
            if source.question(mark.question).is_written and mark.answer:
                points = "" if mark.points is None else f"{mark.points:g}"
                row = [one.student, mark.question, f"{mark.most:g}", points]
                row += [mark.hint, mark.answer]
                writer.writerow([_harmless(item) for item in row])
    return file.getvalue()


def _harmless(text: str) -> str:
    """Keep a spreadsheet from taking a student's text for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
