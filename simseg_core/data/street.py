"""Street scenes: six classes, the last of them one or two pixels wide.

Made to show what skip connections and decoders are for. Poles and wires hold about
1.6 % of the pixels at 96 x 96 and vanish first when features are downsampled.
Facades and trees are pictograms and photo textures; light and sensor noise vary.
"""

from typing import ClassVar

import numpy as np

from simseg_core.data.compose.canvas import Canvas
from simseg_core.data.compose.dice import Dice
from simseg_core.data.compose.scenery import (
    facade,
    ground,
    hedge,
    photograph,
    poles,
    sky,
)
from simseg_core.data.compose.scenes import Cast, SceneDataset

__all__ = ["BUILDING", "GROUND", "PLANT", "POLE", "SKY", "VEHICLE", "Street"]

SKY, GROUND, BUILDING, PLANT, VEHICLE, POLE = range(6)

# Sky at the top, sky at the horizon, light on everything: one row a time of day.
_SKIES = (
    ((88, 150, 216), (190, 218, 238), (1.02, 1.00, 0.97)),  # clear noon
    ((120, 176, 226), (224, 234, 240), (1.05, 1.04, 1.00)),  # bright
    ((150, 160, 172), (206, 210, 214), (0.86, 0.88, 0.90)),  # overcast
    ((92, 110, 168), (246, 196, 150), (1.00, 0.86, 0.74)),  # evening
    ((164, 186, 220), (250, 222, 196), (1.04, 0.95, 0.88)),  # early morning
    ((66, 84, 132), (196, 168, 176), (0.82, 0.79, 0.86)),  # dusk
)


class Street(SceneDataset):
    """Street scenes of sky, ground, building, plant, vehicle and pole or wire.

    Image ``(3, H, W)`` float32, label ``(H, W)`` int64, as in `SceneDataset`.

    >>> image, label = Street("val", size=(64, 96), length=4)[0]
    >>> image.shape, label.shape, Street.classes[5]
    (torch.Size([3, 64, 96]), torch.Size([64, 96]), 'pole or wire')
    """

    classes = ("sky", "ground", "building", "plant", "vehicle", "pole or wire")
    # Okabe-Ito's, sky lighter, building and vehicle darker: farther apart.
    palette = (
        (170, 218, 246),
        (240, 228, 66),
        (180, 80, 0),
        (0, 158, 115),
        (0, 80, 150),
        (0, 0, 0),
    )
    casts: ClassVar = {
        "train": {
            "vehicle": (
                "car",
                "bus",
                "trolleybus",
                "minibus",
                "ambulance",
                "police car",
                "lorry",
                "pickup truck",
                "motor scooter",
                "oncoming car",
            ),
            "building": (
                "bank",
                "castle",
                "convenience store",
                "department store",
                "hospital",
                "houses",
                "office building",
                "school",
            ),
            "tree": ("broadleaf tree", "evergreen tree"),
            "shrub": ("sunflower", "tulip"),
        },
        "val": {
            "vehicle": ("fire engine", "sport utility vehicle", "auto rickshaw"),
            "building": ("hotel", "post office", "hut"),
            "tree": ("decorated tree",),
            "shrub": ("hyacinth",),
        },
        "test": {
            "vehicle": ("taxi", "delivery truck", "motorcycle", "racing car"),
            "building": ("factory", "japanese castle", "classical building"),
            "tree": ("palm tree",),
            "shrub": ("rose",),
        },
    }

    def _compose(self, dice: Dice) -> tuple[np.ndarray, np.ndarray]:
        canvas = Canvas(*self.size)
        high, cast = canvas.height, self.cast
        horizon = round(high * dice.uniform(0.50, 0.62))
        street = horizon + max(2, round(high * dice.uniform(0.03, 0.06)))
        kerb = street + max(2, round(high * dice.uniform(0.05, 0.09)))
        top, low, light = (np.array(c, dtype=np.float32) for c in dice.pick(_SKIES))

        sky(canvas, dice, top=top, low=low, horizon=horizon, class_index=SKY)
        ground(canvas, dice, rows=(horizon, street, kerb), class_index=GROUND)
        if dice.chance(0.7):
            hedge(canvas, dice, bottom=horizon + 1, class_index=PLANT)
        haze = dice.uniform(0.1, 0.35)  # over all that is far away
        canvas.image *= 1 - haze
        canvas.image += haze * low[:, None, None]
        _buildings(canvas, dice, street, cast["building"])
        _plants(canvas, dice, street, kerb, cast)
        if dice.chance(0.7):
            tall = dice.uniform(0.40, 0.62)
            poles(canvas, dice, foot=kerb - 1, tall=tall, class_index=POLE)
        _vehicles(canvas, dice, kerb, cast["vehicle"])
        if dice.chance(0.1):
            tall = dice.uniform(0.75, 0.92)
            poles(canvas, dice, foot=high - 1, tall=tall, class_index=POLE)
        return photograph(canvas, dice, light), canvas.label


