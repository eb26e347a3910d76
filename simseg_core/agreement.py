"""Do model, images and labels agree? If not, an error says what to change."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from simseg_core.metrics import check_labels

__all__ = ["centre_crop", "check_loss", "match_labels", "match_names", "run_model"]


def run_model(model: nn.Module, images: Tensor) -> Tensor:
    """Return the logits ``(B, num_classes, h, w)`` of images ``(B, C, H, W)``.

    Raises:
        ValueError: if the images do not suit the model, or BatchNorm would have to
            take a variance over a single value.
        TypeError: if the model returns something else than logits.
    """
    try:
        logits = model(images)
    except (RuntimeError, ValueError) as error:
        advice = _advice(str(error), images)
        if advice is None:
            raise
        raise ValueError(advice) from error
    if not isinstance(logits, Tensor) or logits.ndim != 4:
        got = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits)
        raise TypeError(
            f"the model must return logits (B, num_classes, h, w), got {got}: wrap it "
            "in a module whose forward returns that tensor alone"
        )
    return logits


def match_labels(labels: Tensor, logits: Tensor, ignore_index: int) -> Tensor:
    """Return the labels ``(B, h, w)`` that the logits ``(B, C, h, w)`` speak about.

    Valid convolutions lose the border, so the centre of the label is kept.

    Raises:
        ValueError: if the label is smaller than the logits or holds a wrong number.
    """
    size, wanted = labels.shape[-2:], logits.shape[-2:]
    if labels.ndim != 3 or size[0] < wanted[0] or size[1] < wanted[1]:
        raise ValueError(
            f"labels of shape {tuple(labels.shape)} do not cover logits of shape "
            f"{tuple(logits.shape)}: labels are (B, H, W) at the images' size"
        )
    labels = centre_crop(labels, (wanted[0], wanted[1])).long()
    check_labels(labels, logits.shape[1], ignore_index=ignore_index)
    return labels


def match_names(classes: Sequence[str] | None, logits: Tensor) -> Sequence[str]:
    """Return the names of the logits' classes; their numbers where there are none.

    Raises:
        ValueError: if there are more or fewer names than classes.
    """
    num_classes = logits.shape[1]
    names = classes or [str(number) for number in range(num_classes)]
    if len(names) != num_classes:
        raise ValueError(
            f"the model gives {num_classes} classes, but the data set names "
            f"{len(names)}: build the model with num_classes={len(names)}"
        )
    return names


def centre_crop(label: Tensor, size: tuple[int, int]) -> Tensor:
    """Keep the centre of a label, ``(B, H, W) -> (B, *size)``.

    >>> centre_crop(torch.arange(25).view(1, 5, 5), (1, 3))
    tensor([[[11, 12, 13]]])
    """
    (H, W), (h, w) = label.shape[-2:], size
    top, left = (H - h) // 2, (W - w) // 2
    return label[..., top : top + h, left : left + w]


def check_loss(loss: Tensor, step: int, labels: Tensor, ignore_index: int) -> None:
    """Stop at the first loss that is not finite, before it reaches the weights.

    Raises:
        FloatingPointError: naming the step and the likely cause.
    """
    if torch.isfinite(loss):
        return
    if (labels == ignore_index).all():
        cause = (
            f"every pixel of this batch is labelled {ignore_index} and ignored: leave "
            "such images out of the data set, or take larger batches"
        )
    else:
        cause = (
            "the model's output is not finite: lower max_lr, look for NaN in the "
            "images, or switch mixed precision off"
        )
    raise FloatingPointError(f"the loss is {loss.item()} at step {step}: {cause}")


def _advice(message: str, images: Tensor) -> str | None:
    """Translate torch's error about an input, or None where it needs no help."""
    batch, channels = images.shape[:2]
    if "more than 1 value per channel" in message:
        return (
            f"BatchNorm sees a single value per channel in a batch of {batch}, and "
            "that has no variance: train with batch_size=2 or more (image pooling to "
            "1x1, as in DeepLabV3's ASPP, needs it at every image size)"
        )
    if "expected input" in message and "channels" in message:
        return (
            f"the images have {channels} channels and the model wants another number: "
            f"build it with in_channels={channels}, or convert the images. "
            f"(torch: {message})"
        )
    return None
