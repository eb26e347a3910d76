"""Reading picture and mask files: all that a file holds, or an error that names it.

Pillow takes much in silence: it cuts 16 bits down to 8, shows the first of many pages,
and turns some files by their EXIF tag and others not. What would be lost is refused.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from simseg_core.data.files.faults import Fault

__all__ = [
    "MaskOrientation",
    "Picture",
    "match_orientation",
    "open_mask",
    "open_picture",
]

MaskOrientation = Literal["upright", "stored"]

# TIFF tags (TIFF 6.0, section 8 and 18), the orientation in EXIF, too.
_BITS, _COMPRESSION, _PHOTOMETRIC, _ORIENTATION, _EXTRA = 258, 259, 262, 274, 338
_SAMPLE_FORMAT, _PAGE_KIND, _SOFTWARE = 339, 254, 305
_LOSSY = (6, 7, 34712, 50001)  # JPEG (old and new), JPEG 2000, WebP

Turn = Image.Transpose
# EXIF 2.3, table 6: what makes a stored picture upright.
_TURNS = {
    2: Turn.FLIP_LEFT_RIGHT,
    3: Turn.ROTATE_180,
    4: Turn.FLIP_TOP_BOTTOM,
    5: Turn.TRANSPOSE,
    6: Turn.ROTATE_270,
    7: Turn.TRANSVERSE,
    8: Turn.ROTATE_90,
}
_BACK = _TURNS | {6: Turn.ROTATE_90, 8: Turn.ROTATE_270}

_AS_PNG = "save it as 8-bit PNG"
_REMAKE = (
    "make the mask again from its source and save it as PNG, which keeps every value"
)


class Picture(NamedTuple):
    """A decoded file.

    Attributes:
        file: where it was read.
        upright: as the camera was held.
        orientation: its EXIF tag, 1 to 8; None if it has none.
    """

    file: Path
    upright: Image.Image
    orientation: int | None

    @property
    def stored(self) -> Image.Image:
        """The pixels as they lie in the file."""
        return _turned(self.upright, _BACK, self.orientation)


def open_picture(file: Path) -> Picture:
    """Read an image of 8 bits a channel.

    Args:
        file: in any format that Pillow reads.

    Raises:
        ValueError: if it cannot be read, has several pages, more than 8 bits a channel
            or channels beside colour and alpha, or is too large for Pillow's guard.
            Smaller copies of a page (overviews, previews) are no pages.
    """
    return _open(file, _refuse_picture)


def open_mask(file: Path) -> Picture:
    """Read a mask in a format that keeps every value.

    Args:
        file: PNG, TIFF or BMP by its content, whatever its name.

    Raises:
        ValueError: as for `open_picture`, and if the format does not keep every value.
    """
    return _open(file, _refuse_mask)


def match_orientation(
    picture: Picture, mask: Picture, drawn: MaskOrientation | None
) -> Image.Image:
    """Turn a mask as its picture was turned.

    A mask may have been drawn on the picture as it is shown or as it is stored. If
    their tags agree, that is the same; else the sizes tell, or the mask's own tag.

    Args:
        picture: the image.
        mask: its mask.
        drawn: what to believe where neither tells: that the mask was drawn on the
            picture as it is shown (``"upright"``), or as its pixels lie in the file
            (``"stored"``). None refuses the pair.

    Returns:
        The mask, as large as `picture.upright`.

    Raises:
        ValueError: if the sizes differ, or nothing tells how the mask lies.
    """
    ways = {
        "upright": mask.upright,
        "stored": _turned(mask.stored, _TURNS, picture.orientation),
    }
    fitting = {
        way: image for way, image in ways.items() if image.size == picture.upright.size
    }
    if not fitting:
        raise _sizes_differ(picture, mask)
    if len(fitting) == 1:
        return next(iter(fitting.values()))
    one, other = picture.orientation, mask.orientation
    if (one or 1) == (other or 1) or (one is not None and other is not None):
        return ways["upright"]
    if drawn is None:
        tagged = picture if other is None else mask
        raise Fault(
            f"has the EXIF orientation {tagged.orientation}, and "
            f"{(mask if other is None else picture).file} has none",
            "were the masks drawn on the pictures as they are shown, or on the pixels "
            "as they are stored? Say mask_orientation='upright' or 'stored', or save "
            "both upright, without the tag (PIL.ImageOps.exif_transpose)",
            place=tagged.file,
        )
    return ways[drawn]


def _sizes_differ(picture: Picture, mask: Picture) -> Fault:
    size, other = picture.upright.size, mask.upright.size
    on_its_side = size == other[::-1]
    return Fault(
        f"is {_size(picture)} but {mask.file} is {_size(mask)}",
        "save the mask turned by a quarter, as its picture lies; do not scale it"
        if on_its_side
        else "save the mask at the image's size (nearest neighbour)",
        place=picture.file,
    )


def _size(picture: Picture) -> str:
    wide, high = picture.upright.size
    shown = f"{wide} x {high} pixels"
    if picture.orientation in (None, 1):
        return shown
    wide, high = picture.stored.size
    return f"{shown} (EXIF orientation {picture.orientation}; {wide} x {high} stored)"


def _open(file: Path, refuse: Callable[[Image.Image], None]) -> Picture:
    """Decode a file completely, so that a cut-off one fails here."""
    try:
        # Given a name, Pillow maps plain TIFFs into memory, and scrambles those that
        # their tag turns by a quarter; given an open file, it reads them.
        with file.open("rb") as stream, Image.open(stream) as image:
            _guard(image)
            refuse(image)
            tag = image.getexif().get(_ORIENTATION)
            image.load()  # Pillow turns TIFFs here, and takes their tag away
            left = image.getexif().get(_ORIENTATION)
            _refuse_band_as_alpha(image)
            return Picture(
                file,
                _turned(image, _TURNS, left),
                tag if tag == 1 or tag in _TURNS else None,
            )
    except Fault as fault:
        raise fault.at(file) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        why, _, _ = str(error).partition(", could be")  # an attack, says Pillow
        raise _too_large(why).at(file) from error
    # Decoders fail on broken files in all ways: OSError, SyntaxError, struct.error ...
    except Exception as error:
        unknown = isinstance(error, UnidentifiedImageError)
        why = "not identified" if unknown else str(error) or type(error).__name__
        raise Fault(
            f"cannot be read ({why})",
            "it is cut off, no image, or of a kind that Pillow does not read; copy it "
            f"again, or {_AS_PNG} again",
            place=file,
        ) from error


def _turned(
    image: Image.Image, turns: dict[int, Turn], orientation: int | None
) -> Image.Image:
    turn = turns.get(orientation or 1)
    return image if turn is None else image.transpose(turn)


def _guard(image: Image.Image) -> None:
    """Refuse what Pillow only warns of; from twice as many pixels on, it raises."""
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and image.width * image.height > limit:
        raise _too_large(
            f"{image.width} x {image.height} pixels exceed the limit of {limit} pixels"
        )


def _too_large(why: str) -> Fault:
    return Fault(
        f"is too large ({why})",
        "cut it into tiles, and its mask where there is one (in Python set "
        "PIL.Image.MAX_IMAGE_PIXELS = None first, if you trust the file)",
    )


def _refuse_pages(image: Image.Image) -> None:
    """Refuse stacks and animations; an MPO's first picture is the photograph."""
    pages = getattr(image, "n_frames", 1)
    if image.format == "TIFF" and pages > 1:
        pages = _pages(image, pages)
    if pages > 1 and image.format != "MPO":
        raise Fault(
            f"holds {pages} pages or frames, of which only the first would be read",
            "save each as a file of its own, with its own mask",
        )


