"""The channel means and deviations that images are normalised with.

They are ImageNet's, which published encoder weights expect; for networks trained
from nothing, any fixed numbers near these would do.
"""

from torch import Tensor

__all__ = ["MEAN", "STD", "denormalize", "normalize"]

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def normalize(image: Tensor) -> Tensor:
    """Take the channel means out and divide by the deviations.

    Args:
        image: ``(..., 3, H, W)`` float, 0 to 1.

    Returns:
        The same shape and type.

    >>> import torch
    >>> normalize(torch.tensor(MEAN).view(3, 1, 1)).flatten().tolist()
    [0.0, 0.0, 0.0]
    """
    mean, std = _constants(image)
    return (image - mean) / std


def denormalize(image: Tensor) -> Tensor:
    """Undo `normalize`, for drawing.

    Args:
        image: ``(..., 3, H, W)`` float, normalised.

    Returns:
        The same shape and type, 0 to 1.

    >>> import torch
    >>> denormalize(normalize(torch.ones(3, 2, 2))).mean().item()
    1.0
    """
    mean, std = _constants(image)
    return (image * std + mean).clamp(0, 1)


def _constants(image: Tensor) -> tuple[Tensor, Tensor]:
    if image.ndim < 3 or image.shape[-3] != 3 or not image.is_floating_point():
        remedy = (
            "normalize is for red, green and blue; repeat a single channel with "
            "image.expand(3, -1, -1)"
            if image.is_floating_point()
            else "convert bytes with image.float() / 255"
        )
        raise ValueError(
            f"expected float images (..., 3, H, W), got {tuple(image.shape)} of "
            f"{image.dtype}: {remedy}"
        )
    mean, std = (image.new_tensor(c).view(3, 1, 1) for c in (MEAN, STD))
    return mean, std
