"""One process or several, on any device: the same run.

Where torchrun has started several, Hugging Face accelerate connects them and wraps the
network (torch's DistributedDataParallel). Alone, a process needs neither.
"""

import os
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from simseg_core.training.loop import pick_device

__all__ = ["Processes"]


class Processes:
    """The processes that share a run.

    Args:
        device: where to compute; None picks the accelerator if there is one.

    Attributes:
        rank: this process's number; 0 is the one that writes.
        count: how many there are.
        device: this process's.

    Raises:
        ImportError: if there are several and accelerate is missing.
    """

    def __init__(self, device: torch.device | str | None = None) -> None:
        self.count = int(os.environ.get("WORLD_SIZE", "1"))
        self.rank = int(os.environ.get("RANK", "0"))
        if self.count == 1:
            self.device, self._engine = pick_device(device), None
            return
        from accelerate import Accelerator

        self._engine = Accelerator(cpu=str(device) == "cpu")
        self.device = self._engine.device

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes and speaks."""
        return self.rank == 0

    def share_network(self, model: nn.Module) -> nn.Module:
        """Return the module to run: its gradients are the mean over all processes'.

        Raises:
            ValueError: if it has BatchNorm, and the processes are on CPUs.
        """
        if self._engine is None:
            return model
        normed = [
            name
            for name, m in model.named_modules()
            if isinstance(m, nn.modules.batchnorm._BatchNorm)
        ]
        if normed and self.device.type != "cuda":
            raise ValueError(
                f"BatchNorm ({normed[0]} and {len(normed) - 1} more) would take its "
                "statistics from each process's own pictures, and on CPUs torch cannot "
                "share them: run one process, or CUDA devices, or a network without "
                "BatchNorm (model='unet', crop=188)"
            )
        return self._engine.prepare_model(model)

    def with_shared_norms(self, model: nn.Module) -> nn.Module:
        """Let BatchNorm layers take their statistics over all processes' pictures."""
        if self._engine is None or self.device.type != "cuda":
            return model
        return nn.SyncBatchNorm.convert_sync_batchnorm(model)

    @property
    def add_up(self) -> Callable[[Tensor], Tensor] | None:
        """A sum over all processes that gradients follow; None for one process."""
        if self._engine is None:
            return None
        return _Total.apply

    def any(self, flag: bool) -> bool:
        """Whether a flag is up in any process."""
        if self._engine is None:
            return flag
        raised = torch.tensor(float(flag), device=self.device)
        return bool(self._engine.reduce(raised, reduction="sum") > 0)

    def wait(self) -> None:
        """Wait until all processes are here."""
        if self._engine is not None:
            self._engine.wait_for_everyone()

    def close(self) -> None:
        """Part the processes."""
        if self._engine is not None:
            self._engine.end_training()


class _Total(torch.autograd.Function):
    """The sum of a tensor over all processes."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        total = values.clone()
        torch.distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        # All have the same loss of the same total, so the same gradient. What reaches
        # the weights is averaged over the processes later: hence their number.
        return gradient * torch.distributed.get_world_size()
