"""What a data set hands out: pairs of an image and its label, and what it says of them.

Training, scoring and the transforms take any indexable collection of pairs. What is no
such pair is refused here, in one place, with the change that makes it one.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

__all__ = [
    "IGNORE_INDEX",
    "Pair",
    "check_channels_first",
    "check_collection",
    "class_names",
    "ignored_label",
    "image_tensor",
    "label_tensor",
    "plain_array",
    "split_pair",
    "stack_pairs",
]

IGNORE_INDEX = 255  # the field's void label: PASCAL VOC, Cityscapes
Pair = tuple[Tensor, Tensor]


def check_collection(dataset: Any) -> None:
    """Refuse what has no length or cannot be indexed by number.

    Raises:
        TypeError: naming what to pass instead.
    """
    if isinstance(dataset, torch.utils.data.DataLoader):
        raise TypeError(
            "a DataLoader makes batches, and so do fit and evaluate: give them its "
            "data set (loader.dataset) and batch_size="
        )
    if isinstance(dataset, dict):
        raise TypeError(
            f"a dict of {', '.join(map(repr, dataset))} is no data set: give one of "
            "its values"
        )
    if not (hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__")):
        raise TypeError(
            f"a data set has a length and is indexed, data[0]; {type(dataset).__name__}"
            " is not: list(...) makes such a data set of anything that fits in memory"
        )


def split_pair(item: Any) -> tuple[Any, Any]:
    """Take an item of a data set apart into image and label.

    Raises:
        TypeError: if it is no pair; the error says what it is.

    >>> split_pair({"image": 0, "mask": 0})
    Traceback (most recent call last):
    TypeError: a data set gives pairs (image, label), not a dict of 'image', 'mask': ...
    """
    if isinstance(item, tuple | list) and len(item) == 2:
        return item[0], item[1]
    if isinstance(item, dict):
        got = f"a dict of {', '.join(map(repr, item))}"
    elif isinstance(item, tuple | list):
        got = f"{len(item)} values"
    else:
        got = f"one {type(item).__name__}"
    raise TypeError(
        f"a data set gives pairs (image, label), not {got}: wrap it in a data set "
        "whose __getitem__ returns these two alone"
    )


def image_tensor(image: Any) -> Tensor:
    """Return an image as floats ``(C, H, W)``.

    Raises:
        TypeError: if it is no tensor and no array.
        ValueError: if it holds whole numbers, or its shape is another one.
    """
    pixels = _tensor(image, "image")
    if not pixels.is_floating_point():
        by, adapter = "255 for 0 to 255", f". {_ADAPTER}"
        if pixels.dtype != torch.uint8:
            by, adapter = "their greatest value (65535 for 16 bits)", ""
        raise ValueError(
            f"an image holds {pixels.dtype} values, which nobody has scaled: "
            f"image.float() / {by}, and then simseg_core.data.normalize if the network "
            f"expects it{adapter}"
        )
    if pixels.ndim != 3:
        remedy = {
            2: ": add the axis of its one channel, image[None]",
            4: ": give single pairs, and batch_size= to fit and evaluate",
        }.get(pixels.ndim, "")
        raise ValueError(f"an image is (C, H, W), got {tuple(pixels.shape)}{remedy}")
    return pixels


def label_tensor(label: Any) -> Tensor:
    """Return a label as class numbers ``(H, W)``, int64.

    True counts as class 1; a channel axis of one, ``(1, H, W)``, is left out.

    Raises:
        TypeError: if it is no tensor and no array.
        ValueError: if it holds fractions, or its shape is another one.

    >>> label_tensor(torch.tensor([[0.0, 1 / 255]]))
    Traceback (most recent call last):
    ValueError: a label holds whole class numbers, got torch.float32: ...
    """
    numbers = _tensor(label, "label")
    if numbers.is_floating_point() or numbers.is_complex():
        raise ValueError(
            f"a label holds whole class numbers, got {numbers.dtype}: ToTensor divides "
            "a mask by 255, so read it with torch.from_numpy(numpy.array(mask)); if "
            "the numbers are whole all the same, label.long() says so"
        )
    if numbers.ndim == 3 and len(numbers) == 1:  # as torchvision reads masks
        numbers = numbers[0]
    if numbers.ndim != 2:
        raise ValueError(
            f"a label is (H, W), one class number a pixel, got {tuple(numbers.shape)}: "
            + _flatten_by(tuple(numbers.shape))
        )
    return numbers.long()


def check_channels_first(image: Tensor, label: Tensor) -> None:
    """Refuse an image ``(H, W, C)`` beside a label ``(H, W)``.

    Raises:
        ValueError: naming both shapes.
    """
    if image.shape[:2] == label.shape != image.shape[1:]:
        raise ValueError(
            f"an image of shape {tuple(image.shape)} beside a label of "
            f"{tuple(label.shape)} has its channels last: image.permute(2, 0, 1)"
        )


def plain_array(values: np.ndarray) -> np.ndarray:
    """Copy an array into one that torch takes, however it lies in memory.

    Turned arrays, those of other machines' byte order and read-only ones (such as
    Pillow's) it refuses or warns of.
    """
    return np.array(values, dtype=values.dtype.newbyteorder("="), order="C")


def stack_pairs(items: Sequence[Any]) -> Pair | Exception:
    """Make a batch: images ``(B, C, H, W)`` and labels ``(B, H, W)``.

    A fault is returned, not raised: raised in a worker process, it would arrive with
    the worker's trace in place of its sentence.
    """
    try:
        pairs = [_checked(item) for item in items]
    except (TypeError, ValueError) as fault:
        return fault
    for name, each in zip(("image", "label"), zip(*pairs)):
        shapes = {tuple(one.shape) for one in each}
        if len(shapes) > 1:
            sizes = " and ".join(map(str, sorted(shapes)[:3]))
            return ValueError(
                f"{name}s of {sizes} in one batch: give all one size (size= of "
                "FolderDataset, or transform augment(size) or as_tensors(size) of "
                "simseg_core.data) and one number of channels, or take batch_size=1"
            )
    images, labels = (torch.stack(each) for each in zip(*pairs))
    return images, labels


def class_names(dataset: Any) -> tuple[str, ...] | None:
    """Return the names that a data set gives its classes, None where it gives none.

    Names are looked up in `dataset.classes`; subsets, wrappers and concatenations are
    asked for what they are made of (`dataset.dataset`, `.subset`, `.datasets`).

    Raises:
        ValueError: if the parts of a concatenation have other names.
    """
    named = {
        tuple(said)
        for said in _said(dataset, "classes")
        if isinstance(said, list | tuple) and all(isinstance(one, str) for one in said)
    }
    if len(named) > 1:
        raise ValueError(
            f"the parts of the data set name other classes: {sorted(named)}. Their "
            "labels have to mean the same; then say classes="
        )
    return named.pop() if named else None


def ignored_label(dataset: Any, given: int | None = None) -> int:
    """Return the label that does not count: the one given, else the data set's, or 255.

    Raises:
        ValueError: if the parts of a concatenation ignore other labels.

    >>> ignored_label([]), ignored_label([], 0)
    (255, 0)
    """
    if given is not None:
        return given
    said = {
        IGNORE_INDEX if one is None else int(one)
        for one in _said(dataset, "ignore_index")
    }
    if len(said) > 1:
        raise ValueError(
            f"the parts of the data set ignore other labels: {sorted(said)}. Give them "
            "one, or say ignore_index="
        )
    return said.pop() if said else IGNORE_INDEX


_ADAPTER = (
    "For pairs of PIL images or arrays, such as torchvision's data sets give, "
    "simseg_core.data.as_tensors() does it all: transforms=as_tensors()"
)

_FORMS = {
    "image": "An image is (C, H, W), floats",
    "label": "A label is (H, W), one class number a pixel",
}


def _said(dataset: Any, name: str) -> list[Any]:
    """List what each part of a data set says under `name`, None where it is silent."""
    own = getattr(dataset, name, None)
    if own is not None:
        return [own]
    # torch.utils.data.Subset and most wrappers; others name it by what they wrap.
    for held in ("dataset", "subset"):
        if hasattr(dataset, held):
            return _said(getattr(dataset, held), name)
    parts = getattr(dataset, "datasets", None)  # torch.utils.data.ConcatDataset
    if isinstance(parts, tuple | list):
        return [one for part in parts for one in _said(part, name)]
    return [None]


def _tensor(values: Any, what: str) -> Tensor:
    if isinstance(values, Tensor):
        return values.as_subclass(Tensor)  # torchvision's tv_tensors are tensors too
    if isinstance(values, np.ndarray):
        return torch.from_numpy(plain_array(values))
    kind, remedy = f"of type {type(values).__name__}", _FORMS[what]
    if isinstance(values, Image.Image):
        kind, remedy = "a PIL image", _ADAPTER
    raise TypeError(f"the {what} is no tensor and no array, but {kind}. {remedy}")


def _checked(item: Any) -> Pair:
    image, label = split_pair(item)
    pixels, numbers = image_tensor(image), label_tensor(label)
    check_channels_first(pixels, numbers)
    return pixels, numbers


def _flatten_by(shape: tuple[int, ...]) -> str:
    """Say how to make one number a pixel of a label of that shape."""
    if len(shape) == 3 and shape[-1] == 1:
        return "leave the channel axis out, label[..., 0]"
    return (
        "one-hot labels become numbers by label.argmax(dim=0), with their channels "
        "first; colours have to be replaced by their classes' numbers, which "
        "simseg_core.data.MaskValues does"
    )
