"""A row of an attention map as a field: how many positions does it amount to?"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["effective_positions"]


def effective_positions(weights: NDArray[Any] | Tensor) -> float:
    """Count the positions that a field amounts to: exp of its entropy.

    Args:
        weights: (H, W), or any shape, not negative and of sum 1.

    Returns:
        1 where a single position has all the weight, H * W where all have the same.

    Raises:
        ValueError: if the weights are negative or do not sum to 1.

    >>> round(effective_positions(np.full((4, 4), 1 / 16)), 6)
    16.0
    """
    field = np.asarray(weights, dtype=float).ravel()
    total = field.sum()
    if (field < 0).any() or abs(total - 1) > 1e-3:
        raise ValueError(
            f"weights from {field.min():.3g}, of sum {total:.3g}: give one row of an "
            "attention map, after the softmax over the keys"
        )
    seen = field[field > 0]
    return float(np.exp(-(seen * np.log(seen)).sum()))
