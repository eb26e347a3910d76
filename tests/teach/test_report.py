"""What a report says of a class."""

from teach.grading.marks import Graded, Mark
from teach.grading.report import outcomes, report
from teach.grading.tables import table

from tests.teach import toy


def grades(*points: tuple[float, float | None]) -> str:
    """Give the table of a class: points for twice, and for the answer in words."""
    graded = []
    for place, (double, why) in enumerate(points):
        given = {"half": 0.0, "double": double, "scale": 0.0, "why": why}
        marks = [
            Mark(
                q.name,
                q.title,
                given[q.name],
                q.points,
                "to be read" if given[q.name] is None else "not yet",
                "",
            )
            for q in toy.source().questions
        ]
        graded.append(Graded(f"student {place}", marks))
    return table(toy.source(), graded)


def test_the_median_of_an_even_class_lies_between_two() -> None:
    page = report(toy.source(), grades((0, 0), (1, 0), (3, 0), (3, 0)), "")
    assert "the median has\n2," in page


def test_a_question_has_no_mean_while_answers_are_to_be_read() -> None:
    *_, some = outcomes(toy.source(), grades((3, 0), (3, None)))
    *_, all_read = outcomes(toy.source(), grades((3, 0), (3, 1)))
    assert (some.mean, all_read.mean) == (None, 0.5)
