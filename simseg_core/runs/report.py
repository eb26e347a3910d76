"""What a run writes for its reader: measurements, curves, sample predictions."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from simseg_core.data.pairs import Pair
from simseg_core.runs.folder import CURVES, METRICS, SAMPLES, replacing
from simseg_core.runs.network import Network

__all__ = ["Lines", "draw_curves", "draw_samples", "read_lines"]


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
                    if number is None:  # a class that no picture shows
                        continue
                    tag = f"{name}/{part}".rstrip("/")
                    self._board.add_scalar(tag, number, step)

    def close(self) -> None:
        """Hand TensorBoard what it has not written yet."""
        if self._board is not None:
            self._board.close()


def read_lines(folder: Path) -> list[dict[str, Any]]:
    """Read the measurements of a run; what follows a line that is none is left out."""
    file = folder / METRICS
    lines = []
    for text in file.read_text("utf-8").splitlines() if file.exists() else ():
        try:
            line = json.loads(text)
            line["step"] + 0
        except (ValueError, TypeError, KeyError):
            break
        lines.append(line)
    return lines


def draw_curves(folder: Path) -> None:
    """Draw loss and validation scores over the steps."""
    from simseg_core.figures import draw_run

    lines = read_lines(folder)
    losses = [(line["step"], line["loss"]) for line in lines if "loss" in line]
    scores = [(line["step"], line["miou"]) for line in lines if line.get("miou")]
    with replacing(folder / CURVES) as beside:
        draw_run(losses, scores).savefig(beside, format="png")


def draw_samples(
    folder: Path,
    pairs: Mapping[str, Pair],
    predict: Callable[[Tensor], Tensor],
    network: Network,
) -> None:
    """Draw what the network says of some pictures.

    Args:
        folder: of the run.
        pairs: a name -> a raw pair, of any size.
        predict: an image ``(3, H, W)`` from 0 to 1 -> class numbers ``(H, W)``.
        network: names the classes.
    """
    from simseg_core.figures import draw_predicted

    assert network.palette is not None
    samples = {
        name: (image, label, predict(image)) for name, (image, label) in pairs.items()
    }
    figure = draw_predicted(
        samples,
        classes=network.classes,
        palette=network.palette,
        ignore_index=network.ignore_index,
    )
    with replacing(folder / SAMPLES) as beside:
        figure.savefig(beside, format="png")
