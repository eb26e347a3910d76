"""The classes that chapter 03 defines, held against the package once more.

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
    return define(chapters["03_unet"])


def test_nothing_is_inherited_from_the_package(defined: dict[str, Any]) -> None:
    classes = [made for made in defined.values() if isinstance(made, type)]
    assert {made.__name__ for made in classes} >= {
        "UNet",
        "ResidualStage",
        "PaddedUNet",
    }
    for made in classes:
        assert made.__bases__ == (nn.Module,)


def test_paper_unet(defined: dict[str, Any]) -> None:
    widths = (3, 5, 4, 7, 6)
    theirs = create_model("unet", in_channels=2, num_classes=3, widths=widths)
    same(defined["UNet"](2, 3, widths), theirs, 2, 2, 188, 236)


@pytest.mark.parametrize("skips", [True, False])
def test_padded_unet(defined: dict[str, Any], skips: bool) -> None:
    widths = (5, 4, 7, 6)
    options = {"num_classes": 4, "widths": widths, "skips": skips}
    theirs = create_model("unet_residual", **options)
    ours = defined["PaddedUNet"](defined["ResidualStage"], **options)
    same(ours, theirs, 2, 3, 40, 72)


def test_known_faults_of_a_residual_stage_are_seen(defined: dict[str, Any]) -> None:
    """The comparison can fail: a stage without its last ReLU is another network."""

    class Wrong(defined["ResidualStage"]):  # type: ignore[misc]
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.residual(x) + self.shortcut(x)

    theirs = create_model("unet_residual", num_classes=4, widths=(4, 6))
    with pytest.raises(AssertionError, match="not close"):
        same(defined["PaddedUNet"](Wrong, (4, 6), num_classes=4), theirs, 1, 3, 8, 8)
