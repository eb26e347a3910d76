"""Do model, images and labels agree? If not, an error says what to change."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from simseg_core.data.pairs import Pair
from simseg_core.training.metrics import check_class_count, check_labels

__all__ = [
    "Agreement",
    "centre_crop",
    "check_loss",
    "check_model",
    "check_trains",
    "check_weights",
    "match_names",
    "weight_tensor",
]

# A multiple of every usual stride, so that it changes no remainder on the way.
_ADDED = 192


class Agreement:
    """Runs a model on batches, and gives its logits with the labels they speak of.

    Logits are as large as the label. Where they are smaller, they may be the image's
    centre (valid convolutions lose the border) or the whole image, coarser (strides).
    The sizes alone do not tell: 32 -> 16 is what a small valid U-Net gives, and what a
    stride of 2 gives. So the model is run once on an image that is larger by 192
    pixels: logits of the centre are larger by 192 then, coarser ones by less.

    Args:
        model: images ``(B, C, H, W)`` -> logits ``(B, num_classes, h, w)``.
        device: where the model is.
        ignore_index: label of the pixels that do not count.
    """

    def __init__(
        self, model: nn.Module, device: torch.device, ignore_index: int
    ) -> None:
        self.model, self.device, self.ignore_index = model, device, ignore_index
        floats = (p.dtype for p in model.parameters() if p.is_floating_point())
        self._dtype = next(floats, None)
        self._keeps_scale = False

    def __call__(self, batch: Pair | Exception) -> Pair:
        """Give logits ``(B, num_classes, h, w)`` and their labels ``(B, h, w)``.

        Args:
            batch: what `simseg_core.data.pairs.stack_pairs` returned.

        Raises:
            ValueError: if images, labels and model do not fit each other.
            TypeError: if the data set gives no pairs, or the model no logits.
        """
        if isinstance(batch, Exception):
            raise batch
        images, labels = batch
        # The type first: Apple's GPUs take no float64.
        images = images.to(self._dtype or images.dtype)
        # From pinned memory a batch travels while the GPU is at work.
        by_itself = self.device.type == "cuda"
        images = images.to(self.device, non_blocking=by_itself)
        moved = labels.to(self.device, non_blocking=by_itself)
        logits = _run(self.model, images)
        num_classes, h, w = logits.shape[1:]
        check_class_count(num_classes)
        if labels.shape[-2:] != (h, w):
            self._check_crop(images, labels, logits)
            labels, moved = (centre_crop(each, (h, w)) for each in (labels, moved))
        # Those that were not moved: so that nothing waits for the device.
        check_labels(labels, num_classes, ignore_index=self.ignore_index)
        return logits, moved

    def _check_crop(self, images: Tensor, labels: Tensor, logits: Tensor) -> None:
        (H, W), (h, w) = labels.shape[-2:], logits.shape[-2:]
        covered = h <= H and w <= W
        if not covered and images.shape[-2:] == (H, W):
            raise ValueError(
                f"the logits are {h}x{w}, larger than the images and labels, {H}x{W}: "
                "end the model's forward with "
                'F.interpolate(logits, size=images.shape[-2:], mode="bilinear")'
            )
        if not covered or images.shape[-2:] != (H, W):
            raise ValueError(
                f"labels of shape {tuple(labels.shape)} do not cover logits of shape "
                f"{tuple(logits.shape)}: labels are (B, H, W) at the size of the "
                f"images, here {tuple(images.shape)}"
            )
        if not self._keeps_scale:
            self._check_scale(images, logits)
            self._keeps_scale = True

    def _check_scale(self, images: Tensor, logits: Tensor) -> None:
        """Refuse a model whose logits do not grow with the image, pixel by pixel."""
        (H, W), (h, w) = images.shape[-2:], logits.shape[-2:]
        sizes = (
            f"the logits are {h}x{w} and the labels {H}x{W}. Where they are a coarser "
            "map of the whole image, end the model's forward with "
            'F.interpolate(logits, size=images.shape[-2:], mode="bilinear")'
        )
        try:
            larger = _run_larger(self.model, images)
        except Exception as error:
            raise ValueError(
                f"{sizes}; where they are the image's centre, crop the labels to them "
                f"in the data set. Which of both cannot be told, for the model does "
                f"not take {H + _ADDED}x{W + _ADDED} ({error})"
            ) from error
        if larger.shape[-2:] != (h + _ADDED, w + _ADDED):
            raise ValueError(
                f"{sizes}. (Only what valid convolutions take off the border is "
                f"cropped from labels: then {H + _ADDED}x{W + _ADDED} would give "
                f"{h + _ADDED}x{w + _ADDED}, and gives "
                f"{larger.shape[-2]}x{larger.shape[-1]}.)"
            )


def _run(model: nn.Module, images: Tensor) -> Tensor:
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
    size = images.shape[-2:]
    if logits.shape[1:3] == size != logits.shape[-2:]:
        raise ValueError(
            f"the logits are {tuple(logits.shape)}, with the classes last: end the "
            "model's forward with logits.permute(0, 3, 1, 2)"
        )
    return logits


@torch.no_grad()
def _run_larger(model: nn.Module, images: Tensor) -> Tensor:
    """Run the model on one larger image of zeros, and leave no trace in it."""
    (_, C, H, W), training = images.shape, [m for m in model.modules() if m.training]
    model.eval()  # no running statistics, no dropout
    try:
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            return _run(model, images.new_zeros(1, C, H + _ADDED, W + _ADDED))
    finally:
        for module in training:
            module.training = True


def match_names(classes: Sequence[str] | None, logits: Tensor) -> Sequence[str]:
    """Return the names of the logits' classes; their numbers where there are none.

    Raises:
        ValueError: if there are more or fewer names than classes.
    """
    num_classes = logits.shape[1]
    names = tuple(classes) if classes is not None else ()
    if not names:
        return [str(number) for number in range(num_classes)]
    if len(names) != num_classes:
        raise ValueError(
            f"the model gives {num_classes} classes, but the data set names "
            f"{len(names)}: build the model with num_classes={len(names)}, or say "
            f"classes= with {num_classes} names if these are names of something else"
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


def check_model(model: object) -> None:
    """Refuse what is no module: it could be neither moved nor trained.

    Raises:
        TypeError: saying what to make of it.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(
            f"the model must be a torch.nn.Module, not {type(model).__name__}: wrap it "
            "in one whose forward calls it"
        )


