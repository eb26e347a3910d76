"""What the composed data sets share: splits, sizes, seeds, and the two tensors.

A scene is a function of (seed, split, index) alone: it does not matter which worker,
which process or which order asks for it.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from simseg_core.data.compose.dice import Dice
from simseg_core.data.normalization import MEAN, STD
from simseg_core.data.sizes import sides

__all__ = ["SPLITS", "Cast", "SceneDataset"]

SPLITS = ("train", "val", "test")
Cast = Mapping[str, tuple[str, ...]]  # role -> names of the pictograms that play it

# image / 255, then (x - MEAN) / STD where it is asked for, as one scale and shift.
_SCALES = {
    False: (np.array(1 / 255, dtype=np.float32), np.array(0, dtype=np.float32)),
    True: (
        np.array([1 / (255 * s) for s in STD], dtype=np.float32)[:, None, None],
        np.array([m / s for m, s in zip(MEAN, STD)], dtype=np.float32)[:, None, None],
    ),
}


class SceneDataset(Dataset[tuple[Tensor, Tensor]], ABC):
    """Composed scenes with exact labels; the subclasses say what is in them.

    Args:
        split: ``"train"``, ``"val"`` or ``"test"``. No pictogram is in two splits.
        size: ``(H, W)`` or one number for both, in pixels, 32 or more.
        length: how many scenes the data set holds.
        seed: non-negative; another seed gives other scenes.
        normalize: whether the image has the channel means and deviations of
            `simseg_core.data.normalization` taken out; if not, it is 0 to 1.
        pictograms: the split whose pictograms are drawn; None draws the split's own.
            ``"train"`` on the test split shows what knowing the pictograms is worth.

    Raises:
        ValueError: if an argument is out of its range.
    """

    classes: ClassVar[tuple[str, ...]]
    palette: ClassVar[tuple[tuple[int, int, int], ...]]
    casts: ClassVar[Mapping[str, Cast]]
    ignore_index = 255

    def __init__(
        self,
        split: str = "train",
        *,
        size: int | tuple[int, int] = 96,
        length: int = 512,
        seed: int = 0,
        normalize: bool = True,
        pictograms: str | None = None,
    ) -> None:
        for name, value in (("split", split), ("pictograms", pictograms or split)):
            if value not in SPLITS:
                raise ValueError(f"{name}={value!r} is not one of {SPLITS}")
        height, width = sides(size)
        if min(height, width) < 32:
            raise ValueError(
                f"size={size} is too small for a scene: give 32 pixels or more a side"
            )
        if length < 1 or seed < 0:
            raise ValueError(
                f"length={length} must be 1 or more and seed={seed} 0 or more"
            )
        self.split, self.size, self.length, self.seed = (
            split,
            (height, width),
            length,
            seed,
        )
        self.normalize = normalize
        self.cast = self.casts[pictograms or split]

    @property
    def held_out(self) -> frozenset[str]:
        """Names of the pictograms that this data set draws and training never does."""
        return _names(self.cast) - _names(self.casts["train"])

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Compose scene `index`.

        Returns:
            The image ``(3, H, W)`` float32 and the label ``(H, W)`` int64.

        Raises:
            IndexError: if `index` is not in the data set.
        """
        return self._tensors(*self._compose(self._dice(index)))

    def _dice(self, index: int) -> Dice:
        position = index + self.length if index < 0 else index
        if not 0 <= position < self.length:
            raise IndexError(
                f"scene {index} of a data set of {self.length}: "
                f"indices are 0 to {self.length - 1}"
            )
        return Dice(self.seed, SPLITS.index(self.split), position)

    def _tensors(self, image: np.ndarray, label: np.ndarray) -> tuple[Tensor, Tensor]:
        pixels = np.empty((3, *label.shape), dtype=np.float32)
        scale, shift = _SCALES[self.normalize]
        np.multiply(image, scale, out=pixels)
        pixels -= shift
        return torch.from_numpy(pixels), torch.from_numpy(label.astype(np.int64))

    @abstractmethod
    def _compose(self, dice: Dice) -> tuple[np.ndarray, np.ndarray]:
        """Draw one scene: ``(3, H, W)`` uint8 and its labels ``(H, W)`` uint8."""

    def __repr__(self) -> str:
        height, width = self.size
        return (
            f"{type(self).__name__}(split={self.split!r}, size=({height}, {width}), "
            f"length={self.length}, seed={self.seed})"
        )


def _names(cast: Cast) -> frozenset[str]:
    return frozenset(name for names in cast.values() for name in names)
