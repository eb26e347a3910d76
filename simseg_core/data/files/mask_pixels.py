"""The numbers or colours of a mask, from a picture or an array."""

import numpy as np
from PIL import Image

from simseg_core.data.files.faults import Fault

__all__ = ["count_values", "mask_pixels", "pack", "unpack"]

# The kinds of Pillow pictures whose pixels are kept as they are. Not among them: F
# (fractions) and what is converted on reading (CMYK, LAB, YCbCr).
_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I", "I;16", "I;16B", "I;16L", "I;16N")


def mask_pixels(mask: np.ndarray | Image.Image, *, by_color: bool) -> np.ndarray:
    """Read a mask's pixels.

    Args:
        mask: a picture, or an array ``(H, W)`` or ``(H, W, channels)``.
        by_color: whether a palette's colours are wanted, not its indices.

    Returns:
        Booleans or whole numbers, ``(H, W)`` or, of colours, ``(H, W, 3)``.

    Raises:
        ValueError: if these are no whole numbers, if pixels are transparent, or if the
            shape is another.

    >>> mask_pixels(Image.new("LA", (2, 1), (7, 255)), by_color=False).tolist()
    [[7, 7]]
    """
    if isinstance(mask, Image.Image):
        if mask.mode not in _MODES:
            raise Fault(
                f"is of mode {mask.mode}, which keeps no whole numbers and no RGB",
                "replace its values by class indices and save it as 8-bit PNG",
            )
        mask = mask.convert("RGB") if mask.mode == "P" and by_color else mask
    pixels = np.asarray(mask)
    if pixels.dtype != bool and not np.issubdtype(pixels.dtype, np.integer):
        raise Fault(
            f"is of {pixels.dtype}, but classes are whole numbers",
            "take it from its file as it is; ToTensor, for one, divides by 255",
        )
    if pixels.ndim == 3 and pixels.shape[-1] in (2, 4):  # with alpha
        if (pixels[..., -1] != 255).any():
            raise Fault(
                "has transparent pixels, and nothing says what they are",
                "save it without alpha; if the alpha channel is itself the mask, save "
                "that alone: image.getchannel('A')",
            )
        pixels = pixels[..., :-1]
    if pixels.ndim == 3 and pixels.shape[-1] == 1:
        pixels = pixels[..., 0]
    if pixels.ndim != 2 and not (pixels.ndim == 3 and pixels.shape[-1] == 3):
        raise Fault(
            f"has the shape {pixels.shape}",
            "a mask is (H, W), or (H, W, 3) if it is in colours",
        )
    return pixels


def count_values(
    mask: np.ndarray | Image.Image, *, by_color: bool
) -> dict[int | tuple[int, int, int], int]:
    """Count the pixels of each number or colour in a mask.

    Args:
        mask: as `mask_pixels` takes it; so are the errors.
        by_color: whether all are given as colours, also the indices of a palette and
            greys. If not, three equal channels are one number.

    >>> count_values(np.array([[0, 7], [7, 7]]), by_color=False)
    {0: 1, 7: 3}
    """
    pixels = mask_pixels(mask, by_color=by_color)
    if pixels.dtype == bool:
        pixels = pixels * np.int64(255 if by_color else 1)
    if pixels.ndim == 2 and by_color:
        pixels = np.stack([pixels] * 3, axis=-1)
    elif pixels.ndim == 3 and not by_color and (pixels == pixels[..., :1]).all():
        pixels = pixels[..., 0]
    in_color = pixels.ndim == 3
    found, counts = np.unique(pack(pixels) if in_color else pixels, return_counts=True)
    return {
        unpack(int(number)) if in_color else int(number): int(count)
        for number, count in zip(found, counts)
    }


def pack(pixels: np.ndarray) -> np.ndarray:
    """Write each colour as one number, ``(..., 3) -> (...)``; see `unpack`.

    >>> pack(np.array([255, 0, 1])) == 255 * 256**2 + 1
    np.True_
    """
    red, green, blue = np.moveaxis(pixels.astype(np.int64), -1, 0)
    return (red << 16) | (green << 8) | blue


def unpack(number: int) -> tuple[int, int, int]:
    """Read the colour that `pack` wrote as a number.

    >>> unpack(255 * 256**2 + 1)
    (255, 0, 1)
    """
    return number >> 16, number >> 8 & 255, number & 255
