"""IoU, boundary IoU and accuracy against slow counts of single pixels."""

import math
from itertools import product

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from simseg_core.training.metrics import (
    BoundaryIoU,
    ScoreMeter,
    Scores,
    boundary,
    check_labels,
)

VOID = 255


def score(prediction: Tensor, label: Tensor, classes: int, **options: float) -> Scores:
    meter = ScoreMeter([str(c) for c in range(classes)], **options)
    meter.update(prediction, label)
    return meter.compute()


def iou_pixel_by_pixel(prediction: Tensor, label: Tensor, wanted: int) -> float:
    """Count one class with plain loops."""
    both = either = 0
    for p, t in zip(prediction.flatten().tolist(), label.flatten().tolist()):
        if t == VOID:
            continue
        both += p == wanted and t == wanted
        either += p == wanted or t == wanted
    return both / either if either else math.nan


def boundary_pixel_by_pixel(mask: list[list[bool]], free: Tensor, d: int) -> set:
    """Pixels of the mask from which d steps, diagonal or straight, leave the mask."""
    height, width = len(mask), len(mask[0])
    found = set()
    for y, x in product(range(height), range(width)):
        if not mask[y][x]:
            continue
        for dy, dx in product(range(-d, d + 1), repeat=2):
            outside = not (0 <= y + dy < height and 0 <= x + dx < width)
            if outside or not (mask[y + dy][x + dx] or bool(free[y + dy, x + dx])):
                found.add((y, x))
    return found


def maps(seed: int, *, classes: int = 3, void: bool = True) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    prediction, label = torch.randint(0, classes, (2, 2, 7, 9), generator=generator)
    if void:
        label[torch.rand(label.shape, generator=generator) < 0.2] = VOID
    return prediction, label


def test_a_case_counted_by_hand() -> None:
    label = torch.tensor([[[0, 0, 1], [1, 2, VOID]]])
    prediction = torch.tensor([[[0, 1, 1], [1, 1, 1]]])
    scores = score(prediction, label, 3)
    # class 0: 1 of 2; class 1: 2 of 4 (the void pixel counts nowhere); class 2: 0 of 1
    assert scores.iou == {"0": 1 / 2, "1": 2 / 4, "2": 0.0}
    assert scores.miou == pytest.approx((1 / 2 + 2 / 4 + 0) / 3)
    assert scores.pixel_accuracy == pytest.approx(3 / 5)


@settings(deadline=None, max_examples=25, derandomize=True)
@given(seed=st.integers(0, 10_000), classes=st.integers(2, 6))
def test_iou_equals_a_count_of_pixels(seed: int, classes: int) -> None:
    prediction, label = maps(seed, classes=classes)
    for name, value in score(prediction, label, classes).iou.items():
        slow = iou_pixel_by_pixel(prediction, label, int(name))
        assert value == pytest.approx(slow, nan_ok=True)


@settings(deadline=None, max_examples=15, derandomize=True)
@given(seed=st.integers(0, 10_000), ratio=st.sampled_from([0.01, 0.1, 0.2]))
def test_boundary_iou_equals_a_slow_search(seed: int, ratio: float) -> None:
    # Larger regions than noise gives: repeat each pixel 3 x 3.
    prediction, label = (
        m.repeat_interleave(3, 1).repeat_interleave(3, 2)[:, :13, :11]
        for m in maps(seed)
    )
    d = max(1, round(ratio * math.hypot(13, 11)))
    scores = score(prediction, label, 3, dilation_ratio=ratio)
    for wanted in range(3):
        both = either = 0
        for p, t in zip(prediction, label):
            void = t == VOID
            edges = [
                boundary_pixel_by_pixel(((m == wanted) & ~void).tolist(), void, d)
                for m in (p, t)
            ]
            both += len(edges[0] & edges[1])
            either += len(edges[0] | edges[1])
        assert scores.boundary_iou[str(wanted)] == pytest.approx(both / either)


