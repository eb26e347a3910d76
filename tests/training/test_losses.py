"""The losses against their formulas, and parts of a batch against the whole."""

from math import log
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from simseg_core.training import SegmentationLoss

LOGITS = torch.tensor([2.0, 1, 1, 4, 4, 4, 1, 2, 1, 5, 2, 1]).log().view(1, 3, 1, 4)
LABEL = torch.tensor([[[0, 0, 1, 255]]])
# Probabilities of the classes at the four pixels: rows are classes.
P = torch.tensor([[2, 1, 1, 4], [4, 4, 1, 2], [1, 5, 2, 1]])
P = P / P.sum(dim=0)


def random_batch(seed: int = 0) -> tuple[Tensor, Tensor]:
    torch.manual_seed(seed)
    label = torch.randint(0, 3, (4, 5, 6))
    label[0] = 255
    label[1, 2:] = 255
    return torch.randn(4, 3, 5, 6, dtype=torch.float64), label


def test_cross_entropy_is_torchs_to_the_last_bit() -> None:
    logits, label = random_batch()
    weights = torch.tensor([1.0, 2.0, 0.5])
    wanted = F.cross_entropy(logits, label, weights.double(), ignore_index=255)
    assert SegmentationLoss(class_weights=weights)(logits, label) == wanted


def test_focal_turns_down_what_is_right() -> None:
    right = [float(P[0, 0]), float(P[0, 1]), float(P[1, 2])]
    each = [-((1 - p) ** 2) * log(p) for p in right]
    loss = SegmentationLoss("focal")(LOGITS, LABEL)
    torch.testing.assert_close(float(loss), sum(each) / 3)
    weighted = SegmentationLoss("focal", class_weights=torch.tensor([1.0, 4.0, 9.0]))
    by_hand = (each[0] + each[1] + 4 * each[2]) / 6
    torch.testing.assert_close(float(weighted(LOGITS, LABEL)), by_hand)


def test_dice_is_the_mean_over_the_classes_that_the_labels_hold() -> None:
    counts = P[:, :3]
    dice = [
        2 * float(counts[k, at].sum()) / float(counts[k].sum() + len(at))
        for k, at in ((0, [0, 1]), (1, [2]))
    ]
    loss = SegmentationLoss("dice")(LOGITS, LABEL)
    torch.testing.assert_close(float(loss), 1 - sum(dice) / 2)


def test_names_are_summed() -> None:
    parts = [SegmentationLoss(name)(LOGITS, LABEL) for name in ("focal", "dice")]
    both = SegmentationLoss("focal", "dice")(LOGITS, LABEL)
    torch.testing.assert_close(both, sum(parts))


@pytest.mark.parametrize("name", ["cross-entropy", "focal", "dice"])
@pytest.mark.parametrize("weights", [None, torch.tensor([1.0, 3.0, 0.2])])
def test_parts_of_a_batch_give_the_loss_of_the_whole(name: str, weights: Any) -> None:
    """Void is unequal: the first part has none that counts, and still no NaN."""
    logits, label = random_batch()
    whole = SegmentationLoss(name, class_weights=weights)(logits, label)
    parts = [slice(0, 1), slice(1, 4)]
    sums: list[Tensor] = []

    def remember(values: Tensor) -> Tensor:
        sums.append(values)
        return values

    for part in parts:
        SegmentationLoss(name, class_weights=weights, over_processes=remember)(
            logits[part], label[part]
        )
    total = sums[0] + sums[1]
    told = SegmentationLoss(
        name, class_weights=weights, over_processes=lambda values: total
    )
    torch.testing.assert_close(told(logits[:1], label[:1]), whole)


@pytest.mark.parametrize("name", ["cross-entropy", "focal", "dice"])
def test_a_batch_without_a_pixel_that_counts(name: str) -> None:
    void, logits = torch.full((1, 1, 4), 255), LOGITS.clone().requires_grad_()
    assert SegmentationLoss(name)(logits, void).isnan()
    loss = SegmentationLoss(name, skip_void=True)(logits, void)
    loss.backward()
    assert loss == 0
    assert torch.equal(logits.grad, torch.zeros_like(LOGITS))


@pytest.mark.parametrize("name", ["cross-entropy", "focal", "dice"])
def test_what_void_is_given_changes_nothing_else(name: str) -> None:
    logits, label = random_batch()
    assert SegmentationLoss(name, skip_void=True)(logits, label) == SegmentationLoss(
        name
    )(logits, label)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ValueError, match="no loss 'dise': there is cross-entropy"):
        SegmentationLoss("dise")
