"""A folder of pictures as a reader has it: sizes of all kinds, void, few of them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image


def draw_cells(root: Path, count: int = 10, least: int = 40, most: int = 70) -> Path:
    """Draw discs on noise, with masks of 0, 1 and, in every third, 255."""
    dice = np.random.default_rng(0)
    for name in ("images", "masks"):
        (root / name).mkdir(parents=True)
    for number in range(count):
        high, wide = dice.integers(least, most, 2)
        rows, columns = np.mgrid[:high, :wide]
        mask = np.zeros((high, wide), np.uint8)
        for _ in range(4):
            row, column = dice.integers(0, least, 2)
            mask[(rows - row) ** 2 + (columns - column) ** 2 < least**2 / 25] = 1
        colour = np.array([100, 40, 10]) * mask[..., None]
        picture = 80 + colour + dice.normal(0, 20, (high, wide, 3))
        if number % 3 == 0:
            mask[: high // 3] = 255
        image = Image.fromarray(picture.clip(0, 255).astype(np.uint8))
        image.save(root / "images" / f"cell{number}.png")
        Image.fromarray(mask).save(root / "masks" / f"cell{number}.png")
    return root


@pytest.fixture(scope="session")
def cells(tmp_path_factory: Any) -> Path:
    return draw_cells(tmp_path_factory.mktemp("pictures") / "cells")
