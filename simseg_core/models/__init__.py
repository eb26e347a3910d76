"""The networks and their blocks: one paper, one module.

Names are re-exported lazily: `from simseg_core.models import UNet` imports the U-Net's
module and no other.
"""

from importlib import import_module
from typing import Any

# Public name -> module of this folder, in the order of the book.
_HOMES = {
    "UNet": "unet",
    "DoubleConv": "unet_padded",
    "UNetPadded": "unet_padded",
    "BasicUnit": "residual",
    "BottleneckUnit": "residual",
    "UNetResidual": "unet_residual",
    "ResNet": "resnet",
    "ResNetEncoder": "resnet",
    "UNetResNet": "unet_resnet",
    "SelfAttention2d": "attention",
    "SpatialSelfAttention2d": "attention",
    "SpatialChannelAttention": "unet_attention",
    "UNetAttention": "unet_attention",
    "ChannelAttention": "cbam",
    "SpatialAttention": "cbam",
    "CBAM": "cbam",
    "UNetCBAM": "unet_cbam",
    "ResNetCBAM": "resnet_cbam",
    "SeparableConv2d": "separable",
    "ASPP": "aspp",
    "ImagePooling": "aspp",
    "MultiScale": "multiscale",
    "DeepLabV3": "deeplabv3",
    "Xception": "xception",
    "XceptionEncoder": "xception",
    "MobileNetV2": "mobilenet",
    "MobileNetV2Encoder": "mobilenet",
    "Decoder": "deeplabv3plus",
    "DeepLabV3Plus": "deeplabv3plus",
    "HarDBlock": "hardblock",
    "HarDNet": "hardnet",
    "FCHarDNet": "fchardnet",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    """Import a public name's module on first use (PEP 562)."""
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
