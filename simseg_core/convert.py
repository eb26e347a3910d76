"""Load weights that torchvision publishes into the networks of the book.

The networks hold the same tensors under other names, so a conversion is a list of
renamings. `RESNET` is the one for ResNets::

    conv1, bn1                      ->  encoder.stem.0, .1
    layer1 ... layer4               ->  encoder.stages.0 ... .3
    conv1, bn1 ... conv3, bn3       ->  residual.0.0, .0.1 ... .2.0, .2.1 (in a unit)
    downsample                      ->  shortcut
    fc                              ->  classify

and `DEEPLABV3` the one for DeepLabV3, whose backbone is such a ResNet::

    classifier.0.convs              ->  aspp.branches (the last one's .1, .2 -> project)
    classifier.0.project            ->  aspp.project
    classifier.1, .2                ->  refine.0, .1
    classifier.4                    ->  classify
"""

import re
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models import WeightsEnum

from simseg_core.models.aspp import rates_at
from simseg_core.models.deeplabv3 import DeepLabV3
from simseg_core.models.resnet import ResNet, ResNetEncoder

Renamings = Sequence[tuple[str, str]]

RESNET: Renamings = (
    (r"^conv1\.", "encoder.stem.0."),
    (r"^bn1\.", "encoder.stem.1."),
    (r"^fc\.", "classify."),
    *((rf"^layer{n}\.", f"encoder.stages.{n - 1}.") for n in (1, 2, 3, 4)),
    *((rf"\.conv{n}\.", f".residual.{n - 1}.0.") for n in (1, 2, 3)),
    *((rf"\.bn{n}\.", f".residual.{n - 1}.1.") for n in (1, 2, 3)),
    (r"\.downsample\.", ".shortcut."),
)
DEEPLABV3: Renamings = (
    (r"^backbone\.", ""),
    *RESNET,
    (r"^classifier\.0\.convs\.4\.1\.", "aspp.branches.4.project.0."),
    (r"^classifier\.0\.convs\.4\.2\.", "aspp.branches.4.project.1."),
    (r"^classifier\.0\.convs\.", "aspp.branches."),
    (r"^classifier\.0\.project\.", "aspp.project."),
    (r"^classifier\.1\.", "refine.0."),
    (r"^classifier\.2\.", "refine.1."),
    (r"^classifier\.4\.", "classify."),
)
# Units of layer3, and whether they are bottlenecks, tell a ResNet's depth.
_DEPTHS = {
    (2, False): 18,
    (6, False): 34,
    (6, True): 50,
    (23, True): 101,
    (36, True): 152,
}


def load_torchvision(
    model: nn.Module, weights: WeightsEnum | Mapping[str, Tensor] | str | PathLike[str]
) -> None:
    """Copy torchvision's weights into a network of the book, in place.

    Args:
        model: A `ResNet`; a `ResNetEncoder` (such as `unet_resnet50`'s `.encoder`),
            which leaves the checkpoint's classifier out; or a `DeepLabV3` built with
            head="torchvision" and multi_grid=None, which leaves out the auxiliary
            classifier that torchvision trains with. At output_stride=8 it gives
            torchvision's logits; at 16, the same ones from fewer positions.
        weights: A member of a torchvision `Weights` enumeration (downloaded once, then
            cached), a state_dict, or the path of a saved one.

    Raises:
        TypeError: There is no conversion for this network, or `weights` is none of the
            three, or a value in the state_dict is not a tensor.
        ValueError: The network computes something else than torchvision's; the
            checkpoint holds other tensors, which are named, with the network that they
            look like, or values that are no weights, such as NaN; or the file cannot
            be read.
        OSError: There is no such file, or it cannot be downloaded.

    Everything is checked before the first tensor is copied: after an error the network
    is as it was.

    >>> from torchvision.models import resnet18
    >>> load_torchvision(ResNet(depth=18), resnet18().state_dict())
    """
    state = _read(weights)
    _check_tensors(state)
    expected = model.state_dict()
    found = _renamed(model, state)
    _check_same(expected, found, looks_like=_looks_like(state))
    _check_values(expected, found)
    model.load_state_dict(found)


