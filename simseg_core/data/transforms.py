"""Segmentation transforms: one draw of chance moves the image and its label alike.

Thin over torchvision's transforms v2: the label travels as a `tv_tensors.Mask`, which
is resized by nearest neighbour, so that no class is ever mixed out of two others, and
which colour transforms leave alone.

Each takes tensors, arrays and PIL images, so that it is also what torchvision's own
data sets want as `transforms`.
"""

import math
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2

from simseg_core.data.normalization import normalize
from simseg_core.data.pairs import (
    IGNORE_INDEX,
    check_channels_first,
    image_tensor,
    label_tensor,
    plain_array,
)
from simseg_core.data.sizes import sides

__all__ = [
    "AUGMENTATIONS",
    "PairTransform",
    "as_pair_transform",
    "as_tensors",
    "augment",
    "crops",
]

AUGMENTATIONS = ("photo", "any-way-up", "none")  # of `crops`

_ROUNDING = 1e-4  # of resizing, beyond 0 and 1


class PairTransform:
    """Apply torchvision v2 transforms to an image and its label together.

    Args:
        *steps: transforms of ``torchvision.transforms.v2``, applied in order. What
            they fill is class 0, unless they are told to fill labels with a number
            that is ignored: ``fill={tv_tensors.Mask: 255, "others": 0}``.
        normalize: whether to normalise the image, last of all. A data set that does
            so itself (`FolderDataset` and the book's own) must not be given this too.

    >>> flip = PairTransform(v2.RandomHorizontalFlip(p=1.0))
    >>> image, label = flip(torch.rand(3, 2, 2), torch.tensor([[0, 1], [2, 255]]))
    >>> label.tolist()
    [[1, 0], [255, 2]]
    """

    def __init__(self, *steps: v2.Transform, normalize: bool = False) -> None:
        self.steps = v2.Compose(list(steps)) if steps else None
        self.normalize = normalize

    def __call__(self, image: Any, label: Any) -> tuple[Tensor, Tensor]:
        """Transform one pair.

        Args:
            image: not normalised; a tensor ``(C, H, W)`` of floats from 0 to 1 or of
                bytes, an array ``(H, W, C)`` or ``(H, W)`` of the same, or a PIL image,
                which becomes RGB.
            label: ``(H, W)`` whole numbers: a tensor, an array, or a PIL image, whose
                palette is left out of account.

        Returns:
            Image ``(C, H, W)`` float32 and label ``(H, W)`` int64, plain tensors.

        Raises:
            ValueError: if sizes differ, the image is already normalised or the label
                holds no class numbers.
            TypeError: if either is nothing of the kind.
        """
        label = label_tensor(np.array(label) if _is_pil(label) else label)
        image = _as_floats(image, label)
        check_channels_first(image, label)
        if image.shape[-2:] != label.shape[-2:]:
            raise ValueError(
                f"image {tuple(image.shape)} and label {tuple(label.shape)} differ "
                "in size: transform them as one pair, from the same file"
            )
        if image.min() < -_ROUNDING or image.max() > 1 + _ROUNDING:
            remedy = (
                "transform first, normalize last (data set: normalize=False)"
                if image.min() < 0
                else "divide by the greatest value that it may hold (255 for 8 bits)"
            )
            raise ValueError(
                f"image values run from {image.min():.2f} to {image.max():.2f}, not 0 "
                f"to 1: {remedy}"
            )
        if self.steps is not None:
            pair = self.steps(tv_tensors.Image(image), tv_tensors.Mask(label))
            image, label = (one.as_subclass(Tensor) for one in pair)
        return (normalize(image) if self.normalize else image), label


def augment(
    size: int | tuple[int, int],
    *,
    scale: tuple[float, float] = (0.5, 1.0),
    flip: float = 0.5,
    jitter: float = 0.3,
    normalize: bool = False,
) -> PairTransform:
    """Build the usual training augmentation: crop, flip, colour jitter.

    Args:
        size: of the result, ``(H, W)`` or one number for both, in pixels.
        scale: least and greatest share of the image's area that a crop keeps.
        flip: probability of a left-right flip.
        jitter: greatest relative change of brightness, contrast and saturation; hue
            turns by a tenth of it.
        normalize: as in `PairTransform`.

    Returns:
        A callable ``(image, label) -> (image, label)``.

    >>> image, label = augment(32)(torch.rand(3, 40, 60), torch.ones(40, 60).long())
    >>> image.shape, label.shape, label.unique().tolist()
    (torch.Size([3, 32, 32]), torch.Size([32, 32]), [1])
    """
    return PairTransform(
        v2.RandomResizedCrop(sides(size), scale=scale, antialias=True),
        v2.RandomHorizontalFlip(flip),
        v2.ColorJitter(jitter, jitter, jitter, jitter / 10),
        normalize=normalize,
    )


