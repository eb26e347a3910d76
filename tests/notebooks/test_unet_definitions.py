"""The classes that chapter 03 defines, held against the package once more.

The chapter compares them on narrow widths at one size; here other widths, odd classes,
and their shape: they stand in the notebook and inherit nothing of the package.
"""

import ast
from typing import Any

import pytest
import torch
from torch import nn

from simseg_core import create_model


@pytest.fixture(scope="module")
def defined(chapters: dict[str, Any]) -> dict[str, Any]:
    """What the chapter's own `def` and `class` statements make, and nothing else."""
    nodes = [
        node
        for cell in chapters["03_unet"].code
        for node in cell.tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and "exercise" not in cell.metadata.get("tags", [])
    ]
    space: dict[str, Any] = {"torch": torch, "nn": nn}
    exec(compile(ast.Module(nodes, []), "03_unet", "exec"), space)
    return space


def same(ours: nn.Module, theirs: nn.Module, *shape: int) -> None:
    for name, buffer in theirs.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_()
        elif name.endswith("running_var"):
            buffer.uniform_(0.5, 2.0)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    x = torch.randn(shape, dtype=torch.float64)
    with torch.no_grad():
        a, b = ours.double().eval()(x), theirs.double().eval()(x)
    assert b.abs().max() > 1e-3
    torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


def test_nothing_is_inherited_from_the_package(defined: dict[str, Any]) -> None:
    for name in ("UNet", "ResidualStage", "PaddedUNet"):
        assert defined[name].__bases__ == (nn.Module,)


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