def _renamed(model: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give the checkpoint's tensors the names that the network has for them."""
    if isinstance(model, DeepLabV3):
        _check_settings(model)
        return _rename_all(
            {k: v for k, v in state.items() if not k.startswith("aux_classifier.")},
            DEEPLABV3,
        )
    if not isinstance(model, ResNet | ResNetEncoder):
        raise TypeError(
            f"no conversion from torchvision to {type(model).__name__}: pass a ResNet, "
            "a DeepLabV3 or a ResNetEncoder, such as the .encoder of a UNetResNet"
        )
    encoder = model.encoder if isinstance(model, ResNet) else model
    if encoder.version != "v1.5":
        raise ValueError(
            "torchvision's weights are for strides in the 3x3 convolutions: build the "
            f'network with version="v1.5", not {encoder.version!r}'
        )
    found = _rename_all(state, RESNET)
    if model is encoder:
        found = {
            key.removeprefix("encoder."): value
            for key, value in found.items()
            if not key.startswith("classify.")
        }
    return found


def _check_settings(model: DeepLabV3) -> None:
    """Refuse a DeepLabV3 that would compute something else with the same tensors."""
    needed = {
        "head": "torchvision",
        "multi_grid": None,
        "rates": rates_at(model.encoder.output_stride),
        "align_corners": False,
    }
    wrong = [key for key, value in needed.items() if getattr(model, key) != value]
    if wrong:
        has = ", ".join(f"{key}={getattr(model, key)!r}" for key in wrong)
        want = ", ".join(f"{key}={needed[key]!r}" for key in wrong)
        raise ValueError(
            f"this DeepLabV3 has {has}, with which torchvision's weights would give "
            f"other logits: build it with {want}"
        )


def rename(key: str, renamings: Renamings) -> str:
    """Apply every renaming to one name, in order.

    >>> rename("layer2.0.conv3.weight", RESNET)
    'encoder.stages.1.0.residual.2.0.weight'
    """
    for pattern, replacement in renamings:
        key = re.sub(pattern, replacement, key)
    return key


def _rename_all(state: Mapping[str, Tensor], renamings: Renamings) -> dict[str, Tensor]:
    """Rename every tensor; refuse two that would get the same name."""
    found: dict[str, Tensor] = {}
    origin: dict[str, str] = {}
    for key, value in state.items():
        name = rename(key, renamings)
        if name in found:
            raise ValueError(
                f"the checkpoint holds {name} twice, as {origin[name]} and as {key}: "
                "take one of them out"
            )
        found[name], origin[name] = value, key
    return found


def _read(weights: Any) -> Mapping[str, Tensor]:
    """Get the state_dict, from wherever it is."""
    # weights_only: a checkpoint is data, and must not run code when it is read.
    options: dict[str, Any] = {"map_location": "cpu", "weights_only": True}
    if isinstance(weights, WeightsEnum):
        cached = Path(torch.hub.get_dir(), "checkpoints", Path(weights.url).name)
        return _load(lambda: weights.get_state_dict(**options), path=cached)
    if isinstance(weights, Mapping):
        return weights
    if not isinstance(weights, str | PathLike):
        remedy = "; call its .state_dict()" if isinstance(weights, nn.Module) else ""
        raise TypeError(
            "weights must be a member of a torchvision Weights enumeration, a "
            f"state_dict or a path, got {type(weights).__name__}{remedy}"
        )
    path = Path(weights)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder: pass a checkpoint file in it")
    if not path.exists():
        raise FileNotFoundError(
            f"there is no file {path}: check the path (it is looked for from "
            f"{Path.cwd()})"
        )
    return _load(lambda: torch.load(path, **options), path=path)


def _load(load: Callable[[], Any], *, path: Path) -> Mapping[str, Tensor]:
    """Read a file; say in one sentence what is wrong with one that cannot be read."""
    try:
        state = load()
    except OSError:
        raise
    except Exception as error:  # a damaged pickle fails with almost any of them
        # Not chained: PyTorch's own text advises to let the file run its code.
        raise ValueError(_why_unreadable(path, str(error))) from None
    if not isinstance(state, Mapping):
        raise ValueError(
            f"{path} holds a {type(state).__name__}, not a state_dict: save it with "
            "torch.save(model.state_dict(), path)"
        )
    return state


def _why_unreadable(path: Path, message: str) -> str:
    """Tell what a file is that `torch.load` refused, from its first bytes."""
    if not path.exists():
        return f"{path} was not downloaded whole: try again"
    with path.open("rb") as file:
        start = file.read(512)
    why = "is damaged, or no checkpoint: download it again"
    if not start:
        why = "is empty: download it again"
    elif start.lstrip().startswith(b"<"):
        why = "is a web page: download the checkpoint itself"
    elif start.startswith(b"version https://git-lfs"):
        why = "only points to one in Git LFS: fetch it with git lfs pull"
    elif path.suffix == ".safetensors" or start[8:9] == b"{":
        why = (
            "is in the safetensors format: pass what safetensors.torch.load_file gives"
        )
    elif "global" in message.lower() or "TorchScript" in message:
        why = (
            "holds more than tensors, a whole model perhaps, and is not read, since "
            "that could run code: where it was made, save model.state_dict() alone"
        )
    return f"{path} is not a file of plain tensors; it {why}"


def _check_tensors(state: Mapping[str, Any]) -> None:
    """Refuse a mapping that is not one of names to tensors."""
    if not state:
        raise ValueError("the checkpoint is empty: pass the state_dict of a network")
    for key in state:
        if not isinstance(key, str):
            raise TypeError(
                f"the names in a state_dict are strings, got {key!r}: pass what "
                "model.state_dict() returns"
            )
    wrapped = [key for key, value in state.items() if isinstance(value, Mapping)]
    if wrapped:
        raise TypeError(
            f"the checkpoint holds a mapping under {wrapped[0]!r}: if that is the "
            f"state_dict, pass it alone, checkpoint[{wrapped[0]!r}]"
        )
    for key, value in state.items():
        if not isinstance(value, Tensor) or value.is_nested:
            raise TypeError(
                f"{key} must be a plain tensor, got {type(value).__name__}: convert it "
                "with torch.as_tensor, or leave it out if it is no weight"
            )
    # DataParallel puts "module." before every name, torch.compile "_orig_mod.", ...
    prefix = next(iter(state)).partition(".")[0] + "."
    names = [key.removeprefix(prefix) for key in state if key.startswith(prefix)]
    known = ("conv1.", "backbone.")  # how torchvision's names begin
    if len(names) == len(state) and any(name.startswith(known) for name in names):
        raise ValueError(
            f"every name starts with {prefix!r}: pass {{key.removeprefix({prefix!r}): "
            "value for key, value in state.items()}"
        )


def _check_values(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    """Refuse values that cannot be weights; names and shapes have been checked."""
    for key, value in found.items():
        own = expected[key]
        if own.is_meta:
            raise ValueError(
                "the network is on the meta device and holds no values: give it memory "
                "with model.to_empty(device='cpu')"
            )
        if value.is_meta:
            raise ValueError(
                f"{key} is on the meta device and holds no values: load the checkpoint "
                "with map_location='cpu'"
            )
        if value.layout != torch.strided:
            raise ValueError(f"{key} is {value.layout}: convert it with .to_dense()")
        if value.is_quantized:
            raise ValueError(f"{key} is quantized: convert it with .dequantize()")
        if value.is_floating_point() != own.is_floating_point() or value.is_complex():
            raise ValueError(
                f"{key} is {value.dtype} where the network has {own.dtype}: this is no "
                "checkpoint of torchvision's as it was published; download it again"
            )
        if not value.to(own.dtype).isfinite().all():
            raise ValueError(
                f"{key} holds NaN or infinity (as {own.dtype}): take a checkpoint from "
                "before the training diverged, or download it again"
            )


def _looks_like(state: Mapping[str, Tensor]) -> str:
    """Say in words which network a state_dict may be of, from its names and shapes."""
    if any(key.startswith("encoder.stem.") for key in state):
        return "a network of this book: use model.load_state_dict(...)"
    keys = {key.removeprefix("backbone."): key for key in state}
    units = {key.split(".")[1] for key in keys if key.startswith("layer3.")}
    depth = _DEPTHS.get((len(units), "layer3.0.conv3.weight" in keys))
    if depth is None or "layer3.0.conv2.weight" not in keys:
        some = ", ".join(list(state)[:3]) or "no tensor at all"
        return f"no ResNet of torchvision's (it holds {some})"
    name = f"resnet{depth}"
    if state[keys["layer3.0.conv2.weight"]].shape != (256, 256, 3, 3):
        name = f"a wide or grouped relative of {name}"
    if "classifier.0.convs.0.0.weight" in keys:
        name = f"deeplabv3_{name}"
    elif "classifier.0.weight" in keys:
        name = f"fcn_{name}"
    return f"torchvision's {name}"


def _check_same(
    expected: Mapping[str, Tensor], found: Mapping[str, Tensor], *, looks_like: str
) -> None:
    """Refuse a checkpoint that lacks, adds or resizes a tensor, and name them."""
    # Checkpoints from before PyTorch 0.4.1 have no such counter; BatchNorm fills it in.
    needed = {key for key in expected if not key.endswith("num_batches_tracked")}
    resized = [
        f"{key} {tuple(found[key].shape)} for {tuple(expected[key].shape)}"
        for key in expected
        if key in found and found[key].shape != expected[key].shape
    ]
    faults = {
        "missing": sorted(needed - found.keys()),
        "unknown": sorted(found.keys() - expected.keys()),
        "of another shape": resized,
    }
    if any(faults.values()):
        raise ValueError(
            "the checkpoint is not one of this network: "
            + "; ".join(_first(kind, keys) for kind, keys in faults.items() if keys)
            + f". It looks like {looks_like}"
            + _remedy(faults, found)
        )


def _remedy(faults: Mapping[str, Sequence[str]], found: Mapping[str, Tensor]) -> str:
    """Say what to do, where that can be told from the faults."""
    resized = faults["of another shape"]
    others = faults["missing"] or faults["unknown"]
    if resized and not others and all(key.startswith("classify.") for key in resized):
        return f": build the network with num_classes={len(found['classify.weight'])}"
    if any(key.startswith("aspp.") for key in faults["missing"]):
        return ": a backbone alone goes into model.encoder"
    return ""


def _first(kind: str, keys: Sequence[str], limit: int = 4) -> str:
    more = f" and {len(keys) - limit} more" if len(keys) > limit else ""
    return f"{len(keys)} {kind} ({', '.join(keys[:limit])}{more})"
