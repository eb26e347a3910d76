"""The classes that chapter 06 defines, held against the package once more.

The chapter compares them on narrow widths at one size; here other widths, depths and
odd sizes. They stand in the notebook and inherit nothing of the package.
"""

from typing import Any

import pytest
import torch
from torch import nn

from simseg_core import create_model
from simseg_core.models.hardblock import HarDBlock, layer_width, links
from simseg_core.models.residual import BasicUnit
from tests.notebooks.definitions import define, same


@pytest.fixture(scope="module")
def defined(chapters: dict[str, Any]) -> dict[str, Any]:
    return define(chapters["06_fchardnet"])


def test_nothing_is_inherited_from_the_package(defined: dict[str, Any]) -> None:
    classes = [made for made in defined.values() if isinstance(made, type)]
    assert {made.__name__ for made in classes} == {
        "WiredBlock",
        "ResidualBlock",
        "FCHarDNet",
    }
    for made in classes:
        assert made.__bases__ == (nn.Module,)


def test_rules_of_links_and_widths(defined: dict[str, Any]) -> None:
    for layer in range(1, 130):
        assert defined["harmonic"](layer) == links(layer)
        for growth in (1, 14, 32):
            wanted = layer_width(layer, growth=growth, multiplier=1.7)
            assert defined["width"](layer, growth) == wanted


@pytest.mark.parametrize("layers", [1, 3, 6, 8, 16])
def test_block(defined: dict[str, Any], layers: int) -> None:
    theirs = HarDBlock(3, growth=4, multiplier=1.7, layers=layers)
    same(defined["hard_block"](3, 4, layers), theirs, 2, 3, 5, 8)


def test_residual_block_is_the_basic_unit(defined: dict[str, Any]) -> None:
    ours = defined["ResidualBlock"](6, 4, 4)
    assert ours.out_channels == defined["hard_block"](6, 4, 4).out_channels
    same(ours, BasicUnit(6, ours.out_channels), 2, 6, 5, 8)


def test_dense_block_is_as_wide(defined: dict[str, Any]) -> None:
    harmonic = defined["hard_block"](96, 18, 8)
    dense = defined["dense_block"](96, 18, 8)
    assert dense.out_channels == harmonic.out_channels
    assert dense(torch.zeros(1, 96, 3, 4)).shape == (1, 160, 3, 4)


@pytest.mark.parametrize("size", [(64, 64), (71, 98)])
def test_network(defined: dict[str, Any], size: tuple[int, int]) -> None:
    stem, widths, growth = (5, 4, 6, 3), (7, 9, 6, 8, 10), (4, 2, 6, 4, 8)
    theirs = create_model(
        "fchardnet70", num_classes=4, stem=stem, widths=widths, growth=growth
    )
    same(defined["FCHarDNet"](stem, widths, growth, 4), theirs, 1, 3, *size)


def test_known_faults_are_seen(defined: dict[str, Any]) -> None:
    """Farthest map first, and the block's input let out: both are other blocks."""

    def far_first(c_in: int, growth: int, layers: int) -> nn.Module:
        block = defined["hard_block"](c_in, growth, layers)
        block.reads = [reads[::-1] for reads in block.reads]
        return block

    theirs = HarDBlock(4, growth=4, multiplier=1.7, layers=4)
    with pytest.raises(AssertionError, match="not close"):
        same(far_first(4, 4, 4), theirs, 1, 4, 5, 5)
    with pytest.raises(AssertionError, match="do not match"):
        same(defined["with_input"](4, 4, 4), theirs, 1, 4, 5, 5)
