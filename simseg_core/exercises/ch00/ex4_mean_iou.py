"""Exercise 00.4: mean IoU of a set."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from simseg_core.exercises.bench.help import Help
from simseg_core.exercises.bench.steps import NotYet, Steps
from simseg_core.exercises.ch00.labels import VOID, call_with_void, draw_label
from simseg_core.exercises.ch00.losses import read_number

HELP = Help(
    read="IoU, and the mean over a set",
    ask="Which two counts does each class need, and when may you divide: after each "
    "image, or after the last? What is the IoU of a class that nobody labels and "
    "nobody predicts?",
    idea="Two images, three classes. In the first, both call 5 pixels class 0 and "
    "either does 6; for class 1 both call 2, either 3. In the second it is 1 of 4 for "
    "class 0, and 0 of 3 for class 1. Keep two counts for each class, and add to them "
    "image by image. At the end class 0 has (5 + 1) / (6 + 4) = 0.6, and class 1 has "
    "(2 + 0) / (3 + 3) ≈ 0.333. Class 2 has 0 of 0: it is no number and leaves the "
    "mean, (0.6 + 0.333) / 2 ≈ 0.467. A class that is predicted and never labelled has "
    "0 of some: that is 0, and stays in. Void pixels are taken out of label and "
    "prediction first, so they stand in no count.",
)


class Pairs(list[tuple[Tensor, Tensor]]):
    """Predictions and labels, (H, W) each; a change of them in place is noticed."""

    def __eq__(self, other: object) -> bool:
        """Compare number by number, as a list of tensors cannot."""
        if not isinstance(other, list) or len(self) != len(other):
            return False
        return all(
            torch.equal(mine, theirs)
            for one, another in zip(self, other)
            for mine, theirs in zip(one, another)
        )


def mean_iou(answer: Callable[[Pairs, int, int], Any], steps: Steps) -> None:
    """Mean IoU of a set."""

    def compare(pairs: Pairs, C: int, what: str, ignore_index: int = VOID) -> None:
        call = f"mean_iou(pairs, {C}, {ignore_index}), len(pairs) {len(pairs)}"
        got = call_with_void(steps, answer, pairs, C, ignore_index, named=call)
        number = read_number(steps, got, call)
        if number.isnan():
            raise NotYet(
                f"{call} gives nan: a class that is in no label and no prediction has "
                "no IoU, 0 / 0. Leave it out of the mean."
            )
        each = [_confusion(*pair, C, ignore_index) for pair in pairs]
        steps.equal(
            number,
            _iou(sum(each[1:], each[0])).nanmean().view(1),
            what,
            hint=f"{call}: for each class the pixels that both call so, over those "
            "that either does, counted over all images before the division; then the "
            f"mean over the classes that occur. Yours is {number.item():.4g}.",
            mistakes=[
                (hint, wrong.view(1))
                for hint, wrong in _slips(pairs, each, C, ignore_index)
            ],
        )

    compare(_draw(3, (4, 5), void=0), 3, "one image")
    compare(_draw(4, (3, 4), (6, 5), (4, 9), void=0), 4, "three images of other sizes")
    compare(_draw(4, (5, 4), (6, 7)), 4, "void left out")
    # Of six classes, the labels know four: 4 is only predicted, 5 is nowhere.
    pairs = _draw(4, (5, 6), (7, 4), (4, 4))
    pairs[1][0][:2] = 4
    compare(pairs, 6, "a class that is nowhere, and one only predicted")
    pairs = _draw(5, (5, 6), (7, 4), ignore_index=9)
    compare(pairs, 5, "another number for void", ignore_index=9)


def _draw(
    C: int, *sizes: tuple[int, int], ignore_index: int = VOID, void: float = 0.3
) -> Pairs:
    """Draw labels, and predictions that are right at most pixels."""
    pairs = Pairs()
    for number, size in enumerate(sizes):
        label = draw_label(C, *size, ignore_index=ignore_index, void=void)
        drawn = torch.randint(C, size)
        wrong = (torch.rand(size) < 0.2 + 0.3 * number) | (label == ignore_index)
        pairs.append((drawn.where(wrong, label), label))
    return pairs


def _confusion(prediction: Tensor, label: Tensor, C: int, ignore_index: int) -> Tensor:
    """Count pixels by label (rows) and prediction (columns), (C, C)."""
    counts = label != ignore_index
    cells = C * label[counts] + prediction[counts]
    return cells.bincount(minlength=C * C).view(C, C).double()


def _iou(confusion: Tensor) -> Tensor:
    hits = confusion.diag()
    return hits / (confusion.sum(0) + confusion.sum(1) - hits)


def _slips(
    pairs: Pairs, each: list[Tensor], C: int, ignore_index: int
) -> Iterator[tuple[str, Tensor]]:
    """Give the score that each known slip makes, with its hint."""
    total = sum(each[1:], each[0])
    hits, labelled, predicted = total.diag(), total.sum(1), total.sum(0)
    iou = _iou(total)
    of_images = torch.stack([_iou(one) for one in each])
    averaged = (
        "That is a mean of images' scores: count the pixels of all images first, and "
        "divide once."
    )
    yield averaged, of_images.nanmean(1).mean()
    yield averaged, of_images.nanmean(0).nanmean()
    yield averaged, of_images.nan_to_num(0).mean()
    yield averaged, of_images.nan_to_num(1).mean()
    if iou.isnan().any():
        yield (
            "A class that is in no label and no prediction counts as 0: leave it out.",
            iou.nan_to_num(0).mean(),
        )
        yield (
            "A class that is in no label and no prediction counts as 1, as if it had "
            "been found: leave it out.",
            iou.nan_to_num(1).mean(),
        )
    if (labelled == 0).any():
        yield (
            "A class that is predicted where no label has it is left out: it occurs, "
            "and all of it is wrong.",
            iou[labelled > 0].mean(),
        )
    if any((label == ignore_index).any() for _, label in pairs):
        everywhere = torch.cat([p.flatten() for p, _ in pairs]).bincount(minlength=C)
        spoilt = hits / (labelled + everywhere - hits)
        yield (
            "What is predicted at void pixels counts as wrong: leave these pixels out "
            "of every count.",
            spoilt.nanmean(),
        )
        for values in (iou, spoilt):
            yield (
                "Void is counted as a class of its own: leave its pixels out.",
                values.nansum() / (1 + (~values.isnan()).sum()),
            )
        filled = (label.where(label != ignore_index, 0) for _, label in pairs)
        guesses = (p for p, _ in pairs)
        as_first = [_confusion(p, t, C, -1) for p, t in zip(guesses, filled)]
        yield (
            "Void pixels pass for class 0: leave them out.",
            _iou(sum(as_first[1:], as_first[0])).nanmean(),
        )
    yield (
        "All classes stand in one fraction, which common ones rule: each class has its "
        "own IoU.",
        hits.sum() / (labelled + predicted - hits).sum(),
    )
    yield (
        "That is the pixel accuracy: a thin class hardly moves it.",
        hits.sum() / total.sum(),
    )
    yield (
        "Only the label's pixels stand below the line: those predicted and not "
        "labelled belong there too.",
        (hits / labelled).nanmean(),
    )
    yield (
        "Only the prediction's pixels stand below the line: those labelled and not "
        "predicted belong there too.",
        (hits / predicted).nanmean(),
    )
    yield (
        "That is the Dice, 2 I / (P + L): the IoU divides by the union.",
        (2 * hits / (labelled + predicted)).nanmean(),
    )
    yield (
        "The union counts the common pixels twice.",
        (hits / (labelled + predicted)).nanmean(),
    )
    yield "Those are per cent: return a share of 1.", 100 * iou.nanmean()
    yield (
        "Each class weighs as much as it has pixels: all weigh alike in the mean.",
        (labelled * iou).nansum() / total.sum(),
    )
    yield "Class 0 is left out: it is a class.", iou[1:].nanmean()
