"""A trained network as a file for other programs: ONNX, or a program of `torch.export`.

What a program feeds and gets:

- `image`: ``(B, 3, H, W)`` float32, red, green and blue from 0 to 1; the file
  normalises it. Batch, height and width are free, within what `size` says.
- `logits`: ``(B, num_classes, h, w)`` float32; the likeliest class is their argmax.

The same is written into the file, as JSON by the name of `simseg`: with the classes,
their colours, and the factor by which pictures are resized first. Large images are cut
into tiles by whoever runs the file.
"""

import io
import json
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim

from simseg_core.runs.checkpoint import load_trained
from simseg_core.runs.folder import replacing
from simseg_core.runs.network import Network
from simseg_core.runs.tiles import Fit, fit_of

__all__ = ["FORMATS", "Exported", "export_run"]

FORMATS = (".onnx", ".pt2")
_KEY = "simseg"  # of the description among a file's metadata
_TOLERANCE = 1e-3  # of the largest logit; other kernels add up in another order


@dataclass(frozen=True)
class Exported:
    """A file that was written, and how it was tried.

    Attributes:
        path: the file.
        contract: what it takes and gives, as the file itself says.
        tried: the sizes ``(H, W)`` that it ran at.
        difference: the largest between its logits and the network's own there.
        largest: the largest of these logits.
    """

    path: Path
    contract: dict[str, Any]
    tried: tuple[tuple[int, int], ...]
    difference: float
    largest: float

    def __str__(self) -> str:
        sizes = " and ".join(f"{height}x{width}" for height, width in self.tried)
        size = f"; its images: {self.contract['size']}"
        scale = self.contract["scale"]
        first = "" if scale == 1 else f", resized by {scale:.4g} before"
        return (
            f"{self.path} takes RGB from 0 to 1, not normalised{first}{size}. At "
            f"{sizes} it differs from the network by at most {self.difference:.1e}, "
            f"where the largest logit is {self.largest:.3g}"
        )


class _WithNormalization(nn.Module):
    mean: Tensor
    std: Tensor

    def __init__(self, model: nn.Module, network: Network) -> None:
        super().__init__()
        self.model = model
        for name in ("mean", "std"):
            values = torch.tensor(getattr(network, name)).view(1, 3, 1, 1)
            self.register_buffer(name, values)

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.model((image - self.mean) / self.std)
        return logits


def export_run(
    run: str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    which: str = "best",
    force: bool = False,
) -> Exported:
    """Write what a run trained as a file for other programs, and try that file.

    Args:
        run: its folder, or a file of weights.
        path: to write; its ending says the format: ``.onnx``, which onnxruntime runs
            here, or ``.pt2``, which `torch.export.load` reads.
        which: `"best"` by validation, or `"last"`.
        force: whether a file that is there may be replaced.

    Raises:
        FileNotFoundError: if there is no such run, or no folder for the file.
        FileExistsError: if the file is there.
        ModuleNotFoundError: if onnx, onnxscript or onnxruntime is missing.
        ValueError: if the ending is another, the network cannot be written so, or the
            file says something else than the network.
    """
    path = Path(path).expanduser()
    if path.suffix not in FORMATS:
        raise ValueError(f"{path} says no format: end its name with .onnx or .pt2")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent}: make it first")
    if path.exists() and not force:
        raise FileExistsError(
            f"{path} is there: choose another name, or say that it may be replaced "
            "(--force)"
        )
    trained = load_trained(run, which)
    fit = fit_of(trained.model)
    contract = _contract(trained.network, fit)
    model = _WithNormalization(trained.model, trained.network).float().eval()
    write = _onnx if path.suffix == ".onnx" else _program
    with _told(type(trained.model).__name__, path.suffix):
        content, run_file = write(model, _example(fit), contract)
    tried = tuple(_other_sizes(fit))
    difference, largest = _compare(model, run_file, tried)
    if not difference <= _TOLERANCE * largest:
        raise ValueError(
            f"{type(trained.model).__name__} as {path.suffix} gives other logits than "
            f"the network (by {difference:.1e}, the largest being {largest:.3g}): "
            "nothing was written; choose the other format"
        )
    with replacing(path) as beside:
        beside.write_bytes(content)
    return Exported(path, contract, tried, difference, largest)


