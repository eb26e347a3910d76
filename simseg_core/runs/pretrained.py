"""Trained weights to start a run from: another run's, or an encoder's.

Of encoders there are published ones, of ImageNet and at the paper's widths, from
torchvision, and a small one of the book's own, which comes with the package:
`benchmarks/pretrain_encoder.py` trained it without labels, to guess the colours of grey
pieces of the Earth.
"""

import torch
from torch import nn

from simseg_core.measured import FOLDER
from simseg_core.runs.checkpoint import load_trained
from simseg_core.runs.network import Network

__all__ = ["load_pretrained", "start_from"]

_DEPTHS = (18, 34, 50, 101, 152)
_OWN = ("unet_resnet18", "small")
_OWN_WEIGHTS = FOLDER / "earth_encoder.safetensors"


def load_pretrained(model: nn.Module, network: Network) -> None:
    """Copy trained weights into the encoder of a network, in place.

    Args:
        model: with a ResNet encoder at the paper's widths, for torchvision's ImageNet
            weights; or the small `unet_resnet18`, for the book's own.
        network: that it is, for errors.

    Raises:
        ValueError: if there are no published weights for it.
        OSError: if they cannot be downloaded; the message says how to get them.
    """
    if (network.model, network.preset) == _OWN and not network.options:
        _load_own(model)
        return
    from torchvision.models import get_model_weights

    from simseg_core.convert import load_torchvision
    from simseg_core.models.resnet import ResNetEncoder

    encoder = getattr(model, "encoder", None)
    depth = next((d for d in _DEPTHS if network.model.endswith(f"resnet{d}")), None)
    if not isinstance(encoder, ResNetEncoder) or depth is None:
        raise ValueError(
            f"there are no published weights for {network.model}: --pretrained is for "
            "unet_resnet18 to 50 and deeplabv3_resnet50 and 101"
        )
    if network.preset != "paper":
        raise ValueError(
            f"published weights have the paper's widths, not those of the preset "
            f"{network.preset!r}: say preset='paper', or take the small unet_resnet18 "
            "without options, for which the package brings weights"
        )
    weights = get_model_weights(f"resnet{depth}").DEFAULT
    try:
        load_torchvision(encoder, weights)
    except OSError as error:
        raise OSError(
            f"the weights {weights.url} cannot be downloaded ({error}): fetch the file "
            "on a machine with internet and put it into the folder that `python -c "
            '"import torch; print(torch.hub.get_dir())"` names, below checkpoints/; or '
            "leave --pretrained out"
        ) from error


def _load_own(model: nn.Module) -> None:
    from safetensors.torch import load_file

    weights = load_file(_OWN_WEIGHTS)  # 16-bit, to be small
    whole = {n: w.float() if w.dtype == torch.half else w for n, w in weights.items()}
    model.get_submodule("encoder").load_state_dict(whole)


def start_from(model: nn.Module, network: Network, run: str) -> None:
    """Copy the weights of another run into a network, in place.

    Args:
        model: takes them.
        network: that it is.
        run: the other run's folder, or a file of weights.

    Raises:
        FileNotFoundError, ValueError: as `load_trained` does; also if it trained
            another network, saying what differs.
    """
    other = load_trained(run)
    for name in ("model", "preset", "options", "classes"):
        mine, its = getattr(network, name), getattr(other.network, name)
        if mine != its:
            raise ValueError(
                f"--start-from {run} trained another network: {name}={its!r} there and "
                f"{mine!r} here; make them alike"
            )
    model.load_state_dict(other.model.state_dict())
