"""Exercise 01.2: attention of queries, keys and values, without scaling."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from simseg_core.exercises.bench.help import Help
from simseg_core.exercises.bench.steps import NotYet, Steps
from simseg_core.exercises.ch01.mistakes import slips
from simseg_core.models.attention import explicit_attention

HELP = Help(
    read="Version 2: from scores to weights",
    ask="Two of the three lines are matrix products. With 2 queries and 5 keys, what "
    "shape has the table of scores, and along which of its axes must the weights sum "
    "to 1?",
    idea="One query (1, 1), two keys (0, 0) and (ln 3, 0). The scores are the products "
    "0 and ln 3; raised by the exponential they are 1 and 3, so the weights are 1/4 "
    "and 3/4. With the values (8, 0) and (0, 4) the query reads 8 · 1 / 4 + 0 · 3 / 4 "
    "= 2 and 0 · 1 / 4 + 4 · 3 / 4 = 3. For many queries at once: N rows of width D "
    "times the keys laid on their side, D by M, make a table of N by M, a row for each "
    "query. The softmax goes along each row, over the keys. The table times the "
    "values, M by E, gives N by E. Nothing is divided in between.",
)


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
