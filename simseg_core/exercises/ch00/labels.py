"""Labels with void, for the exercises of chapter 00."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from simseg_core.exercises.bench.steps import NotYet, Steps

VOID = 255  # as in the chapter's data; where it is an argument, others are tried too

# What torch says of a label used as an index, a one-hot class or a target.
_NO_CLASS = ("out of bounds", "Class values must be")


def draw_label(
    num_classes: int, *shape: int, ignore_index: int = VOID, void: float = 0.3
) -> Tensor:
    """Draw a label, int64, in which every class occurs.

    Args:
        num_classes: Classes are 0 to `num_classes` - 1.
        *shape: Of the label, such as (B, H, W); at least `num_classes` pixels.
        ignore_index: What void pixels hold.
        void: Their share, about.
    """
    label = torch.randint(num_classes, shape)
    label[torch.rand(shape) < void] = ignore_index
    places = torch.randperm(label.numel())[:num_classes]
    label.view(-1)[places] = torch.arange(num_classes)
    return label


def call_with_void(
    steps: Steps, answer: Callable[..., Any], *args: Any, named: str
) -> Any:
    """Call the reader's code as `Steps.call` does; say why void ends in an error."""
    try:
        return steps.call(answer, *args, named=named)
    except NotYet as error:
        if any(words in str(error) for words in _NO_CLASS):
            raise NotYet(
                f"{error}. What void pixels hold is the number of no class: leave them "
                "out before a label is used as one."
            ) from None
        raise
