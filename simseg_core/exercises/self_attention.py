"""Exercises of chapter 01, self-attention."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from simseg_core.exercises.attention_memory import attend_in_chunks, map_bytes
from simseg_core.exercises.modules import fill
from simseg_core.exercises.steps import Exercise, NotYet, Steps
from simseg_core.models.attention import (
    SelfAttention2d,
    explicit_attention,
    positions,
)

OVER_QUERIES = (
    "The softmax runs over the queries: the weights that one query gives to all keys "
    "must sum to 1."
)
SCALED = "The scores are divided by the root of their width: SAGAN leaves them as is."
NO_SOFTMAX = "The scores are used as they are: equation 1 takes their softmax."
OVER_BATCH = "The softmax runs over the batch: name the axis of the keys, dim=-1."
OVER_ALL = "The softmax runs over the whole map: each query's weights sum to 1 alone."
SCALED_AGAIN = "The scores are divided by something: SAGAN leaves them as they are."
NOT_NORMAL = "The weights of one query do not sum to 1: take a softmax over the keys."
TRANSPOSED = "The map is transposed before the values: its rows belong to the queries."
SUMS = (
    "The weights with which one position reads all others do not sum to 1: does the "
    "softmax run over the queries, or is the map transposed before the values?"
)
FLAT = (
    "Back to a map, reshape alone does not move an axis: bring the channels in front "
    "of the positions first."
)
CROSSED = "The map is folded back as W x H: rows come first."
ROLES = "Queries and keys have changed places: the output has a row for each query."


def list_positions(answer: Callable[[Tensor], Any], steps: Steps) -> None:
    """List the positions of a map."""
    for B, C, H, W, what in (
        (1, 2, 1, 3, "a map of one row"),
        (2, 3, 4, 4, "a square map, two images"),
        (2, 4, 6, 10, "a map of 6x10"),
    ):
        x = torch.randn(B, C, H, W)
        told = f"my_positions(x) with x of {tuple(x.shape)}"
        got = steps.call(answer, x, told=told)
        steps.equal(
            got,
            positions(x),
            what,
            hint=f"{told} should have a row for each of the {H * W} positions, and in "
            f"it the {C} channels there.",
            mistakes={
                "The shape fits, but the numbers are cut anew: reshape alone does not "
                "move an axis. First bring the channels last.": x.reshape(B, H * W, C),
                "The channels still come first: a row should be a position.": x.flatten(
                    2
                ),
                "Positions run down the columns: take them row by row.": x.permute(
                    0, 3, 2, 1
                ).reshape(B, H * W, C),
                "The images of the batch are mixed into one list: keep B in front.": (
                    positions(x).reshape(B * H * W, C)
                ),
            },
        )


def _slips(query: Tensor, key: Tensor, value: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Give what each known slip attends to; those that need N = M if it is so."""
    scores = query @ key.mT
    yield OVER_QUERIES, scores.softmax(-2) @ value
    yield SCALED, (scores / query.shape[-1] ** 0.5).softmax(-1) @ value
    yield NO_SOFTMAX, scores @ value
    yield OVER_BATCH, scores.softmax(0) @ value
    yield OVER_ALL, scores.flatten(1).softmax(1).view_as(scores) @ value
    yield SCALED_AGAIN, (scores / key.shape[1] ** 0.5).softmax(-1) @ value
    yield SCALED_AGAIN, (scores / query.shape[-1]).softmax(-1) @ value
    yield NOT_NORMAL, scores.exp() @ value
    yield NOT_NORMAL, scores.sigmoid() @ value
    if query.shape[1] == key.shape[1]:
        yield TRANSPOSED, scores.softmax(-1).mT @ value
        yield ROLES, scores.mT.softmax(-1) @ value


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
        got = steps.call(answer, query, key, value, told=f"my_attend with {shapes}")
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
                *_slips(query, key, value),
                ("Channels come before positions: return (B, N, E).", wanted.mT),
            ],
        )


