"""Road signs: whole discs, 12 to 92 pixels across, labelled by their rims' colour.

Made to show what a large field of view is for: the deeper a pixel lies inside a
disc, the farther away is the only evidence of its class. Background, paper and
symbol are drawn without knowing the rim's colour.
"""

from typing import ClassVar

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from simseg_core.data.compose.canvas import Canvas
from simseg_core.data.compose.dice import Dice
from simseg_core.data.compose.pictograms import pictogram
from simseg_core.data.compose.scenery import photograph
from simseg_core.data.compose.scenes import SceneDataset
from simseg_core.data.compose.textures import texture
from simseg_core.data.palettes import OKABE_ITO
from simseg_core.data.street import Street

__all__ = ["LARGEST", "RIMS", "SMALLEST", "Signs", "depth_from_edge"]

_BACKGROUND = 0
RIMS = ("yellow", "sky blue", "vermillion")  # classes 1 to 3
SMALLEST, LARGEST = 12, 92  # a disc's diameter on a 96-pixel scene
_WALLS = (
    ("brick", 120, (96, 70, 62), (150, 118, 104)),
    ("grass", 150, (64, 84, 48), (120, 134, 84)),
    ("gravel", 130, (88, 86, 84), (144, 138, 130)),
)


class Signs(SceneDataset):
    """Round signs on a textured wall, each labelled as a whole by its rim's colour.

    Image ``(3, H, W)`` float32, label ``(H, W)`` int64, as in `SceneDataset`.

    >>> image, label = Signs("test", length=4)[0]
    >>> image.shape, Signs.classes[1]
    (torch.Size([3, 96, 96]), 'yellow rim')
    """

    classes = ("background", *(f"{name} rim" for name in RIMS))
    palette = ((0, 0, 0), *(OKABE_ITO[name] for name in RIMS))
    casts: ClassVar = {
        split: {"symbol": cast["vehicle"]} for split, cast in Street.casts.items()
    }

    def _compose(self, dice: Dice) -> tuple[np.ndarray, np.ndarray]:
        canvas = Canvas(*self.size)
        name, side, low, high = dice.pick(_WALLS)
        wall = texture(
            name,
            canvas.height,
            canvas.width,
            side=round(side * canvas.unit),
            contrast=0.14,
            dice=dice,
        )
        color = dice.color(low, high)[:, None, None]
        canvas.cover(wall * color, top=0, left=0, class_index=_BACKGROUND)
        for row, column, radius in _places(canvas, dice):
            _sign(canvas, dice, (row, column), radius, self.cast["symbol"])
        light = dice.color((0.85, 0.85, 0.9), (1.05, 1.0, 0.95))
        return photograph(canvas, dice, light), canvas.label


def depth_from_edge(label: Tensor) -> Tensor:
    """Measure how deep inside its region each pixel of a label map lies.

    Args:
        label: ``(H, W)`` or ``(B, H, W)`` class indices.

    Returns:
        The same shape, float32: pixels to the nearest pixel of another class, at
        least 1; infinite where the whole map is one class. The image's border is
        no edge.

    Raises:
        ValueError: if the label has another number of axes.

    >>> depth_from_edge(torch.tensor([[0, 0, 0, 1, 1]])).tolist()
    [[3.0, 2.0, 1.0, 1.0, 2.0]]
    """
    if label.ndim == 3:
        return torch.stack([depth_from_edge(one) for one in label])
    if label.ndim != 2:
        raise ValueError(f"label is (H, W) or (B, H, W), not {tuple(label.shape)}")
    classes = label.cpu().numpy()
    depth = np.full(classes.shape, np.inf, dtype=np.float32)
    present = np.unique(classes)
    for value in present if len(present) > 1 else ():
        inside = classes == value
        depth[inside] = distance_transform_edt(inside)[inside]
    return torch.from_numpy(depth)


def _places(canvas: Canvas, dice: Dice) -> list[tuple[float, float, float]]:
    """Draw row, column and radius of one to four discs that do not touch."""
    unit = canvas.unit
    places: list[tuple[float, float, float]] = []
    for attempt in range(5):
        # Even in the logarithm, so that small discs are as common as large ones.
        low, high = (SMALLEST, LARGEST) if attempt == 0 else (SMALLEST, LARGEST / 2)
        radius = low / 2 * (high / low) ** dice.uniform(0, 1) * unit
        row = dice.uniform(radius + 1, canvas.height - radius - 1)
        column = dice.uniform(radius + 1, canvas.width - radius - 1)
        if len(places) < 4 and all(
            np.hypot(row - y, column - x) > radius + r + 3 * unit for y, x, r in places
        ):
            places.append((row, column, radius))
    return places


def _sign(
    canvas: Canvas,
    dice: Dice,
    center: tuple[float, float],
    radius: float,
    symbols: tuple[str, ...],
) -> None:
    """A rim that gives the class, paper, and a symbol in dark ink."""
    class_index = dice.integer(1, 1 + len(RIMS))
    rim = np.array(OKABE_ITO[RIMS[class_index - 1]], dtype=np.float32)
    thick = max(2 * canvas.unit, 2, 0.09 * radius)
    paper = dice.color((206, 206, 200), (244, 244, 240))
    ink = dice.color((20, 20, 24), (70, 70, 76))
    canvas.disc(rim, center=center, radius=radius, class_index=class_index)
    canvas.disc(paper, center=center, radius=radius - thick, class_index=class_index)
    height = round(0.8 * radius)
    alpha = pictogram(dice.pick(symbols), height)[3]
    canvas.paint(
        alpha[:, ::-1] if dice.chance(0.5) else alpha,
        ink,
        top=round(center[0] - height / 2),
        left=round(center[1] - alpha.shape[1] / 2),
        class_index=class_index,
    )
