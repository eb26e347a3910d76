"""The exercises of the chapter on your own pictures: right and wrong answers."""

from collections.abc import Callable
from math import ceil
from typing import Any

import pytest
import torch
from torch import Tensor

from simseg_core.exercises.ch08 import ex2_mean_colors, ex4_worst_first
from tests.exercises.bench import Answers, AnswersOfAChapter

given = Answers("08")
VOID = 255

# --- 08.1 ------------------------------------------------------------------------

Names = list[str]


def before_last(name: str) -> str:
    return name.rpartition("_")[0]


@given("08.1")
@given("08.1", "have changed places", form="swapped")
@given("08.1", "every name is on one side", form="lost")
@given("08.1", "is on both sides", form="both")
@given("08.1", "in another order", form="sorted")
@given("08.1", "should return two lists, to train", form="val")
@given("08.1", "two lists of names", form="joined")
@given("08.1", "A set forgets the order", form="sets")
@given("08.1", "not their numbers", form="numbers")
def split_by_place(names: Names, held_out: Names, form: str = "") -> Any:
    val = [n for n in names if before_last(n) in held_out]
    train = [n for n in names if before_last(n) not in held_out]
    numbers = ([names.index(n) for n in side] for side in (train, val))
    return {
        "": (train, val),
        "swapped": (val, train),
        "lost": (train[1:], val),
        "both": (names, val),
        "sorted": (sorted(train, reverse=True), val),
        "val": val,
        "joined": (" ".join(train), " ".join(val)),
        "sets": (set(train), set(val)),
        "numbers": tuple(numbers),
    }[form]


@given("08.1")
def split_in_a_loop(names: Names, held_out: Names) -> list[Names]:
    sides: list[Names] = [[], []]
    for name in names:
        sides["_".join(name.split("_")[:-1]) in held_out].append(name)
    return sides


@given("08.1", "is on the wrong side of", part=lambda n, p: n.startswith(p))
@given("08.1", "is on the wrong side of", part=lambda n, p: n.split("_")[0] == p)
@given("08.1", "is on the wrong side of", part=lambda n, p: n.endswith("0"))
def split_by_less(
    names: Names, held_out: Names, part: Callable[[str, str], bool]
) -> tuple[Names, Names]:
    val = [n for n in names if any(part(n, place) for place in held_out)]
    return [n for n in names if n not in val], val


# --- 08.2 ------------------------------------------------------------------------


@given("08.2")
@given("08.2", "Those are sums", form="sums")
@given("08.2", "the pixels of all classes", form="all")
@given("08.2", "a mean of images' means", form="images")
@given("08.2", "pass for class 0", void=0)
@given("08.2", "pass for the last class", void=-1)
@given("08.2", "Wanted is the shape (2, 3), yours is (3, 2)", form="turned")
def mean_colors(
    images: Tensor, labels: Tensor, C: int, form: str = "", void: int | None = None
) -> Tensor:
    if void is not None:
        labels = labels.where(labels != VOID, void % C)
    if form == "images":
        each = [mean_colors(i[None], t[None], C) for i, t in zip(images, labels)]
        return torch.stack(each).mean(dim=0)
    is_class = torch.stack([labels == k for k in range(C)]).float()
    sums = torch.einsum("kbhw,bchw->kc", is_class, images)
    counts = is_class.sum((1, 2, 3))[:, None]
    forms = {"sums": sums, "all": sums / labels.numel(), "turned": (sums / counts).T}
    return forms.get(form, sums / counts)


@given("08.2")
def mean_colors_by_index(images: Tensor, labels: Tensor, C: int) -> Tensor:
    pixels, numbers = images.movedim(1, 3).reshape(-1, 3), labels.flatten()
    counts = numbers != VOID
    sums = torch.zeros(C, 3).index_add(0, numbers[counts], pixels[counts])
    return sums / numbers[counts].bincount(minlength=C)[:, None]


def test_a_row_is_a_class_where_both_are_three() -> None:
    """Three classes and three channels: the shape does not tell them apart."""
    images, labels = torch.rand(2, 3, 4, 4), torch.randint(3, (2, 4, 4))
    wanted = mean_colors(images, labels, 3)
    slips = dict(ex2_mean_colors._slips(images, labels, 3, wanted))
    turned = slips["A row is a class, a column a colour channel."]
    torch.testing.assert_close(turned, wanted.T)


