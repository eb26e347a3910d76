"""Exercise 00.3: soft Dice."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from simseg_core.exercises.bench.help import Help
from simseg_core.exercises.bench.steps import Steps
from simseg_core.exercises.ch00.labels import VOID, call_with_void, draw_label
from simseg_core.exercises.ch00.losses import (
    over_wrong_axes,
    read_number,
    require_gradient,
)

HELP = Help(
    read="Train it, with four losses",
    ask="For one class, three sums are wanted. Over which axes of B, C, H, W do they "
    "run, and which axis is left? And what must p and t be at a void pixel, so that it "
    "adds to none of them?",
    idea="Two classes, three pixels, the last one void. At the first two p of class 0 "
    "is 0.8 and 0.4, so p of class 1 is 0.2 and 0.6; the labels are 0 and 1. Class 0: "
    "the product p t is 0.8 at the first pixel and 0 at the second; the sum of p is "
    "0.8 + 0.4 = 1.2, that of t is 1. So its Dice is 2 · 0.8 / (1.2 + 1) ≈ 0.727. "
    "Class 1: p t sums to 0.6, p to 0.2 + 0.6 = 0.8, t to 1: 2 · 0.6 / (0.8 + 1) ≈ "
    "0.667. The loss is 1 - (0.727 + 0.667) / 2 ≈ 0.303. The two pixels may lie in two "
    "images, and the sums do not care. At the void pixel p and t are made 0 for every "
    "class, after the softmax.",
)

PIXELS = (0, 2, 3)  # the axes of (B, C, H, W) that are not the classes'


def soft_dice(answer: Callable[[Tensor, Tensor, int], Any], steps: Steps) -> None:
    """Soft Dice."""

    def compare(B: int, C: int, H: int, W: int, what: str, void: float) -> None:
        logits, label = 2 * torch.randn(B, C, H, W), draw_label(C, B, H, W, void=void)
        call = f"soft_dice(logits, label, {C}), logits {(B, C, H, W)}"
        got = call_with_void(steps, answer, logits, label, C, named=call)
        number = read_number(steps, got, call)
        steps.equal(
            number,
            _loss(logits, label, C).view(1),
            what,
            hint=f"{call}: for each class twice the sum of p t, over the sum of p plus "
            "the sum of t, all over the pixels of the batch that count; 1 minus the "
            f"mean over the classes. Yours is {number.item():.4g}.",
            mistakes=[(hint, wrong.view(1)) for hint, wrong in _slips(logits, label)],
        )

    compare(1, 2, 4, 3, "one image without void", void=0)
    compare(3, 4, 5, 7, "a batch, over which sums run", void=0)
    compare(2, 3, 6, 4, "void left out", void=0.4)
    logits, label = torch.randn(2, 5, 3, 6), draw_label(5, 2, 3, 6)
    call = "soft_dice(logits, label, 5)"
    require_gradient(steps, answer, _loss, logits, label, 5, named=call)


def _hot(label: Tensor, C: int) -> Tensor:
    """One channel a class, 1 at its pixels, (B, C, H, W); void is 0 in all of them."""
    return torch.stack([label == c for c in range(C)], dim=1).float()


def _dice(p: Tensor, t: Tensor, axes: tuple[int, ...] = PIXELS) -> Tensor:
    return 2 * (p * t).sum(axes) / (p.sum(axes) + t.sum(axes))


def _loss(logits: Tensor, label: Tensor, C: int) -> Tensor:
    p = logits.softmax(dim=1) * (label != VOID)[:, None]
    return 1 - _dice(p, _hot(label, C)).mean()


def _slips(logits: Tensor, label: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Give the loss that each known slip makes, with its hint."""
    C = logits.shape[1]
    counts = (label != VOID)[:, None]
    p, t = logits.softmax(dim=1) * counts, _hot(label, C)
    common, sums = (p * t).sum(PIXELS), p.sum(PIXELS) + t.sum(PIXELS)
    yield (
        "That is the Dice itself: a loss falls as it rises.",
        (common * 2 / sums).mean(),
    )
    yield (
        "The Dice of a perfect prediction would be 1/2: the sum of p t counts twice.",
        1 - (common / sums).mean(),
    )
    yield (
        "That is the IoU, softened: below the line stand both sums in full.",
        1 - (common / (sums - common)).mean(),
    )
    if not counts.all():
        void_sums = logits.softmax(dim=1).sum(PIXELS) + t.sum(PIXELS)
        yield (
            "The sum of p runs over void pixels too: they count in no sum.",
            1 - (2 * common / void_sums).mean(),
        )
        for stand_in in (0, C - 1):
            filled = _hot(label.where(counts[:, 0], stand_in), C)
            yield (
                f"Void pixels pass for class {stand_in}: leave them out.",
                1 - _dice(logits.softmax(dim=1), filled).mean(),
            )
    yield (
        "The Dice is taken image by image: the sums run over the whole batch.",
        1 - _dice(p, t, (2, 3)).mean(),
    )
    yield (
        "The sums of all classes stand in one fraction, which common classes rule: "
        "each class has its own.",
        1 - 2 * common.sum() / sums.sum(),
    )
    hard = _hot(logits.argmax(dim=1), C) * counts
    yield (
        "The prediction is hard, 0 or 1, and has no gradient: take probabilities.",
        1 - _dice(hard, t).mean(),
    )
    yield from over_wrong_axes(
        lambda axis: 1 - _dice(logits.softmax(axis) * counts, t).mean()
    )
    yield (
        "A sigmoid asks each class by itself: p is the softmax over the classes.",
        1 - _dice(logits.sigmoid() * counts, t).mean(),
    )
    yield (
        "The logits are taken for probabilities: their softmax comes first.",
        1 - _dice(logits * counts, t).mean(),
    )
    squares = (p**2).sum(PIXELS) + (t**2).sum(PIXELS)
    yield (
        "The sums below the line are of squares, as in V-Net: here they are of p and "
        "of t.",
        1 - (2 * common / squares).mean(),
    )
    yield "Take the mean over the classes, not the sum.", 1 - (2 * common / sums).sum()
    yield "Take the mean over the classes, not the sum.", (1 - 2 * common / sums).sum()
    yield "Class 0 is left out: it is a class.", 1 - (2 * common / sums)[1:].mean()
    smoothed = "1 is added above and below the line: the sums of p are never 0."
    yield smoothed, 1 - ((2 * common + 1) / (sums + 1)).mean()
    yield smoothed, 1 - (2 * (common + 1) / (sums + 1)).mean()
    yield smoothed, 1 - (2 * common / (sums + 1)).mean()
