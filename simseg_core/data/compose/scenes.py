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

__all__ = ["SPLITS", "Cast", "SceneDataset", "SeededDataset"]

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


class SeededDataset(Dataset[tuple[Tensor, Tensor]]):
    """Pairs of image and label, each a function of (seed, split, index) alone.

    The arguments are those of `SceneDataset`; `item` is what messages call a pair.
    """

    item: ClassVar[str]
    classes: ClassVar[tuple[str, ...]]
    palette: ClassVar[tuple[tuple[int, int, int], ...]]
    ignore_index = 255

    def __init__(
        self,
        split: str,
        *,
        size: int | tuple[int, int],
        length: int,
        seed: int,
        normalize: bool,
    ) -> None:
        if split not in SPLITS:
            raise ValueError(f"split={split!r} is not one of {SPLITS}")
        if length < 1 or seed < 0:
            raise ValueError(
                f"length={length} must be 1 or more and seed={seed} 0 or more"
            )
        self.split, self.size = split, sides(size)
        self.length, self.seed, self.normalize = length, seed, normalize

    def __len__(self) -> int:
        return self.length

    def _dice(self, index: int) -> Dice:
        """Give the chance that makes a pair, the same at every call.

        Raises:
            IndexError: if `index` is not in the data set.
        """
        position = index + self.length if index < 0 else index
        if not 0 <= position < self.length:
            raise IndexError(
                f"{self.item} {index} of a data set of {self.length}: "
                f"indices are 0 to {self.length - 1}"
            )
        return Dice(self.seed, SPLITS.index(self.split), position)

    def __repr__(self) -> str:
        height, width = self.size
        return (
            f"{type(self).__name__}(split={self.split!r}, size=({height}, {width}), "
            f"length={self.length}, seed={self.seed})"
        )


class SceneDataset(SeededDataset, ABC):
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

    item = "scene"
    casts: ClassVar[Mapping[str, Cast]]

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
        super().__init__(
            split, size=size, length=length, seed=seed, normalize=normalize
        )
        if (pictograms or split) not in SPLITS:
            raise ValueError(f"pictograms={pictograms!r} is not one of {SPLITS}")
        if min(self.size) < 32:
            raise ValueError(
                f"size={size} is too small for a scene: give 32 pixels or more a side"
            )
        self.cast = self.casts[pictograms or split]

    @property
    def held_out(self) -> frozenset[str]:
        """Names of the pictograms that this data set draws and training never does."""
        return _names(self.cast) - _names(self.casts["train"])

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Compose scene `index`.

        Returns:
            The image ``(3, H, W)`` float32 and the label ``(H, W)`` int64.

        Raises:
            IndexError: if `index` is not in the data set.
        """
        return self._tensors(*self._compose(self._dice(index)))

    def _tensors(self, image: np.ndarray, label: np.ndarray) -> tuple[Tensor, Tensor]:
        pixels = np.empty((3, *label.shape), dtype=np.float32)
        scale, shift = _SCALES[self.normalize]
        np.multiply(image, scale, out=pixels)
        pixels -= shift
        return torch.from_numpy(pixels), torch.from_numpy(label.astype(np.int64))

    @abstractmethod
    def _compose(self, dice: Dice) -> tuple[np.ndarray, np.ndarray]:
        """Draw one scene: ``(3, H, W)`` uint8 and its labels ``(H, W)`` uint8."""


def _names(cast: Cast) -> frozenset[str]:
    return frozenset(name for names in cast.values() for name in names)
