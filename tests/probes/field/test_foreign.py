"""The recursion on networks that are not ours, against the gradient's support."""

import pytest
import segmentation_models_pytorch as smp
import timm
import torch
import torchvision.models as zoo

from simseg_core.probes import gradient_support, receptive_field
from tests.probes.field.shared import Part, hull


def named(name, **options):
    return lambda: timm.create_model(name, **options)


def segmenter(name, encoder="resnet18"):
    return lambda: getattr(smp, name)(encoder, encoder_weights=None)


def small_vit():
    return zoo.VisionTransformer(32, 8, 2, 4, 32, 64)


# Each is here for what its name tells after the colon.
NETWORKS = {
    "ghostnet: adds into a slice": (named("ghostnet_100"), "blocks.2", (3, 64, 96)),
    "swin: shifted windows": (zoo.swin_t, "features.1", (3, 64, 96)),
    "vit: attention in one kernel": (small_vit, "", (3, 32, 32)),
    "hrnet: many resolutions": (named("hrnet_w18_small"), "stage3.0", (3, 64, 96)),
    "res2net: splits": (named("res2net50_26w_4s"), "layer1", (3, 48, 33)),
    "resnet: blurred pooling": (named("resnetblur50"), "layer2", (3, 48, 65)),
    "poolformer: group norm": (named("poolformer_s12"), "stages.0", (3, 48, 64)),
    "convnext: norm of channels": (zoo.convnext_tiny, "features.3", (3, 64, 96)),
    "volo: folded patches": (
        named("volo_d1_224", img_size=32), "network.0.0", (3, 32, 32),
    ),
    "lraspp: gated head": (
        lambda: zoo.segmentation.lraspp_mobilenet_v3_large(
            weights=None, weights_backbone=None
        ),
        "backbone.6", (3, 64, 96),
    ),
    "unet++: nested skips": (segmenter("UnetPlusPlus"), "", (3, 64, 32)),
    "linknet: transposed": (segmenter("Linknet"), "", (3, 32, 64)),
    "upernet: pyramid": (segmenter("UPerNet"), "encoder.layer3", (3, 64, 96)),
    "manet: attention": (segmenter("MAnet"), "decoder.center", (3, 64, 96)),
}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_the_field_agrees_with_the_gradient(name):
    build, path, shape = NETWORKS[name]
    torch.manual_seed(0)
    model = build().eval()
    model = Part(model, path) if path else model
    field = receptive_field(model, shape)
    dims = field.output.position_dims
    sizes = [field.output.shape[d] for d in dims]
    for index in ([0 for _ in sizes], [n - 1 for n in sizes], [n // 2 for n in sizes]):
        mask = gradient_support(model, shape, index, dims=dims)
        assert field.box(index, whole=True) == hull(mask), index
        if not sizes:
            break
