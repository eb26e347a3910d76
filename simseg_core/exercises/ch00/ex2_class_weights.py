"""Exercise 00.2: class weights."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from simseg_core.exercises.bench.help import Help
from simseg_core.exercises.bench.steps import NotYet, Steps

HELP = Help(
    read="Train it, with four losses",
    ask="One class has a hundredth of the pixels of another: how much heavier does it "
    "weigh? Over how many classes does the mean run, if one of them has no pixel at "
    "all?",
    idea="Let the counts be 16, 0, 100 and 400. One over the root makes 0.25 of the "
    "first, 0.1 of the third and 0.05 of the last; the second has none, for one over "
    "the root of 0 is infinite. Three classes occur. Their weights add up to 0.25 + "
    "0.1 + 0.05 = 0.4, and should add up to 3, so that the mean is 1. So the first "
    "becomes 0.25 · 3 / 0.4 = 1.875, the others 0.1 · 3 / 0.4 = 0.75 and 0.05 · 3 / "
    "0.4 = 0.375. The class without pixels took part in neither the 0.4 nor the 3. "
    "Give it any finite number, such as 0, and take care that no infinity gets into a "
    "sum on the way.",
)


def class_weights(answer: Callable[[Tensor], Any], steps: Steps) -> None:
    """Class weights."""

    def compare(counts: Tensor, what: str) -> None:
        call = f"class_weights({counts.tolist()})"
        got = steps.call(answer, counts, named=call)
        should = f"{call} should return {len(counts)} numbers, one for each class."
        read = steps.numbers(got, should, count=len(counts), whole=False)
        weights = torch.tensor(read, dtype=torch.float64)
        there = counts > 0
        if not weights[there].isfinite().all() or (weights[there] == 0).all():
            raise NotYet(
                f"{call} gives {_shown(weights)}. A class without pixels makes 1 / 0, "
                "which is infinite, and so is a mean over it: keep it out of both."
            )
        if not (weights.isfinite() & (weights >= 0)).all():
            raise NotYet(
                f"{call} gives {_shown(weights)}. The weight of a class without pixels "
                "is used nowhere, and may be any number that is 0 or more; infinite "
                "it may not be."
            )
        wanted = _normal(counts[there].double().rsqrt())
        steps.equal(
            weights[there],
            wanted,
            what,
            hint=f"{call}: a class with four times fewer pixels weighs twice as much, "
            "and the mean weight of the classes that occur is 1. Yours gives "
            f"{_shown(weights)}.",
            mistakes=list(_slips(counts.double())),
        )

    compare(torch.tensor([4, 25, 9])[torch.randperm(3)], "three classes")
    compare(torch.randint(10, 100_000, (6,)), "six classes")
    compare(torch.tensor([3_000_000_000, 30_000_000]), "a class 100 times rarer")
    for absent in (1, 3):
        counts = torch.randint(10, 5_000, (7,))
        counts[torch.randperm(7)[:absent]] = 0
        compare(counts, f"{absent} of 7 classes without a pixel")


def _slips(counts: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Give the weights that each known slip makes of the classes that occur."""
    n = counts[counts > 0]
    root = n.rsqrt()
    share = n / n.sum()
    yield "The mean weight is not 1 yet: divide by it.", root
    yield "The mean weight is not 1 yet: divide by it.", share.rsqrt()
    inverse = (
        "That is one over the number of pixels, which makes a rare class too heavy: "
        "take one over its square root."
    )
    for wrong in (1 / n, 1 / share, _normal(1 / n), n.sum() / (len(counts) * n)):
        yield inverse, wrong
    upside_down = "The commonest class weighs most: the rarest should."
    for wrong in (n.sqrt(), _normal(n.sqrt()), _normal(n), share, n):
        yield upside_down, wrong
    yield "The weights sum to 1: it is their mean that should be 1.", root / root.sum()
    yield (
        "The greatest weight is 1: it is their mean that should be 1.",
        root / root.max(),
    )
    yield (
        "The least weight is 1: it is their mean that should be 1.",
        root / root.min(),
    )
    yield (
        "The mean over all pixels is 1, which common classes rule: the mean over "
        "classes should be.",
        root / (share * root).sum(),
    )
    if len(n) < len(counts):
        spoilt = (
            "The mean runs over a class without pixels too: take it over those that "
            "occur."
        )
        yield spoilt, root * len(counts) / root.sum()
        all_roots = counts.clamp(min=1).rsqrt()
        yield spoilt, root / all_roots.mean()
    one_more = (counts + 1).rsqrt()
    for mean in (one_more.mean(), one_more[counts > 0].mean()):
        yield (
            "1 is added to every count, which changes rare classes: only one without "
            "pixels needs help.",
            one_more[counts > 0] / mean,
        )
    yield "Those are logarithms: take the square root.", _normal(-share.log())
    yield "Those are logarithms: take the square root.", -share.log()
    yield "1 - share hardly tells a rare class from a very rare one.", 1 - share


def _normal(weights: Tensor) -> Tensor:
    return weights / weights.mean()


def _shown(weights: Tensor) -> str:
    return "[" + ", ".join(f"{w:.3g}" for w in weights.tolist()) + "]"