def _pages(image: Image.Image, frames: int) -> int:
    """Count a TIFF's pages without smaller copies of others (maps' overviews)."""
    pages = 1
    for frame in range(1, frames):
        image.seek(frame)
        pages += _tag(image, _PAGE_KIND) != (1,)  # 1: of reduced resolution
    image.seek(0)
    return pages


def _refuse_misread(image: Image.Image) -> None:
    """Refuse a BMP whose bytes Pillow takes for bits: two colours, black and white."""
    if image.format != "BMP" or image.mode != "1":
        return
    ((decoder, _, _, options),) = image.tile  # type: ignore[attr-defined]
    row = (image.width + 31 >> 3) & ~3  # bytes, if a pixel is a bit
    if decoder != "raw" or options[1] != row:
        raise Fault(
            "has two colours and more than a bit a pixel, which Pillow misreads",
            _REMAKE,
        )


def _refuse_band_as_alpha(image: Image.Image) -> None:
    """Refuse a fourth band of measurements that the program called alpha.

    GDAL (QGIS, rasterio) does so with every four bands. What is transparency in a TIFF
    is all or nothing: where the map ends.
    """
    if image.format != "TIFF" or image.mode not in ("LA", "RGBA"):
        return
    alpha = np.asarray(image.getchannel("A"))
    if not ((alpha == 0) | (alpha == 255)).all():
        raise Fault(
            "has a last channel that is marked as alpha, but holds other values than 0 "
            "and 255, so that it may be infrared, say",
            "if it is no transparency, save the other channels alone as 8-bit PNG; if "
            "it is, save the picture as PNG",
        )


