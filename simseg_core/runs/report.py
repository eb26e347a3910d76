"""What a run writes for its reader: measurements, curves, sample predictions."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from simseg_core.data.pairs import Pair
from simseg_core.runs.checkpoint import replacing
from simseg_core.runs.network import Network

__all__ = ["METRICS", "Lines", "draw_curves", "draw_samples", "read_lines"]

METRICS, CURVES, SAMPLES = "metrics.jsonl", "curves.png", "samples.png"
_SIDE = 192  # pixels of a sample, drawn


class Lines:
    """Measurements of a run, a JSON object a line, with the step that each belongs to.

    Args:
        folder: of the run.
        after: the step that the run goes on from; what was written for later ones, by
            a run that was killed, is left out.
        tensorboard: whether TensorBoard gets the same.
    """

    def __init__(self, folder: Path, *, after: int = 0, tensorboard: bool = False):
        self._file = folder / METRICS
        kept = [line for line in read_lines(folder) if line["step"] <= after]
        with replacing(self._file) as beside:
            beside.write_text("".join(json.dumps(line) + "\n" for line in kept))
        self._board = None
        if tensorboard:
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(
                str(folder / "tensorboard"), purge_step=after + 1
            )

    def write(self, step: int, **values: Any) -> None:
        """Add a line; a dict of numbers is a group of its own in TensorBoard."""
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **values}) + "\n")
        if self._board is not None:
            for name, value in values.items():
                group = value if isinstance(value, dict) else {"": value}
                for part, number in group.items():
                    tag = f"{name}/{part}".rstrip("/")
                    self._board.add_scalar(tag, number, step)

    def close(self) -> None:
        """Hand TensorBoard what it has not written yet."""
        if self._board is not None:
            self._board.close()


def read_lines(folder: Path) -> list[dict[str, Any]]:
    """Read the measurements of a run; a last line that was cut off is left out."""
    file = folder / METRICS
    lines = []
    for text in file.read_text("utf-8").splitlines() if file.exists() else ():
        try:
            lines.append(json.loads(text))
        except ValueError:
            break
    return lines


def draw_curves(folder: Path) -> None:
    """Draw loss and validation scores over the steps."""
    from simseg_core.figures.style import new_figure, style

    lines = read_lines(folder)
    losses = [(line["step"], line["loss"]) for line in lines if "loss" in line]
    scores = [(line["step"], line["miou"]) for line in lines if "miou" in line]
    with style():
        figure, (above, below) = new_figure(height=4.6, nrows=2, sharex=True)
        above.plot(*zip(*losses), linewidth=1.0)
        above.set_yscale("log")
        above.set_ylabel("loss")
        if scores:
            below.plot(*zip(*scores), marker="o")
        below.set_ylim(0, 1)
        below.set_ylabel("mean IoU, validation")
        below.set_xlabel("step")
        with replacing(folder / CURVES) as beside:
            figure.savefig(beside, format="png")


def draw_samples(
    folder: Path,
    pairs: Sequence[Pair],
    predict: Callable[[Tensor], Tensor],
    network: Network,
) -> None:
    """Draw what the network says of some pictures.

    Args:
        folder: of the run.
        pairs: raw pairs, of any sizes.
        predict: an image ``(3, H, W)`` from 0 to 1 -> class numbers ``(H, W)``.
        network: names the classes.
    """
    from simseg_core.figures import draw_predictions

    images, labels, guesses = zip(
        *(map(_small, (image, label, predict(image))) for image, label in pairs)
    )
    assert network.palette is not None
    figure = draw_predictions(
        torch.stack(images),
        torch.stack(labels),
        {"prediction": torch.stack(guesses)},
        classes=network.classes,
        palette=network.palette,
        normalized=False,
        ignore_index=network.ignore_index,
    )
    with replacing(folder / SAMPLES) as beside:
        figure.savefig(beside, format="png")


def _small(values: Tensor) -> Tensor:
    """Cut the centre square and resize it: an image smoothly, a label by its pixels."""
    side = min(values.shape[-2:])
    top, left = ((each - side) // 2 for each in values.shape[-2:])
    square = values[..., top : top + side, left : left + side].cpu()
    if values.is_floating_point():
        drawn = F.interpolate(
            square[None], (_SIDE, _SIDE), mode="bilinear", antialias=True
        )
        return drawn[0].clamp(0, 1)
    drawn = F.interpolate(square[None, None].float(), (_SIDE, _SIDE))
    return drawn[0, 0].long()