def _buildings(canvas: Canvas, dice: Dice, street: int, names: tuple[str, ...]) -> None:
    """A row of houses, some computed, some pictograms."""
    unit = canvas.unit
    x = dice.uniform(-12, 6) * unit
    while x < canvas.width:
        if dice.chance(0.45):
            height = round(dice.uniform(22, 38) * unit)
            x += canvas.stamp(
                dice.pick(names),
                height=height,
                bottom=street,
                center=x + height / 2,
                class_index=BUILDING,
                gain=dice.uniform(0.72, 1.0),
            )
        else:
            x += facade(
                canvas, dice, left=round(x), bottom=street, class_index=BUILDING
            )
        if dice.chance(0.5):
            x += dice.uniform(2, 22) * unit


def _plants(canvas: Canvas, dice: Dice, street: int, kerb: int, cast: Cast) -> None:
    """Trees on the pavement and a few shrubs at their feet."""
    for _ in range(dice.integer(0, 4)):
        height = round(dice.uniform(16, 34) * canvas.unit)
        center = dice.uniform(0, canvas.width)
        bottom = dice.integer(street, kerb)
        canvas.shadow(center=center, width=height * 0.7, bottom=bottom, depth=0.35)
        canvas.stamp(
            dice.pick(cast["tree"]),
            height=height,
            bottom=bottom,
            center=center,
            class_index=PLANT,
            gain=dice.color((0.6, 0.7, 0.55), (1.05, 1.0, 0.9)),
            mirrored=dice.chance(0.5),
        )
    for _ in range(dice.integer(0, 3)):
        canvas.stamp(
            dice.pick(cast["shrub"]),
            height=round(dice.uniform(6, 10) * canvas.unit),
            bottom=kerb,
            center=dice.uniform(0, canvas.width),
            class_index=PLANT,
            gain=dice.uniform(0.7, 1.0),
            mirrored=dice.chance(0.5),
        )


def _vehicles(canvas: Canvas, dice: Dice, kerb: int, names: tuple[str, ...]) -> None:
    """Two lanes of traffic; the near lane is larger and drawn last."""
    unit, road = canvas.unit, canvas.height - kerb
    for lane, mirrored, tall in ((0.32, False, 13), (0.86, True, 18)):
        x = dice.uniform(-20, 60) * unit
        while x < canvas.width:
            height = round(tall * dice.uniform(0.85, 1.25) * unit)
            bottom = kerb + round(road * (lane + dice.uniform(-0.06, 0.06)))
            width = height * 1.5
            center = x + width / 2
            canvas.shadow(center=center, width=width, bottom=bottom, depth=0.55)
            x += canvas.stamp(
                dice.pick(names),
                height=height,
                bottom=bottom,
                center=center,
                class_index=VEHICLE,
                gain=dice.uniform(0.75, 1.02),
                mirrored=mirrored,
            )
            x += dice.uniform(6, 70) * unit
