"""CBAM, and the ResNets with it, equal pytorchcv's."""

from itertools import chain

import pytest
import torch
from pytorchcv.models import cbamresnet as peer
from torch import Tensor, nn

from simseg_core import create_model
from simseg_core.models.cbam import CBAM

DEPTHS = (18, 34, 50)


def close(ours: Tensor, theirs: Tensor) -> None:
    """Equal to 1e-9 of the largest value."""
    largest = theirs.abs().max().item()
    assert largest > 1e-4, "nothing to compare"
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9 * largest)


def randomise(module: nn.Module) -> None:
    """In float64 and eval, with BatchNorm statistics that are not 0 and 1."""
    module.double().eval()
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.uniform_(norm.running_mean, -0.3, 0.3)
            nn.init.uniform_(norm.running_var, 0.7, 1.5)
            nn.init.uniform_(norm.weight, 0.7, 1.3)
            nn.init.uniform_(norm.bias, -0.3, 0.3)


def copy_by_order(theirs: nn.Module, ours: nn.Module) -> None:
    """Both list their weights in the order of computation: no names needed."""
    values = list(theirs.state_dict().values())
    names = list(ours.state_dict())
    assert len(names) == len(values)
    ours.load_state_dict(dict(zip(names, values)), strict=True)


@pytest.mark.parametrize("size", [(6, 10), (9, 4), (1, 1)])
def test_block_and_its_gradients_equal_pytorchcv(size):
    theirs = peer.CbamBlock(64)
    randomise(theirs)
    ours = CBAM(64).double().eval()
    copy_by_order(theirs, ours)
    x = 3 * torch.randn(2, 64, *size, dtype=torch.float64, requires_grad=True)
    expected, y = theirs(x), ours(x)
    close(y, expected)

    upstream = torch.randn_like(x)
    wanted = torch.autograd.grad((expected * upstream).sum(), [x, *theirs.parameters()])
    got = torch.autograd.grad((y * upstream).sum(), [x, *ours.parameters()])
    assert len(got) == len(wanted) == 1 + 4 + 3
    for mine, other in zip(got, wanted):
        close(mine, other)


def networks(depth: int) -> tuple[nn.Module, nn.Module]:
    """Our network and pytorchcv's, with the same weights."""
    theirs = getattr(peer, f"cbam_resnet{depth}")()
    randomise(theirs)
    ours = create_model(f"resnet{depth}_cbam", num_classes=1000).double().eval()
    copy_by_order(theirs.features.init_block, ours.encoder.stem)
    stages = [getattr(theirs.features, f"stage{i}") for i in range(1, 5)]
    for unit, other in zip(chain(*ours.encoder.stages), chain(*stages), strict=True):
        copy_by_order(other.body, unit.residual)
        copy_by_order(other.cbam, unit.attention)
        if other.resize_identity:
            copy_by_order(other.identity_conv, unit.shortcut)
        else:
            assert isinstance(unit.shortcut, nn.Identity)
    copy_by_order(theirs.output, ours.classify)
    return ours, theirs


@pytest.mark.parametrize("depth", DEPTHS)
def test_resnet_equals_pytorchcv(depth):
    ours, theirs = networks(depth)
    assert sum(p.numel() for p in ours.parameters()) == sum(
        p.numel() for p in theirs.parameters()
    )
    # Its average runs over 7x7 positions, which only a 224x224 image has.
    theirs.features.final_pool = nn.AdaptiveAvgPool2d(1)
    x = torch.randn(2, 3, 97, 70, dtype=torch.float64)
    with torch.no_grad():
        close(ours(x), theirs(x))


def test_resnet_at_the_papers_size():
    ours, theirs = networks(18)
    x = torch.randn(1, 3, 224, 224, dtype=torch.float64)
    with torch.no_grad():
        close(ours(x), theirs(x))