# --- 08.3 ------------------------------------------------------------------------


@given("08.3")
@given("08.3", "beyond the picture", form="beyond")
@given("08.3", "are in none", form="short")
@given("08.3", "starts at 1, and not at 0", form="late")
@given("08.3", "should give starts that ascend", form="turned")
@given("08.3", "are enough", form="many")
@given("08.3", "list of whole numbers", form="number")
@given("08.3", "gives no window", form="none")
def window_starts(length: int, window: int, overlap: int, form: str = "") -> Any:
    step = window - overlap
    count = max(1, ceil((length - overlap) / step))
    starts = [step * i for i in range(count)]
    pulled = [min(s, max(0, length - window)) for s in starts]
    return {
        "": pulled,
        "beyond": starts,
        "short": [s for s in starts if s + window <= length] or [0],
        "late": [s + 1 for s in pulled],
        "turned": pulled[::-1],
        "many": sorted({*pulled, *(p // 2 for p in pulled)}),
        "number": len(pulled),
        "none": [s for s in starts if s + window <= length],
    }[form]


@given("08.3")
def window_starts_spread(length: int, window: int, overlap: int) -> list[int]:
    if length <= window:
        return [0]
    count = ceil((length - overlap) / (window - overlap))
    last = length - window
    return [round(i * last / (count - 1)) for i in range(count)]


@given("08.3", "a step is the window less the overlap", step=64)
@given("08.3", "one window holds it all", step=20)
def window_starts_by(length: int, window: int, overlap: int, step: int) -> list[int]:
    if step == 20 and length < window:
        return [0, 20]
    if length <= window:
        return [0]
    return [*range(0, length - window, step), length - window]


# --- 08.4 ------------------------------------------------------------------------


@given("08.4")
@given("08.4", "the best first", form="best")
@given("08.4", "is no bad one", absent=0.0)
@given("08.4", "it is not the best either", absent=1.0)
@given("08.4", "counts nowhere", void=True)
@given("08.4", "not by the number of wrong pixels", form="errors")
@given("08.4", "a list of pictures' numbers", form="scores")
@given("08.4", "the lowest first. Yours is", form="as they come")
def worst_first(
    predictions: Tensor,
    labels: Tensor,
    C: int,
    form: str = "",
    absent: float | None = None,
    void: bool = False,
) -> Any:
    scores: dict[int, float] = {}
    for index, (guess, label) in enumerate(zip(predictions, labels)):
        counts = torch.ones_like(label, dtype=torch.bool) if void else label != VOID
        one, other = (guess == C) & counts, (label == C) & counts
        union = (one | other).sum().item()
        if union:
            scores[index] = (one & other).sum().item() / union
            if form == "errors":
                scores[index] = -float((one != other).sum())
        elif absent is not None:
            scores[index] = absent
    order = sorted(scores, key=lambda i: scores[i])
    forms = {"best": order[::-1], "scores": scores.values(), "as they come": [*scores]}
    return forms.get(form, order)


@given("08.4")
def worst_first_at_once(predictions: Tensor, labels: Tensor, C: int) -> Tensor:
    there = labels != VOID
    one, other = (predictions == C) & there, labels == C
    union = (one | other).flatten(1).sum(1)
    iou = (one & other).flatten(1).sum(1) / union
    return iou.argsort()[: int((union > 0).sum())]


@pytest.mark.parametrize("seed", range(3))
def test_drawn_pictures_tell_the_orders_apart(seed: int) -> None:
    """Otherwise a wrong order would pass by chance."""
    pairs = ex4_worst_first._draw(seed, void=seed > 0, absent=seed > 1)
    assert worst_first(*pairs) != worst_first(*pairs, form="errors")
    assert len(worst_first(*pairs)) == (5 if seed > 1 else 6)


class TestAnswers(AnswersOfAChapter):
    given = given

    def test_every_exercise_has_two_right_answers(self) -> None:
        for number in self.given.numbers:
            assert sum(number == tried for tried, _ in self.given.right) >= 2, number
