"""Street scenes: six classes, the last of them one or two pixels wide.

Made to show what skip connections and decoders are for. Poles and wires hold about
1.6 % of the pixels at 96 x 96 and vanish first when features are downsampled.
Facades and trees are pictograms and photo textures; light and sensor noise vary.
"""

from math import ceil, floor
from typing import ClassVar

import numpy as np

from simseg_core.data.canvas import Canvas, coverage
from simseg_core.data.dice import Dice
from simseg_core.data.scenes import Cast, SceneDataset
from simseg_core.data.textures import texture

SKY, GROUND, BUILDING, PLANT, VEHICLE, POLE = range(6)

# Sky at the top, sky at the horizon, light on everything: one row a time of day.
SKIES = (
    ((88, 150, 216), (190, 218, 238), (1.02, 1.00, 0.97)),  # clear noon
    ((120, 176, 226), (224, 234, 240), (1.05, 1.04, 1.00)),  # bright
    ((150, 160, 172), (206, 210, 214), (0.86, 0.88, 0.90)),  # overcast
    ((92, 110, 168), (246, 196, 150), (1.00, 0.86, 0.74)),  # evening
    ((164, 186, 220), (250, 222, 196), (1.04, 0.95, 0.88)),  # early morning
    ((66, 84, 132), (196, 168, 176), (0.82, 0.79, 0.86)),  # dusk
)
# From one colour to another: what a wall, a roof, a pane may look like.
FACADES = (
    ((118, 70, 58), (188, 104, 80)),
    ((168, 126, 92), (216, 184, 146)),
    ((196, 186, 166), (226, 218, 204)),
    ((112, 116, 124), (176, 176, 176)),
)
ROOFS = (((92, 52, 44), (158, 84, 62)), ((62, 64, 72), (112, 112, 116)))
GLASS = ((50, 62, 80), (130, 152, 172))
LAMPLIGHT = ((226, 180, 100), (250, 226, 160))


