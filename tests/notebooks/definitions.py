"""What a chapter defines, taken out of its notebook and held against the package."""

import ast
from collections.abc import Collection
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F


def define(
    chapter: Any, only: Collection[str] | None = None, **imported: Any
) -> dict[str, Any]:
    """Run a chapter's own `def` and `class` statements, and nothing else of it.

    Args:
        chapter: a `Chapter`, from the fixture `chapters`; its exercises are left out.
        only: run these alone, where others need what the chapter computes.
        **imported: what they use beside `torch`, `nn` and `F`.

    Returns:
        What they define, by its name.
    """
    nodes: list[ast.stmt] = [
        node
        for cell in chapter.code
        for node in cell.tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and "exercise" not in cell.metadata.get("tags", [])
        and (only is None or node.name in only)
    ]
    space: dict[str, Any] = {"torch": torch, "nn": nn, "F": F, **imported}
    exec(compile(ast.Module(nodes, []), chapter.name, "exec"), space)
    return space


def same(ours: nn.Module, theirs: nn.Module, *shape: int) -> None:
    """Require the same names of weights, and with the same weights the same numbers.

    What a fresh module starts with would hide faults: BatchNorm's statistics of 0 and
    1, and a gamma of 0, at which any two attention blocks agree.
    """
    for name, buffer in theirs.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_()
        elif name.endswith("running_var"):
            buffer.uniform_(0.5, 2.0)
    for name, weight in theirs.named_parameters():
        if name.endswith("gamma"):
            nn.init.constant_(weight, -1.3)
    ours.double().load_state_dict(theirs.double().state_dict(), strict=True)
    x = torch.randn(shape, dtype=torch.float64)
    with torch.no_grad():
        a, b = ours.eval()(x), theirs.eval()(x)
    assert b.abs().max() > 1e-3
    assert b.shape != x.shape or (b - x).abs().max() > 1e-3
    torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)
