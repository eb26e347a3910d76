"""Exercise 01.3: a self-attention block (layout v1) as a module."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from simseg_core.exercises.bench.help import Help
from simseg_core.exercises.bench.modules import fill
from simseg_core.exercises.bench.steps import NotYet, Steps
from simseg_core.exercises.ch01.mistakes import OVER_QUERIES, ROLES, TRANSPOSED, slips
from simseg_core.models.attention import SelfAttention2d, explicit_attention

HELP = Help(
    read="Version 4: the block, in its three published layouts",
    ask="Take a map of 3 by 5 with 32 channels and write down the shape after every "
    "step: each 1x1 convolution, each list of positions, the scores, what is read, and "
    "the way back to a map. What makes a fresh block give back its input?",
    idea="One image of 32 channels, 3 rows of 5. Queries and keys have 32 / 8 = 4 "
    "channels: 4 x 3 x 5 each; values 32 x 3 x 5. As lists of 15 positions: 15 x 4, 15 "
    "x 4 and 15 x 32. The scores are 15 x 15, with a softmax along each row, and what "
    "is read is 15 x 32. Now back: exchange the two axes first, 32 x 15, and only then "
    "fold 15 into 3 rows of 5; folded at once, pixels would mix. The result is "
    "multiplied by gamma, a learned number that begins at 0, and the input is added. "
    "The weights: twice 32 · 4 + 4 = 132, once 32 · 32 + 32 = 1056, and one for gamma, "
    "2 · 132 + 1056 + 1 = 1321.",
)

SUMS = (
    "The weights with which one position reads all others do not sum to 1: does the "
    "softmax run over the queries, or is the map transposed before the values?"
)
FLAT = (
    "Back to a map, reshape alone does not move an axis: bring the channels in front "
    "of the positions first."
)
CROSSED = "The map is folded back as W x H: rows come first."


def self_attention(answer: type[nn.Module], steps: Steps) -> None:
    """Build the block."""
    C, narrow, H, W = 16, 2, 6, 10
    call = f"MyAttention({C})"
    mine = steps.build(answer, C, named=call)
    steps.right.append("a module")
    x = torch.randn(2, C, H, W)
    with torch.no_grad():
        fresh = steps.call(mine, x, named=f"{call}(x) with x of {tuple(x.shape)}")
    steps.require(
        isinstance(fresh, Tensor) and fresh.shape == x.shape,
        "the output has the input's shape, on 6x10 too",
        hint=f"From {tuple(x.shape)} the block makes the same shape; here it was "
        f"{tuple(fresh.shape) if isinstance(fresh, Tensor) else type(fresh).__name__}.",
    )
    _require_sizes(mine, C, narrow, steps)
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
        got = steps.call(mine, x, named=f"{call}(x) with gamma 0.5")
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
    call = "MyAttention(24)"
    other = steps.build(answer, 24, named=call)
    x = torch.randn(3, 24, 5, 4)
    steps.call(other, x, named=f"{call}(x) with x of {tuple(x.shape)}")
    steps.require(
        sorted(p.numel() for p in other.parameters())
        == sorted(p.numel() for p in SelfAttention2d(24).parameters()),
        "another number of channels",
        hint=f"Right so far, but {call} has other weights than it should: is a width "
        "written into the class that follows from `channels`?",
    )


def _require_sizes(mine: nn.Module, C: int, narrow: int, steps: Steps) -> None:
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


def _block_slips(
    query: Tensor, key: Tensor, value: Tensor, x: Tensor
) -> Iterator[tuple[str, Tensor]]:
    """Give what the block returns with each known slip, gamma being 0.5."""
    for hint, attended in slips(query, key, value):
        if hint in (OVER_QUERIES, TRANSPOSED):  # one and the same, up to the names
            yield SUMS, _folded(attended, x)
        elif hint != ROLES:
            yield hint, _folded(attended, x)
    attended, _ = explicit_attention(query, key, value)
    yield FLAT, x + 0.5 * attended.reshape(x.shape)
    B, C, H, W = x.shape
    yield CROSSED, x + 0.5 * attended.mT.reshape(B, C, W, H).mT


def _folded(attended: Tensor, x: Tensor) -> Tensor:
    return x + 0.5 * attended.mT.reshape(x.shape)


def _close(got: object, wanted: Tensor) -> bool:
    return isinstance(got, Tensor) and torch.allclose(got, wanted, atol=1e-5)
