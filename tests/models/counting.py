"""Weights and multiply-accumulates, counted by PyTorch, not by the package."""

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from simseg_core import create_model


def on_meta(name: str, **options: object) -> nn.Module:
    """Build a network whose calls compute shapes and no values."""
    with torch.device("meta"):
        return create_model(name, **options).eval()


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def macs(module: nn.Module, x: Tensor, **options: object) -> int:
    """Count the multiply-accumulates of one call."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(x, **options)
    return counter.get_total_flops() // 2
