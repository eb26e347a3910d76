"""Parts of an outdoor scene that are computed: sky, ground, facades, poles, wires.

Each function paints one part and its class onto a canvas. Lengths are in units of
1/96 of the scene's shorter side unless they are called rows, columns or pixels.
"""

from math import ceil, floor

import numpy as np

from simseg_core.data.compose.canvas import Canvas, coverage
from simseg_core.data.compose.dice import Dice
from simseg_core.data.compose.textures import texture

__all__ = ["facade", "ground", "hedge", "photograph", "poles", "sky"]

# From one colour to another: what a wall, a roof, a pane may look like.
_FACADES = (
    ((118, 70, 58), (188, 104, 80)),
    ((168, 126, 92), (216, 184, 146)),
    ((196, 186, 166), (226, 218, 204)),
    ((112, 116, 124), (176, 176, 176)),
)
_ROOFS = (((92, 52, 44), (158, 84, 62)), ((62, 64, 72), (112, 112, 116)))
_GLASS = ((50, 62, 80), (130, 152, 172))
_LAMPLIGHT = ((226, 180, 100), (250, 226, 160))
_GRASS = ((96, 116, 52), (140, 150, 84))
_PAVING = ((150, 146, 140), (196, 190, 180))
_ASPHALT = ((78, 78, 82), (116, 114, 112))
_LEAVES = ((44, 74, 40), (84, 104, 56))
_TIMBER = ((30, 28, 30), (92, 78, 66))


def sky(
    canvas: Canvas,
    dice: Dice,
    *,
    top: np.ndarray,
    low: np.ndarray,
    horizon: int,
    class_index: int,
) -> None:
    """Paint a gradient from colour `top` to colour `low`, with clouds."""
    down = np.arange(horizon, dtype=np.float32)[:, None] / horizon
    gradient = top[:, None, None] + (low - top)[:, None, None] * down
    canvas.image[:, :horizon] = gradient
    canvas.label[:horizon] = class_index
    side = round(130 * canvas.unit)
    cloud = texture("cloud", horizon, canvas.width, side=side, contrast=0.7, dice=dice)
    cloud -= dice.uniform(0.7, 1.8)
    alpha = np.clip(cloud, 0, 1, out=cloud)
    alpha *= 0.75
    canvas.paint(alpha, 0.4 * low + 150, top=0, left=0, class_index=None)


def ground(
    canvas: Canvas, dice: Dice, *, rows: tuple[int, int, int], class_index: int
) -> None:
    """Paint grass, pavement and road from the three `rows` on, kerb and markings."""
    horizon, street, kerb = rows
    high, unit = canvas.height, canvas.unit
    for first, last, name, contrast, colors in (
        (horizon, street, "grass", 0.15, _GRASS),
        (street, kerb, "gravel", 0.07, _PAVING),
        (kerb, high, "gravel", 0.09, _ASPHALT),
    ):
        piece = texture(
            name,
            last - first,
            canvas.width,
            side=round(120 * unit),
            contrast=contrast,
            dice=dice,
        )
        color = dice.color(*colors)[:, None, None]
        canvas.cover(piece * color, top=first, left=0, class_index=class_index)
    canvas.image[:, kerb : kerb + max(1, round(unit))] *= 0.65
    middle = kerb + round((high - kerb) * dice.uniform(0.46, 0.55))
    dash, phase = round(10 * unit), dice.integer(0, 64)
    thick = max(1, round(1.5 * unit))
    for x in range(-phase % (2 * dash) - 2 * dash, canvas.width, 2 * dash):
        canvas.image[:, middle : middle + thick, max(x, 0) : max(x + dash, 0)] = 204


def hedge(canvas: Canvas, dice: Dice, *, bottom: int, class_index: int) -> None:
    """Paint a far line of trees: dark grass texture under a wavy top edge."""
    unit = canvas.unit
    x = np.arange(canvas.width, dtype=np.float32) / unit
    height = np.float32(dice.uniform(4, 9)) + sum(
        np.float32(dice.uniform(0.5, 2.5))
        * np.sin(x * dice.uniform(0.05, 0.5) + dice.uniform(0, 6))
        for _ in range(3)
    )
    rows = round(18 * unit)
    leaves = texture(
        "grass", rows, canvas.width, side=round(90 * unit), contrast=0.22, dice=dice
    )
    canvas.paint(
        coverage(rows - height * unit, rows, 0, rows),
        leaves * dice.color(*_LEAVES)[:, None, None],
        top=bottom - rows,
        left=0,
        class_index=class_index,
    )


