"""Exercise 01.5: attention that never holds the whole map at once."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from simseg_core.exercises.bench.help import Help
from simseg_core.exercises.bench.steps import Steps
from simseg_core.models.attention import explicit_attention

HELP = Help(
    read="Version 5: the same numbers without the map",
    ask="Does the softmax of one query need anything of another query? Does it need "
    "all keys? So which of the two may be cut into pieces, and what becomes of the "
    "last piece?",
    idea="Five queries, three keys, and two rows at a time. Queries 0 and 1 have 2 · 3 "
    "= 6 scores; softmax, read the values: two rows of the result are done. Then "
    "queries 2 and 3; then query 4 alone. Laid one below the other these are 2 + 2 + 1 "
    "= 5 rows, and no more than 6 of the 15 scores were there at once. Each row is "
    "what it was, since it saw all three keys. Cut the keys instead and it is not: let "
    "the exponentials of a query's scores be 1, 1 and 2. Its weights are 1/4, 1/4 and "
    "1/2. Of the first two keys alone they would be 1/2 and 1/2, of the last alone 1.",
)


def attend_in_chunks(answer: Callable[..., Any], steps: Steps) -> None:
    """Attend without the whole map."""
    for B, N, M, D, E, rows, what in (
        (1, 12, 12, 2, 3, 4, "12 queries, 4 at a time"),
        (2, 60, 45, 2, 4, 7, "60 queries, 7 at a time: the last chunk is smaller"),
        (2, 5, 8, 2, 4, 9, "one chunk larger than all queries"),
    ):
        query, key = torch.randn(B, N, D), torch.randn(B, M, D)
        value = torch.randn(B, M, E)
        call = f"attend_in_chunks with {N} queries, {M} keys and rows={rows}"
        with _Largest() as watch:
            got = steps.call(answer, query, key, value, rows, named=call)
        wanted, _ = explicit_attention(query, key, value)
        whole = N // rows * rows
        pieces = range(0, M, rows)
        apart = [
            explicit_attention(query, key[:, i : i + rows], value[:, i : i + rows])[0]
            for i in pieces
        ]
        steps.equal(
            got,
            wanted,
            f"the numbers: {what}",
            hint=f"{call} should give {tuple(wanted.shape)}, the same numbers as all "
            "queries at once.",
            mistakes={
                "The last chunk is missing: N need not be a multiple of rows.": wanted[
                    :, :whole
                ],
                "The keys are cut, and each piece has a softmax of its own: cut the "
                "queries, and let each chunk see all keys.": torch.stack(apart).sum(0),
                "The keys are cut, and pieces are averaged: cut the queries, and let "
                "each chunk see all keys.": torch.stack(apart).mean(0),
                "A chunk of queries reads only the keys of its own rows: let it read "
                "all keys.": _own_rows(query, key, value, rows),
                "The scores are divided by the root of their width: do not.": (
                    query @ key.mT / D**0.5
                ).softmax(-1)
                @ value,
            },
        )
        allowed = max(B * min(rows, N) * M, B * N * max(D, E), B * M * max(D, E))
        steps.require(
            watch.size <= allowed,
            f"no tensor of more than {allowed} values there",
            hint=f"{call}: the numbers are right, but a tensor of {watch.size} values "
            f"was built; {B} x {rows} x {M} scores at a time are enough.",
        )


class _Largest(TorchDispatchMode):
    """Note the size of the largest tensor that any operation returns."""

    size = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Run the operation and look at what it returns."""
        result = func(*args, **(kwargs or {}))
        found = [t.numel() for t in tree_leaves(result) if isinstance(t, Tensor)]
        self.size = max([self.size, *found])
        return result


def _own_rows(query: Tensor, key: Tensor, value: Tensor, rows: int) -> Tensor:
    """Attend with keys and values cut like the queries."""
    pieces = zip(*(t.split(rows, dim=1) for t in (query, key, value)))
    return torch.cat([explicit_attention(*piece)[0] for piece in pieces], dim=1)