def crops(
    size: int | tuple[int, int] | None,
    *,
    scale: float = 1.0,
    augment: str = "photo",
    ignore_index: int = IGNORE_INDEX,
    normalize: bool = True,
) -> PairTransform:
    """Build the training augmentation for pictures of any size: squares cut from them.

    Unlike `augment`'s crops, these keep the scale of the picture, up to the variation:
    what is learned from them holds for a picture as a whole.

    Args:
        size: of the result, ``(H, W)`` or one number for both, in pixels. Smaller
            pictures are filled up with black that does not count. None keeps the
            picture whole.
        scale: factor by which pictures are resized first.
        augment: ``"photo"`` varies scale (by a third) and colours, and flips left and
            right; ``"any-way-up"`` turns and flips in all directions as well, for
            pictures from above or from a microscope; ``"none"`` only cuts.
        ignore_index: the label of what is filled up.
        normalize: as in `PairTransform`.

    Returns:
        A callable ``(image, label) -> (image, label)``.

    Raises:
        ValueError: if `augment` is none of `AUGMENTATIONS`.

    >>> image, label = crops(32)(torch.rand(3, 20, 60), torch.ones(20, 60).long())
    >>> image.shape, sorted(set(label.unique().tolist()) - {1})
    (torch.Size([3, 32, 32]), [255])
    """
    if augment not in AUGMENTATIONS:
        raise ValueError(f"augment={augment!r}: there is {', '.join(AUGMENTATIONS)}")
    varied = augment != "none"
    steps: list[v2.Transform] = []
    spread = 4 / 3 if varied and size is not None else 1.0
    if scale != 1 or spread != 1:
        steps.append(_Rescale(scale, spread))
    if size is not None:
        fill = {tv_tensors.Mask: ignore_index, "others": 0}
        steps.append(v2.RandomCrop(sides(size), pad_if_needed=True, fill=fill))
    if varied:
        steps.append(v2.RandomHorizontalFlip())
    if augment == "any-way-up":
        turned = v2.RandomApply([_QuarterTurn()])
        steps += [v2.RandomVerticalFlip(), turned]
    if varied:
        steps.append(v2.ColorJitter(0.3, 0.3, 0.3, 0.03))
    return PairTransform(*steps, normalize=normalize)


class _Rescale(v2.Transform):
    """Resize by a factor, which varies evenly on a logarithmic scale."""

    def __init__(self, factor: float, spread: float) -> None:
        super().__init__()
        self.factor, self.spread = factor, math.log(spread)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        factor = self.factor
        if self.spread:
            factor *= math.exp(self.spread * (2 * torch.rand(()).item() - 1))
        size = v2.functional.get_size(flat_inputs[0])
        return {"size": [max(1, round(side * factor)) for side in size]}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return v2.functional.resize(inpt, params["size"], antialias=True)


class _QuarterTurn(v2.Transform):
    """Turn by 90 degrees; a rectangle becomes an upright one."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return v2.functional.rotate(inpt, 90, expand=True)


def as_tensors(
    size: int | tuple[int, int] | None = None, *, normalize: bool = False
) -> PairTransform:
    """Build the adapter for pairs of PIL images, such as torchvision's data sets give.

    Pass it as their `transforms`: what they give then is what training and scoring
    take. `augment` does the same and changes the pictures by chance.

    Args:
        size: of the result, ``(H, W)`` or one number for both, in pixels; labels by
            nearest neighbour. None keeps each picture's own.
        normalize: as in `PairTransform`.

    Returns:
        A callable ``(image, label) -> (image, label)``.

    >>> photo, mask = Image.new("RGB", (6, 4)), Image.new("P", (6, 4), 2)
    >>> image, label = as_tensors()(photo, mask)
    >>> image.shape, image.dtype, label.dtype, label.unique().tolist()
    (torch.Size([3, 4, 6]), torch.float32, torch.int64, [2])
    """
    steps = [] if size is None else [v2.Resize(sides(size), antialias=True)]
    return PairTransform(*steps, normalize=normalize)


def as_pair_transform(transform: Any) -> Any:
    """Wrap a transform of torchvision's v2; leave any other as it is.

    Alone it takes the first of two tensors for an image and leaves the second, so that
    the label would stay where the image was moved.
    """
    return (
        PairTransform(transform) if isinstance(transform, v2.Transform) else transform
    )


def _is_pil(image: Any) -> bool:
    return isinstance(image, Image.Image)


def _as_floats(image: Any, label: Tensor) -> Tensor:
    """Make floats ``(C, H, W)`` of an image; bytes are scaled to 0 to 1."""
    if _is_pil(image):
        if image.mode.startswith(("I", "F")):
            raise ValueError(
                f"an image of mode {image.mode} has more than 8 bits a channel, whose "
                "range is not known: scale it to 0..1 and give it as a float array"
            )
        image = np.array(image.convert("RGB"))
    if isinstance(image, np.ndarray):
        image = plain_array(image)
        channels_last = image.shape[:2] == label.shape
        image = v2.functional.to_image(image) if channels_last else torch.tensor(image)
    if isinstance(image, Tensor) and image.dtype == torch.uint8:
        image = v2.functional.to_dtype(image, torch.float32, scale=True)
    return image_tensor(image).float()