def mask_by_mask(
    prediction: Tensor, label: Tensor, classes: int, ignore: int, d: int
) -> tuple[list[int], list[int]]:
    """Intersection and union of each class's band, from a mask of its own."""
    void = label == ignore
    both, either = [], []
    for number in range(classes):
        one, other = (
            boundary(((pixels == number) | void)[:, None], d)[:, 0] & ~void
            for pixels in (prediction, label)
        )
        both.append(int((one & other).sum()))
        either.append(int((one | other).sum()))
    return both, either


@settings(deadline=None, max_examples=60, derandomize=True)
@given(
    seed=st.integers(0, 10_000),
    classes=st.integers(1, 6),
    size=st.tuples(st.integers(1, 3), st.integers(1, 30), st.integers(1, 30)),
    patch=st.integers(1, 6),
    void=st.sampled_from([0.0, 0.1, 0.6, 1.0]),
    ignore=st.sampled_from([VOID, 0, 1, -1]),
    ratio=st.sampled_from([0.001, 0.05, 0.15, 0.6]),
)
def test_boundary_iou_of_all_classes_at_once_equals_that_of_each_mask(
    seed: int,
    classes: int,
    size: tuple[int, int, int],
    patch: int,
    void: float,
    ignore: int,
    ratio: float,
) -> None:
    """To the pixel: also where void, the image's edge or strange numbers come in."""
    generator = torch.Generator().manual_seed(seed)
    (B, H, W), numbers = size, classes + 1  # one number more than there are classes
    prediction, label = (
        torch.randint(0, numbers, (2, B, H, W), generator=generator)
        .repeat_interleave(patch, 2)
        .repeat_interleave(patch, 3)[..., :H, :W]
    )
    label = label.masked_fill(torch.rand(B, H, W, generator=generator) < void, ignore)
    metric = BoundaryIoU(classes, ignore_index=ignore, dilation_ratio=ratio)
    metric.update(prediction, label)
    d = max(1, round(ratio * math.hypot(H, W)))
    both, either = mask_by_mask(prediction, label, classes, ignore, d)
    assert metric.intersection.tolist() == both
    assert metric.union.tolist() == either