def check_trains(loss: Tensor) -> None:
    """Refuse a loss that reaches no parameter.

    Raises:
        RuntimeError: naming what may have cut it off.
    """
    if not loss.requires_grad:
        raise RuntimeError(
            "the loss reaches no parameter of the model, so that nothing would be "
            "trained: all are frozen (model.requires_grad_(True) frees them), forward "
            "detaches its logits, or fit was called under torch.no_grad()"
        )


def weight_tensor(weights: object) -> Tensor | None:
    """Return class weights as float32; Apple's GPUs have no float64.

    Raises:
        TypeError: if they are no numbers.
        ValueError: if one is negative or not finite.
    """
    if weights is None:
        return None
    try:
        tensor = torch.as_tensor(weights, dtype=torch.float32)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(
            f"class_weights={weights!r} must be one number a class, such as "
            "inverse_sqrt_frequency(dataset) gives"
        ) from error
    if not (tensor.isfinite().all() and (tensor >= 0).all()):
        raise ValueError(
            f"class_weights={tensor.tolist()} must be finite and 0 or more: an absent "
            "class may have any weight, such as 1"
        )
    return tensor


def check_weights(weights: Tensor | None, num_classes: int) -> None:
    """Refuse class weights that are more or fewer than the model's classes.

    Raises:
        ValueError: naming both numbers.
    """
    if weights is not None and tuple(weights.shape) != (num_classes,):
        raise ValueError(
            f"class_weights of shape {tuple(weights.shape)}, but the model gives "
            f"{num_classes} classes: one weight each, "
            f"inverse_sqrt_frequency(dataset, num_classes={num_classes})"
        )


def check_loss(
    loss: float,
    step: int,
    labels: Tensor,
    ignore_index: int,
    class_weights: Tensor | None = None,
) -> None:
    """Stop at the first loss that is not finite, before it reaches the weights.

    Raises:
        FloatingPointError: naming the step and the likely cause.
    """
    if math.isfinite(loss):
        return
    if (labels == ignore_index).all():
        cause = (
            f"every pixel of this batch is labelled {ignore_index} and ignored: leave "
            "such images out of the data set, or take larger batches"
        )
    elif (
        class_weights is not None
        and not class_weights[labels[labels != ignore_index].cpu()].any()
    ):
        cause = (
            "every pixel of this batch has the class weight 0: give its class more, or "
            "take larger batches"
        )
    else:
        cause = (
            "the model's output is not finite: lower max_lr, look for NaN in the "
            "images, or switch mixed precision off (a model of 16-bit weights: train "
            "model.float() with amp=True)"
        )
    raise FloatingPointError(f"the loss is {loss} at step {step}: {cause}")


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
