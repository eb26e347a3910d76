"""Grade a class: `make grade NAME=03_unet SUBMITTED=folder`.

Writes a CSV, a page of feedback for each student, their answers in words to be marked,
and a report of which question failed for how many, by which mistake.
"""

import argparse
import multiprocessing
import resource
import sys
import time
from collections.abc import Iterable, Iterator
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, cast

import torch

from simseg_core.atomic import replacing
from teach.assignments.source import ASSIGNMENTS, Source
from teach.assignments.students import (
    SECRET,
    Submission,
    find_submissions,
    number_of,
    read_roster,
    read_secret,
)
from teach.grading.examine import examine
from teach.grading.marks import Graded, Mark
from teach.grading.pages import PAGES
from teach.grading.report import report
from teach.grading.sandbox.process import Limits, Sandbox, protection
from teach.grading.tables import Marks, read_marks, table, written


def grade(
    source: Source,
    handed_in: Iterable[Submission],
    secret: bytes,
    limits: Limits,
    jobs: int = 1,
) -> Iterator[tuple[int, Graded]]:
    """Grade a class, each student in processes of their own.

    Args:
        source: The assignment.
        handed_in: What was handed in.
        secret: From which the students' numbers follow.
        limits: What one notebook may use.
        jobs: How many are graded at a time; no grade depends on it.

    Yields:
        Place in the class and what became of the notebook, as they are ready.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["teach.grading.examine"])
    waiting = list(enumerate(handed_in))[::-1]
    running: dict[Any, tuple[int, Submission, Any, float]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                place, one = waiting.pop()
                number = number_of(one.student, source.name, secret)
                ours, theirs = context.Pipe(duplex=False)
                process = context.Process(
                    target=_examined, args=(theirs, source, one, number, limits)
                )
                process.start()
                theirs.close()
                running[ours] = place, one, process, time.monotonic()
            for pipe in cast(list[Connection], wait(list(running), timeout=1.0)):
                place, one, process, _ = running.pop(pipe)
                try:
                    yield place, pipe.recv()
                except (EOFError, OSError):  # with part of a message, the second
                    yield place, _not_graded(source, one, "grading it ended by itself")
                process.join()
            for pipe, (place, one, process, began) in list(running.items()):
                # The sandbox keeps its own time; this is for a test that never ends.
                if time.monotonic() - began > 60 * limits.total:
                    del running[pipe]
                    process.kill()
                    yield place, _not_graded(source, one, "a test of it never ended")
    finally:
        for _, _, process, _ in running.values():
            process.terminate()


def _examined(
    pipe: Connection, source: Source, one: Submission, number: int, limits: Limits
) -> None:
    torch.set_num_threads(1)  # as in the sandbox, and `jobs` at a time
    # What comes back may make a test compute or hold without end: here, too, it ends.
    for what, most in (
        (resource.RLIMIT_DATA, 2 * limits.memory),
        (resource.RLIMIT_CPU, 60 + int(2 * limits.total)),
    ):
        _, hard = resource.getrlimit(what)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, hard))
    try:
        graded = examine(source, one, number, limits)
    except Exception as error:
        why = f"grading it raised {type(error).__name__}: {error}"
        graded = _not_graded(source, one, why)
    pipe.send(graded)


def _not_graded(source: Source, one: Submission, why: str) -> Graded:
    marks = [
        Mark(q.name, q.title, 0.0, q.points, "not graded", "See the note.")
        for q in source.questions
    ]
    return Graded(one.student, marks, f"{why}: please look at it by hand")


def _shown(text: str) -> str:
    """Keep signs that would steer a terminal, or that it does not have, out of it."""
    plain = "".join(sign if sign.isprintable() else "?" for sign in text)
    has = sys.stdout.encoding or "ascii"
    return plain.encode(has, "replace").decode(has)


def feedback(source: Source, one: Graded) -> str:
    """Write a student's page of feedback."""
    return PAGES.get_template("feedback.html").render(
        title=source.title, graded=one, of=source.points
    )


