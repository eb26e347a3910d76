"""The lab's scenes: what stays (a background) and what the reader moves.

A street is painted by the functions that paint the data set's, up to the houses.
Poles, wires, vehicles and the photograph's light and noise are left to the reader's
page, which has them as numbers and small pictures. `compose` paints the same scene
here. The page's painter, ``book/_static/widgets/lab/painter.js``, is held against it.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from simseg_core.data import Signal, Street, normalize
from simseg_core.data.compose.canvas import Canvas
from simseg_core.data.compose.dice import Dice
from simseg_core.data.compose.pictograms import pictogram
from simseg_core.data.compose.scenery import (
    facade,
    ground,
    hedge,
    photograph,
    poles,
    sky,
)
from simseg_core.data.compose.textures import texture
from simseg_core.data.palettes import OKABE_ITO
from simseg_core.data.signs import LARGEST, RIMS, SMALLEST
from simseg_core.data.street import BUILDING, GROUND, PLANT, POLE, SKY, VEHICLE

__all__ = ["compose", "compose_sign", "sign_scene", "signal_scene", "street_scene"]

NOISE_STEPS = 50  # a whole number of steps holds the noise: 2.45 deviations at most
SHADOW = 0.55  # how dark it is, as the data set's vehicles have it

Scene = dict[str, Any]


class Told(Dice):
    """Dice whose throws were told before, in the order in which they are asked for."""

    def __init__(self, *throws: Any, noise: np.ndarray | None = None) -> None:
        self._throws, self._noise = iter(throws), noise

    def uniform(self, low: float, high: float) -> float:
        """Return the next throw."""
        return next(self._throws)

    def pick(self, items: Sequence[Any]) -> Any:
        """Return the next throw."""
        return next(self._throws)

    def color(self, low: Sequence[float], high: Sequence[float]) -> np.ndarray:
        """Return the next throw."""
        return next(self._throws)

    def noise(self, shape: tuple[int, ...]) -> np.ndarray:
        """Return the noise that was told."""
        assert self._noise is not None
        return self._noise.reshape(shape).astype(np.float32)


def text_of(array: np.ndarray) -> str:
    """Write an array of bytes in base64."""
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def array_of(text: str, kind: type, shape: tuple[int, ...]) -> np.ndarray:
    """Read what `text_of` wrote."""
    return np.frombuffer(base64.b64decode(text), dtype=kind).reshape(shape)


def street_scene(
    name: str,
    *,
    side: int,
    seed: int,
    colors: tuple[tuple[int, int, int], tuple[int, int, int]],
    light: tuple[float, float, float],
    houses: tuple[tuple[str, float], ...],
    trees: tuple[float, ...],
    vehicles: tuple[tuple[str, float, float, bool], ...],
    first: float,
    gap: float,
) -> Scene:
    """Paint a street's background, and describe what comes before it.

    Args:
        name: of the street.
        side: of the square picture, in pixels.
        seed: of textures, clouds and noise.
        colors: of the sky, at the top and at the horizon.
        light: on everything, a factor a channel.
        houses: pictograms, each with its middle as a share of the width; between them
            stand computed facades.
        trees: their middles, as shares of the width.
        vehicles: each a pictogram, its middle and lower edge as shares of the sides,
            and whether it faces the other way.
        first: where the first pole stands, as a share of the width.
        gap: from pole to pole, as a share of the width.
    """
    canvas, dice = Canvas(side, side), Dice(seed)
    unit, cast = canvas.unit, Street.casts["val"]  # never shown in training
    horizon, street, kerb = (round(side * share) for share in (0.56, 0.61, 0.68))
    top, low = (np.array(color, dtype=np.float32) for color in colors)
    sky(canvas, dice, top=top, low=low, horizon=horizon, class_index=SKY)
    ground(canvas, dice, rows=(horizon, street, kerb), class_index=GROUND)
    hedge(canvas, dice, bottom=horizon + 1, class_index=PLANT)
    canvas.image *= 0.8  # haze over all that is far away
    canvas.image += 0.2 * low[:, None, None]
    for middle in (0.1, 0.68):
        left = round(middle * side)
        facade(canvas, dice, left=left, bottom=street, class_index=BUILDING)
    for house, middle in houses:
        canvas.stamp(
            house,
            height=round(30 * unit),
            bottom=street,
            center=middle * side,
            class_index=BUILDING,
            gain=0.9,
        )
    for middle in trees:
        canvas.stamp(
            dice.pick(cast["tree"]),
            height=round(26 * unit),
            bottom=kerb - 1,
            center=middle * side,
            class_index=PLANT,
            gain=0.85,
        )
    return {
        **_photographed(canvas, dice),
        "name": name,
        "light": light,
        "poles": {
            "foot": kerb - 1,
            "height": round(0.5 * side),
            "first": first * side,
            "gap": gap * side,
            "trunk": 1.4,
            "wires": 2,
            "sag": 3.0,
            "color": [50, 44, 44],
        },
        "vehicles": [_vehicle(side, *vehicle) for vehicle in vehicles],
    }


def _photographed(canvas: Canvas, dice: Dice) -> Scene:
    """Describe a background, and the noise and tilted light of its photograph."""
    noise = np.round(dice.noise(canvas.image.shape) * NOISE_STEPS).astype(np.int8)
    return {
        "image": text_of(np.round(canvas.image).clip(0, 255).astype(np.uint8)),
        "label": text_of(canvas.label),
        "noise": text_of(noise),
        "noiseSteps": NOISE_STEPS,
        "noiseDeviation": 3.5,
        "tilt": 0.08,  # of the light, from one side to the other
    }


def _vehicle(
    side: int, name: str, middle: float, bottom: float, mirrored: bool
) -> Scene:
    """Describe a vehicle: its pixels, where it stands, and how wide its shadow is."""
    near = bottom > 0.8  # the near lane's vehicles are larger
    pixels = pictogram(name, round((19 if near else 14) * side / 96)).copy()
    pixels[3] *= 255
    pixels = np.round(pixels[:, :, ::-1] if mirrored else pixels).astype(np.uint8)
    _, height, width = pixels.shape
    shadow = round(1.5 * height)
    shadow += (shadow - width) % 2  # so that both have their middle in one place
    return {
        "pixels": text_of(pixels),
        "height": height,
        "width": width,
        "left": round(middle * side - width / 2),
        "bottom": round(bottom * side),
        "shadow": [max(3, round(shadow / 6)), shadow],  # as `Canvas.shadow` has it
        "shadowDepth": SHADOW,
    }


def compose(
    scene: Scene, *, side: int, painted: tuple[tuple[int, int], ...] = ()
) -> tuple[Tensor, Tensor]:
    """Paint a whole scene, as the page does after every move of the reader's.

    Args:
        scene: as `street_scene` describes it, or changed.
        side: of the square picture, in pixels.
        painted: pixels (row, column) that the reader painted as wire.

    Returns:
        The photograph, ``(3, H, W)`` float32 from 0 to 255, and its label ``(H, W)``.
    """
    canvas = Canvas(side, side)
    shape = canvas.image.shape
    canvas.image[:] = array_of(scene["image"], np.uint8, shape)
    canvas.label[:] = array_of(scene["label"], np.uint8, shape[1:])
    line, unit = scene["poles"], canvas.unit
    thick, color = max(1.0, unit), np.array(line["color"], dtype=np.float32)
    throws = [line["trunk"] / thick, color, line["gap"] / unit, line["first"]]
    throws += [line["wires"], line["sag"] / unit]
    tall = line["height"] / side
    poles(canvas, Told(*throws), foot=line["foot"], tall=tall, class_index=POLE)
    for vehicle in scene["vehicles"]:
        _stand(canvas, vehicle)
    for row, column in painted:
        canvas.image[:, row, column], canvas.label[row, column] = color, POLE
    return _photograph(canvas, scene)


def _photograph(canvas: Canvas, scene: Scene) -> tuple[Tensor, Tensor]:
    noise = array_of(scene["noise"], np.int8, canvas.image.shape) / scene["noiseSteps"]
    dice = Told(1.0, scene["tilt"], scene["noiseDeviation"], noise=noise)
    shot = photograph(canvas, dice, np.array(scene["light"], dtype=np.float32))
    return torch.from_numpy(shot.astype(np.float32)), torch.from_numpy(
        canvas.label.astype(np.int64)
    )


def _stand(canvas: Canvas, vehicle: Scene) -> None:
    shape = 4, vehicle["height"], vehicle["width"]
    pixels = array_of(vehicle["pixels"], np.uint8, shape).astype(np.float32)
    bottom, middle = vehicle["bottom"], vehicle["left"] + vehicle["width"] / 2
    depth = vehicle["shadowDepth"]
    canvas.shadow(center=middle, width=vehicle["shadow"][1], bottom=bottom, depth=depth)
    canvas.paint(
        pixels[3] / 255,
        pixels[:3],
        top=bottom - vehicle["height"],
        left=vehicle["left"],
        class_index=VEHICLE,
        premultiplied=True,
    )


def sign_scene(*, side: int, seed: int) -> Scene:
    """Paint a wall for a sign of any size, with what the sign is painted with.

    Args:
        side: of the square picture, in pixels.
        seed: of texture and noise.
    """
    canvas, dice = Canvas(side, side), Dice(seed)
    wall = texture(
        "brick", side, side, side=round(120 * canvas.unit), contrast=0.14, dice=dice
    )
    color = np.array((122, 88, 76), dtype=np.float32)[:, None, None]
    canvas.cover(wall * color, top=0, left=0, class_index=0)
    return {
        **_photographed(canvas, dice),
        "light": (0.98, 0.95, 0.93),
        "sign": {"row": side // 2, "column": side // 2, "radius": 40, "kind": 3},
        "rims": [OKABE_ITO[name] for name in RIMS],
        "paper": (228, 228, 222),
        "ink": (40, 40, 44),
        "symbols": {
            radius: _symbol(round(0.8 * radius))
            for radius in range(SMALLEST // 2, LARGEST // 2 + 1)
        },
    }


def _symbol(height: int) -> Scene:
    alpha = np.round(pictogram("fire engine", height)[3] * 255).astype(np.uint8)
    return {"height": height, "width": alpha.shape[1], "alpha": text_of(alpha)}


def compose_sign(scene: Scene, *, side: int) -> tuple[Tensor, Tensor]:
    """Paint a sign on its wall, as the page does; returned as by `compose`."""
    canvas = Canvas(side, side)
    canvas.image[:] = array_of(scene["image"], np.uint8, canvas.image.shape)
    sign = scene["sign"]
    center, radius, kind = (sign["row"], sign["column"]), sign["radius"], sign["kind"]
    rim, paper, ink = (
        np.array(color, dtype=np.float32)
        for color in (scene["rims"][kind - 1], scene["paper"], scene["ink"])
    )
    thick = max(2, 0.09 * radius)  # as the data set's signs have it
    canvas.disc(rim, center=center, radius=radius, class_index=kind)
    canvas.disc(paper, center=center, radius=radius - thick, class_index=kind)
    symbol = scene["symbols"][str(radius)]
    shape = symbol["height"], symbol["width"]
    alpha = array_of(symbol["alpha"], np.uint8, shape).astype(np.float32) / 255
    top, left = (middle - length // 2 for middle, length in zip(center, shape))
    canvas.paint(alpha, ink, top=top, left=left, class_index=kind)
    return _photograph(canvas, scene)


def signal_scene(index: int, *, side: int) -> Scene:
    """Take a validation scene with either lamp: the pictures, the label, the lamp."""
    data = Signal("val", size=side, normalize=False)
    (stop, label), (go, _) = (data.with_lamp(index, state) for state in ("stop", "go"))
    row, column = data.lamp(index)
    return {
        "stop": text_of((stop * 255).round().byte().numpy()),
        "go": text_of((go * 255).round().byte().numpy()),
        "vehicles": text_of((label > 0).byte().numpy()),
        "lamp": [row, column],
    }


def as_input(photograph: Tensor) -> Tensor:
    """Normalise a photograph of 0 to 255 for a network: (3, H, W) -> (1, 3, H, W)."""
    return normalize(photograph / 255)[None]
