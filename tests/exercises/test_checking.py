"""What every check does, whatever the exercise."""

import pytest
import torch
from torch import Tensor, nn

from simseg_core.exercises import check, list_exercises
from simseg_core.exercises.checking import fill, is_untouched


def stub(x): ...


def stub_with_docstring(x):
    """Crop."""


def computes_and_forgets_to_return(x):
    x + 1


class StubModule(nn.Module):
    def __init__(self, c_in, c_out):
        super().__init__()

    def forward(self, x): ...


class NoForward(nn.Module):
    def __init__(self, c_in, c_out):
        super().__init__()


@pytest.mark.parametrize("number", list_exercises())
@pytest.mark.parametrize("answer", [None, ..., stub, stub_with_docstring, StubModule])
def test_an_untouched_stub_is_not_attempted(number: str, answer: object) -> None:
    result = check(number, answer)
    assert result.status == "not attempted"
    assert result.hint is None
    assert str(result).endswith("not attempted yet.")


@pytest.mark.parametrize(
    "answer", [computes_and_forgets_to_return, lambda x: 5, len, 3, NoForward(1, 1)]
)
def test_work_is_not_taken_for_a_stub(answer: object) -> None:
    assert not is_untouched(answer)


@pytest.mark.parametrize("number", list_exercises())
@pytest.mark.parametrize(
    "answer", [3, "text", lambda: 1 / 0, lambda *a: 1 / 0, NoForward, torch.zeros(2)]
)
def test_nonsense_gets_a_hint_and_never_an_exception(
    number: str, answer: object
) -> None:
    result = check(number, answer)
    assert result.status == "not yet"
    assert result.hint


def test_unknown_number_names_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"did you mean '03\.2'"):
        check("3.2", None)


def test_a_check_leaves_the_random_state_alone() -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    check("03.2", lambda x, h, w: x)
    assert torch.equal(before, torch.get_rng_state())


def test_a_check_hides_its_input_from_changes() -> None:
    """An answer that writes into its input is compared on the input as it was."""

    def crop(x: Tensor, height: int, width: int) -> Tensor:
        top, left = (x.shape[-2] - height) // 2, (x.shape[-1] - width) // 2
        cut = x[..., top : top + height, left : left + width].clone()
        x.zero_()
        return cut

    assert check("03.2", crop).status == "right"


def test_filling_does_not_depend_on_order_or_names() -> None:
    class One(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)

        def forward(self, x: Tensor) -> Tensor:
            return self.b(self.a(x))

    class Other(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm, self.mix = nn.BatchNorm2d(4), nn.Conv2d(3, 4, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.norm(self.mix(x))

    x = torch.randn(2, 3, 5, 5)
    torch.testing.assert_close(fill(One())(x), fill(Other())(x))
