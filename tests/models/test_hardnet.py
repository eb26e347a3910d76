"""HarDNets: their published counts, and their memory traffic beside ResNet-50's."""

import pytest
import torch
from torch import nn

from simseg_core.models.hardnet import PLANS, HarDNet
from simseg_core.probes import cost
from tests.models.counting import on_meta

# The authors' README: millions of parameters, billions of multiply-adds at 224x224.
PUBLISHED = {
    "hardnet39ds": ("3.5", "0.44"),
    "hardnet68ds": ("4.2", "0.8"),
    "hardnet68": ("17.6", "4.3"),
    "hardnet85": ("36.7", "9.1"),
}


def batchnorm_values(model: nn.Module) -> int:
    """Count the values that pass through a BatchNorm."""
    values = 0

    def listen(module: nn.Module, args: object, y: torch.Tensor) -> None:
        nonlocal values
        values += y.numel()

    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.register_forward_hook(listen)
    model(torch.zeros(1, 3, 224, 224, device="meta"))
    return values


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_counts(name: str) -> None:
    """To the last printed digit, with BatchNorm's two operations a value as MACs."""
    millions, billions = PUBLISHED[name]
    model = on_meta(name, num_classes=1000)
    found = cost(model, (1, 3, 224, 224))
    assert f"{found.parameters / 1e6:.1f}" == millions
    counted = (found.macs + 2 * batchnorm_values(model)) / 1e9
    assert f"{counted:.{len(billions) - 2}f}" == billions


def test_more_work_on_less_traffic_than_resnet50() -> None:
    ours, resnet = (
        cost(on_meta(name, num_classes=1000), (1, 3, 224, 224))
        for name in ("hardnet68", "resnet50")
    )
    assert ours.macs > resnet.macs
    assert ours.cio < 0.7 * resnet.cio
    assert ours.macs_per_element > 1.5 * resnet.macs_per_element


@pytest.mark.parametrize("depth", PLANS)
def test_depth_counts_the_layers(depth: int) -> None:
    """Stem, layers (a separable pair is one), 1x1 convolutions and classifier."""
    plan = PLANS[depth]
    stem, transitions, classifier = 2, len(plan.layers), 1
    counted = stem + sum(plan.layers) + transitions + classifier
    assert counted == depth


@pytest.mark.parametrize(("depth", "separable"), [(39, True), (68, False)])
def test_total_stride_is_32(depth: int, separable: bool) -> None:
    plan = PLANS[depth]
    model = HarDNet(
        depth=depth,
        separable=separable,
        widths=(4,) * len(plan.widths),
        growth=(2,) * len(plan.growth),
        num_classes=3,
    ).eval()
    assert model.features(torch.zeros(1, 3, 128, 96)).shape[-2:] == (4, 3)
    assert model(torch.zeros(1, 3, 32, 45)).shape == (1, 3)
    with pytest.raises(ValueError, match="this network's stride of 32"):
        model(torch.zeros(1, 3, 31, 45))


def test_activation_stops_at_6() -> None:
    kinds = {type(m) for m in HarDNet(depth=39).modules() if "ReLU" in str(type(m))}
    assert kinds == {nn.ReLU6}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"depth": 70}, r"depth must be one of \[39, 68, 85\]"),
        ({"widths": (1, 2)}, "widths must hold 6 numbers"),
        ({"growth": (1, 2)}, "growth must hold 5 numbers"),
    ],
)
def test_refuses(options, message) -> None:
    with pytest.raises(ValueError, match=message):
        HarDNet(**{"depth": 68, **options})