def facade(
    canvas: Canvas, dice: Dice, *, left: int, bottom: int, class_index: int
) -> int:
    """Paint a house of brick or render with rows of windows; return its columns."""
    unit = canvas.unit
    width = round(dice.uniform(14, 30) * unit)
    height = round(dice.uniform(16, 44) * unit)
    brick = dice.chance(0.6)
    wall = dice.color(*dice.pick(_FACADES))[:, None, None] * texture(
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
    y[-round(2 * unit) - 1 :] = False  # no window cuts the ground
    glass = dice.color(*(_LAMPLIGHT if dice.chance(0.2) else _GLASS))
    np.copyto(wall, glass[:, None, None], where=y[:, None] & x)
    wall[:, : max(1, round(1.5 * unit))] *= dice.pick((0.7, 1.2))
    if dice.chance(0.4):
        _roof(canvas, dice, left, bottom - height, width, class_index)
    canvas.cover(wall, top=bottom - height, left=left, class_index=class_index)
    return width


def _roof(
    canvas: Canvas, dice: Dice, left: int, eaves: int, width: int, class_index: int
) -> None:
    """Paint a hipped or gabled roof that overhangs the wall a little."""
    overhang = ceil(canvas.unit)
    rise = round(dice.uniform(4, 9) * canvas.unit)
    down = (np.arange(rise, dtype=np.float32) + 0.5) / rise
    ridge, foot = dice.uniform(0, 0.25) * width, width / 2 + overhang
    half = ridge + (foot - ridge) * down
    color = dice.color(*dice.pick(_ROOFS))[:, None, None]
    canvas.paint(
        coverage(foot - half, foot + half, 0, width + 2 * overhang).T,
        color * np.repeat(0.85 + 0.3 * down[:, None], width + 2 * overhang, axis=1),
        top=eaves - rise,
        left=left - overhang,
        class_index=class_index,
    )


def poles(
    canvas: Canvas, dice: Dice, *, foot: int, tall: float, class_index: int
) -> None:
    """Paint a line of poles one or two pixels wide, with wires between them or lamps.

    Above 96 pixels they widen with the scene; below, they stay a pixel wide.
    """
    unit = canvas.unit
    thick = max(1.0, unit)
    trunk = thick * dice.uniform(1.0, 1.9)
    color = dice.color(*_TIMBER)
    top = foot - tall * canvas.height
    gap = dice.uniform(60, 120) * unit
    first = dice.uniform(0, gap)
    wires = dice.pick((0, 1, 1, 2))
    arm = (4 if wires else 7) * unit
    beams = [top + (2 + 5 * level) * unit for level in range(max(wires, 1))]
    for x in np.arange(first - gap, canvas.width + gap, gap).tolist():
        near = x - arm if wires else x  # a lamp hangs on one side only
        canvas.bar(color, (x, x + trunk), (top, foot), class_index)
        for y in beams:
            canvas.bar(color, (near, x + trunk + arm), (y, y + thick), class_index)
    column = np.arange(canvas.width, dtype=np.float32) + np.float32(0.5)
    along = ((column - first) / gap) % 1
    dip = 4 * dice.uniform(2, 7) * unit * along * (1 - along)  # a parabola, by pole
    for y in beams[:wires]:
        line = y + dip
        rows = floor(line.min()), ceil(line.max() + thick)
        canvas.paint(
            coverage(line, line + thick, *rows),
            color,
            top=rows[0],
            left=0,
            class_index=class_index,
        )


def photograph(canvas: Canvas, dice: Dice, light: np.ndarray) -> np.ndarray:
    """Light the scene from one side and take it with a noisy sensor, uint8."""
    across = np.arange(canvas.width, dtype=np.float32) / canvas.width - 0.5
    gain = dice.uniform(0.88, 1.08) * (1 + dice.uniform(-0.2, 0.2) * across)
    lit = light[:, None, None] * gain
    return canvas.expose(lit, noise=dice.uniform(2, 6), dice=dice)
