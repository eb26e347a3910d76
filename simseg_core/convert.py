"""Load weights that torchvision publishes into the networks of the book.

The networks hold the same tensors under other names, so a conversion is a list of
renamings. `RESNET` is the one for ResNets:

    conv1, bn1                      ->  encoder.stem.0, .1
    layer1 ... layer4               ->  encoder.stages.0 ... .3
    conv1, bn1 ... conv3, bn3       ->  residual.0.0, .0.1 ... .2.0, .2.1 (in a unit)
    downsample                      ->  shortcut
    fc                              ->  classify

and `DEEPLABV3` the one for DeepLabV3, whose backbone is such a ResNet:

    classifier.0.convs              ->  aspp.branches (the last one's .1, .2 -> project)
    classifier.0.project            ->  aspp.project
    classifier.1, .2                ->  refine.0, .1
    classifier.4                    ->  classify
"""

import re
from collections.abc import Mapping, Sequence
from os import PathLike
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
            three.
        ValueError: The network computes something else than torchvision's, or the
            checkpoint holds other tensors, which are named, with the network that they
            look like; nothing is loaded then.

    >>> from torchvision.models import resnet18
    >>> load_torchvision(ResNet(depth=18), resnet18().state_dict())
    """
    state = _read(weights)
    found = _renamed(model, state)
    _check_same(model.state_dict(), found, looks_like=_looks_like(state))
    model.load_state_dict(found)


def _renamed(model: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give the checkpoint's tensors the names that the network has for them."""
    if isinstance(model, DeepLabV3):
        _check_settings(model)
        return {
            rename(key, DEEPLABV3): value
            for key, value in state.items()
            if not key.startswith("aux_classifier.")
        }
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
    found = {rename(key, RESNET): value for key, value in state.items()}
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


def _read(weights: Any) -> Mapping[str, Tensor]:
    """Get the state_dict, from wherever it is."""
    if isinstance(weights, WeightsEnum):
        # weights_only: a checkpoint is data, and must not run code when it is read.
        return weights.get_state_dict(map_location="cpu", weights_only=True)
    if isinstance(weights, Mapping):
        return weights
    if not isinstance(weights, str | PathLike):
        raise TypeError(
            "weights must be a member of a torchvision Weights enumeration, a "
            f"state_dict or a path, got {type(weights).__name__}"
        )
    try:
        state = torch.load(weights, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # a damaged pickle fails with almost any of them
        raise ValueError(
            f"{weights} is not a file of plain tensors: {error}"
        ) from error
    if not isinstance(state, Mapping):
        raise ValueError(f"{weights} holds a {type(state).__name__}, not a state_dict")
    return state


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
        )


def _first(kind: str, keys: Sequence[str], limit: int = 4) -> str:
    more = f" and {len(keys) - limit} more" if len(keys) > limit else ""
    return f"{len(keys)} {kind} ({', '.join(keys[:limit])}{more})"