def _with_marks(one: Graded, marks: Marks) -> Graded:
    for mark in one.marks:
        if mark.status == "to be read" and (one.student, mark.question) in marks:
            mark.points, mark.hint = marks[one.student, mark.question]
            mark.status = "right" if mark.points == mark.most else "read"
    return one


def _write(folder: Path, source: Source, graded: list[Graded], protected: str) -> None:
    grades = table(source, graded)
    _put(folder / "grades.csv", grades)
    _put(folder / "written.csv", written(source, graded))
    _put(folder / "report.html", report(source, grades, protected))


def _put(path: Path, text: str) -> None:
    with replacing(path) as beside:
        # JSON may hold halves of signs, which are no text.
        beside.write_text(text, encoding="utf-8", errors="backslashreplace")


def main(arguments: list[str] | None = None) -> int:
    """Grade a class from the command line."""
    parser = argparse.ArgumentParser(prog="make grade", description=__doc__)
    parser.add_argument("name", help="the assignment, such as 03_unet")
    parser.add_argument("submitted", type=Path, help="the folder of notebooks")
    parser.add_argument("--out", type=Path, help="a new folder for what is written")
    parser.add_argument("--students", type=Path, help="the class, a name a line")
    parser.add_argument("--secret", type=Path, default=SECRET)
    parser.add_argument("--written", type=Path, help="marks of answers in words")
    parser.add_argument("--jobs", type=int, default=1, help="students at a time")
    parser.add_argument("--seconds", type=float, default=30.0, help="for one cell")
    parser.add_argument("--total", type=float, default=300.0, help="for one notebook")
    parser.add_argument("--memory", type=float, default=4.0, help="GiB")
    asked = parser.parse_args(arguments)
    try:
        return _grade(asked)
    except (ValueError, OSError, RuntimeError) as error:
        print(f"make grade: {error}", file=sys.stderr)
        return 2


def _grade(asked: argparse.Namespace) -> int:
    source = Source.read(asked.name)
    out = asked.out or ASSIGNMENTS / "graded" / source.name
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(
            f"{out} holds grades already, and they are kept. Remedy: move it away, or "
            "say OUT=another-folder."
        )
    if not asked.secret.exists():
        raise ValueError(
            f"there is no {asked.secret}, from which the students' numbers follow. "
            "Remedy: bring it from where the assignment was handed out."
        )
    secret = read_secret(asked.secret)
    roster = read_roster(asked.students) if asked.students else []
    marks = read_marks(asked.written, source) if asked.written else {}
    handed_in = find_submissions(asked.submitted, source.name, roster)
    limits = Limits(asked.seconds, asked.total, int(asked.memory * 2**30))
    protected = protection()
    print(f"== {source.title}: {len(handed_in)} students. {protected}", flush=True)
    with Sandbox(limits):  # if it does not start, no student is to blame
        pass
    pages = out / "feedback"
    pages.mkdir(parents=True, exist_ok=True)
    ready: dict[int, Graded] = {}
    try:
        for place, one in grade(source, handed_in, secret, limits, max(1, asked.jobs)):
            ready[place] = _with_marks(one, marks)
            _put(pages / f"{one.student}.html", feedback(source, one))
            _write(out, source, [ready[at] for at in sorted(ready)], protected)
            note = f" ({one.note})" if one.note else ""
            line = f"{one.student}, {one.points:g} of {source.points:g}{note}"
            print(f"   {len(ready)} of {len(handed_in)}: {_shown(line)}", flush=True)
    except KeyboardInterrupt:
        print(f"Stopped. The grades of {len(ready)} students are in {out}.")
        return 130
    print(f"== grades: {out}/grades.csv, feedback: {pages}, report: {out}/report.html")
    unread = sum(m.points is None for one in ready.values() for m in one.marks)
    if unread:
        print(
            f"   {unread} answers in words are to be read: fill in `points` in a copy "
            f"of {out}/written.csv, then: make grade ... OUT=new WRITTEN=copy.csv"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
