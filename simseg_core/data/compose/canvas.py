"""A picture and its label map, painted together, so that they cannot disagree.

Whatever is painted comes with an alpha (coverage) map. The picture is blended by it,
and the label changes exactly where alpha is at least one half.
"""

from functools import lru_cache
from math import ceil, floor

import numpy as np

from simseg_core.data.compose.dice import Dice
from simseg_core.data.compose.pictograms import pictogram

__all__ = ["Canvas", "coverage"]

_OPAQUE = 0.5  # a pixel belongs to what covers at least half of it


class Canvas:
    """An image ``(3, H, W)`` float32, 0 to 255, and its labels ``(H, W)`` uint8.

    >>> canvas = Canvas(4, 6)
    >>> canvas.paint(np.ones((2, 6)), None, top=0, left=0, class_index=3)
    >>> canvas.label[:, 0].tolist()
    [3, 3, 0, 0]
    """

    def __init__(self, height: int, width: int) -> None:
        self.height, self.width = height, width
        self.unit = min(height, width) / 96  # lengths are said as on a 96-pixel scene
        self.image = np.zeros((3, height, width), dtype=np.float32)
        self.label = np.zeros((height, width), dtype=np.uint8)

    def paint(
        self,
        alpha: np.ndarray,
        color: np.ndarray | None,
        *,
        top: int,
        left: int,
        class_index: int | None,
        premultiplied: bool = False,
    ) -> None:
        """Blend a patch into the picture and write its class where it is opaque.

        Args:
            alpha: ``(h, w)`` coverage from 0 to 1; may hang over the edges.
            color: one RGB colour ``(3,)`` or one a pixel ``(3, h, w)``, 0 to 255;
                None is black.
            top: row of the patch's first row; may be negative.
            left: column of the patch's first column; may be negative.
            class_index: class to write, or None for what has no label of its own
                (shadow, haze).
            premultiplied: whether `color` is already multiplied by alpha.
        """
        window, inside = self._overlap(top, left, *alpha.shape)
        alpha = alpha[inside]
        patch = self.image[:, *window]
        patch *= 1 - alpha
        if color is not None:
            color = color[:, None, None] if color.ndim == 1 else color[:, *inside]
            patch += color if premultiplied else color * alpha
        if class_index is not None:
            np.putmask(self.label[window], alpha >= _OPAQUE, class_index)

    def cover(
        self, color: np.ndarray, *, top: int, left: int, class_index: int
    ) -> None:
        """Lay an opaque patch on the picture.

        Args:
            color: ``(3, h, w)``, 0 to 255; may hang over the edges.
            top: row of the patch's first row.
            left: column of the patch's first column.
            class_index: class to write.
        """
        window, inside = self._overlap(top, left, *color.shape[1:])
        self.image[:, *window] = color[:, *inside]
        self.label[window] = class_index

    def _overlap(
        self, top: int, left: int, rows: int, columns: int
    ) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        """Where a patch lies on the canvas, and which part of it does."""
        y0, x0 = max(top, 0), max(left, 0)
        y1 = max(min(top + rows, self.height), y0)
        x1 = max(min(left + columns, self.width), x0)
        inside = slice(y0 - top, y1 - top), slice(x0 - left, x1 - left)
        return (slice(y0, y1), slice(x0, x1)), inside

    def stamp(
        self,
        name: str,
        *,
        height: int,
        bottom: int,
        center: float,
        class_index: int,
        gain: np.ndarray | float,
        mirrored: bool = False,
    ) -> int:
        """Paint a pictogram that stands on row `bottom`.

        Args:
            name: the pictogram's name.
            height: in pixels.
            bottom: first row below it.
            center: column of its middle.
            class_index: class to write where its alpha is at least one half.
            gain: brightness factor, one for all channels or ``(3,)``.
            mirrored: whether it faces the other way.

        Returns:
            Its width in pixels.
        """
        pixels = pictogram(name, height)
        if mirrored:
            pixels = pixels[:, :, ::-1]
        width = pixels.shape[2]
        self.paint(
            pixels[3],
            pixels[:3] * (gain if isinstance(gain, float) else gain[:, None, None]),
            top=bottom - height,
            left=round(center - width / 2),
            class_index=class_index,
            premultiplied=True,
        )
        return width

    def shadow(self, *, center: float, width: float, bottom: int, depth: float) -> None:
        """Darken a flat ellipse on the ground; labels stay as they are.

        Args:
            center: column of its middle.
            width: in pixels.
            bottom: row of its middle.
            depth: from 0, no shadow, to 1, black.
        """
        alpha = _ellipse(round(width))
        self.paint(
            alpha * np.float32(depth),
            None,
            top=bottom - alpha.shape[0] // 2,
            left=round(center - alpha.shape[1] / 2),
            class_index=None,
        )

    def bar(
        self,
        color: np.ndarray,
        x: tuple[float, float],
        y: tuple[float, float],
        class_index: int,
    ) -> None:
        """Paint an upright rectangle with exact coverage at its borders.

        Args:
            color: RGB, 0 to 255.
            x: where it starts and ends across, in pixels and fractions of them.
            y: where it starts and ends downwards.
            class_index: class to write where at least half a pixel is covered.
        """
        if x[1] > 0 and x[0] < self.width:
            alpha = _span(*y)[:, None] * _span(*x)
            top, left = floor(y[0]), floor(x[0])
            self.paint(alpha, color, top=top, left=left, class_index=class_index)

    def disc(
        self,
        color: np.ndarray,
        *,
        center: tuple[float, float],
        radius: float,
        class_index: int,
    ) -> None:
        """Paint a disc whose border pixels are covered in part.

        Args:
            color: RGB, 0 to 255.
            center: row and column, in pixels and fractions of them.
            radius: in pixels.
            class_index: class to write where at least half a pixel is covered.
        """
        top, left = (floor(c - radius - 1) for c in center)
        reach = ceil(2 * radius) + 3
        y = np.arange(top, top + reach, dtype=np.float32) + 0.5 - center[0]
        x = np.arange(left, left + reach, dtype=np.float32) + 0.5 - center[1]
        alpha = radius + 0.5 - np.sqrt(np.square(y)[:, None] + np.square(x))
        np.clip(alpha, 0, 1, out=alpha)
        self.paint(alpha, color, top=top, left=left, class_index=class_index)

    def expose(self, light: np.ndarray, *, noise: float, dice: Dice) -> np.ndarray:
        """Take the photograph: light, then sensor noise, then clipping.

        Args:
            light: brightness factors that broadcast to ``(3, H, W)``.
            noise: standard deviation of the sensor noise, of 255.
            dice: draws the noise.

        Returns:
            ``(3, H, W)`` uint8.
        """
        shot = dice.noise(self.image.shape)
        shot *= noise
        shot += self.image * light
        return np.clip(shot, 0, 255, out=shot).astype(np.uint8)


