"""What chapter 00 defines, held against torch and the package once more.

The chapter compares on one batch; here other class counts, sizes, weights and seeds,
void and absent classes, and faults that must be seen.
"""

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, RandomSampler

from simseg_core.training import ScoreMeter, fit
from tests.notebooks.definitions import define

VOID = 255
Pairs = list[tuple[Tensor, Tensor]]


@pytest.fixture(scope="module")
def defined(chapters: dict[str, Any]) -> dict[str, Any]:
    return define(
        chapters["00_pixels_to_score"],
        VOID=VOID,
        DataLoader=DataLoader,
        RandomSampler=RandomSampler,
    )


def labels_with_void(classes: int, *shape: int) -> Tensor:
    """Random class numbers, the last class left out, a tenth of them void."""
    label = torch.randint(0, classes - 1, shape)
    return label.masked_fill(torch.rand(shape) < 0.1, VOID)


def noisy_pairs(count: int, classes: int, side: int = 16) -> Pairs:
    return [
        (torch.randn(3, side, side), labels_with_void(classes, side, side))
        for _ in range(count)
    ]


def torchs_loss(weight: Tensor | None = None) -> Callable[[Tensor, Tensor], Tensor]:
    return partial(F.cross_entropy, weight=weight, ignore_index=VOID)


def bits(model: nn.Module) -> list[Tensor]:
    return list(model.state_dict().values())


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("count", "batch_size", "steps"), [(7, 3, 9), (4, 8, 5)])
def test_the_written_loop_is_fit_bit_for_bit(
    defined: dict[str, Any], count: int, batch_size: int, steps: int, weighted: bool
) -> None:
    """Over several passes of the data, dropout and BatchNorm included."""
    pairs, weight = noisy_pairs(count, 4), torch.rand(4) + 0.5 if weighted else None
    net = defined["TinyUNet"](num_classes=4, widths=(4, 6, 8))
    ours = nn.Sequential(net, nn.Dropout(0.2))
    theirs = copy.deepcopy(ours)
    shared: dict[str, Any] = {"batch_size": batch_size, "max_lr": 3e-3, "seed": 11}

    losses = defined["train"](ours, pairs, steps, torchs_loss(weight), **shared)
    history = fit(
        theirs,
        pairs,
        steps=steps,
        class_weights=weight,
        device="cpu",
        progress=False,
        **shared,
    )
    assert losses == history.losses
    assert all(map(torch.equal, bits(ours), bits(theirs)))
    assert not ours.training


def test_another_seed_is_another_run(defined: dict[str, Any]) -> None:
    """The comparison can fail: a loop whose order is another has other weights."""
    pairs = noisy_pairs(7, 4)
    ours = defined["TinyUNet"](num_classes=4, widths=(4, 6))
    theirs = copy.deepcopy(ours)
    defined["train"](ours, pairs, 5, torchs_loss(), batch_size=3, seed=1)
    fit(theirs, pairs, steps=5, batch_size=3, device="cpu", progress=False, seed=2)
    assert not all(map(torch.equal, bits(ours), bits(theirs)))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("classes", "size"), [(2, (5, 9)), (6, (8, 8)), (21, (1, 7))])
def test_cross_entropy(
    defined: dict[str, Any], classes: int, size: tuple[int, int], weighted: bool
) -> None:
    logits = torch.randn(3, classes, *size, dtype=torch.float64, requires_grad=True)
    label = labels_with_void(classes, 3, *size)
    weight = torch.rand(classes, dtype=torch.float64) if weighted else None
    ours = defined["pixel_loss"](logits, label, weight)
    theirs = torchs_loss(weight)(logits, label)
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    slopes = [torch.autograd.grad(loss, logits)[0] for loss in (ours, theirs)]
    torch.testing.assert_close(*slopes, rtol=1e-12, atol=1e-12)


def test_dice_loss_pixel_by_pixel(defined: dict[str, Any]) -> None:
    logits = torch.randn(2, 4, 5, 6, dtype=torch.float64)
    label = labels_with_void(4, 2, 5, 6)
    p = logits.softmax(dim=1)
    overlaps = []
    for k in range(4):
        both = total = 0.0
        for b, i, j in (label != VOID).nonzero().tolist():
            right = float(label[b, i, j] == k)
            both += p[b, k, i, j].item() * right
            total += p[b, k, i, j].item() + right
        overlaps.append(2 * both / total)
    ours = defined["dice_loss"](logits, label).item()
    assert ours == pytest.approx(1 - sum(overlaps) / 4, rel=1e-12)


def test_dice_loss_of_the_right_answer_is_0(defined: dict[str, Any]) -> None:
    label = torch.randint(0, 3, (2, 6, 6))
    label[0, 0, :3] = torch.arange(3)
    sure = 100.0 * F.one_hot(label, 3).movedim(-1, 1)
    assert defined["dice_loss"](sure, label).item() == pytest.approx(0, abs=1e-6)


def test_focal_loss(defined: dict[str, Any]) -> None:
    logits = torch.randn(2, 4, 5, 6, dtype=torch.float64)
    label = labels_with_void(4, 2, 5, 6)
    p = logits.softmax(dim=1)
    losses = []
    for b, i, j in (label != VOID).nonzero().tolist():
        right = p[b, label[b, i, j], i, j]
        losses.append(-((1 - right) ** 2) * right.log())
    ours = defined["focal_loss"](logits, label)
    torch.testing.assert_close(ours, torch.stack(losses).mean(), rtol=1e-12, atol=0)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("classes", "size"), [(3, (20, 31)), (7, (64, 64))])
def test_scores_are_the_meters(
    defined: dict[str, Any], classes: int, size: tuple[int, int], seed: int
) -> None:
    """Void in the label, a class that occurs nowhere, and one only in predictions."""
    torch.manual_seed(seed)
    label = labels_with_void(classes, 4, *size)
    noise = torch.randint(0, classes - 1, label.shape)
    keep = (torch.rand(label.shape) < 0.8) & (label != VOID)
    guessed = label.where(keep, noise)
    label[label == 0] = 1
    meter = ScoreMeter([str(number) for number in range(classes)])
    for part in zip(guessed.split(3), label.split(3)):
        meter.update(*part)
    scores = meter.compute()
    width = max(1, round(0.02 * (size[0] ** 2 + size[1] ** 2) ** 0.5))
    for ours, theirs in (
        (defined["iou_by_class"](guessed, label, classes), scores.iou),
        (
            defined["boundary_iou"](guessed, label, classes, width),
            scores.boundary_iou,
        ),
    ):
        expected = torch.tensor(list(theirs.values()), dtype=torch.float64)
        torch.testing.assert_close(ours, expected, rtol=1e-12, atol=0, equal_nan=True)
        assert ours[0] == 0
        assert ours[-1].isnan()


def test_the_network_returns_its_inputs_size(defined: dict[str, Any]) -> None:
    net = defined["TinyUNet"](num_classes=5, widths=(4, 6, 8)).eval()
    assert net.__class__.__bases__ == (nn.Module,)
    assert net(torch.randn(2, 3, 40, 24)).shape == (2, 5, 40, 24)
