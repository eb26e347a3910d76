"""Photographed textures (brick, grass, gravel) out of scikit-image's wheel.

All three are CC0 by their docstrings in ``skimage.data``. They are read by path, so
that scikit-image itself, its download helper included, is never imported.
"""

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

from simseg_core.data.compose.dice import Dice
from simseg_core.data.files.picture_files import open_picture

__all__ = ["TEXTURES", "read_texture", "texture"]

TEXTURES = ("brick", "cloud", "grass", "gravel")


@lru_cache(maxsize=32)
def read_texture(name: str, side: int) -> np.ndarray:
    """Return one texture, ``(2 side, 2 side)`` with mean 0, deviation 1, no seams."""
    if name not in TEXTURES:
        raise ValueError(f"no texture is named {name!r}; the names: {TEXTURES}")
    spec = find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        raise ImportError(
            "The scenes use textures that ship with scikit-image, which is not "
            "installed. Install it: pip install 'scikit-image>=0.22'"
        )
    file = f"{'gravel' if name == 'cloud' else name}.png"
    path = Path(spec.submodule_search_locations[0]) / "data" / file
    if not path.is_file():
        raise FileNotFoundError(
            f"this scikit-image has no {path}. Install one that ships it: "
            "pip install 'scikit-image>=0.22'"
        )
    grey = open_picture(path).upright.convert("L")
    if name == "brick":  # photographed on end: lay the courses flat
        grey = grey.transpose(Image.Transpose.TRANSPOSE)
    if name == "cloud":  # averages of ever larger pieces of gravel, and of all of them
        tile = _soften(grey, (3, 9), side)
        tile = (
            tile + _soften(grey, (6, 18), side) / 2 + _soften(grey, (12, 36), side) / 4
        )
    else:
        tile = _soften(grey, (side, side), side)
    tile = (tile - tile.mean()) / tile.std()
    row = np.concatenate([tile, tile[:, ::-1]], axis=1)  # mirrored: no seams
    return np.concatenate([row, row[::-1]], axis=0)


def _soften(grey: Image.Image, pieces: tuple[int, int], side: int) -> np.ndarray:
    """Average over pieces, then enlarge smoothly to ``(side, side)``."""
    small = grey.resize(pieces, Image.Resampling.BOX)
    large = small.resize((side, side), Image.Resampling.BICUBIC)
    values = np.asarray(large, dtype=np.float32)
    return (values - values.mean()) / values.std()


def texture(
    name: str, height: int, width: int, *, side: int, contrast: float, dice: Dice
) -> np.ndarray:
    """Cut a random piece of a texture.

    Args:
        name: ``"brick"``, ``"grass"``, ``"gravel"``, or ``"cloud"``, which is gravel
            blurred until only soft shapes are left.
        height: of the piece, in pixels.
        width: of the piece, in pixels; any size, since the texture repeats.
        side: pixels that the whole photograph is scaled to: smaller is finer.
        contrast: standard deviation of the factors.
        dice: decides where the piece is cut.

    Returns:
        ``(height, width)`` float32 brightness factors with mean about 1.

    >>> texture("brick", 10, 20, side=99, contrast=0.1, dice=Dice(0)).shape
    (10, 20)
    """
    tile = read_texture(name, side)
    if max(height, width) <= side:  # fits: show no mirror line, but turn it about
        top, left = (
            dice.integer(0, side - height + 1),
            dice.integer(0, side - width + 1),
        )
        piece = tile[top : top + height, left : left + width]
        piece = piece[:: dice.pick((-1, 1)), :: dice.pick((-1, 1))]
    else:
        top, left = dice.integer(0, 2 * side), dice.integer(0, 2 * side)
        piece = tile.take(range(top, top + height), axis=0, mode="wrap")
        piece = piece.take(range(left, left + width), axis=1, mode="wrap")
    return 1 + np.float32(contrast) * piece
