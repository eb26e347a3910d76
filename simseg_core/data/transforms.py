"""Segmentation transforms: one draw of chance moves the image and its label alike.

Thin over torchvision's transforms v2: the label travels as a `tv_tensors.Mask`, which
is resized by nearest neighbour, so that no class is ever mixed out of two others, and
which colour transforms leave alone.
"""

from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2

from simseg_core.data.normalization import MEAN, STD, denormalize, normalize

__all__ = ["MEAN", "STD", "PairTransform", "augment", "denormalize", "normalize"]


class PairTransform:
    """Apply torchvision v2 transforms to an image and its label together.

    Args:
        *steps: transforms of ``torchvision.transforms.v2``, applied in order.

    >>> import torch
    >>> flip = PairTransform(v2.RandomHorizontalFlip(p=1.0))
    >>> image, label = flip(torch.rand(3, 2, 2), torch.tensor([[0, 1], [2, 255]]))
    >>> label.tolist()
    [[1, 0], [255, 2]]
    """

    def __init__(self, *steps: v2.Transform) -> None:
        self.steps = v2.Compose(list(steps))

    def __call__(self, image: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
        """Transform one pair.

        Args:
            image: ``(3, H, W)`` float, 0 to 1, not normalised.
            label: ``(H, W)`` int64.

        Returns:
            Image and label, plain tensors of the same types.

        Raises:
            ValueError: if sizes differ or the image is already normalised.
        """
        if image.shape[-2:] != label.shape[-2:]:
            raise ValueError(
                f"image {tuple(image.shape)} and label {tuple(label.shape)} differ "
                "in size: transform them as one pair, from the same file"
            )
        if image.min() < 0 or image.max() > 1:
            raise ValueError(
                f"image values run from {image.min():.2f} to {image.max():.2f}, not 0 "
                "to 1: transform first, normalize last (data set: normalize=False)"
            )
        pair = self.steps(tv_tensors.Image(image), tv_tensors.Mask(label))
        return pair[0].as_subclass(Tensor), pair[1].as_subclass(Tensor)


def augment(
    size: int | tuple[int, int],
    *,
    scale: tuple[float, float] = (0.5, 1.0),
    flip: float = 0.5,
    jitter: float = 0.3,
) -> PairTransform:
    """Build the usual training augmentation: crop, flip, colour jitter.

    Args:
        size: of the result, ``(H, W)`` or one number for both, in pixels.
        scale: least and greatest share of the image's area that a crop keeps.
        flip: probability of a left-right flip.
        jitter: greatest relative change of brightness, contrast and saturation; hue
            turns by a tenth of it.

    Returns:
        A callable ``(image, label) -> (image, label)``.

    >>> import torch
    >>> image, label = augment(32)(torch.rand(3, 40, 60), torch.ones(40, 60).long())
    >>> image.shape, label.shape, label.unique().tolist()
    (torch.Size([3, 32, 32]), torch.Size([32, 32]), [1])
    """
    target = [size, size] if isinstance(size, int) else list(size)
    return PairTransform(
        v2.RandomResizedCrop(target, scale=scale, antialias=True),
        v2.RandomHorizontalFlip(flip),
        v2.ColorJitter(jitter, jitter, jitter, jitter / 10),
    )
