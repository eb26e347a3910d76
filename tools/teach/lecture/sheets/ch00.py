"""Chapter 00: softmax and cross-entropy of three pixels, IoU of one small picture."""

from __future__ import annotations

from random import Random

import torch
from torch.nn import functional as F

from simseg_core.training import ScoreMeter
from teach.lecture.sheets.parts import Blank, Task, number

CLASSES = ("A", "B", "C")
# Logits ln a, ln b, ln c, whose softmax is a, b and c over their sum.
ODDS = ((1, 1, 2), (1, 2, 5), (1, 3, 6), (1, 1, 3), (2, 2, 4), (4, 1, 5), (2, 1, 1))
SIDE = 5


def tasks(draw: Random) -> list[Task]:
    """Give the tasks of a sheet."""
    return [cross_entropy(draw), *iou(draw)]


def cross_entropy(draw: Random) -> Task:
    """Ask for the softmax of each pixel and the loss at its label."""
    rows, losses = [], []
    # Three losses that differ: at its label each pixel has another probability.
    by_share = {odds[one] / sum(odds): (odds, one) for odds in ODDS for one in range(3)}
    for pixel, share_of in enumerate(draw.sample(sorted(by_share), 3), start=1):
        odds, label = by_share[share_of]
        logits = torch.tensor(odds, dtype=torch.float64).log()
        share = logits.softmax(dim=0).tolist()
        losses.append(F.cross_entropy(logits, torch.tensor(label)))
        told = ", ".join(f"ln {one}" for one in odds)
        shares = [Blank(f"{one:g}") for one in share]
        loss = Blank(number(float(losses[-1])))
        rows.append([str(pixel), told, CLASSES[label], *shares, loss])
    mean = number(float(torch.stack(losses).mean()))
    rows.append(["mean", "", "", "", "", "", Blank(mean)])
    words = (
        "Three pixels, and a logit for each of the classes A, B and C. The softmax of "
        "logits ln a, ln b and ln c is a, b and c, each divided by their sum. The loss "
        "of a pixel is -ln p of its label. To two decimals: ln 2 = 0.69, ln 4 = 1.39, "
        "ln 5 = 1.61, ln 8 = 2.08, ln 10 = 2.30; and ln(x/y) = ln x - ln y, with "
        "ln 1 = 0, ln 3 = 1.10 and ln 6 = 1.79.",
    )
    header = ("pixel", "logits", "label", "p of A", "p of B", "p of C", "loss")
    return Task("Softmax and cross-entropy", words, header, rows, lines=1)


def iou(draw: Random) -> list[Task]:
    """Ask for intersection, union and IoU of each class of a small picture."""
    edge = draw.randrange(1, SIDE - 1)
    label = torch.zeros(SIDE, SIDE, dtype=torch.long)
    label[:, edge:] = 1
    label[draw.randrange(2, SIDE) :, edge:] = 2
    said = label.roll(1, dims=draw.randrange(2))
    meter = ScoreMeter(CLASSES, boundary=False)
    meter.update(said[None], label[None])
    counted, scores = meter.confusion, meter.compute()

    def letters(row: torch.Tensor) -> str:
        return " ".join(CLASSES[one] for one in row.tolist())

    picture = [
        [str(place), letters(row), letters(found)]
        for place, (row, found) in enumerate(zip(label, said, strict=True), start=1)
    ]
    rows = []
    for place, name in enumerate(CLASSES):
        both = int(counted[place, place])
        either = int(counted[place].sum() + counted[:, place].sum()) - both
        rows.append([name, Blank(both), Blank(either), Blank(number(scores.iou[name]))])
    rows.append(["mean", "", "", Blank(number(scores.miou))])
    shown = (f"A picture of {SIDE} by {SIDE} pixels, each of the class A, B or C.",)
    asked = (
        "Count, for each class, the pixels where label and prediction both say it (the "
        "intersection) and those where either does (the union). IoU is the first "
        "divided by the second.",
    )
    header = ("class", "intersection", "union", "IoU")
    return [
        Task(
            "A label and a prediction", shown, ("row", "label", "prediction"), picture
        ),
        Task("Intersection over union", asked, header, rows, lines=1),
    ]
