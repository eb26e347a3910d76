"""The classes that chapter 07 defines, held against the package once more.

The chapter compares them on narrow widths at one size; here other widths, odd classes,
and their shape: they stand in the notebook and inherit nothing of the package.
"""

from typing import Any

import pytest
import torch
from torch import nn

from simseg_core import create_model
from tests.notebooks.definitions import define, same


@pytest.fixture(scope="module")
def defined(chapters: dict[str, Any]) -> dict[str, Any]:
    return define(chapters["07_unet_family"])


def test_nothing_is_inherited_from_the_package(defined: dict[str, Any]) -> None:
    classes = [made for made in defined.values() if isinstance(made, type)]
    assert {made.__name__ for made in classes} >= {
        "ResidualStage",
        "PaddedUNet",
        "ChannelGate",
        "CBAM",
        "SpatialSelfAttention",
        "ResNetPath",
        "ResNetUNet",
        "Bottleneck",
    }
    for made in classes:
        assert made.__bases__ == (nn.Module,)


def stage_of(name: str, defined: dict[str, Any]) -> Any:
    """The chapter's stage for a network of the package."""
    return {
        "unet_padded": defined["double_padded"],
        "unet_residual": defined["ResidualStage"],
        "unet_cbam": defined["followed_by"](defined["CBAM"]),
        "unet_attention": defined["followed_by"](defined["attention_pair"]),
    }[name]


@pytest.mark.parametrize(
    "name", ["unet_padded", "unet_residual", "unet_cbam", "unet_attention"]
)
def test_stages_of_the_variants(defined: dict[str, Any], name: str) -> None:
    """Wide enough for gates of two hidden units, on maps that are not square."""
    widths = (16, 40, 8)
    theirs = create_model(name, num_classes=4, widths=widths)
    ours = defined["PaddedUNet"](stage_of(name, defined), widths, num_classes=4)
    same(ours, theirs, 2, 3, 12, 20)


@pytest.mark.parametrize(
    ("name", "unit", "counts"),
    [
        ("unet_resnet18", "ResidualStage", (2, 2, 2, 2)),
        ("unet_resnet34", "ResidualStage", (3, 4, 6, 3)),
        ("unet_resnet50", "Bottleneck", (3, 4, 6, 3)),
    ],
)
def test_unet_on_a_resnet(
    defined: dict[str, Any], name: str, unit: str, counts: tuple[int, ...]
) -> None:
    """Odd sizes, which the encoder rounds up and the skips bring back."""
    rising = (9, 7, 6, 5, 3)
    theirs = create_model(
        name, num_classes=4, widths=(5, 4, 6, 7), decoder_widths=rising
    )
    channels = theirs.encoder.channels
    path = defined["ResNetPath"](defined[unit], counts, channels)
    ours = defined["ResNetUNet"](path, channels, rising, num_classes=4)
    same(ours, theirs, 1, 3, 45, 70)


def test_a_skip_of_no_channels_is_none(defined: dict[str, Any]) -> None:
    """The fifth skip is the chapter's own: without it nothing of it is left."""
    channels = (4, 4, 6)

    def network(full: int) -> nn.Module:
        path = defined["ResNetPath"](defined["ResidualStage"], (1, 1), channels)
        made: nn.Module = defined["ResNetUNet"](path, channels, (8, 6, 5), full=full)
        return made

    names = set(network(0).state_dict())
    assert not [name for name in names if name.startswith("full")]
    assert names < set(network(3).state_dict())
    assert network(3)(torch.zeros(2, 3, 21, 34)).shape == (2, 6, 21, 34)


def test_known_faults_of_the_variants_are_seen(defined: dict[str, Any]) -> None:
    """A softmax over the queries, and a gate that never reads the maximum."""

    class OverQueries(defined["SpatialSelfAttention"]):  # type: ignore[misc]
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            maps = self.query(x), self.key(x), x
            query, key, value = (m.flatten(2) for m in maps)
            weights = (query.transpose(1, 2) @ key).softmax(dim=1)
            return x + self.gamma * (value @ weights.transpose(1, 2)).view_as(x)

    class AverageOnly(defined["CBAM"]):  # type: ignore[misc]
        def __init__(self, c: int) -> None:
            super().__init__(c)
            self.channel.forward = lambda x: (
                (2 * self.channel.mlp(x.mean((2, 3)))).sigmoid()[..., None, None] * x
            )

    def over_queries(c: int) -> nn.Module:
        hidden = max(1, c // 8)
        return nn.Sequential(OverQueries(c), defined["ChannelGate"](c, hidden, False))

    wrong = {"unet_attention": over_queries, "unet_cbam": AverageOnly}
    for name, block in wrong.items():
        theirs = create_model(name, num_classes=4, widths=(16, 8))
        stage = defined["followed_by"](block)
        with pytest.raises(AssertionError, match="not close"):
            same(
                defined["PaddedUNet"](stage, (16, 8), num_classes=4), theirs, 1, 3, 8, 8
            )
