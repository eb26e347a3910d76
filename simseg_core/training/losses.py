"""What a training minimises: cross-entropy, focal loss, Dice loss, or a sum of them.

Focal loss: Lin, Goyal, Girshick, He, Dollár, "Focal Loss for Dense Object Detection",
2017, arXiv:1708.02002, equation 4, with the gamma of 2 that the paper ends with.

Dice loss: Milletari, Navab, Ahmadi, "V-Net", 2016, arXiv:1606.04797, section 3.

*Differs from the papers*: both speak of all classes of a pixel at once, by softmax. The
focal loss is a mean over pixels, without the paper's factor alpha (class weights do its
work). Dice has no squares below the line, is taken class by class over the whole batch,
and averaged over the classes that its labels hold: one that they do not hold has no
overlap to gain.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from simseg_core.data.pairs import IGNORE_INDEX

__all__ = ["LOSSES", "SegmentationLoss"]

LOSSES = ("cross-entropy", "focal", "dice")
_GAMMA = 2
_LEAST = 1e-12  # weight of a batch: what is divided by it is 0 where it is less


class SegmentationLoss(nn.Module):
    """The mean loss of a batch.

    Logits ``(B, K, H, W)`` and labels ``(B, H, W)`` -> one number.

    Args:
        *names: of `LOSSES`, summed; cross-entropy if there is none.
        class_weights: ``(K,)``, for cross-entropy and focal loss: a pixel counts as
            much as its label's weight, in the sum and in what it is divided by.
        ignore_index: label of the pixels that do not count.
        skip_void: whether a batch in which no pixel counts gives 0, with a gradient of
            0, and not NaN, as torch has it.
        over_processes: sums a tensor over all processes that share a batch, in a way
            that gradients follow; None where one process has all of it. Sums are added
            before they are divided, so that pixels count alike wherever they are.

    Raises:
        ValueError: if a name is none of `LOSSES`.

    >>> logits = torch.tensor([[[[2.0]], [[0.0]]]])
    >>> right, wrong = torch.tensor([[[0]]]), torch.tensor([[[1]]])
    >>> loss = SegmentationLoss("cross-entropy", "dice")
    >>> loss(logits, right) < loss(logits, wrong)
    tensor(True)
    """

    class_weights: Tensor | None

    def __init__(
        self,
        *names: str,
        class_weights: Tensor | None = None,
        ignore_index: int = IGNORE_INDEX,
        skip_void: bool = False,
        over_processes: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.names: Sequence[str] = names or LOSSES[:1]
        unknown = [name for name in self.names if name not in LOSSES]
        if unknown:
            raise ValueError(f"no loss {unknown[0]!r}: there is {', '.join(LOSSES)}")
        self.register_buffer("class_weights", class_weights)
        self.ignore_index = ignore_index
        self.skip_void = skip_void
        self.over_processes = over_processes

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Give the mean loss of logits ``(B, K, H, W)`` and labels ``(B, H, W)``."""
        if logits.dtype != torch.float64:  # half precision is too coarse for a mean
            logits = logits.float()
        terms: dict[str, Any] = {
            "cross-entropy": self._cross_entropy,
            "focal": self._focal,
            "dice": self._dice,
        }
        return torch.stack([terms[n](logits, labels) for n in self.names]).sum()

    def _cross_entropy(self, logits: Tensor, labels: Tensor) -> Tensor:
        # To look at the labels costs nothing on a CPU, and a wait on a GPU.
        is_safe = not self.skip_void or (
            labels.is_cpu and bool((labels != self.ignore_index).any())
        )
        if self.over_processes is None and is_safe:
            weights = self._weights(logits)
            return F.cross_entropy(
                logits, labels, weights, ignore_index=self.ignore_index
            )
        return self._mean(self._each(logits, labels), logits, labels)

    def _focal(self, logits: Tensor, labels: Tensor) -> Tensor:
        each = self._each(logits, labels)  # -ln p, 0 where a pixel does not count
        return self._mean((1 - (-each).exp()) ** _GAMMA * each, logits, labels)

    def _each(self, logits: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(
            logits, labels, ignore_index=self.ignore_index, reduction="none"
        )

    def _mean(self, each: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
        counts = labels != self.ignore_index
        weights = self._weights(logits)
        share = counts.to(each.dtype)
        if weights is not None:
            share = share * weights[labels.where(counts, 0)]
        total, weight = self._summed(torch.stack([(each * share).sum(), share.sum()]))
        return self._unless_void(total / weight.clamp(min=_LEAST), weight)

    def _dice(self, logits: Tensor, labels: Tensor) -> Tensor:
        counts = (labels != self.ignore_index)[:, None]
        one_hot = F.one_hot(labels.where(counts[:, 0], 0), logits.shape[1])
        truth = one_hot.movedim(-1, 1) * counts  # B, K, H, W
        guess = logits.softmax(dim=1) * counts
        sums = [(guess * truth), guess, truth]
        both, guessed, true = self._summed(
            torch.stack([one.sum(dim=(0, 2, 3), dtype=logits.dtype) for one in sums])
        )
        held = (true > 0).to(both.dtype)
        losses = 1 - 2 * both / (guessed + true).clamp(min=_LEAST)
        number = held.sum()
        return self._unless_void((losses * held).sum() / number.clamp(min=1), number)

    def _unless_void(self, loss: Tensor, weight: Tensor) -> Tensor:
        return loss if self.skip_void else loss.where(weight > 0, math.nan)

    def _summed(self, sums: Tensor) -> Tensor:
        return sums if self.over_processes is None else self.over_processes(sums)

    def _weights(self, logits: Tensor) -> Tensor | None:
        weights = self.class_weights
        return None if weights is None else weights.to(logits.dtype)
