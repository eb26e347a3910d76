"""Scores of a segmentation: IoU by class, mean IoU, boundary IoU, pixel accuracy.

Intersections and unions are summed over the whole data set before they are divided, as
the benchmarks of the field do; a mean of per-batch scores would be another number.
Pixels labelled 255 ("void") count nowhere, which not every metric library does
(Lightning-AI/torchmetrics #2747 asks for it). A class found in neither prediction nor
label has no IoU: it is NaN, and left out of the mean.

Boundary IoU: Cheng, Girshick, Dollár, Berg, Kirillov, "Boundary IoU: Improving
Object-Centric Image Segmentation Evaluation", 2021, arXiv:2103.16562, section 4.

*Differs from the paper*: the paper scores objects one by one; here a class's pixels
are one mask per image, summed over images. Void has no contour.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.classification import MulticlassConfusionMatrix

from simseg_core.data.pairs import IGNORE_INDEX

__all__ = [
    "BoundaryIoU",
    "ScoreMeter",
    "Scores",
    "boundary",
    "check_class_count",
    "check_labels",
    "without_nan",
]


@dataclass(frozen=True)
class Scores:
    """How good a segmentation is; every number is 0 to 1, or NaN where undefined.

    Attributes:
        iou: intersection over union of each class, by name.
        boundary_iou: the same for the pixels near each class's contour; empty where
            it was not asked for.
        pixel_accuracy: share of labelled pixels that are right.
    """

    iou: dict[str, float]
    boundary_iou: dict[str, float]
    pixel_accuracy: float

    @property
    def miou(self) -> float:
        """Mean IoU over the classes that occur in prediction or label."""
        return _mean(self.iou)

    @property
    def boundary_miou(self) -> float:
        """Mean boundary IoU over the classes that occur in prediction or label."""
        return _mean(self.boundary_iou)

    def to_dict(self) -> dict[str, Any]:
        """Write it with JSON's types; None where a score is not defined."""
        return {
            "miou": without_nan(self.miou),
            "boundary_miou": without_nan(self.boundary_miou),
            "pixel_accuracy": without_nan(self.pixel_accuracy),
            "iou": without_nan(self.iou),
            "boundary_iou": without_nan(self.boundary_iou),
        }

    def __str__(self) -> str:
        outlines = f"boundary mIoU {self.boundary_miou:.3f}, "
        return (
            f"mIoU {self.miou:.3f}, {outlines if self.boundary_iou else ''}"
            f"pixel accuracy {self.pixel_accuracy:.3f}; IoU: "
            + ", ".join(f"{name} {value:.3f}" for name, value in self.iou.items())
        )


class ScoreMeter:
    """Collects predictions batch by batch; `compute` scores all of them together.

    Args:
        classes: the classes' names, in the order of their numbers; two or more.
        ignore_index: label of the pixels that count nowhere.
        dilation_ratio: width of the boundary band as a share of the image's diagonal;
            2 % in the paper.
        boundary: whether to score boundary IoU too.

    Raises:
        ValueError: if there are fewer than two classes, or two of one name.

    >>> meter = ScoreMeter(["sky", "pole"], dilation_ratio=0.02)
    >>> label = torch.tensor([[[0, 0, 1, 255]]])
    >>> meter.update(torch.tensor([[[0, 1, 1, 1]]]), label)
    >>> meter.compute().iou
    {'sky': 0.5, 'pole': 0.5}
    """

    def __init__(
        self,
        classes: Sequence[str],
        *,
        ignore_index: int = IGNORE_INDEX,
        dilation_ratio: float = 0.02,
        boundary: bool = True,
    ) -> None:
        self.classes = tuple(classes)
        check_class_count(len(self.classes))
        if len(set(self.classes)) < len(self.classes):
            raise ValueError(
                f"classes={list(self.classes)} name two classes alike, so that scores "
                "by name would be lost: give each a name of its own"
            )
        self.ignore_index = ignore_index
        self._confusion = MulticlassConfusionMatrix(
            len(self.classes),
            ignore_index=ignore_index,
            validate_args=False,  # `check_labels` says the same more clearly
        )
        outlines = BoundaryIoU(
            len(self.classes), ignore_index=ignore_index, dilation_ratio=dilation_ratio
        )
        self._boundary = outlines if boundary else None

    def update(self, prediction: Tensor, label: Tensor) -> None:
        """Add a batch: predicted and true class numbers, both ``(B, H, W)``.

        Raises:
            ValueError: if the shapes differ or a number is no class.
        """
        _check_pair(prediction, label)
        prediction, label = prediction.long(), label.long()
        check_labels(label, len(self.classes), ignore_index=self.ignore_index)
        check_labels(prediction, len(self.classes), what="predicted value")
        self.count(prediction, label)

    def count(self, prediction: Tensor, label: Tensor) -> None:
        """Add a batch that is known to be sound: `update` without its checks.

        Every check waits for the device, so that a GPU would stand still in between.
        """
        self._confusion.to(label.device).update(prediction, label)
        if self._boundary is not None:
            self._boundary.to(label.device).update(prediction, label)

    @property
    def confusion(self) -> Tensor:
        """The pixels that count so far, by class: ``(C, C)`` int64 on the CPU.

        Rows are the label's classes, columns the predicted ones.
        """
        return self._confusion.compute().cpu().long()

    def compute(self) -> Scores:
        """Score everything collected so far."""
        confusion = self.confusion.double()
        hits = confusion.diag()
        iou = hits / (confusion.sum(0) + confusion.sum(1) - hits)  # 0 / 0 is NaN
        outlines = self._boundary
        return Scores(
            iou=self._by_name(iou),
            boundary_iou=self._by_name(outlines.compute()) if outlines else {},
            pixel_accuracy=float(hits.sum() / confusion.sum()),
        )

    def _by_name(self, values: Tensor) -> dict[str, float]:
        return dict(zip(self.classes, values.tolist()))


