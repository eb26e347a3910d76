"""Logits of an image of any size: whole if it is small, by overlapping tiles if not.

The U-Net's paper does so (Ronneberger, Fischer, Brox 2015, arXiv:1505.04597, figure 2):
the border that valid convolutions lose is mirrored, and tiles overlap by what is lost.
Here the overlap follows from the receptive field, for every network: a pixel is taken
from a tile only where all that it reads lies in that tile.

So tiles give what the whole image would give, if three things hold:

- the network is local: pooling over the image, attention and gates such as CBAM's see
  the tile instead of the image;
- it moves with the image: resizes with aligned corners do not, and those to a map's own
  size do only where the image's sides are multiples of the stride;
- the overlap that this takes leaves half of each side of a tile (`tile` can be larger).

Where one does not, `segment` says so in a warning and goes on.
"""

import math
import warnings
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from simseg_core.probes import ReceptiveField, receptive_field

__all__ = ["TILE", "Fit", "fit_of", "mirror", "segment"]

TILE = 1024  # pixels
_PROBED = 256  # pixels of the image that the field is looked up on


@dataclass(frozen=True)
class Fit:
    """How the pixels of a network's output lie on those of its input.

    Attributes:
        stride: tiles may start at its multiples; images are at least as large.
        border: pixels that the output lacks on each side; 92 for the paper's U-Net.
        remainder: of a side divided by `stride`, which the network insists on if it
            has a border.
        margin: pixels at a tile's cut edge that read beyond it, a multiple of `stride`.
        causes: why tiles cannot give quite what the whole image gives, if so.
    """

    stride: int
    border: int
    remainder: int
    margin: int
    causes: tuple[str, ...]

    def padded(self, pixels: int) -> int:
        """Give the input's side for an output of so many pixels at least."""
        side = pixels + 2 * self.border
        if self.border:
            return side + (self.remainder - side) % self.stride
        return max(side, self.stride)

    def added(self, pixels: int) -> tuple[int, int]:
        """Give the pixels to mirror at the two ends of an image's side."""
        return self.border, self.padded(pixels) - pixels - self.border


_known: WeakKeyDictionary[nn.Module, Fit] = WeakKeyDictionary()


def fit_of(model: nn.Module) -> Fit:
    """Find how a network's output lies on its input, from its receptive field.

    Args:
        model: images ``(B, C, H, W)`` -> logits ``(B, num_classes, h, w)``, as large or
            smaller by the same border on all sides.

    Raises:
        simseg_core.probes.UnknownOperationError: for an operation without a rule.
        ValueError: if the model takes no image of about 256 pixels, or gives another
            scale than it takes.

    >>> from simseg_core import create_model
    >>> fit_of(create_model("unet", preset="tiny")).border
    92
    """
    if model not in _known:
        _known[model] = _probe(model)
    return _known[model]