def coverage(
    low: np.ndarray | float, high: np.ndarray | float, start: int, stop: int
) -> np.ndarray:
    """Measure how much of each pixel an interval covers.

    Args:
        low: where the interval starts: one number, or one a column ``(n,)``.
        high: where it ends, likewise.
        start: first pixel.
        stop: pixel after the last.

    Returns:
        Shares from 0 to 1, ``(stop - start, 1)`` or ``(stop - start, n)``, float32.

    >>> coverage(1.5, 3.0, 0, 4)[:, 0].tolist()
    [0.0, 0.5, 1.0, 0.0]
    """
    pixel = np.arange(start, stop, dtype=np.float32)[:, None]
    shared = np.minimum(pixel + 1, high) - np.maximum(pixel, low)
    return np.maximum(shared, 0).astype(np.float32, copy=False)


def _span(low: float, high: float) -> np.ndarray:
    """Share of each pixel that [low, high] touches; `coverage`, fast, for one."""
    start, stop = floor(low), ceil(high)
    shares = np.ones(stop - start, dtype=np.float32)
    shares[0] -= low - start
    shares[-1] -= stop - high
    return shares


@lru_cache(maxsize=256)
def _ellipse(width: int) -> np.ndarray:
    """A flat ellipse that fades at its border, ``(about width / 6, width)``."""
    height = max(3, round(width / 6))
    y = (np.arange(height, dtype=np.float32)[:, None] + 0.5) / height * 2 - 1
    x = (np.arange(width, dtype=np.float32) + 0.5) / width * 2 - 1
    return np.clip(1.3 - (y**2 + x**2), 0, 1)