def _contract(network: Network, fit: Fit) -> dict[str, Any]:
    least = fit.padded(1)
    size = f"height and width from {least} on"
    if fit.border:
        size += (
            f", {fit.remainder} more than a multiple of {fit.stride}; the logits are "
            f"those of the centre, {fit.border} pixels less on each side"
        )
    return {
        "image": "(B, 3, H, W) float32, red, green and blue from 0 to 1",
        "logits": "(B, num_classes, h, w) float32",
        "size": size,
        "scale": network.scale,
        "classes": list(network.classes),
        "palette": [list(color) for color in network.palette or ()],
        "model": network.model,
    }


def _example(fit: Fit) -> Tensor:
    """An image whose axes are no special cases: two of it, twice the least size."""
    side = 1 if fit.border else 2 * fit.stride
    sides = fit.padded(side + fit.stride), fit.padded(side)
    return torch.rand(2, 3, *sides, generator=torch.Generator().manual_seed(0))


def _other_sizes(fit: Fit) -> Iterator[tuple[int, int]]:
    """Two sizes that the example had not, odd where the network takes them."""
    for high, wide in ((3, 4), (5, 3)):
        yield fit.padded(high * fit.stride + 1), fit.padded(wide * fit.stride - 1)


def _compare(
    model: nn.Module,
    run: Callable[[Tensor], Tensor],
    sizes: tuple[tuple[int, int], ...],
) -> tuple[float, float]:
    """Give the largest difference of a file's logits, and the largest logit."""
    difference = largest = 0.0
    for seed, size in enumerate(sizes):
        image = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(seed))
        with torch.no_grad():
            expected, found = model(image), run(image)
        difference = max(difference, float((found - expected).abs().max()))
        largest = max(largest, float(expected.abs().max()))
    return difference, largest


@contextmanager
def _told(name: str, suffix: str) -> Iterator[None]:
    """Tell in a line what an exporter tells in many."""
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{error.name} is not installed: pip install onnx onnxscript onnxruntime",
            name=error.name,
        ) from error
    except Exception as error:
        first = next(iter(str(error).splitlines()), "") or type(error).__name__
        other = next(each for each in FORMATS if each != suffix)
        raise ValueError(
            f"{name} cannot be written as {suffix} ({first}): choose {other}"
        ) from error


def _onnx(
    model: nn.Module, example: Tensor, contract: dict[str, Any]
) -> tuple[bytes, Callable[[Tensor], Tensor]]:
    import onnx
    import onnxruntime

    file: Any = io.BytesIO()
    axes = {0: "batch", 2: "height", 3: "width"}
    torch.onnx.export(
        model,
        (example,),
        file,
        # By tracing: the newer exporter takes a minute for a U-Net, this one a second.
        dynamo=False,
        input_names=["image"],
        output_names=["logits"],
        dynamic_axes={"image": axes, "logits": axes},
    )
    made = onnx.load_from_string(file.getvalue())
    entry = made.metadata_props.add()
    entry.key, entry.value = _KEY, json.dumps(contract)
    content = made.SerializeToString()
    session = onnxruntime.InferenceSession(content)

    def run(image: Tensor) -> Tensor:
        return torch.from_numpy(session.run(None, {"image": image.numpy()})[0])

    return content, run


def _program(
    model: nn.Module, example: Tensor, contract: dict[str, Any]
) -> tuple[bytes, Callable[[Tensor], Tensor]]:
    free = ({0: Dim.AUTO, 2: Dim.AUTO, 3: Dim.AUTO},)
    program = torch.export.export(model, (example,), dynamic_shapes=free)
    file = io.BytesIO()
    torch.export.save(program, file, extra_files={_KEY: json.dumps(contract)})
    file.seek(0)
    return file.getvalue(), torch.export.load(file).module()
