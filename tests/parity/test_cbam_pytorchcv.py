"""CBAM, and the ResNets with it, equal pytorchcv's."""

from itertools import chain

import pytest
import torch
from pytorchcv.models import cbamresnet as peer
from torch import nn

from simseg_core import create_model
from simseg_core.models.cbam import CBAM
from tests.parity.compare import assert_close, assert_same_function, gradients, shaken

DEPTHS = (18, 34, 50)


def copy_by_order(theirs: nn.Module, ours: nn.Module) -> None:
    """Both list their weights in the order of computation: no names needed."""
    values = list(theirs.state_dict().values())
    names = list(ours.state_dict())
    assert len(names) == len(values)
    ours.load_state_dict(dict(zip(names, values)), strict=True)


@pytest.mark.parametrize("size", [(6, 10), (9, 4), (1, 1)])
def test_block_equals_pytorchcv(size: tuple[int, int]) -> None:
    theirs = shaken(peer.CbamBlock(64))
    ours = CBAM(64).double().eval()
    copy_by_order(theirs, ours)
    x = 3 * torch.randn(2, 64, *size, dtype=torch.float64)
    assert_same_function(
        gradients(ours, x, ours.parameters()), gradients(theirs, x, theirs.parameters())
    )


def networks(depth: int) -> tuple[nn.Module, nn.Module]:
    """Our network and pytorchcv's, with the same weights."""
    theirs = shaken(getattr(peer, f"cbam_resnet{depth}")())
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
def test_resnet_equals_pytorchcv(depth: int) -> None:
    ours, theirs = networks(depth)
    assert sum(p.numel() for p in ours.parameters()) == sum(
        p.numel() for p in theirs.parameters()
    )
    # Its average runs over 7x7 positions, which only a 224x224 image has.
    theirs.features.final_pool = nn.AdaptiveAvgPool2d(1)
    x = torch.randn(2, 3, 97, 70, dtype=torch.float64)
    with torch.no_grad():
        assert_close(ours(x), theirs(x))


def test_resnet_at_the_papers_size() -> None:
    ours, theirs = networks(18)
    x = torch.randn(1, 3, 224, 224, dtype=torch.float64)
    with torch.no_grad():
        assert_close(ours(x), theirs(x))
