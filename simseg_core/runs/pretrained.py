"""Published weights for the encoder of a network, to start a run from."""

from torch import nn

from simseg_core.runs.network import Network

__all__ = ["load_pretrained"]

_DEPTHS = (18, 34, 50, 101, 152)


def load_pretrained(model: nn.Module, network: Network) -> None:
    """Copy torchvision's ImageNet weights into the encoder of a network, in place.

    Args:
        model: with a ResNet encoder at the paper's widths.
        network: that it is, for errors.

    Raises:
        ValueError: if there are no published weights for it.
        OSError: if they cannot be downloaded; the message says how to get them.
    """
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
            f"{network.preset!r}: say preset paper"
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
