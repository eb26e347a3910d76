"""Class colours that stay apart for colour-blind readers, and label maps in colour.

The colours start from Okabe and Ito's eight (2008, "Color Universal Design"), some
of them made lighter or darker. `simulate` shows them as a dichromat sees them
(Machado, Oliveira and Fernandes 2009, table 1, severity 1.0); `color_distance` says
how far apart they then are in CIELAB (CIE 1976, D65). `MIN_DISTANCE` is what every
palette of the package keeps between any two classes, for every kind of vision.
"""

from collections.abc import Sequence
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor

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
MIN_DISTANCE = 25.0  # about ten times the least difference that is seen side by side
IGNORE = ((70, 70, 70), (235, 235, 235))  # diagonal stripes: no class has them

_VISION = MappingProxyType(
    {
        "normal": np.eye(3),
        "protanopia": np.array(
            [
                [0.152286, 1.052583, -0.204868],
                [0.114503, 0.786281, 0.099216],
                [-0.003882, -0.048116, 1.051998],
            ]
        ),
        "deuteranopia": np.array(
            [
                [0.367322, 0.860646, -0.227968],
                [0.280085, 0.672501, 0.047413],
                [-0.011820, 0.042940, 0.968881],
            ]
        ),
        "tritanopia": np.array(
            [
                [1.255528, -0.076749, -0.178779],
                [-0.078411, 0.930809, 0.147602],
                [0.004733, 0.691367, 0.303900],
            ]
        ),
    }
)
VISIONS = tuple(_VISION)
# Linear sRGB to CIE XYZ, divided by the white of D65 (IEC 61966-2-1).
_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
) / np.array([[0.95047], [1.0], [1.08883]])


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


def simulate(colors: np.ndarray | Sequence[Color], vision: str) -> np.ndarray:
    """Show colours as someone with this kind of vision sees them.

    Args:
        colors: ``(..., 3)`` sRGB, 0 to 255.
        vision: one of `VISIONS`.

    Returns:
        ``(..., 3)`` linear RGB, float64, 0 to 1.

    Raises:
        ValueError: if the kind of vision is not known.

    >>> simulate([(255, 255, 255)], "protanopia").round(3).tolist()
    [[1.0, 1.0, 1.0]]
    """
    if vision not in _VISION:
        raise ValueError(f"vision={vision!r} is not one of {VISIONS}")
    values = np.asarray(colors) / 255
    linear = np.where(
        values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4
    )
    return np.clip(linear @ _VISION[vision].T, 0, 1)


def color_distance(a: Color, b: Color, vision: str = "normal") -> float:
    """Measure how far apart two colours look: the CIE 1976 distance in CIELAB.

    Args:
        a: sRGB, 0 to 255.
        b: sRGB, 0 to 255.
        vision: one of `VISIONS`.

    Returns:
        The distance: black and white are 100 apart, 2.3 is just seen side by side.

    >>> round(color_distance((0, 0, 0), (255, 255, 255)))
    100
    """
    ratio = simulate([a, b], vision) @ _XYZ.T
    cube = np.where(
        ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29
    )
    lightness = 116 * cube[:, 1] - 16
    red_green = 500 * (cube[:, 0] - cube[:, 1])
    yellow_blue = 200 * (cube[:, 1] - cube[:, 2])
    lab = np.stack([lightness, red_green, yellow_blue])
    return float(np.linalg.norm(lab[:, 0] - lab[:, 1]))