class Street(SceneDataset):
    """Street scenes of sky, ground, building, plant, vehicle and pole or wire.

    Image ``(3, H, W)`` float32, label ``(H, W)`` int64, as in `SceneDataset`.

    >>> image, label = Street("val", size=(64, 96), length=4)[0]
    >>> image.shape, label.shape, Street.classes[5]
    (torch.Size([3, 64, 96]), torch.Size([64, 96]), 'pole or wire')
    """

    classes = ("sky", "ground", "building", "plant", "vehicle", "pole or wire")
    palette = (
        (86, 180, 233),
        (240, 228, 66),
        (213, 94, 0),
        (0, 158, 115),
        (204, 121, 167),
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
            "tree": ("bare tree",),
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
        high, unit = canvas.height, min(canvas.height, canvas.width) / 96
        horizon = round(high * dice.uniform(0.50, 0.62))
        street = horizon + max(2, round(high * dice.uniform(0.03, 0.06)))
        kerb = street + max(2, round(high * dice.uniform(0.05, 0.09)))
        top, low, light = dice.pick(SKIES)
        haze = np.array(low, dtype=np.float32)

        _sky(canvas, np.array(top), haze, horizon, unit, dice)
        _ground(canvas, horizon, street, kerb, unit, dice)
        _hedge(canvas, horizon + 1, unit, dice)
        canvas.image[:] += dice.uniform(0.1, 0.35) * (haze - canvas.image)
        _buildings(canvas, street, unit, self.cast["building"], dice)
        _plants(canvas, street, kerb, unit, self.cast, dice)
        if dice.chance(0.7):
            _poles(canvas, kerb - 1, dice.uniform(0.40, 0.62), unit, dice)
        _vehicles(canvas, kerb, unit, self.cast["vehicle"], dice)
        if dice.chance(0.1):
            _poles(canvas, high - 1, dice.uniform(0.75, 0.92), unit, dice)

        across = np.linspace(-0.5, 0.5, canvas.width, dtype=np.float32)[:, None]
        gain = dice.uniform(0.88, 1.08) * (1 + dice.uniform(-0.2, 0.2) * across)
        gain = (gain * np.array(light)).astype(np.float32)
        image = canvas.expose(gain, noise=dice.uniform(2, 6), dice=dice)
        return image, canvas.label


def _sky(
    canvas: Canvas,
    top: np.ndarray,
    low: np.ndarray,
    horizon: int,
    unit: float,
    dice: Dice,
) -> None:
    """A gradient from top to horizon, with clouds."""
    down = np.linspace(0, 1, horizon, dtype=np.float32)[:, None, None]
    gradient = (top + (low - top) * down).astype(np.float32)
    canvas.fill(gradient, top=0, bottom=horizon, class_index=SKY)
    cloud = texture(
        "cloud", horizon, canvas.width, side=round(130 * unit), contrast=0.7, dice=dice
    )
    alpha = np.clip(cloud - dice.uniform(0.7, 1.8), 0, 1) * np.float32(0.75)
    canvas.paint(alpha, 0.4 * low + 150, top=0, left=0, class_index=None)


def _ground(
    canvas: Canvas, horizon: int, street: int, kerb: int, unit: float, dice: Dice
) -> None:
    """Grass, pavement, kerb and road, one band below the other."""
    width, high = canvas.width, canvas.height
    side = round(100 * unit)
    grass = dice.color((96, 116, 52), (140, 150, 84))
    paving = dice.color((150, 146, 140), (196, 190, 180))
    road = dice.color((78, 78, 82), (116, 114, 112))
    for first, last, name, contrast, color in (
        (horizon, street, "grass", 0.15, grass),
        (street, kerb, "gravel", 0.07, paving),
        (kerb, high, "gravel", 0.09, road),
    ):
        piece = texture(
            name, last - first, width, side=side, contrast=contrast, dice=dice
        )
        canvas.fill(piece * color, top=first, bottom=last, class_index=GROUND)
    edge = max(1, round(unit))
    canvas.image[kerb : kerb + edge] *= 0.65
    middle = kerb + round((high - kerb) * dice.uniform(0.46, 0.55))
    dash, phase = round(10 * unit), dice.integer(0, 64)
    marked = (np.arange(width) + phase) % (2 * dash) < dash
    thick = max(1, round(1.5 * unit))
    canvas.image[middle : middle + thick, marked] = (206, 204, 196)


def _hedge(canvas: Canvas, bottom: int, unit: float, dice: Dice) -> None:
    """A far line of trees: dark grass texture under a wavy top edge."""
    if dice.chance(0.3):
        return
    x = np.arange(canvas.width) / unit
    height = dice.uniform(4, 9) + sum(
        dice.uniform(0.5, 2.5)
        * np.sin(x * dice.uniform(0.05, 0.5) + dice.uniform(0, 6))
        for _ in range(3)
    )
    rows = round(18 * unit)
    alpha = coverage(rows - height * unit, rows, 0, rows)
    piece = texture(
        "grass", rows, canvas.width, side=round(90 * unit), contrast=0.22, dice=dice
    )
    color = dice.color((44, 74, 40), (84, 104, 56))
    canvas.paint(
        alpha[..., None], piece * color, top=bottom - rows, left=0, class_index=PLANT
    )


def _buildings(
    canvas: Canvas, street: int, unit: float, names: tuple[str, ...], dice: Dice
) -> None:
    """A row of facades, some of texture and windows, some pictograms."""
    x = dice.uniform(-12, 6) * unit
    while x < canvas.width:
        if dice.chance(0.45):
            height = round(dice.uniform(22, 38) * unit)
            gain = dice.uniform(0.72, 1.0)
            x += canvas.stamp(
                dice.pick(names),
                height=height,
                bottom=street,
                center=x + height / 2,
                class_index=BUILDING,
                gain=gain,
            )
        else:
            width = round(dice.uniform(14, 30) * unit)
            height = round(dice.uniform(16, 44) * unit)
            _facade(canvas, round(x), street, width, height, unit, dice)
            x += width
        if dice.chance(0.5):
            x += dice.uniform(2, 22) * unit


def _facade(
    canvas: Canvas,
    left: int,
    bottom: int,
    width: int,
    height: int,
    unit: float,
    dice: Dice,
) -> None:
    """A brick or rendered wall with rows of windows and a cornice."""
    color = dice.color(*dice.pick(FACADES))
    brick = dice.chance(0.6)
    wall = color * texture(
        "brick" if brick else "gravel",
        height,
        width,
        side=round((56 if brick else 90) * unit),
        contrast=0.12 if brick else 0.05,
        dice=dice,
    )
    pitch = max(4, round(dice.uniform(6, 9) * unit))
    pane = max(2, round(pitch * dice.uniform(0.42, 0.6)))
    y = (np.arange(height) - pitch // 2) % pitch < pane
    x = (np.arange(width) - (width % pitch + pitch - pane) // 2) % pitch < pane
    y[-round(2 * unit) - 1 :] = False
    dark = not dice.chance(0.2)
    wall[np.ix_(y, x)] = dice.color(*(GLASS if dark else LAMPLIGHT))
    wall[: max(1, round(1.5 * unit))] *= dice.pick((0.7, 1.2))
    if dice.chance(0.4):
        _roof(canvas, left, bottom - height, width, unit, dice)
    canvas.paint(
        np.ones((height, width, 1), dtype=np.float32),
        wall,
        top=bottom - height,
        left=left,
        class_index=BUILDING,
    )


def _roof(
    canvas: Canvas, left: int, eaves: int, width: int, unit: float, dice: Dice
) -> None:
    """A hipped or gabled roof that overhangs the wall a little."""
    rise = round(dice.uniform(4, 9) * unit)
    ridge = dice.uniform(0, 0.5) * width
    down = np.arange(rise, dtype=np.float32)[:, None] / rise
    half = ridge / 2 + (width / 2 + unit - ridge / 2) * (down + 0.5 / rise)
    middle = width / 2 + 2 * unit
    columns = round(2 * middle)
    alpha = np.concatenate(
        [coverage(middle - h, middle + h, 0, columns).T for h in half[:, 0]]
    )
    canvas.paint(
        alpha[..., None],
        dice.color(*dice.pick(ROOFS)) * (0.85 + 0.3 * down[..., None]),
        top=eaves - rise,
        left=round(left - 2 * unit),
        class_index=BUILDING,
    )


def _plants(
    canvas: Canvas,
    street: int,
    kerb: int,
    unit: float,
    cast: Cast,
    dice: Dice,
) -> None:
    """Trees on the pavement and a few shrubs at their feet."""
    for _ in range(dice.integer(0, 4)):
        height = round(dice.uniform(16, 34) * unit)
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
            height=round(dice.uniform(6, 10) * unit),
            bottom=kerb,
            center=dice.uniform(0, canvas.width),
            class_index=PLANT,
            gain=dice.uniform(0.7, 1.0),
            mirrored=dice.chance(0.5),
        )


def _vehicles(
    canvas: Canvas, kerb: int, unit: float, names: tuple[str, ...], dice: Dice
) -> None:
    """Two lanes of traffic; the near lane is larger and drawn last."""
    road = canvas.height - kerb
    for lane, mirrored, tall in ((0.32, False, 13), (0.86, True, 18)):
        x = dice.uniform(-20, 60) * unit
        while x < canvas.width:
            height = round(tall * dice.uniform(0.85, 1.25) * unit)
            bottom = kerb + round(road * (lane + dice.uniform(-0.06, 0.06)))
            width = height * 1.5
            canvas.shadow(
                center=x + width / 2, width=width * 1.1, bottom=bottom, depth=0.55
            )
            x += canvas.stamp(
                dice.pick(names),
                height=height,
                bottom=bottom,
                center=x + width / 2,
                class_index=VEHICLE,
                gain=dice.uniform(0.75, 1.02),
                mirrored=mirrored,
            )
            x += dice.uniform(6, 70) * unit


def _poles(canvas: Canvas, foot: int, tall: float, unit: float, dice: Dice) -> None:
    """A line of poles one or two pixels wide, wires hung between them or lamps."""
    thick = max(1.0, unit)
    trunk = thick * dice.uniform(1.0, 1.9)
    color = dice.color((30, 28, 30), (92, 78, 66))
    top = foot - tall * canvas.height
    gap = dice.uniform(60, 120) * unit
    first = dice.uniform(-gap, 0) + dice.uniform(0.1, 0.9) * canvas.width
    wires = dice.pick((0, 1, 1, 2))
    for x in np.arange(first % gap - gap, canvas.width + gap, gap):
        canvas.bar(
            color, left=x, right=x + trunk, top=top, bottom=foot, class_index=POLE
        )
        arm = (4.0 if wires else 7.0) * unit
        for y in (top + (2 + 5 * level) * unit for level in range(max(wires, 1))):
            canvas.bar(
                color,
                left=x - arm if wires else x,
                right=x + trunk + arm,
                top=y,
                bottom=y + thick,
                class_index=POLE,
            )
    along = ((np.arange(canvas.width, dtype=np.float32) + 0.5 - first) / gap) % 1
    dip = 4 * dice.uniform(2, 7) * unit * along * (1 - along)
    for level in range(wires):
        line = top + (2 + 5 * level) * unit + dip
        rows = floor(line.min()), ceil(line.max() + thick)
        alpha = coverage(line, line + np.float32(thick), *rows)
        canvas.paint(alpha[..., None], color, top=rows[0], left=0, class_index=POLE)
