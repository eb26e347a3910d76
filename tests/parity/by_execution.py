"""Pair the layers of two networks by the order in which they run."""

import torch
from torch import Tensor, nn


def layers_run(model: nn.Module, x: Tensor) -> list[nn.Module]:
    """List convolutions, BatchNorms and linear layers as they run, in order."""
    ran: list[nn.Module] = []
    hooks = [
        module.register_forward_hook(lambda module, *_: ran.append(module))
        for module in model.modules()
        if isinstance(module, nn.Conv2d | nn.BatchNorm2d | nn.Linear)
    ]
    with torch.no_grad():
        model(x)
    for hook in hooks:
        hook.remove()
    return ran


def copy_by_execution(
    theirs: nn.Module, ours: nn.Module
) -> list[tuple[Tensor, Tensor]]:
    """Copy their tensors into our layers; return pairs of weights (ours, theirs)."""
    x = torch.zeros(1, 3, 32, 32, dtype=torch.float64)
    pairs = []
    for our, their in zip(layers_run(ours, x), layers_run(theirs, x), strict=True):
        tensors = their.state_dict()
        our.load_state_dict({key: tensors[key] for key in our.state_dict()})
        assert len(our.state_dict()) == len(tensors)
        pairs += zip(our.parameters(), their.parameters(), strict=True)
    return pairs
