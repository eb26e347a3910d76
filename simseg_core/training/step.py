"""One update of the weights: the step that `fit` and whole runs take alike."""

import torch
from torch import Tensor, nn

from simseg_core.data.pairs import Pair
from simseg_core.training.checks import (
    Agreement,
    check_loss,
    check_trains,
    check_weights,
)
from simseg_core.training.losses import SegmentationLoss

__all__ = ["TrainingStep", "amp_dtype"]


class TrainingStep:
    """Forward, loss, backward, update: chapter 00's loop, line by line.

    AdamW with the one-cycle schedule of Smith and Topin (2017, arXiv:1708.07120).

    Args:
        model: images ``(B, C, H, W)`` -> logits ``(B, num_classes, h, w)``.
        criterion: logits and labels -> the batch's loss.
        steps: that the schedule is planned for.
        max_lr: its peak.
        device: where the model is.
        amp: mixed precision; True picks the type, or give torch.bfloat16 or .float16.

    Attributes:
        optimizer, schedule, scaler: what has to be kept to go on later.
    """

    def __init__(
        self,
        model: nn.Module,
        criterion: SegmentationLoss,
        *,
        steps: int,
        max_lr: float,
        device: torch.device,
        amp: bool | torch.dtype = False,
    ) -> None:
        self.criterion = criterion.to(device)
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=max_lr)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, max_lr, total_steps=steps
        )
        self.device, self.dtype = device, amp_dtype(amp, device)
        self.scaler = torch.amp.GradScaler(
            device.type, enabled=self.dtype == torch.float16
        )
        self._agree = Agreement(model, device, criterion.ignore_index)

    @property
    def learning_rate(self) -> float:
        """The rate that the next step uses."""
        return float(self.schedule.get_last_lr()[0])

    def __call__(
        self, batch: Pair | Exception, number: int, *, wait: bool = True
    ) -> Tensor:
        """Take one step.

        Args:
            batch: what `simseg_core.data.pairs.stack_pairs` returned.
            number: of the step, for errors.
            wait: whether to look at the loss before it reaches the weights. That waits
                for the device; without it a loss that is not finite is not noticed.

        Returns:
            The batch's loss before the update; still on the device if nothing waited.

        Raises:
            ValueError: if images, labels and logits do not fit each other.
            TypeError: if the data set gives no pairs, or the model no logits.
            FloatingPointError: if the loss is not finite.
            RuntimeError: if no parameter of the model can be trained.
        """
        weights = self.criterion.class_weights
        with torch.autocast(
            self.device.type, self.dtype, enabled=self.dtype is not None
        ):
            logits, labels = self._agree(batch)
            check_weights(weights, logits.shape[1])
            loss = self.criterion(logits, labels)
        value = loss.detach()
        if wait:
            value = value.cpu()
            ignored = self.criterion.ignore_index
            check_loss(float(value), number, labels, ignored, weights)
        check_trains(loss)

        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.schedule.step()
        return value


def amp_dtype(amp: bool | torch.dtype, device: torch.device) -> torch.dtype | None:
    """Choose the type of mixed precision; None for none."""
    if isinstance(amp, torch.dtype):
        return amp
    old_gpu = device.type == "cuda" and not torch.cuda.is_bf16_supported()
    return (torch.float16 if old_gpu else torch.bfloat16) if amp else None
