"""Exercise 00.1: cross-entropy by hand."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from simseg_core.exercises.bench.help import Help
from simseg_core.exercises.bench.steps import NotYet, Steps
from simseg_core.exercises.ch00.labels import VOID, call_with_void, draw_label
from simseg_core.exercises.ch00.losses import (
    over_wrong_axes,
    read_number,
    require_gradient,
)

HELP = Help(
    read="Version 1: the loss of four pixels",
    ask="Which pixels have a loss at all, and how many are they? Of the softmax of one "
    "such pixel, which single number does the loss look at? And can you have the "
    "logarithm of a softmax without ever holding the softmax itself?",
    idea="Three pixels, two classes, and the third pixel is void. The first has the "
    "logits 0 and ln 3: its softmax is 1/4 and 3/4. Its label is class 1, so its loss "
    "is minus the logarithm of 3/4, which is 0.288. The second has the logits 0 and 0 "
    "and the label 0: minus the logarithm of 1/2, 0.693. The void pixel adds no loss "
    "and is not counted: (0.288 + 0.693) / 2 ≈ 0.49. Sort out the pixels that count "
    "before you look up a class: the number for void may name no class. For logits of "
    "any size stay with logarithms: the logarithm of a softmax is the logit, less the "
    "logarithm of the sum of all exponentials, and that sum is safe once the greatest "
    "logit has been taken off each.",
)


def cross_entropy(answer: Callable[[Tensor, Tensor, int], Any], steps: Steps) -> None:
    """Cross-entropy by hand."""

    def compare(
        B: int, C: int, H: int, W: int, ignore_index: int, what: str, scale: float = 1
    ) -> None:
        logits = scale * torch.randn(B, C, H, W)
        void = 0.3 if what != "no void" else 0
        label = draw_label(C, B, H, W, ignore_index=ignore_index, void=void)
        call = f"cross_entropy(logits, label, {ignore_index}), logits {(B, C, H, W)}"
        with _ByHand():
            got = call_with_void(steps, answer, logits, label, ignore_index, named=call)
        number = read_number(steps, got, call)
        if not number.isfinite():
            raise NotYet(
                f"{call} gives {number.item()}, with logits of up to "
                f"{logits.abs().max():.0f}: exp() of a large one is infinite, and so "
                "is log() of a probability that rounds to 0. Which way to the "
                "logarithm of a softmax passes by no probability?"
            )
        steps.equal(
            number,
            F.cross_entropy(logits, label, ignore_index=ignore_index).view(1),
            what,
            hint=f"{call}: at each pixel that counts, minus the logarithm of the "
            "softmax over the classes, at the label's class; of these the mean. Yours "
            f"is {number.item():.4g}.",
            mistakes=[
                (hint, wrong.view(1))
                for hint, wrong in _slips(logits, label, ignore_index)
            ],
        )

    compare(2, 3, 4, 5, VOID, "no void")
    compare(2, 4, 5, 3, VOID, "void left out")
    compare(3, 5, 4, 6, -100, "another number for void")
    compare(2, 3, 6, 5, 0, "void that is the number of a class")
    compare(2, 4, 5, 7, VOID, "large logits", scale=100)
    logits, label = torch.randn(2, 4, 3, 5), draw_label(4, 2, 3, 5)
    require_gradient(
        steps,
        answer,
        lambda logits, label, void: F.cross_entropy(logits, label, ignore_index=void),
        logits,
        label,
        VOID,
        named="cross_entropy(logits, label, 255)",
    )


class _ByHand(TorchFunctionMode):
    """Refuses to compute the cross-entropy for the reader."""

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Run any function but that one; `nn.CrossEntropyLoss` calls it too."""
        if func is F.cross_entropy:
            raise NotYet(
                "PyTorch's own cross-entropy is right, and is what you write here: "
                "leave it aside."
            )
        return func(*args, **(kwargs or {}))


def _slips(
    logits: Tensor, label: Tensor, ignore_index: int
) -> Iterator[tuple[str, Tensor]]:
    """Give the loss that each known slip makes, with its hint."""
    C = logits.shape[1]
    counts = label != ignore_index
    target = label.where(counts, 0)

    def pick(scores: Tensor, target: Tensor = target) -> Tensor:
        return -scores.gather(1, target[:, None])[:, 0]

    scores = logits.log_softmax(dim=1)
    loss = pick(scores)
    kept = loss[counts]
    if not counts.all():
        yield (
            "Void pixels add nothing to the sum, and the mean still counts them: "
            "divide by the number of pixels that count.",
            (loss * counts).mean(),
        )
        if 0 <= ignore_index < C:
            yield (
                "No pixel is left out: which number marks void is an argument, and "
                f"{ignore_index} here.",
                pick(scores, label).mean(),
            )
        for stand_in in (0, C - 1):
            yield (
                "Void pixels are scored as if they were of class "
                f"{stand_in}: leave them out.",
                pick(scores, label.where(counts, stand_in)).mean(),
            )
        yield (
            "Each image's mean is taken first: the mean is over the pixels of all "
            "images, and one with much void has fewer.",
            torch.stack([one[c].mean() for one, c in zip(loss, counts)]).mean(),
        )
    yield "That is the sum over pixels: take their mean.", kept.sum()
    yield (
        "The sum is divided by the number of images: divide by that of the pixels "
        "that count.",
        kept.sum() / len(label),
    )
    yield from over_wrong_axes(
        lambda axis: pick(logits.log_softmax(axis))[counts].mean()
    )
    yield (
        "The sign is turned: a loss falls as the label's class becomes likelier.",
        -kept.mean(),
    )
    yield (
        "The logarithm is missing: that is the mean of probabilities.",
        (-kept).exp().mean(),
    )
    yield (
        "The logarithm is missing: 1 - p charges a confident mistake little more than "
        "a doubtful one.",
        1 - (-kept).exp().mean(),
    )
    yield (
        "The softmax is taken twice: what the loss is given are logits.",
        pick(logits.softmax(1).log_softmax(1))[counts].mean(),
    )
    yield (
        "The logits are taken as they are: their softmax comes first.",
        pick(logits)[counts].mean(),
    )
    yield (
        "Those are bits: take the natural logarithm.",
        kept.mean() / math.log(2),
    )
    yield "Take the natural logarithm, not that of base 10.", kept.mean() / math.log(10)
    yield (
        "The mean runs over the classes too: a pixel has one loss, that of its own "
        "class.",
        kept.mean() / C,
    )
    hot = F.one_hot(target, C).movedim(-1, 1).float()
    binary = F.binary_cross_entropy_with_logits(logits, hot, reduction="none")
    yield (
        "A sigmoid asks each class by itself, yes or no: here they compete, in one "
        "softmax.",
        binary.movedim(1, -1)[counts].mean(),
    )
