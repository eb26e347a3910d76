"""The classes that chapter 01 defines, held against the package once more.

The chapter compares them at one width and size; here other widths, odd sides, every
layout, and their shape: they stand in the notebook and inherit nothing of the package.
"""

from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from simseg_core.models import ImagePooling, SelfAttention2d
from simseg_core.models.attention import (
    LAYOUTS,
    explicit_attention,
    fused_attention,
    positions as package_positions,
)
from tests.notebooks.definitions import define, same


@pytest.fixture(scope="module")
def defined(chapters: dict[str, Any]) -> dict[str, Any]:
    return define(
        chapters["01_self_attention"],
        ImagePooling=ImagePooling,
        TorchDispatchMode=TorchDispatchMode,
    )


def test_nothing_is_inherited_from_the_package(defined: dict[str, Any]) -> None:
    for name in ("SelfAttention", "SignalNet"):
        assert defined[name].__bases__ == (nn.Module,)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [(2, 8, 5, 3), (1, 24, 7, 9), (3, 16, 2, 11)])
def test_block(defined: dict[str, Any], layout: str, shape: tuple[int, ...]) -> None:
    theirs = SelfAttention2d(shape[1], layout=layout)
    same(defined["SelfAttention"](shape[1], layout), theirs, *shape)


def test_functions(defined: dict[str, Any]) -> None:
    query, key = torch.randn(2, 7, 3).double(), torch.randn(2, 5, 3).double()
    for width in (1, 3, 8):
        value = torch.randn(2, 5, width).double()
        for got, wanted in zip(
            defined["attend"](query, key, value), explicit_attention(query, key, value)
        ):
            torch.testing.assert_close(got, wanted)
        torch.testing.assert_close(
            defined["attend_fused"](query, key, value),
            fused_attention(query, key, value),
        )
    x = torch.randn(2, 3, 4, 5)
    assert torch.equal(defined["positions"](x), package_positions(x))


def test_known_faults_of_the_block_are_seen(defined: dict[str, Any]) -> None:
    """It can fail: a softmax over the queries, and a map folded back as W x H."""

    class Crossed(defined["SelfAttention"]):  # type: ignore[misc]
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            B, C, H, W = x.shape
            o, _ = defined["attend"](*self.project(x))
            return self.gamma * o.mT.reshape(B, C, W, H).mT + x

    for wrong in (defined["OverQueries"], Crossed):
        with pytest.raises(AssertionError, match="not close"):
            same(wrong(16), SelfAttention2d(16), 1, 16, 6, 10)


def test_a_local_network_cannot_be_told_by_what_it_does_not_see(
    defined: dict[str, Any],
) -> None:
    """Change the left edge: without the block, no logit on the right changes."""
    x = torch.randn(1, 3, 64, 64)
    y = x.clone()
    y[..., :8] += 1
    blocks = {
        "local": lambda channels: nn.Identity(),
        "global": defined["WithoutGamma"],
    }
    changed = {}
    for name, block in blocks.items():
        net = defined["SignalNet"](block).eval()
        with torch.no_grad():
            changed[name] = not torch.equal(net(x)[..., 40:], net(y)[..., 40:])
    assert changed == {"local": False, "global": True}


@pytest.mark.parametrize(
    ("widths", "expected"), [((8, 64), "_safe_softmax"), ((64, 64), "flash_attention")]
)
def test_what_ran_is_heard(
    defined: dict[str, Any], widths: tuple[int, int], expected: str
) -> None:
    """The rule that the chapter pads for: a CPU fuses equal widths only."""
    narrow, wide = (torch.randn(2, 60, width) for width in widths)
    attention = torch.nn.functional.scaled_dot_product_attention
    (name,) = defined["kernels"](attention, narrow, narrow, wide)
    assert expected in name
