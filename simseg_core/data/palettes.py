"""Class colours that stay apart for colour-blind readers, and label maps in colour.

The colours start from Okabe and Ito's eight (2008, "Color Universal Design"), some
of them made lighter or darker. The tests hold every palette of the package to a least
distance between any two classes, for every kind of vision.
"""

from collections.abc import Sequence
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor

__all__ = ["IGNORE", "OKABE_ITO", "Color", "colorize", "default_palette"]

Color = tuple[int, int, int]

OKABE_ITO = MappingProxyType(
    {
        "black": (0, 0, 0),
        "orange": (230, 159, 0),
        "sky blue": (86, 180, 233),
        "bluish green": (0, 158, 115),
        "yellow": (240, 228, 66),
        "blue": (0, 114, 178),
        "vermillion": (213, 94, 0),
        "reddish purple": (204, 121, 167),
    }
)
IGNORE = ((70, 70, 70), (235, 235, 235))  # diagonal stripes: no class has them


def colorize(
    label: Tensor | np.ndarray, palette: Sequence[Color], *, ignore_index: int = 255
) -> np.ndarray:
    """Paint a label map in its classes' colours.

    Args:
        label: ``(H, W)`` class indices.
        palette: one RGB colour a class, 0 to 255.
        ignore_index: drawn as grey diagonal stripes, which no class looks like.

    Returns:
        ``(H, W, 3)`` uint8.

    Raises:
        ValueError: if the label is not two-dimensional or has a class without colour.

    >>> colorize(torch.tensor([[0, 1]]), [(0, 0, 0), (240, 228, 66)]).tolist()
    [[[0, 0, 0], [240, 228, 66]]]
    """
    classes = torch.as_tensor(label).cpu().numpy()
    if classes.ndim != 2:
        raise ValueError(
            f"colorize takes one label map (H, W), not {classes.shape}: "
            "pass label[0] of a batch"
        )
    ignored = classes == ignore_index
    unknown = np.unique(classes[~ignored & ((classes < 0) | (classes >= len(palette)))])
    if unknown.size:
        raise ValueError(
            f"label values {unknown.tolist()} have no colour: the palette has "
            f"{len(palette)}, for 0 to {len(palette) - 1}; {ignore_index} is ignored"
        )
    colors = np.array(palette, dtype=np.uint8)[np.where(ignored, 0, classes)]
    rows, columns = np.nonzero(ignored)
    colors[rows, columns] = np.array(IGNORE, dtype=np.uint8)[(rows + columns) // 2 % 2]
    return colors


def default_palette(count: int) -> tuple[Color, ...]:
    """Choose colours for classes that come without any.

    Args:
        count: how many.

    Returns:
        Okabe and Ito's eight, black first; from the ninth on the same at half
        brightness, and so on: legible in number only as far as the eighth.

    >>> default_palette(2)
    ((0, 0, 0), (230, 159, 0))
    """
    eight = tuple(OKABE_ITO.values())
    colors = []
    for i in range(count):
        red, green, blue = eight[i % 8]
        dim = 1 + i // 8
        colors.append((red // dim, green // dim, blue // dim))
    return tuple(colors)