def self_attention(answer: type[nn.Module], steps: Steps) -> None:
    """Build the block."""
    C, narrow, H, W = 16, 2, 6, 10
    told = f"MyAttention({C})"
    mine = steps.build(answer, C, told=told)
    steps.right.append("a module")
    x = torch.randn(2, C, H, W)
    with torch.no_grad():
        fresh = steps.call(mine, x, told=f"{told}(x) with x of {tuple(x.shape)}")
    steps.require(
        isinstance(fresh, Tensor) and fresh.shape == x.shape,
        "the output has the input's shape, on 6x10 too",
        hint=f"From {tuple(x.shape)} the block makes the same shape; here it was "
        f"{tuple(fresh.shape) if isinstance(fresh, Tensor) else type(fresh).__name__}.",
    )
    _check_sizes(mine, C, narrow, steps)
    if not torch.any(fresh):
        raise NotYet(
            "A fresh block returns zeros: x itself is missing, or multiplied by gamma."
        )
    gammas = [p for p in mine.parameters() if p.numel() == 1]
    steps.require(
        torch.equal(fresh, x),
        "a fresh block changes nothing",
        hint="Gamma is 0 and a fresh block still changes x: what else is done to it?"
        if all(float(gamma.detach()) == 0 for gamma in gammas)
        else "A fresh block must return x unchanged: with which value of gamma?",
    )
    reference = _plant(mine, C, narrow)
    with torch.no_grad():
        got = steps.call(mine, x, told=f"{told}(x) with gamma 0.5")
        query, key, value = reference.project(x)
        # Which of the two narrow convolutions a class defines first is free.
        roles = [(query, key), (key, query)]
        wanted = [_folded(explicit_attention(*role, value)[0], x) for role in roles]
        mistakes = [slip for role in roles for slip in _block_slips(*role, value, x)]
    if not any(_close(got, y) for y in wanted):
        for hint, wrong in mistakes:
            if _close(got, wrong):
                raise NotYet(hint)
    steps.require(
        any(_close(got, y) for y in wanted),
        "the numbers, on random weights and a map of 6x10",
        hint="Shapes and weights fit, the numbers do not: y = gamma o + x, where o is "
        "the sum of values weighted by the softmax of query times key.",
    )
    told = "MyAttention(24)"
    other = steps.build(answer, 24, told=told)
    x = torch.randn(3, 24, 5, 4)
    steps.call(other, x, told=f"{told}(x) with x of {tuple(x.shape)}")
    steps.require(
        sorted(p.numel() for p in other.parameters())
        == sorted(p.numel() for p in SelfAttention2d(24).parameters()),
        "another number of channels",
        hint=f"Right so far, but {told} has other weights than it should: is a width "
        "written into the class that follows from `channels`?",
    )


def _block_slips(
    query: Tensor, key: Tensor, value: Tensor, x: Tensor
) -> Iterator[tuple[str, Tensor]]:
    """Give what the block returns with each known slip, gamma being 0.5."""
    for hint, attended in _slips(query, key, value):
        if hint in (OVER_QUERIES, TRANSPOSED):  # one and the same, up to the names
            yield SUMS, _folded(attended, x)
        elif hint != ROLES:
            yield hint, _folded(attended, x)
    attended, _ = explicit_attention(query, key, value)
    yield FLAT, x + 0.5 * attended.reshape(x.shape)
    B, C, H, W = x.shape
    yield CROSSED, x + 0.5 * attended.mT.reshape(B, C, W, H).mT


def _close(got: object, wanted: Tensor) -> bool:
    return isinstance(got, Tensor) and torch.allclose(got, wanted, atol=1e-5)


def _folded(attended: Tensor, x: Tensor) -> Tensor:
    return x + 0.5 * attended.mT.reshape(x.shape)


def _check_sizes(mine: nn.Module, C: int, narrow: int, steps: Steps) -> None:
    """Tell by the sizes of the parameters which projection is not as asked."""
    sizes = sorted(p.numel() for p in mine.parameters())
    weights, biases = [C * narrow] * 2 + [C * C], [narrow] * 2 + [C]
    wanted = sorted([*weights, *biases, 1])
    if 1 not in sizes:
        raise NotYet(
            "No parameter is a single number: gamma is one nn.Parameter of one value."
        )
    halves = [w for w in range(1, C + 1) if sizes.count(C * w) >= 2 and w != narrow]
    if sizes.count(C * narrow) == 0 and halves:
        raise NotYet(f"Queries and keys have C / 8 channels, here {narrow}.")
    if sizes == sorted([*weights, 1]):
        raise NotYet("The three 1x1 convolutions have biases here.")
    # Without (or with one more) weight of full width, the values are made otherwise.
    if sizes.count(C * narrow) > 2 or sizes.count(C * C) != 1:
        raise NotYet(
            "Values keep all C channels here, and no convolution follows them: that "
            "is another of the three layouts."
        )
    steps.require(
        sizes == wanted,
        f"{sum(wanted)} parameters, gamma among them",
        hint=f"Your parameters have {sizes} values; wanted are two 1x1 convolutions "
        f"from {C} to {narrow} channels, one from {C} to {C}, and gamma.",
    )


def _plant(mine: nn.Module, C: int, narrow: int) -> SelfAttention2d:
    """Give both the same random weights, found by their sizes; gamma becomes 0.5."""
    reference = fill(SelfAttention2d(C))
    torch.nn.init.normal_(reference.query.weight)  # else both would be the same
    mine.eval()
    with torch.no_grad():
        reference.gamma.fill_(0.5)
        for size in (C * narrow, C * C, narrow, C, 1):
            for ours, theirs in zip(
                [p for p in mine.parameters() if p.numel() == size],
                [p for p in reference.parameters() if p.numel() == size],
            ):
                ours.copy_(theirs.view_as(ours))
    return reference


EXERCISES: dict[str, Exercise] = {
    "01.1": list_positions,
    "01.2": attend,
    "01.3": self_attention,
    "01.4": map_bytes,
    "01.5": attend_in_chunks,
}
