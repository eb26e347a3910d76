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

import torch
import torch.nn.functional as F
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.classification import MulticlassConfusionMatrix

__all__ = ["BoundaryIoU", "ScoreMeter", "Scores", "boundary", "check_labels"]

IGNORE_INDEX = 255  # the field's void label: PASCAL VOC, Cityscapes


@dataclass(frozen=True)
class Scores:
    """How good a segmentation is; every number is 0 to 1, or NaN where undefined.

    Attributes:
        iou: intersection over union of each class, by name.
        boundary_iou: the same for the pixels near each class's contour.
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

    def __str__(self) -> str:
        return (
            f"mIoU {self.miou:.3f}, boundary mIoU {self.boundary_miou:.3f}, "
            f"pixel accuracy {self.pixel_accuracy:.3f}; IoU: "
            + ", ".join(f"{name} {value:.3f}" for name, value in self.iou.items())
        )


class ScoreMeter:
    """Collects predictions batch by batch; `compute` scores all of them together.

    Args:
        classes: the classes' names, in the order of their numbers.
        ignore_index: label of the pixels that count nowhere.
        dilation_ratio: width of the boundary band as a share of the image's diagonal;
            2 % in the paper.

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
    ) -> None:
        self.classes = tuple(classes)
        self.ignore_index = ignore_index
        self._confusion = MulticlassConfusionMatrix(
            len(self.classes),
            ignore_index=ignore_index,
            validate_args=False,  # `check_labels` says the same more clearly
        )
        self._boundary = BoundaryIoU(
            len(self.classes), ignore_index=ignore_index, dilation_ratio=dilation_ratio
        )

    def update(self, prediction: Tensor, label: Tensor) -> None:
        """Add a batch: predicted and true class numbers, both ``(B, H, W)``.

        Raises:
            ValueError: if the shapes differ or a number is no class.
        """
        _check_pair(prediction, label)
        check_labels(label, len(self.classes), ignore_index=self.ignore_index)
        check_labels(prediction, len(self.classes), what="predicted value")
        self._confusion.to(label.device).update(prediction, label)
        self._boundary.to(label.device).update(prediction, label)

    def compute(self) -> Scores:
        """Score everything collected so far."""
        confusion = (
            self._confusion.compute().double()
        )  # rows: label, columns: predicted
        hits = confusion.diag()
        iou = hits / (confusion.sum(0) + confusion.sum(1) - hits)  # 0 / 0 is NaN
        return Scores(
            iou=self._by_name(iou),
            boundary_iou=self._by_name(self._boundary.compute()),
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
        distance = max(1, round(self.dilation_ratio * math.hypot(*label.shape[-2:])))
        classes = torch.arange(self.num_classes, device=label.device)[:, None, None]
        void = label[:, None] == self.ignore_index  # (B, 1, H, W)
        # Void may be any class: it puts no contour beside itself, then counts nowhere.
        predicted, true = (
            boundary((pixels[:, None] == classes) | void, distance) & ~void
            for pixels in (prediction, label)
        )  # (B, C, H, W) each
        self.intersection += (predicted & true).sum((0, 2, 3))
        self.union += (predicted | true).sum((0, 2, 3))

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
    raise ValueError(
        f"{what} {value} in {pixels} pixel{'s' * (pixels > 1)}, but there are "
        f"{num_classes} classes: 0 to {num_classes - 1}{ignored}. "
        "Map the value to one of these, or give the model more classes (num_classes)"
    )


def _check_pair(prediction: Tensor, label: Tensor) -> None:
    if prediction.shape != label.shape or label.ndim != 3:
        raise ValueError(
            "prediction and label must both be class numbers of shape (B, H, W), got "
            f"{tuple(prediction.shape)} and {tuple(label.shape)}: take the argmax of "
            "logits over their channels first, and crop the label to the logits"
        )


def _mean(values: dict[str, float]) -> float:
    present = [value for value in values.values() if not math.isnan(value)]
    return sum(present) / len(present) if present else math.nan
