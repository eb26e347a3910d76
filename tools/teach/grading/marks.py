"""What grading finds: marks, and whose they are."""

from dataclasses import dataclass, field


@dataclass
class Mark:
    """What became of one question.

    Attributes:
        question: Its name.
        title: Its title.
        points: What it got; None until a teacher has read it.
        most: What it could get.
        status: `"right"`, `"partly right"`, `"not yet"`, `"not attempted"`,
            `"to be read"` or `"not graded"`.
        hint: What to look at next, or why it counts nothing.
        answer: What the student wrote.
    """

    question: str
    title: str
    points: float | None
    most: float
    status: str
    hint: str = ""
    answer: str = ""


@dataclass
class Graded:
    """What became of one notebook.

    Attributes:
        student: Whose it is.
        marks: One a question, in order.
        note: What the teacher should know of it.
        seconds: Of the processor, that the student's code took.
        peak: Bytes, the most that it held.
        copied: Questions whose answer is the reference, word for word.
    """

    student: str
    marks: list[Mark]
    note: str = ""
    seconds: float = 0.0
    peak: int = 0
    copied: list[str] = field(default_factory=list)

    @property
    def points(self) -> float:
        """What the tests give, and the teacher's marks as far as there are any."""
        return sum(mark.points or 0.0 for mark in self.marks)
