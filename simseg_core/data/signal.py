"""Traffic signals: one lamp at the image's side decides the class of every vehicle.

Made to show what a receptive field and global context are for. The vehicles' pixels
are drawn without knowing the lamp, so that nothing near a vehicle tells its class.
"""

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from simseg_core.data.compose.canvas import Canvas
from simseg_core.data.compose.dice import Dice
from simseg_core.data.compose.pictograms import pictogram
from simseg_core.data.compose.scenery import photograph
from simseg_core.data.compose.scenes import SceneDataset
from simseg_core.data.compose.textures import texture
from simseg_core.data.palettes import OKABE_ITO
from simseg_core.data.street import Street

__all__ = ["GO", "MARGIN", "STOP", "Signal"]

BACKGROUND, STOP, GO = range(3)
_STATES = ("stop", "go")
_LAMPS = ((255, 84, 40), (40, 236, 170))  # also of different brightness
_ASPHALT = ((96, 96, 100), (150, 148, 142))
_HOUSING = np.array((34, 34, 38), dtype=np.float32)
MARGIN = 14  # units at the left that belong to the lamp: no vehicle is drawn there


class Signal(SceneDataset):
    """Vehicles on a road, all to stop or all to go by the lamp at the left edge.

    Image ``(3, H, W)`` float32, label ``(H, W)`` int64, as in `SceneDataset`. The
    lamp is a fair coin, its height is random, and it is labelled background.

    >>> data = Signal("val", size=64, length=4)
    >>> data.lamp(0)[1] < 14 * 64 / 96
    True
    """

    classes = ("background", "vehicle to stop", "vehicle to go")
    palette = ((225, 225, 225), OKABE_ITO["vermillion"], OKABE_ITO["blue"])
    casts: ClassVar = {
        split: {"vehicle": cast["vehicle"]} for split, cast in Street.casts.items()
    }

    def _compose(self, dice: Dice) -> tuple[np.ndarray, np.ndarray]:
        return self._draw(dice, None)

    def _draw(self, dice: Dice, state: int | None) -> tuple[np.ndarray, np.ndarray]:
        row, column, radius, coin = self._lamp(dice)
        state = coin if state is None else state
        canvas = Canvas(*self.size)
        _road(canvas, dice)
        _vehicles(canvas, dice, self.cast["vehicle"])
        canvas.label[canvas.label == STOP] = (STOP, GO)[state]
        color = np.array(_LAMPS[state], dtype=np.float32)
        _post(canvas, row, column, radius, color)
        light = dice.color((0.85, 0.85, 0.9), (1.05, 1.0, 0.95))
        return photograph(canvas, dice, light), canvas.label

    def _lamp(self, dice: Dice) -> tuple[float, float, float, int]:
        """Draw the lamp's row, column, radius and state, first of all."""
        height, unit = self.size[0], min(self.size) / 96
        radius = dice.uniform(4.2, 5.2) * unit
        row = dice.uniform(0.2, 0.8) * height
        return row, MARGIN / 2 * unit, radius, dice.integer(0, 2)

    def lamp(self, index: int) -> tuple[float, float]:
        """Locate the lamp's centre in scene `index`: its row and column, in pixels."""
        row, column, _, _ = self._lamp(self._dice(index))
        return row, column

    def distance_to_lamp(self, index: int) -> Tensor:
        """Measure how far each pixel of scene `index` is from the lamp.

        Returns:
            ``(H, W)`` float32, pixels from the pixel's centre to the lamp's.

        >>> Signal(length=2).distance_to_lamp(1).shape
        torch.Size([96, 96])
        """
        row, column = self.lamp(index)
        height, width = self.size
        down = torch.arange(height)[:, None] + 0.5 - row
        across = torch.arange(width) + 0.5 - column
        return torch.hypot(down, across)

    def with_lamp(self, index: int, state: str) -> tuple[Tensor, Tensor]:
        """Compose scene `index` again with the lamp in another state.

        Args:
            index: the scene.
            state: ``"stop"`` or ``"go"``.

        Returns:
            Image and label: beyond the lamp's own pixels, only the label differs.

        Raises:
            ValueError: if the state is neither.

        >>> Signal(length=2).with_lamp(0, "go")[1].unique().tolist()
        [0, 2]
        """
        if state not in _STATES:
            raise ValueError(f"state={state!r} is not one of {_STATES}")
        return self._tensors(*self._draw(self._dice(index), _STATES.index(state)))


def _road(canvas: Canvas, dice: Dice) -> None:
    """Asphalt all over, with dashed lanes."""
    unit = canvas.unit
    color = dice.color(*_ASPHALT)[:, None, None]
    piece = texture(
        "gravel",
        canvas.height,
        canvas.width,
        side=round(130 * unit),
        contrast=0.09,
        dice=dice,
    )
    canvas.cover(piece * color, top=0, left=0, class_index=BACKGROUND)
    dash, thick = round(10 * unit), max(1, round(1.5 * unit))
    marked = (np.arange(canvas.width) + dice.integer(0, 64)) % (2 * dash) < dash
    row = dice.uniform(8, 24) * unit
    while row < canvas.height:
        canvas.image[:, round(row) : round(row) + thick, marked] = 208
        row += dice.uniform(24, 34) * unit


def _vehicles(canvas: Canvas, dice: Dice, names: tuple[str, ...]) -> None:
    """Two to five vehicles anywhere but at the lamp's side, the lowest in front."""
    unit = canvas.unit
    bottoms = sorted(
        dice.uniform(0.2, 1.0) * canvas.height for _ in range(dice.integer(2, 6))
    )
    for bottom in bottoms:
        height = round(dice.uniform(14, 26) * unit)
        name = dice.pick(names)
        half = pictogram(name, height).shape[2] / 2 + 1
        low, high = MARGIN * unit + half, canvas.width - half / 2
        center = dice.uniform(low, high)
        canvas.shadow(
            center=center, width=1.5 * height, bottom=round(bottom), depth=0.5
        )
        canvas.stamp(
            name,
            height=height,
            bottom=round(bottom),
            center=center,
            class_index=STOP,
            gain=dice.uniform(0.75, 1.05),
            mirrored=dice.chance(0.5),
        )


def _post(
    canvas: Canvas, row: float, column: float, radius: float, color: np.ndarray
) -> None:
    """The lamp in its square housing."""
    reach = radius + 1.5 * canvas.unit
    canvas.bar(
        _HOUSING,
        (column - reach, column + reach),
        (row - reach, row + reach),
        BACKGROUND,
    )
    canvas.disc(color, center=(row, column), radius=radius, class_index=BACKGROUND)
