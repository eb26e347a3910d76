"""What a trained network says of a picture: classes, probabilities, shares, overlay."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from simseg_core.data.files.picture_files import open_picture
from simseg_core.data.folder import rgb_tensor
from simseg_core.data.palettes import Color, colorize
from simseg_core.runs.checkpoint import load_trained
from simseg_core.runs.network import Network
from simseg_core.runs.tiles import TILE, segment
from simseg_core.training.loop import pick_device
from simseg_core.training.step import amp_dtype

__all__ = ["Prediction", "Predictor"]

Picture = str | os.PathLike[str] | Image.Image | np.ndarray | Tensor


@dataclass(frozen=True)
class Prediction:
    """What a network says of one picture.

    Attributes:
        image: the picture, ``(3, H, W)`` float32, 0 to 1.
        logits: ``(num_classes, h, w)`` at the size that the network saw.
        network: names the classes and their colours.
    """

    image: Tensor
    logits: Tensor
    network: Network

    @cached_property
    def label(self) -> Tensor:
        """The likeliest class of each of the picture's pixels, ``(H, W)`` int64."""
        maps = self._maps()
        highest = next(maps).clone()
        label = torch.zeros_like(highest, dtype=torch.long)
        for number, logits in enumerate(maps, start=1):
            label[logits > highest] = number
            highest = highest.maximum(logits)
        return label

    @property
    def probabilities(self) -> Tensor:
        """The softmax of the logits at the picture's size, ``(num_classes, H, W)``."""
        return torch.stack(list(self._maps())).float().softmax(0)

    @property
    def shares(self) -> dict[str, float]:
        """The share of the picture's pixels that each class has, by name."""
        classes = self.network.classes
        counts = self.label.flatten().bincount(minlength=len(classes))
        return dict(zip(classes, (counts / self.label.numel()).tolist()))

    def mask(self) -> Image.Image:
        """Paint the classes; the picture's values are their numbers (mode P).

        Raises:
            ValueError: if there are more classes than a palette has colours, 256.
        """
        colors = self._palette
        if len(colors) > 256:
            raise ValueError(
                f"{len(colors)} classes, and a palette has 256: save `label` itself"
            )
        mask = Image.fromarray(self.label.byte().numpy())
        mask.putpalette([channel for color in colors for channel in color])
        return mask

    def overlay(self, alpha: float = 0.5) -> Image.Image:
        """Lay the classes' colours on the picture (mode RGB).

        Args:
            alpha: how much of the colour; 0 gives the picture, 1 the colours alone.

        Raises:
            ValueError: if alpha is not 0 to 1.
        """
        if not 0 <= alpha <= 1:
            raise ValueError(f"alpha={alpha} is not 0 to 1")
        picture = self.image.permute(1, 2, 0).numpy() * 255
        # No label of a prediction is ignored: -1 is none of them.
        colors = colorize(self.label, self._palette, ignore_index=-1)
        mixed = (1 - alpha) * picture + alpha * colors
        return Image.fromarray(mixed.round().astype(np.uint8))

    @property
    def _palette(self) -> tuple[Color, ...]:
        assert self.network.palette is not None
        return self.network.palette

    def _maps(self) -> Iterator[Tensor]:
        """Give ``(H, W)`` logits of one class after another: all might be too many."""
        size = self.image.shape[1:]
        for logits in self.logits:
            yield _resize(logits[None], size)[0]


