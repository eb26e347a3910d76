"""Two exercises of chapter 01 on the memory that attention takes."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from simseg_core.exercises.steps import Steps
from simseg_core.models.attention import explicit_attention


def map_bytes(answer: Callable[[int, int, int, bool], int], steps: Steps) -> None:
    """Count the bytes of the map."""
    for batch, height, width, pooled, what in (
        (1, 5, 7, False, "a small map"),
        (1, 128, 128, False, "128x128"),
        (3, 6, 10, False, "a batch of three, not square"),
        (1, 64, 64, True, "keys pooled"),
        (2, 7, 9, True, "keys pooled, odd sides"),
    ):
        queries, keys = height * width, height * width
        if pooled:
            keys = (height // 2) * (width // 2)
        wanted = 4 * batch * queries * keys
        told = f"map_bytes({batch}, {height}, {width}, {pooled})"
        mistakes = {
            "That grows with the number of positions; the map has a value for each "
            "pair of them.": 4 * batch * queries,
        }
        if batch > 1:
            mistakes["Each image of the batch has a map of its own."] = wanted // batch
        if not pooled:  # with pooling a quarter has another cause, below
            mistakes["That counts values; one float32 has 4 bytes."] = wanted // 4
            mistakes["pooled=False, and you count pooled keys."] = (
                4 * batch * queries * (height // 2) * (width // 2)
            )
        else:
            up = -(-height // 2) * -(-width // 2)
            mistakes |= {
                "Pooled or not gives you the same: fewer keys, shorter rows.": 4
                * batch
                * queries**2,
                "Only keys and values are pooled: each position still asks.": 4
                * batch
                * keys**2,
                "Pooling halves both sides of the map of keys.": 4
                * batch
                * queries
                * (queries // 2),
                "An odd side: a 2x2 pooling drops the last row or column.": 4
                * batch
                * queries
                * (queries // 4),
                "Odd sides: a 2x2 pooling drops the last row and column.": batch
                * queries**2,
                "An odd side: half a window is no window, so round down.": 4
                * batch
                * queries
                * up,
            }
        steps.equal(
            steps.call(answer, batch, height, width, pooled, told=told),
            wanted,
            what,
            hint=f"{told}: how many queries are there, how many keys, and how many "
            "bytes has a float32?",
            mistakes=mistakes,
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


def attend_in_chunks(answer: Callable[..., Any], steps: Steps) -> None:
    """Attend without the whole map."""
    for B, N, M, D, E, rows, what in (
        (1, 12, 12, 2, 3, 4, "12 queries, 4 at a time"),
        (2, 60, 45, 2, 4, 7, "60 queries, 7 at a time: the last chunk is smaller"),
        (2, 5, 8, 2, 4, 9, "one chunk larger than all queries"),
    ):
        query, key = torch.randn(B, N, D), torch.randn(B, M, D)
        value = torch.randn(B, M, E)
        told = f"attend_in_chunks with {N} queries, {M} keys and rows={rows}"
        with _Largest() as watch:
            got = steps.call(answer, query, key, value, rows, told=told)
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
            hint=f"{told} should give {tuple(wanted.shape)}, the same numbers as all "
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
            hint=f"{told}: the numbers are right, but a tensor of {watch.size} values "
            f"was built; {B} x {rows} x {M} scores at a time are enough.",
        )
