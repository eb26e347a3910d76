"""How a chapter's answers are tried: beside each stands what its check has to say.

given = Answers("03")

@given("03.2")  # right
def center_crop(x, height, width): ...

@given("03.2", "top left corner")  # wrong, with words of its hint
def crop_corner(x, height, width): ...

class TestAnswers(AnswersOfAChapter):
    given = given
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, TypeVar

import pytest
from torch import Tensor, nn

from simseg_core.exercises import check, list_exercises

Answer = TypeVar("Answer")


@dataclass
class Answers:
    """The answers of one chapter, in the order in which they were given.

    Attributes:
        chapter: its number, such as `"03"`.
        right: exercise and answer.
        wrong: exercise, answer, and words that no other answer's hint has.
    """

    chapter: str
    right: list[tuple[str, Any]] = field(default_factory=list)
    wrong: list[tuple[str, Any, str]] = field(default_factory=list)

    def __call__(
        self, number: str, words: str | None = None, **options: Any
    ) -> Callable[[Answer], Answer]:
        """Note an answer as it is defined.

        Args:
            number: the exercise, such as `"03.2"`.
            words: of the hint that a wrong answer gets; None for a right one.
            **options: fix these arguments of the answer, so that one definition serves
                for several answers.
        """

        def note(answer: Answer) -> Answer:
            made: Any = partial(answer, **options) if options else answer  # type: ignore
            if words is None:
                self.right.append((number, made))
            else:
                self.wrong.append((number, made, words))
            return answer

        return note

    @property
    def numbers(self) -> list[str]:
        """The chapter's exercises."""
        return [n for n in list_exercises() if n.startswith(f"{self.chapter}.")]


def stub_function(*_: Any) -> Any: ...


class StubModule(nn.Module):
    def __init__(self, *_: Any) -> None:
        super().__init__()

    def forward(self, *_: Tensor) -> Any: ...


class AnswersOfAChapter:
    """The tests of one chapter's answers; its file inherits and names them."""

    given: ClassVar[Answers]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Give each test the exercises or answers that it asks for."""
        if "words" in metafunc.fixturenames:
            ids = [f"{number}-{words}" for number, _, words in self.given.wrong]
            metafunc.parametrize("number, answer, words", self.given.wrong, ids=ids)
        elif "answer" in metafunc.fixturenames:
            metafunc.parametrize("number, answer", self.given.right)
        elif "number" in metafunc.fixturenames:
            metafunc.parametrize("number", self.given.numbers)

    def test_every_exercise_is_tried(self) -> None:
        assert self.given.numbers == sorted({number for number, _ in self.given.right})
        for number in self.given.numbers:
            assert sum(number == tried for tried, _, _ in self.given.wrong) >= 4, number

    @pytest.mark.parametrize("stub", [stub_function, StubModule])
    def test_stub_is_not_attempted(self, number: str, stub: object) -> None:
        assert check(number, stub).status == "not attempted"

    def test_right_answer_is_right(self, number: str, answer: Any) -> None:
        result = check(number, answer)
        assert result.status == "right", result
        assert result.right
        assert "right" in str(result)

    def test_wrong_answer_gets_its_hint(
        self, number: str, answer: Any, words: str
    ) -> None:
        result = check(number, answer)
        assert result.status == "not yet", result
        assert result.hint is not None
        assert words in result.hint, result
        assert "\n" not in result.hint
        others = {w for n, _, w in self.given.wrong if n == number and w != words}
        assert not [other for other in others if other in result.hint], result
