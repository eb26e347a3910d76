"""How chapter 00's exercises read a loss or score, and follow its gradient."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from simseg_core.exercises.bench.steps import NotYet, Steps
from simseg_core.exercises.ch00.labels import call_with_void


def read_number(steps: Steps, got: object, call: str) -> Tensor:
    """Read one number, of whatever kind.

    Returns:
        Shape (1,): tensors are compared up to what float32 rounds.
    """
    if isinstance(got, Tensor) and got.numel() == 1:
        got = got.detach().reshape(())
    kind = type(got).__name__
    if isinstance(got, Tensor):
        kind = f"a tensor of shape {tuple(got.shape)}"
    should = f"{call} should return one number for all pixels together, not {kind}."
    return torch.tensor(steps.numbers([got], should, whole=False))


def over_wrong_axes(loss: Callable[[int], Tensor]) -> Iterator[tuple[str, Tensor]]:
    """Give hint and loss for a softmax over another axis than the classes'."""
    for axis, name in enumerate(("images", "", "rows", "columns")):
        if name:
            yield (
                f"The softmax runs over the {name}: at each pixel the probabilities of "
                "all classes sum to 1.",
                loss(axis),
            )


def require_gradient(
    steps: Steps,
    answer: Callable[..., Any],
    reference: Callable[..., Tensor],
    logits: Tensor,
    *others: Any,
    named: str,
) -> None:
    """Require a loss that a network can be trained with, its value known as right.

    Args:
        steps: The steps of the check.
        answer: The reader's loss.
        reference: The same loss; both are called with logits and `others`.
        logits: (B, C, H, W).
        *others: The loss's other arguments.
        named: The call as hints name it.
    """
    logits = logits.detach().requires_grad_()
    loss = call_with_void(steps, answer, logits, *others, named=named)
    if not (isinstance(loss, Tensor) and loss.requires_grad):
        raise NotYet(
            "The number is right, and no gradient leads from it to the logits, so that "
            "nothing could be trained with it: stay with tensors to the end, without "
            ".item(), .detach(), NumPy or argmax."
        )
    wanted = torch.autograd.grad(reference(logits, *others), logits)
    got = torch.autograd.grad(loss, logits, allow_unused=True)
    steps.equal(
        got[0],
        wanted[0],
        "the gradient",
        hint="The number is right and its gradient is not: is a part of it detached?",
    )