def test_boundary_iou_needs_no_mask_a_class() -> None:
    """A thousand classes cost what two do: nothing of size (B, C, H, W) is made."""
    label = torch.randint(0, 2, (2, 40, 50))
    most = 0

    class Largest(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            nonlocal most
            result = func(*args, **(kwargs or {}))
            if isinstance(result, Tensor):
                most = max(most, result.numel())
            return result

    metric = BoundaryIoU(1000)
    with Largest():
        metric.update(label, label)
    assert most <= 2 * label.numel()


def test_boundary_of_a_square_is_a_ring_as_wide_as_the_distance() -> None:
    mask = torch.zeros(1, 1, 20, 30, dtype=torch.bool)
    mask[..., 4:14, 6:18] = True  # 10 x 12
    for d in (1, 2, 3):
        ring = 10 * 12 - (10 - 2 * d) * (12 - 2 * d)
        assert boundary(mask, d).sum() == ring
    assert boundary(mask, 20).equal(mask)


def test_boundary_iou_sees_a_shift_that_iou_hardly_sees() -> None:
    label = torch.zeros(1, 100, 100, dtype=torch.long)
    label[:, 20:80, 20:80] = 1
    scores = score(label.roll(1, dims=2), label, 2)
    assert scores.iou["1"] > 0.95
    assert scores.boundary_iou["1"] < scores.iou["1"] - 0.15


def test_what_is_predicted_on_void_changes_nothing() -> None:
    prediction, label = maps(0)
    changed = prediction.clone()
    changed[label == VOID] = 2 - changed[label == VOID]
    assert not changed.equal(prediction)
    assert score(changed, label, 3) == score(prediction, label, 3)


def test_batches_add_up_to_the_whole() -> None:
    parts = [maps(seed) for seed in range(4)]
    # One batch holds no pixel of class 0, neither predicted nor true.
    parts[1] = (parts[1][0].clamp(min=1), parts[1][1].clamp(min=1))
    meter = ScoreMeter(["0", "1", "2"])
    for prediction, label in parts:
        meter.update(prediction, label)
    whole = score(*(torch.cat(maps_) for maps_ in zip(*parts)), 3)
    assert meter.compute() == whole
    # It is not the mean of the batches, which the absent class would break.
    batches = [score(*part, 3).miou for part in parts]
    assert sum(batches) / 4 != pytest.approx(whole.miou, abs=1e-6)


def test_a_class_that_never_occurs_is_nan_and_left_out_of_the_mean() -> None:
    label = torch.tensor([[[0, 0, 1, 1]]])
    scores = score(label, label, 3)
    assert math.isnan(scores.iou["2"])
    assert math.isnan(scores.boundary_iou["2"])
    assert scores.miou == scores.boundary_miou == 1.0


def test_a_class_predicted_but_absent_from_the_label_counts_as_zero() -> None:
    scores = score(torch.tensor([[[0, 2]]]), torch.tensor([[[0, 0]]]), 3)
    assert scores.iou["2"] == 0.0
    assert scores.miou == pytest.approx((0.5 + 0.0) / 2)


def test_nothing_but_void_has_no_score() -> None:
    scores = score(torch.zeros(1, 2, 2).long(), torch.full((1, 2, 2), VOID), 2)
    assert math.isnan(scores.miou)
    assert math.isnan(scores.pixel_accuracy)


@pytest.mark.parametrize("ignore", [0, 1])
def test_a_class_can_be_the_ignored_one(ignore: int) -> None:
    prediction, label = maps(3, void=False)
    without = score(prediction, label.masked_fill(label == ignore, VOID), 3)
    assert score(prediction, label, 3, ignore_index=ignore).iou == pytest.approx(
        without.iou, nan_ok=True
    )


@pytest.mark.parametrize("value", [-1, 3, 254])
def test_a_number_that_is_no_class_is_refused(value: int) -> None:
    label = torch.tensor([[[0, value]]])
    with pytest.raises(ValueError, match=rf"label {value} in 1 pixel.* 3 classes"):
        score(torch.zeros_like(label), label, 3)
    with pytest.raises(ValueError, match=rf"predicted value {value} in 1 pixel"):
        score(label, torch.zeros_like(label), 3)


def test_the_ignored_number_is_named_even_if_it_is_zero() -> None:
    with pytest.raises(ValueError, match="or 0 to ignore"):
        check_labels(torch.tensor([9]), 3, ignore_index=0)


def test_logits_instead_of_classes_are_refused() -> None:
    with pytest.raises(ValueError, match="argmax"):
        score(torch.zeros(1, 3, 4, 4), torch.zeros(1, 4, 4).long(), 3)


@pytest.mark.parametrize("fractions", [True, False])
def test_fractions_are_no_class_numbers(fractions: bool) -> None:
    numbers = torch.tensor([[[0, 1, 1]]])
    floats = numbers / 255 if fractions else numbers.float()
    with pytest.raises(ValueError, match="label must hold whole class numbers"):
        score(numbers, floats, 2)
    with pytest.raises(ValueError, match="prediction must hold whole class numbers"):
        score(floats, numbers, 2)


def test_whole_numbers_of_every_type_score_alike() -> None:
    prediction, label = maps(0, classes=2)
    wanted = score(prediction, label, 2)
    assert score(prediction.bool(), label.byte(), 2) == wanted
    assert score(prediction.int(), label.to(torch.uint16), 2) == wanted


def test_a_single_class_is_no_segmentation() -> None:
    with pytest.raises(ValueError, match=r"every pixel would be right.*num_classes=2"):
        ScoreMeter(["only"])


def test_boundary_iou_is_left_out_if_it_is_not_wanted() -> None:
    with_it, without = (score(*maps(0), 3, boundary=b) for b in (True, False))
    assert without == Scores(with_it.iou, {}, with_it.pixel_accuracy)
    assert math.isnan(without.boundary_miou)
    assert "boundary" not in str(without)


def test_the_text_names_every_class() -> None:
    text = str(score(*maps(0), 3))
    assert all(f"{name} 0." in text for name in "012")
    assert text.startswith("mIoU 0.")


@pytest.mark.gpu
def test_scores_on_a_gpu_equal_those_on_the_cpu() -> None:
    prediction, label = maps(0)
    assert score(prediction.cuda(), label.cuda(), 3) == score(prediction, label, 3)
