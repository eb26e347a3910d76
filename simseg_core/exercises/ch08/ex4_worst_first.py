"""Exercise 08.4: the worst pictures of a class."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from simseg_core.exercises.bench.help import Help
from simseg_core.exercises.bench.steps import NotYet, Steps

HELP = Help(
    read="Read the worst errors",
    ask="Which two counts has a picture, for this class? In which pictures is neither "
    "there? And what becomes of a pixel that is labelled 255 and predicted as the "
    "class?",
    idea="Four pictures. In picture 0 both call 6 pixels the class and either does 8: "
    "6 / 8 = 0.75. In picture 1 it is 1 of 2: 0.5. In picture 2 neither has the class, "
    "0 of 0: it has no IoU and is left out. In picture 3 nobody labels it and 3 pixels "
    "are predicted so: 0 of 3, which is 0 and stays in. The lowest first: 3, 1, 0. By "
    "the number of wrong pixels, 3, 1 and 2, picture 0 would come before picture 1: "
    "sort by the IoU. Pixels labelled 255 are taken out of the prediction before "
    "anything is counted, so they widen no union.",
)

VOID = 255


def worst_first(answer: Callable[[Tensor, Tensor, int], Any], steps: Steps) -> None:
    """The worst pictures of a class."""
    for seed, (void, absent, what) in enumerate(
        (
            (False, False, "worst first"),
            (True, False, "void left out"),
            (True, True, "pictures without the class left out"),
        )
    ):
        predictions, labels, C = _draw(seed, void=void, absent=absent)
        call = f"worst_first(predictions, labels, {C}) of {tuple(labels.shape)}"
        got = steps.call(answer, predictions, labels, C, named=call)
        order = steps.numbers(got, f"{call} should return a list of pictures' numbers.")
        iou = _iou(predictions, labels, C)
        wanted = _order(iou)
        wrong = {
            "Those are the best first: sort the other way.": wanted[::-1],
            "A picture in which nobody sees the class is no bad one: leave out those "
            "where neither label nor prediction has it.": _order(iou.nan_to_num(0)),
            "A picture in which neither label nor prediction has the class has no IoU: "
            "leave it out, it is not the best either.": _order(iou.nan_to_num(1)),
            "What is predicted at void pixels counts nowhere: leave these pixels "
            "out.": _order(_iou(predictions, labels, C, void_counts=True)),
            "By IoU, not by the number of wrong pixels: a picture with much of the "
            "class has more of them.": _order(-_errors(predictions, labels, C, iou)),
        }
        for hint, mistake in wrong.items():
            if order == mistake and mistake != wanted:
                raise NotYet(hint)
        steps.require(
            order == wanted,
            what,
            hint=f"{call}: numbers of the pictures, sorted by the class's IoU in each, "
            f"the lowest first. Yours is {order}.",
        )


def _draw(seed: int, *, void: bool, absent: bool) -> tuple[Tensor, Tensor, int]:
    """Draw six pictures whose IoU of class 2 all differ, by every way of counting."""
    rng = torch.Generator().manual_seed(seed)
    while True:
        labels = torch.randint(3, (6, 8, 9), generator=rng)
        labels[0, :6] = 2  # much of the class
        labels[1, 2:] = 0  # and little
        wrong = torch.rand(6, 8, 9, generator=rng)
        wrong = wrong < torch.tensor([0.5, 0.3, 0.2, 0.4, 0.6, 0.1])[:, None, None]
        other = torch.randint(3, (6, 8, 9), generator=rng)
        predictions = other.where(wrong, labels)
        if absent:
            for each in (labels, predictions):
                each[3] = each[3].where(each[3] != 2, 0)
        if void:
            hidden = torch.rand(6, 8, 9, generator=rng) < 0.35
            labels = labels.where(~hidden, VOID)
        scores = _iou(predictions, labels, 2)
        there = scores[~scores.isnan()]
        ways = [
            _order(scores),
            _order(_iou(predictions, labels, 2, void_counts=True)),
            _order(-_errors(predictions, labels, 2, scores)),
        ]
        is_told_apart = ways[0] != ways[2] and (
            not void or absent or ways[0] != ways[1]
        )
        if is_told_apart and len(there.unique()) == len(there):
            return predictions, labels, 2


def _iou(
    predictions: Tensor, labels: Tensor, C: int, *, void_counts: bool = False
) -> Tensor:
    """IoU of class `C` in each picture, NaN where nobody sees it: (B, H, W) -> (B,)."""
    predicted, labelled = predictions == C, labels == C
    if not void_counts:
        predicted = predicted & (labels != VOID)
    hits = (predicted & labelled).sum((1, 2)).double()
    return hits / (predicted | labelled).sum((1, 2))


def _errors(predictions: Tensor, labels: Tensor, C: int, iou: Tensor) -> Tensor:
    wrong = ((predictions == C) != (labels == C)) & (labels != VOID)
    return wrong.sum((1, 2)).double() + 0 * iou  # NaN stays NaN


def _order(scores: Tensor) -> list[int]:
    there = [i for i, score in enumerate(scores.tolist()) if score == score]
    return sorted(there, key=lambda i: scores[i].item())
