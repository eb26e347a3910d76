"""Chance for composed scenes: one generator per scene, seeded by what names it."""

from collections.abc import Sequence
from math import prod
from typing import TypeVar

import numpy as np

__all__ = ["Dice"]

T = TypeVar("T")
# Variance of the sum of two uniform bytes: 2 (256^2 - 1) / 12.
_TO_UNIT = np.float32((6 / (256**2 - 1)) ** 0.5)


class Dice:
    """Random draws that depend only on the key, not on who drew before.

    Args:
        key: non-negative integers that name the scene (seed, split, index).

    >>> Dice(0, 1, 7).uniform(2, 3) == Dice(0, 1, 7).uniform(2, 3)
    True
    """

    def __init__(self, *key: int) -> None:
        # SFC64 gives raw numbers fastest, and every scene draws tens of thousands.
        self._bits = np.random.SFC64(key)
        self.generator = np.random.Generator(self._bits)
        # Scalar draws through a bound method: three times faster than .uniform().
        self._random = self.generator.random

    def uniform(self, low: float, high: float) -> float:
        """Draw a number from [low, high)."""
        return low + (high - low) * self._random()

    def integer(self, low: int, high: int) -> int:
        """Draw a whole number from low to high - 1."""
        return low + int((high - low) * self._random())

    def chance(self, probability: float) -> bool:
        """Draw True with this probability."""
        return self._random() < probability

    def pick(self, items: Sequence[T]) -> T:
        """Draw one item."""
        return items[int(len(items) * self._random())]

    def color(self, low: Sequence[float], high: Sequence[float]) -> np.ndarray:
        """Draw a colour on the way from one to another, ``(3,)`` float32."""
        share = self._random()
        return np.array(
            [
                a + (b - a) * (share + 0.25 * (self._random() - 0.5))
                for a, b in zip(low, high)
            ],
            dtype=np.float32,
        )

    def noise(self, shape: tuple[int, ...]) -> np.ndarray:
        """Draw independent noise with mean 0 and deviation 1, float32.

        Each value is the sum of two random bytes: a triangular distribution, which
        for sensor noise is near enough to the normal one and four times as fast.
        """
        count = 2 * prod(shape)
        raw = self._bits.random_raw(-(-count // 8)).view(np.uint8)
        pair = raw[:count].reshape(2, *shape)
        total = pair[0].astype(np.float32)
        total += pair[1]
        total -= 255
        total *= _TO_UNIT
        return total
