"""How colours look to dichromats, and how far apart any two then are.

`simulate` shows them as a dichromat sees them (Machado, Oliveira and Fernandes 2009,
table 1, severity 1.0); `color_distance` says how far apart they then are in CIELAB (CIE
1976, D65). `MIN_DISTANCE` is what every palette keeps between any two classes.
"""

from collections.abc import Sequence
from types import MappingProxyType

import numpy as np

from simseg_core.data.palettes import Color

MIN_DISTANCE = 25.0  # about ten times the least difference that is seen side by side
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
