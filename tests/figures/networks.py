"""Small networks of every wiring, and a few known ones, to draw."""

from functools import cache

import segmentation_models_pytorch
import torch
import torchvision
from torch import nn

from simseg_core import create_model
from simseg_core.probes import trace_shapes

segmentation = torchvision.models.segmentation


class UNet(nn.Module):
    """A U-Net with unpadded convolutions and three poolings."""

    def __init__(self, widths=(8, 16, 32, 64)):
        super().__init__()
        self.pool = nn.MaxPool2d(2)
        self.down = nn.ModuleList(map(self.double, (1, *widths), widths))
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(2 * w, w, 2, stride=2) for w in widths[-2::-1]
        )
        self.merge = nn.ModuleList(self.double(2 * w, w) for w in widths[-2::-1])

    @staticmethod
    def double(a, b):
        return nn.Sequential(
            nn.Conv2d(a, b, 3), nn.ReLU(), nn.Conv2d(b, b, 3), nn.ReLU()
        )

    def forward(self, x):
        skips = []
        for stage in self.down:
            x = stage(self.pool(x) if skips else x)
            skips.append(x)
        for up, merge, skip in zip(self.up, self.merge, skips[-2::-1]):
            x = up(x)
            crop = (skip.shape[-1] - x.shape[-1]) // 2
            x = merge(torch.cat([skip[..., crop:-crop, crop:-crop], x], 1))
        return x


# HarDNet, 8 layers: which earlier outputs each layer reads (Chao et al. 2019, sec. 3).
HARMONIC = [[0], [1, 0], [2], [3, 2, 0], [4], [5, 4], [6], [7, 6, 4, 0]]


class HarmonicBlock(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Conv2d(4 * len(links), 4, 3, padding=1) for links in HARMONIC
        )

    def forward(self, x):
        made = [x]
        for layer, links in zip(self.layers, HARMONIC):
            made.append(layer(torch.cat([made[i] for i in links], 1)))
        return made[-1]


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.query, self.key, self.value = (nn.Conv2d(8, 8, 1) for _ in range(3))

    def forward(self, x):
        q, k, v = (f(x).flatten(2).transpose(1, 2) for f in self.children())
        attended = nn.functional.scaled_dot_product_attention(q, k, v)
        return attended.transpose(1, 2).view_as(x) + x


class TwoInputs(nn.Module):
    """One module called twice, beside another: the straight ways cross."""

    def __init__(self):
        super().__init__()
        self.image, self.depth = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(1, 8, 3, 2, 1)
        self.join = nn.Conv2d(8, 2, 1)

    def forward(self, image, depth):
        return self.join(self.image(image) + self.depth(depth)), self.image(image)


NETWORKS = {
    # Two whose straight ways lead through boxes: the links must go round, and lanes
    # of parallel boxes change places.
    "feature pyramid": (
        lambda: segmentation_models_pytorch.FPN("resnet18", encoder_weights=None),
        (1, 3, 256, 256),
    ),
    "decoder": (
        lambda: create_model("deeplabv3plus_mobilenetv2", preset="tiny"),
        (1, 3, 128, 128),
    ),
    "two inputs": (TwoInputs, [(1, 3, 32, 48), (1, 1, 32, 48)]),
    "unet": (UNet, (1, 1, 188, 188)),
    "harmonic": (HarmonicBlock, (1, 4, 32, 32)),
    "attention": (Attention, (1, 8, 16, 24)),
    "bottleneck": (
        lambda: torchvision.models.resnet.Bottleneck(256, 64),
        (1, 256, 56, 56),
    ),
    "aspp": (lambda: segmentation.deeplabv3.ASPP(64, [6, 12]), (1, 64, 33, 33)),
    "deeplabv3": (
        lambda: segmentation.deeplabv3_resnet50(
            weights=None, weights_backbone=None, aux_loss=True
        ),
        (1, 3, 512, 512),
    ),
    "googlenet": (
        lambda: torchvision.models.googlenet(
            weights=None, init_weights=False, aux_logits=False
        ),
        (1, 3, 224, 224),
    ),
    "linear": (lambda: nn.Linear(4, 3), (2, 4)),
}


@cache
def trace_of(name):
    """Trace a network of `NETWORKS`, once."""
    make, size = NETWORKS[name]
    return trace_shapes(make(), size)
