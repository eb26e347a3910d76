"""Masks in colours, or with other values, beside their pictures: as `FolderDataset`."""

from functools import partial

import numpy as np

from simseg_core.data.annotations.writing import Annotated
from simseg_core.data.folder import FolderDataset
from simseg_core.data.pairs import IGNORE_INDEX

__all__ = ["read_colours"]


def read_colours(data: FolderDataset) -> list[Annotated]:
    """List the pairs of a folder data set that neither resizes nor transforms."""
    return [
        Annotated(
            place=mask,
            name=name,
            picture=image,
            suffix=image.suffix.lower(),
            draw=partial(_label, data, index),
            drawn="upright",  # the data set has turned it
        )
        for index, (name, (image, mask)) in enumerate(zip(data.names, data.files))
    ]


def _label(data: FolderDataset, index: int, size: tuple[int, int]) -> np.ndarray:
    label = data[index][1].numpy()
    return np.where(label == data.ignore_index, IGNORE_INDEX, label)