def _refuse_signed(image: Image.Image) -> None:
    if image.mode == "L" and 2 in _tag(image, _SAMPLE_FORMAT):
        raise Fault(
            "holds signed bytes, of which Pillow takes -1 for 255",
            f"add what makes them 0 to 255 and {_AS_PNG}",
        )


def _refuse_picture(image: Image.Image) -> None:
    _refuse_pages(image)
    _refuse_misread(image)
    if _is_deep(image):
        raise Fault(
            f"has more than 8 bits a channel (mode {image.mode}), whose range is not "
            "known",
            f"scale it to 0..255 (12 bits: pixels / 4095 * 255) and {_AS_PNG}",
        )
    _refuse_signed(image)
    extra = _tag(image, _EXTRA)
    if len(extra) > 1 or 0 in extra:  # 0: neither kind of alpha
        raise Fault(
            f"has {len(extra)} channel{'s' * (len(extra) > 1)} beside its colours, "
            "which would be lost",
            f"choose three (or one) and {_AS_PNG}",
        )
    if image.mode in ("LAB", "HSV"):
        raise Fault(
            f"is of mode {image.mode}, which Pillow does not turn into RGB",
            f"convert it to RGB and {_AS_PNG}",
        )


def _refuse_mask(image: Image.Image) -> None:
    if image.format not in ("BMP", "PNG", "TIFF"):
        raise Fault(
            f"is a {image.format} by its content, which changes or renumbers values",
            _REMAKE,
        )
    if any(method in _LOSSY for method in _tag(image, _COMPRESSION)):
        raise Fault("is compressed with a loss, which changes values", _REMAKE)
    _refuse_pages(image)
    _refuse_misread(image)
    _refuse_signed(image)
    if _is_deep(image) and not image.mode.startswith("I"):
        raise Fault(
            f"has more than 8 bits a channel (mode {image.mode})",
            f"masks are whole numbers or 8-bit RGB: round its values and {_AS_PNG}",
        )
    # Bits are meant as they are shown, but tifffile writes True as black.
    by_tifffile = "tifffile" in str(_tag(image, _SOFTWARE))
    if _tag(image, _PHOTOMETRIC) == (0,) and (image.mode != "1" or by_tifffile):
        raise Fault(
            "is stored with white as 0 (TIFF, WhiteIsZero), so that its values could "
            "be meant either way",
            "replace its values by class indices and save it as 8-bit PNG",
        )


def _is_deep(image: Image.Image) -> bool:
    """Whether the file has more than 8 bits a channel, which the mode does not say."""
    if image.mode.startswith(("I", "F")):
        return True
    if max(_tag(image, _BITS), default=8) > 8:
        return True
    for decoder, _, _, options in getattr(image, "tile", ()):
        # How PNG and PPM are unpacked: ("RGB;16B") and ("RGB", the largest value).
        if ";16" in str(options) or (decoder.startswith("ppm") and options[1] > 255):
            return True
    return False


def _tag(image: Image.Image, number: int) -> tuple[Any, ...]:
    """Read a TIFF tag; empty if there is none."""
    value = getattr(image, "tag_v2", {}).get(number, ())
    return value if isinstance(value, tuple) else (value,)
