"""What a class knows, from the CSV of its grades: where the next lecture begins.

For each question it counts who had it right, and lists the mistakes by the hints that
they got. It names no student, so that it can be shown in class.
"""

import csv
import io
import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from teach.assignments.source import Source
from teach.grading.pages import PAGES

STATUSES = (
    "right",
    "partly right",
    "not yet",
    "not attempted",
    "not graded",
    "to be read",
    "read",
)


@dataclass(frozen=True)
class Mistake:
    """A hint, and how many got it.

    Attributes:
        hint: As most of them read it.
        count: Of how many students.
    """

    hint: str
    count: int


@dataclass(frozen=True)
class Outcome:
    """How a class did at one question.

    Attributes:
        title: The question's.
        counts: Status -> how many students.
        mean: Of the points, as a share; None while answers are still to be read.
        mistakes: The most frequent first.
    """

    title: str
    counts: dict[str, int]
    mean: float | None
    mistakes: list[Mistake]


def outcomes(source: Source, grades: str) -> list[Outcome]:
    """Count a class's outcomes, question by question.

    Args:
        source: The assignment.
        grades: The CSV that `make grade` wrote.
    """
    rows = list(csv.DictReader(io.StringIO(grades)))
    found = []
    for question in source.questions:
        name = question.name
        counts = Counter(row[f"{name}: status"] for row in rows)
        read = [float(row[name]) for row in rows if row[name]]
        wrong = [r for r in rows if r[f"{name}: status"] in ("not yet", "partly right")]
        found.append(
            Outcome(
                question.title,
                {status: counts[status] for status in STATUSES if counts[status]},
                statistics.mean(read) / question.points
                if len(read) == len(rows)
                else None,
                mistakes(row[f"{name}: why"] for row in wrong),
            )
        )
    return found


def mistakes(hints: Iterable[str]) -> list[Mistake]:
    """Count hints; those that differ in numbers alone are one.

    >>> mistakes(["From 9x7 to 5x3.", "From 4x4 to 0x0.", "From 9x7 to 5x3.", "Else."])
    [Mistake(hint='From 9x7 to 5x3.', count=3), Mistake(hint='Else.', count=1)]
    """
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    for hint in hints:
        kinds[re.sub(r"[\d.,]*\d", "#", hint)][hint] += 1
    counted = [
        Mistake(kind.most_common(1)[0][0], kind.total()) for kind in kinds.values()
    ]
    return sorted(counted, key=lambda mistake: (-mistake.count, mistake.hint))


def report(source: Source, grades: str, protected: str) -> str:
    """Write the report as a page that needs nothing else.

    Args:
        source: The assignment.
        grades: The CSV that `make grade` wrote.
        protected: What students' code was kept from, as `protection()` says it.
    """
    rows = list(csv.DictReader(io.StringIO(grades)))
    found = outcomes(source, grades)
    points = [float(row["points"]) for row in rows]
    return PAGES.get_template("report.html").render(
        title=source.title,
        students=len(rows),
        points=sorted(points),
        median=statistics.median(points),
        of=source.points,
        outcomes=found,
        statuses=[s for s in STATUSES if any(s in one.counts for one in found)],
        notes=mistakes(
            note for row in rows for note in row["note"].split("; ") if note
        ),
        seconds=sum(float(row["seconds"]) for row in rows),
        memory=max(int(row["memory in MiB"]) for row in rows),
        protected=protected,
    )
