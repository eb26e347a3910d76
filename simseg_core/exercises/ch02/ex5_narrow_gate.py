"""Exercise 02.5: a CBAM for narrow stages, light and seldom blind."""

import torch
from torch import Tensor, nn

from simseg_core.exercises.bench.help import Help
from simseg_core.exercises.bench.modules import count_weights, fill
from simseg_core.exercises.bench.steps import Steps

HELP = Help(
    read="What goes wrong",
    ask="What does one hidden unit cost on 32 channels, in weights, and what does a "
    "kernel cost? When is a gate blind to what changes far away, and is it the number "
    "of units alone that decides?",
    idea="Count on 20 channels. A hidden unit has 20 weights in, a bias, and 20 "
    "weights out: 20 + 1 + 20 = 41. A 7x7 kernel over two maps costs 2 · 7 · 7 = 98, a "
    "3x3 one 2 · 3 · 3 = 18; the difference, 98 - 18 = 80, pays for nearly two units "
    "more. Why more? A gate is blind if all its units are off, where a ReLU gives 0 "
    "before a change and after it. If each were off by the toss of a coin, 4 units "
    "would all be off once in 2 · 2 · 2 · 2 = 16 times, and 6 units once in 64. The "
    "other way out costs no weight: a function between the two layers that is flat on "
    "neither side of 0. Such a unit is never off.",
)

BUDGET = 400  # weights
BLOCKS, BLIND = 1_000, 20  # 2 %: the paper's form within the budget has 3 %


def narrow_gate(answer: type[nn.Module], steps: Steps) -> None:
    """Design a gate for narrow stages."""
    C = 32
    call = f"NarrowGate({C})"
    block = fill(steps.build(answer, C, named=call))
    steps.right.append("a module")
    x = torch.rand(2, C, 9, 14) + 0.5
    y = steps.call(block, x, named=f"{call}(x)")
    steps.require(
        isinstance(y, Tensor) and y.shape == x.shape,
        "the shape of its input",
        hint=f"From {tuple(x.shape)} the block makes the same shape.",
    )
    factor = y.detach() / x
    steps.require(
        bool(factor.min() >= -1e-6 and factor.max() <= 1 + 1e-6),
        "factors between 0 and 1",
        hint=f"It multiplies by {factor.min():.2g} to {factor.max():.2g}: a gate lies "
        "between 0 and 1.",
    )
    steps.require(
        bool((factor.std(dim=1) > 1e-4).any()),
        "channels differ",
        hint="All channels are scaled alike: the channel gate is missing.",
    )
    steps.require(
        bool((factor.std(dim=(2, 3)) > 1e-4).any()),
        "positions differ",
        hint="All positions are scaled alike: the spatial gate is missing.",
    )
    crossed = factor[:, :1] * factor[:, :, :1, :1], factor * factor[:, :1, :1, :1]
    steps.require(
        torch.allclose(*crossed, rtol=1e-4),
        "one gate for the channels times one for the positions",
        hint="The factor is no product of one number a channel and one a position.",
    )
    count = count_weights(block)
    steps.require(
        count <= BUDGET,
        f"{count} weights, within {BUDGET}",
        hint=f"{count} weights, {BUDGET} are allowed. Which grow with the hidden "
        "layer, which with the kernel?",
    )
    blind = sum(_is_blind(steps.call(answer, C, named=call), C) for _ in range(BLOCKS))
    steps.require(
        blind <= BLIND,
        f"{blind} of {BLOCKS:,} fresh blocks blind",
        hint=f"{blind} of {BLOCKS:,} fresh blocks take no notice of a change far away, "
        f"{BLIND} are allowed: their hidden units are all off. More units, or units "
        "that are never off?",
    )


def _is_blind(block: nn.Module, channels: int) -> bool:
    """Whether a corner's values stay as they are when the other corner's change."""
    block.eval()
    before = torch.randn(1, channels, 14, 14).relu()
    after = before.clone()
    after[..., :3, :3] += 3 * torch.rand(1, channels, 3, 3)
    with torch.no_grad():
        one, other = block(torch.cat([before, after]))[..., 10:, 10:]
    return torch.allclose(one, other, rtol=1e-5, atol=1e-7)