class Predictor:
    """A trained network that takes pictures as they come.

    Args:
        network: what it is.
        model: with its weights; it is moved to the device.
        device: None picks the machine's accelerator, or else its CPU.
        tile, overlap: see `simseg_core.runs.segment`.
        amp: mixed precision: quicker on a GPU, and a little less exact.

    Attributes:
        folder: of the run that it was loaded from; None if it was not.

    >>> model = Network("unet_padded", ("sky", "road"), preset="tiny")
    >>> predictor = Predictor(model, model.build().eval(), device="cpu")
    >>> predictor(np.zeros((20, 30, 3), dtype=np.uint8)).label.shape
    torch.Size([20, 30])
    """

    def __init__(
        self,
        network: Network,
        model: nn.Module,
        *,
        device: torch.device | str | None = None,
        tile: int | None = TILE,
        overlap: int | None = None,
        amp: bool = False,
    ) -> None:
        self.network = network
        self.device = pick_device(device)
        self.model = model.to(self.device)
        self.tile, self.overlap = tile, overlap
        self.amp = amp_dtype(amp, self.device)
        self.folder: Path | None = None

    @classmethod
    def load(
        cls,
        run: str | os.PathLike[str],
        which: str = "best",
        *,
        device: torch.device | str | None = None,
        **options: Any,
    ) -> "Predictor":
        """Load what a run trained.

        Args:
            run: its folder, or a file of weights.
            which: `"best"` by validation, or `"last"`.
            device: as in the class.
            **options: as in the class: tile, overlap, amp.

        Raises:
            FileNotFoundError, ValueError: as `simseg_core.runs.load_trained` does.
        """
        trained = load_trained(run, which)
        predictor = cls(trained.network, trained.model, device=device, **options)
        predictor.folder = trained.path.parent
        if predictor.device.type == "cuda":
            # What its convolutions are quickest with.
            predictor.model.to(memory_format=torch.channels_last)
        return predictor

    def __call__(self, picture: Picture) -> Prediction:
        """Predict the classes of one picture, of any size.

        Args:
            picture: a file, turned upright as its EXIF tag says; a PIL image, as its
                pixels lie; an array ``(H, W)``, ``(H, W, 3)`` or ``(H, W, 4)`` or a
                tensor ``(1 or 3, H, W)``, of bytes or of floats from 0 to 1, not
                normalised. Grey is repeated, transparency laid on white.

        Raises:
            ValueError: if a file cannot be read whole, or an array is no picture.
            TypeError: if it is none of these.
        """
        image = as_picture(picture)
        x = image
        if self.network.scale != 1:
            size = [max(1, round(side * self.network.scale)) for side in x.shape[1:]]
            x = _resize(x, size, antialias=True).clamp(0, 1)
        mean, std = (
            x.new_tensor(each).view(3, 1, 1)
            for each in (self.network.mean, self.network.std)
        )
        logits = segment(
            self.model,
            (x - mean) / std,
            tile=self.tile,
            overlap=self.overlap,
            amp=self.amp,
        )
        return Prediction(image, logits, self.network)


def as_picture(given: Picture) -> Tensor:
    """Make an image ``(3, H, W)`` float32, 0 to 1, of whatever holds a picture."""
    if isinstance(given, str | os.PathLike):
        file = Path(given).expanduser()
        if not file.is_file():
            raise FileNotFoundError(f"no picture {file}")
        return rgb_tensor(open_picture(file).upright)
    if isinstance(given, Image.Image):
        if given.mode.startswith(("I", "F")):
            raise ValueError(
                f"a picture of mode {given.mode} has more than 8 bits a channel, whose "
                "range is not known: scale it to 0..1 and give it as a float array"
            )
        return rgb_tensor(given)
    if isinstance(given, np.ndarray):
        if given.dtype == np.uint8 and given.ndim in (2, 3) and 0 not in given.shape:
            channels = given.shape[2] if given.ndim == 3 else 0
            if channels in (0, 3, 4):
                return rgb_tensor(Image.fromarray(given))
        given = torch.from_numpy(np.array(given))
        given = given[None] if given.ndim == 2 else given.movedim(-1, 0)
    if not isinstance(given, Tensor):
        raise TypeError(
            f"a picture is a file, a PIL image, an array or a tensor, not "
            f"{type(given).__name__}"
        )
    if given.ndim != 3 or given.shape[0] not in (1, 3) or 0 in given.shape:
        raise ValueError(
            f"a tensor of shape {tuple(given.shape)} is no picture: give "
            "(3, H, W) or (1, H, W), or an array (H, W, 3), one picture at a time"
        )
    if given.dtype == torch.uint8:
        given = given / 255
    if not given.is_floating_point() or not ((given >= 0) & (given <= 1)).all():
        raise ValueError(
            f"a picture of {given.dtype} holds bytes or floats from 0 to 1: divide by "
            "the greatest value that it may hold, and do not normalise it"
        )
    return given.detach().cpu().float().expand(3, -1, -1)


def _resize(x: Tensor, size: Sequence[int], *, antialias: bool = False) -> Tensor:
    """Resize bilinearly, ``(C, h, w) -> (C, H, W)``; left alone if it has that size."""
    if x.shape[1:] == tuple(size):
        return x
    return F.interpolate(x[None], tuple(size), mode="bilinear", antialias=antialias)[0]