class BoundaryIoU(Metric):
    """Boundary IoU of each class, ``(num_classes,)``, summed over all images.

    Args:
        num_classes: C.
        ignore_index: label of the pixels that count nowhere.
        dilation_ratio: the band's width d as a share of the image's diagonal, at
            least one pixel.
    """

    full_state_update = False
    intersection: Tensor
    union: Tensor

    def __init__(
        self,
        num_classes: int,
        *,
        ignore_index: int = IGNORE_INDEX,
        dilation_ratio: float = 0.02,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.dilation_ratio = dilation_ratio
        zeros = torch.zeros(num_classes, dtype=torch.long)
        self.add_state("intersection", zeros, dist_reduce_fx="sum")
        self.add_state("union", zeros.clone(), dist_reduce_fx="sum")

    def update(self, prediction: Tensor, label: Tensor) -> None:
        """Add a batch: predicted and true class numbers, both ``(B, H, W)``."""
        prediction, label = prediction.long(), label.long()
        distance = max(1, round(self.dilation_ratio * math.hypot(*label.shape[-2:])))
        void = label == self.ignore_index
        near_predicted, near_true = (
            _near_contour(numbers, void, distance) for numbers in (prediction, label)
        )  # (B, H, W) each
        hits = near_predicted & near_true & (prediction == label)
        both = self._count(label, hits)
        self.intersection += both
        self.union += self._count(prediction, near_predicted) - both
        self.union += self._count(label, near_true)

    def _count(self, numbers: Tensor, where: Tensor) -> Tensor:
        """Count the pixels of each class among some: -> ``(num_classes,)``."""
        where = where & (numbers >= 0) & (numbers < self.num_classes)
        elsewhere = self.num_classes  # a bin of its own is quicker than a selection
        counts = numbers.where(where, elsewhere).flatten().bincount(minlength=elsewhere)
        return counts[:elsewhere]

    def compute(self) -> Tensor:
        """Return the boundary IoU of each class; NaN where a class never occurs."""
        return self.intersection.cpu().double() / self.union.cpu()


def boundary(mask: Tensor, distance: int) -> Tensor:
    """Keep the pixels of a mask within `distance` of its contour: mask minus erosion.

    Args:
        mask: bool, ``(B, C, H, W)``. Outside the image there is no mask, so the
            image's edge is part of the contour, as in the authors' code.
        distance: d in pixels, in the larger of the two axes (a square window).

    Returns:
        Bool, ``(B, C, H, W)``.

    >>> boundary(torch.ones(1, 1, 4, 4, dtype=torch.bool), 1).int()[0, 0]
    tensor([[1, 1, 1, 1],
            [1, 0, 0, 1],
            [1, 0, 0, 1],
            [1, 1, 1, 1]], dtype=torch.int32)
    """
    window = 2 * distance + 1
    outside = F.pad(1.0 - mask.float(), [distance] * 4, value=1.0)
    # A square window's maximum is the maximum over rows, then over columns.
    near = F.max_pool2d(outside, (window, 1), stride=1)
    near = F.max_pool2d(near, (1, window), stride=1)
    return mask & (near > 0)


def _near_contour(numbers: Tensor, void: Tensor, distance: int) -> Tensor:
    """Keep the pixels of every class within `distance` of its contour, at once.

    That is `boundary` of each class's mask, void counted into it, and void taken out
    again. A pixel is off the contour if the square window around it stays inside the
    image and holds no other class: if the window's greatest number is its smallest.

    Args:
        numbers: class numbers, ``(B, H, W)``.
        void: bool, ``(B, H, W)``: may be any class, so it puts no contour beside it.
        distance: in pixels.

    Returns:
        Bool, ``(B, H, W)``.
    """
    near = ~void
    H, W = numbers.shape[-2:]
    if min(H, W) <= 2 * distance:  # no window stays inside
        return near
    # The smallest is the greatest of the negatives; void is smaller than any of both.
    numbers = numbers.int()
    both = torch.stack([numbers, -numbers]).masked_fill_(
        void, torch.iinfo(torch.int32).min
    )
    for axis in (-2, -1):
        both = _running_maximum(both, 2 * distance + 1, axis)
    greatest, smallest = both[0], -both[1]
    near[:, distance:-distance, distance:-distance] &= greatest != smallest
    return near


def _running_maximum(values: Tensor, window: int, axis: int) -> Tensor:
    """Give the maximum of each window along an axis, in log2(window) passes.

    >>> _running_maximum(torch.tensor([3, 1, 2, 0, 5]), window=3, axis=0)
    tensor([3, 2, 5])
    """
    width = 1  # of the windows that `values` holds the maxima of
    while width < window:
        step = min(width, window - width)
        kept = values.shape[axis] - step
        values = torch.maximum(
            values.narrow(axis, 0, kept), values.narrow(axis, step, kept)
        )
        width += step
    return values


def check_class_count(num_classes: int) -> None:
    """Refuse a single class, which every pixel would be right about.

    Raises:
        ValueError: saying what to build instead.
    """
    if num_classes < 2:
        raise ValueError(
            f"{num_classes} class leaves nothing to tell apart: every pixel would be "
            "right. One object needs two, itself and the background (num_classes=2); "
            "a single logit per pixel needs a loop of your own, with "
            "binary_cross_entropy_with_logits"
        )


def check_labels(
    values: Tensor,
    num_classes: int,
    *,
    ignore_index: int | None = None,
    what: str = "label",
) -> None:
    """Refuse class numbers that are no class and not `ignore_index`.

    Raises:
        ValueError: naming the value, its pixels and the number of classes.

    >>> check_labels(torch.tensor([0, 7]), num_classes=5, ignore_index=255)
    Traceback (most recent call last):
    ValueError: label 7 in 1 pixel, but there are 5 classes: 0 to 4, or 255 to ignore...
    """
    wrong = (values < 0) | (values >= num_classes)
    if ignore_index is not None:
        wrong &= values != ignore_index
    if not wrong.any():
        return
    value, pixels = int(values[wrong][0]), int(wrong.sum())
    ignored = "" if ignore_index is None else f", or {ignore_index} to ignore a pixel"
    other = ", or give the model more classes (num_classes)" * (value >= 0)
    if ignore_index is not None:
        other += f", or say ignore_index={value} if its pixels do not count"
    raise ValueError(
        f"{what} {value} in {pixels} pixel{'s' * (pixels > 1)}, but there are "
        f"{num_classes} classes: 0 to {num_classes - 1}{ignored}. "
        f"Map the value to one of these{other}"
    )


def _check_pair(prediction: Tensor, label: Tensor) -> None:
    if prediction.shape != label.shape or label.ndim != 3:
        raise ValueError(
            "prediction and label must both be class numbers of shape (B, H, W), got "
            f"{tuple(prediction.shape)} and {tuple(label.shape)}: take the argmax of "
            "logits over their channels first, and crop the label to the logits"
        )
    for name, numbers in {"prediction": prediction, "label": label}.items():
        if numbers.is_floating_point() or numbers.is_complex():
            raise ValueError(
                f"the {name} must hold whole class numbers, got {numbers.dtype}: a "
                "mask through ToTensor is divided by 255, read it without"
            )


def _mean(values: dict[str, float]) -> float:
    present = [value for value in values.values() if not math.isnan(value)]
    return sum(present) / len(present) if present else math.nan


def without_nan(values: Any) -> Any:
    """Put None in the place of NaN, which JSON does not know, also in a dict.

    >>> without_nan({"sky": 0.5, "pole": math.nan})
    {'sky': 0.5, 'pole': None}
    """
    if isinstance(values, dict):
        return {name: without_nan(value) for name, value in values.items()}
    return None if math.isnan(values) else values
