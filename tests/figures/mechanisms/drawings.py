"""One of each drawing of a mechanism, as the chapters make it, and how it is read."""

import xml.etree.ElementTree as ET
from collections.abc import Callable

import torch
from torch import nn

from simseg_core import create_model
from simseg_core.figures import (
    Drawing,
    draw_crop,
    draw_gate,
    draw_join,
    draw_lifetimes,
    draw_query_key_value,
    draw_separable,
    draw_surgery,
    draw_taps,
    draw_way_up,
)
from simseg_core.models import ChannelAttention
from simseg_core.models.deeplabv3plus import Decoder
from simseg_core.models.hardblock import links
from simseg_core.models.resnet import ResNetEncoder

SVG = "{http://www.w3.org/2000/svg}"
TOY = torch.tensor([[[[1.0, 3.0]], [[-3.0, 1.0]]]])
VALID = {"preset": "tiny", "in_channels": 1, "num_classes": 2}
NARROW = (2, 2, 2, 2)


def attend() -> Drawing:
    key = torch.tensor([[1.0], [2.0], [3.0], [4.0]]).log()
    return draw_query_key_value(torch.ones(1), key, torch.arange(10.0, 50, 10)[:, None])


def returns_what_it_is_given() -> nn.Module:
    gate = ChannelAttention(2, reduction=1)
    for layer in (gate.mlp[0], gate.mlp[2]):
        nn.init.eye_(layer.weight)
        nn.init.zeros_(layer.bias)
    return gate


def separable(channels: int = 4) -> Drawing:
    full = nn.Conv2d(channels, 4, 3, bias=False)
    each = nn.Conv2d(channels, channels, 3, groups=channels, bias=False)
    return draw_separable(full, each, nn.Conv2d(channels, 4, 1, bias=False))


def join(narrow: int = 48, deep: int = 33) -> Drawing:
    decoder = Decoder(256, 256, narrow_channels=narrow, separable=True).to("meta")
    return draw_join(decoder, (1, 256, deep, deep), (1, 256, 129, 129))


def surgery() -> Drawing:
    strides = (32, 16, 8)
    nets = {s: ResNetEncoder(depth=50, output_stride=s, widths=NARROW) for s in strides}
    return draw_surgery(nets)


DRAWINGS: dict[str, Callable[[], Drawing]] = {
    "attend": attend,
    "gate": lambda: draw_gate(returns_what_it_is_given(), TOY),
    "crop": lambda: draw_crop((1, 512, 64, 64), (1, 512, 56, 56)),
    "way up": lambda: draw_way_up(create_model("unet", **VALID), (1, 1, 348, 188)),
    "taps": draw_taps,
    "surgery": surgery,
    "separable": separable,
    "join": join,
    "lifetimes": lambda: draw_lifetimes(
        [links(n) for n in range(1, 9)], [1, 3, 5, 7, 8]
    ),
}


def tree(drawing: Drawing) -> ET.Element:
    return ET.fromstring(drawing.svg)


def parts(drawing: Drawing, tag: str, colour: str | None = None) -> list[ET.Element]:
    """The elements of a kind, in order; with a colour, those filled with it."""
    found = [one for one in tree(drawing).iter() if one.tag == tag]
    return [one for one in found if colour is None or one.get("fill") == colour]


def words(drawing: Drawing) -> list[str]:
    return [one.text or "" for one in parts(drawing, "text")]