def _probe(model: nn.Module) -> Fit:
    field = _field(model)
    rows = field.rows
    first, last = rows.unclipped_first, rows.unclipped_last
    side, lost = field.input_shape[2], field.input_shape[2] - field.output.shape[2]
    scaled = rows.stride not in (None, 1)
    if lost < 0 or lost % 2 or scaled or first is None or last is None:
        raise ValueError(
            f"a {side}x{side} image gives logits {tuple(field.output.shape)}: they "
            "must be as large as the image, or its centre"
        )
    strides = [layer.rows.stride for layer in field.layers]
    whole = [int(each) for each in strides if each is not None and each % 1 == 0]
    stride = math.lcm(*whole, rows.period or 1)
    beyond = max(-first[:stride].min(), (last[-stride:] - (side - 1)).max(), 0)
    causes = []
    if field.is_global:
        causes.append("operations that saw the whole image see a tile")
    if rows.period is None:
        causes.append("how it resizes its maps depends on their size")
    margin = _up(int(beyond), stride)
    return Fit(stride, lost // 2, side % stride, margin, tuple(causes))


def _field(model: nn.Module) -> ReceptiveField:
    """Look up the field at the first size that the network takes.

    Valid convolutions take one size in a stride, which is 16 in the paper's U-Net.
    """
    for side in range(_PROBED, 2 * _PROBED):
        try:
            return receptive_field(model, side)
        except ValueError as error:
            refused = error
    raise refused


@torch.inference_mode()
def segment(
    model: nn.Module,
    image: Tensor,
    *,
    tile: int | None = TILE,
    overlap: int | None = None,
    amp: torch.dtype | None = None,
) -> Tensor:
    """Run a network on one image of any size.

    An image below the network's least size is mirrored, and so is the border that valid
    convolutions lose.

    Args:
        model: in evaluation mode, on any device.
        image: ``(C, H, W)`` float, normalised as the network was trained.
        tile: the greatest side in pixels that is run at once, rounded down to a
            multiple of the network's stride, which is the least; None runs every image
            whole.
        overlap: pixels that neighbouring tiles share, rounded up. None takes what the
            receptive field asks for, but at most half a tile.
        amp: the type of mixed precision, such as torch.bfloat16; None for none.

    Returns:
        Logits ``(num_classes, H, W)`` on the CPU. They take 4 bytes each.

    Raises:
        ValueError: if the model is in training mode, the image no single image, the
            overlap out of range, or the model refuses the image.

    Warns:
        UserWarning: if tiles cannot give quite what the whole image gives.

    >>> from simseg_core import create_model
    >>> model = create_model("unet", preset="tiny", num_classes=2).eval()
    >>> segment(model, torch.rand(3, 50, 70)).shape
    torch.Size([2, 50, 70])
    """
    if model.training:
        raise ValueError("the model is in training mode: call model.eval() first")
    if image.ndim != 3 or 0 in image.shape:
        raise ValueError(f"segment takes one image (C, H, W), not {tuple(image.shape)}")
    fit, (height, width) = fit_of(model), image.shape[1:]
    length, shared = max(height, width), 0
    if tile is not None and length > tile:
        length, shared = _tiles(model, fit, tile, overlap)
    rows, columns = (_cut(n, fit, length, shared) for n in (height, width))
    image = mirror(image, *(fit.added(n) for n in (height, width)))
    logits: Tensor | None = None
    for row in rows:
        for column in columns:
            found = _run(model, image[:, row.read, column.read], amp)
            if logits is None:
                logits = found.new_empty(len(found), height, width, device="cpu")
            kept = found[:, row.taken, column.taken]
            logits[:, row.placed, column.placed] = kept
    assert logits is not None
    return logits


def _run(model: nn.Module, image: Tensor, amp: torch.dtype | None) -> Tensor:
    """Run one tile where the model is: ``(C, H, W)`` -> ``(num_classes, h, w)``."""
    weight = next((p for p in model.parameters() if p.is_floating_point()), image)
    batch = image[None].to(weight.dtype).to(weight.device)
    if weight.is_cuda:
        batch = batch.contiguous(memory_format=torch.channels_last)
    with torch.autocast(weight.device.type, amp, enabled=amp is not None):
        logits = model(batch)[0]
    return logits.float() if amp else logits


# --- tiles along one axis ---------------------------------------------------------


@dataclass(frozen=True)
class _Part:
    """A tile along one axis.

    Attributes:
        read: of the mirrored image.
        taken: of what the network gives for it.
        placed: where that belongs in the result.
    """

    read: slice
    taken: slice
    placed: slice


def _tiles(
    model: nn.Module, fit: Fit, tile: int, overlap: int | None
) -> tuple[int, int]:
    """Choose how long tiles are and what they share, in multiples of the stride."""
    length = max(tile // fit.stride, 1) * fit.stride
    causes = list(fit.causes)
    if overlap is not None:
        shared = _up(overlap, fit.stride)
        if not 0 <= shared < length:
            raise ValueError(
                f"overlap={overlap} leaves nothing of tiles of {length} pixels: give 0 "
                f"to {length - fit.stride}, or None"
            )
    else:
        shared = min(2 * fit.margin, length // 2 // fit.stride * fit.stride)
        if shared < 2 * fit.margin:
            causes.append(
                f"tiles of {length} pixels share {shared}, and its receptive field "
                f"asks for {2 * fit.margin}"
            )
    if causes:
        warnings.warn(
            f"{type(model).__name__} in tiles differs from one run on the whole image: "
            + "; ".join(causes),
            stacklevel=3,
        )
    return length, shared


def _cut(pixels: int, fit: Fit, length: int, shared: int) -> list[_Part]:
    """Cut one side into tiles.

    >>> fit = Fit(stride=4, border=0, remainder=0, margin=4, causes=())
    >>> [part.read for part in _cut(30, fit, length=16, shared=8)]
    [slice(0, 16, None), slice(8, 24, None), slice(16, 30, None)]
    >>> [part.placed for part in _cut(30, fit, length=16, shared=8)]
    [slice(0, 12, None), slice(12, 20, None), slice(20, 30, None)]
    """
    last = max(_up(pixels - length, fit.stride), 0)
    starts = [*range(0, last, length - shared), last]
    stops = [*(start + length for start in starts[:-1]), pixels]
    # Two neighbours part in the middle of what they share.
    edges = [0, *((a + b) // 2 for a, b in zip(starts[1:], stops)), pixels]
    return [
        _Part(
            read=slice(start, start + fit.padded(stop - start)),
            taken=slice(first - start, end - start),
            placed=slice(first, end),
        )
        for start, stop, first, end in zip(starts, stops, edges, edges[1:])
    ]


def _up(number: int, multiple: int) -> int:
    """Round up to a multiple.

    >>> _up(5, 4), _up(8, 4)
    (8, 8)
    """
    return -(-number // multiple) * multiple


# --- mirrored borders -------------------------------------------------------------


def mirror(image: Tensor, rows: tuple[int, int], columns: tuple[int, int]) -> Tensor:
    """Put a mirrored border around an image, however small it is.

    Args:
        image: ``(..., H, W)``.
        rows: to add above and below.
        columns: to add on the left and on the right.

    >>> mirror(torch.tensor([[1, 2, 3]]), (0, 1), (4, 1))
    tensor([[1, 2, 3, 2, 1, 2, 3, 2],
            [1, 2, 3, 2, 1, 2, 3, 2]])
    """
    for dim, (before, after) in ((-2, rows), (-1, columns)):
        if before or after:
            n = image.shape[dim]
            at = torch.arange(-before, n + after, device=image.device)
            at = at.remainder(max(2 * n - 2, 1))  # there and back again
            image = image.index_select(dim, at.minimum(2 * n - 2 - at))
    return image
