"""Exercise 01.2: attention of queries, keys and values, without scaling."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from simseg_core.exercises.bench.steps import NotYet, Steps
from simseg_core.exercises.ch01.mistakes import slips
from simseg_core.models.attention import explicit_attention


def attend(answer: Callable[[Tensor, Tensor, Tensor], Any], steps: Steps) -> None:
    """Attend, in three lines."""
    for B, N, M, D, E, what in (
        (1, 4, 4, 2, 1, "four queries and four keys"),
        (3, 5, 5, 4, 6, "a batch of three"),
        (2, 6, 3, 4, 5, "more queries than keys"),
        (2, 3, 7, 4, 5, "more keys than queries"),
    ):
        query, key = torch.randn(B, N, D), torch.randn(B, M, D)
        value = torch.randn(B, M, E)
        shapes = f"query {(B, N, D)}, key {(B, M, D)}, value {(B, M, E)}"
        got = steps.call(answer, query, key, value, named=f"my_attend with {shapes}")
        if isinstance(got, tuple):
            raise NotYet("Return the attended values alone, without the map.")
        scores = query @ key.mT
        wanted, _ = explicit_attention(query, key, value)
        steps.equal(
            got,
            wanted,
            what,
            hint=f"With {shapes}: scores between each query and each key, their "
            "softmax, and with these weights the sum of the values.",
            mistakes=[
                ("That is the map: multiply the values by it.", scores.softmax(-1)),
                ("Those are the scores: softmax and values are to come.", scores),
                *slips(query, key, value),
                ("Channels come before positions: return (B, N, E).", wanted.mT),
            ],
        )
