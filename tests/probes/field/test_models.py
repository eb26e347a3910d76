"""Every network of the book, its receptive field against two kinds of brute force."""

from contextlib import contextmanager
from unittest.mock import patch

import pytest
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from simseg_core import create_model, list_models
from simseg_core.probes import gradient_support, receptive_field
from simseg_core.probes.field.rules.registry import RULES
from tests.probes.field.shared import Part, hull

# Not square, several positions left at the lowest resolution; odd where it may be.
SIZES = {
    "unet": (1, 188, 204),
    "unet_padded": (3, 33, 48),
    "unet_attention": (3, 32, 48),
    "unet_cbam": (3, 48, 33),
    "unet_residual": (3, 35, 48),
    "unet_resnet18": (3, 64, 39),
    "unet_resnet34": (3, 32, 64),
    "unet_resnet50": (3, 33, 64),
    "fchardnet70": (3, 64, 128),
}


class Cut(TorchFunctionMode):
    """Stop the gradient at every operation over the whole image."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs, name = kwargs or {}, getattr(func, "__name__", "")
        if name == "scaled_dot_product_attention":
            query, key, value = args
            return func(query, key.detach(), value.detach(), **kwargs)
        out = func(*args, **kwargs)
        pooled = name in ("mean", "amax", "adaptive_avg_pool2d", "adaptive_max_pool2d")
        if pooled and out.ndim == 4 and out.shape[2:] == (1, 1):
            return out.detach()
        return out


class Local(nn.Module):
    """The network without its global paths."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        with Cut():
            return self.model(x)


def build(name):
    """A network that ends in a map, its input's shape, and the map's field."""
    shape = SIZES.get(name, (3, 33, 49) if "deeplab" in name else (3, 40, 64))
    torch.manual_seed(0)
    model = create_model(name, preset="tiny", in_channels=shape[0]).eval()
    field = receptive_field(model, shape)
    if name not in list_models("classification"):
        return model, shape, field.output
    maps = [
        layer
        for layer in field.layers
        if layer.is_module
        and "[" not in layer.name
        and len(layer.shape) == 4
        and min(layer.shape[2:]) > 1
    ]
    return Part(model, maps[-1].name).eval(), shape, maps[-1]


@contextmanager
def files_of_rules():
    """The files whose rules run meanwhile."""
    files = set()

    def noted(one):
        def run(call):
            files.add(one.__module__.rpartition(".")[2])
            return one(call)

        return run

    with patch.dict(RULES, {name: noted(one) for name, one in RULES.items()}):
        yield files


@pytest.mark.parametrize("name", list_models())
def test_the_fields_of_a_network_agree_with_brute_force(name):
    with files_of_rules() as files:
        model, shape, field = build(name)
    assert files <= {"windows", "mixing", "views"}  # the others are beyond the book
    height, width = field.shape[2:]
    for index in [(0, width // 3), (height - 1, width - 1)]:
        whole = hull(gradient_support(model, shape, index))
        assert field.box(index, whole=True) == whole, index
        if field.is_global:
            assert whole == ((0, shape[1] - 1), (0, shape[2] - 1))
            local = hull(gradient_support(Local(model), shape, index))
            assert field.box(index) == local, index
        else:
            assert field.box(index) == whole

    # One pixel that is NaN: it passes every ReLU and pooling, so no path can hide.
    images = torch.rand(1, *shape).repeat(3, 1, 1, 1)
    pixels = [(0, 0), (shape[1] // 2, shape[2] // 3), (shape[1] - 1, 1)]
    for image, (y, x) in zip(images, pixels):
        image[0, y, x] = torch.nan
    with torch.no_grad():
        hits = model(images).isnan().any(1)
    boxes = [
        [field.box((i, j), whole=True) for j in range(width)] for i in range(height)
    ]
    top, bottom, left, right = torch.tensor(boxes).flatten(2).unbind(-1)
    for hit, (y, x) in zip(hits, pixels):
        seen = (top <= y) & (y <= bottom) & (left <= x) & (x <= right)
        # Within the box a dilated kernel leaves holes; outside nothing is seen.
        assert not (hit & ~seen).any(), (y, x)
        assert hit.any() or not seen.any(), (y, x)
