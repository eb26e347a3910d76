"""Exercise 02.4: find out by calling a channel gate whether it has one MLP or two."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from simseg_core.exercises.bench.help import Help
from simseg_core.exercises.bench.steps import NotYet, Steps
from simseg_core.models.cbam import ChannelAttention

HELP = Help(
    read="What goes wrong",
    ask="What does a map look like whose means and maxima are the same numbers? What "
    "does its score tell you, if one MLP serves both poolings? And how do you get from "
    "a gate back to its score?",
    idea="A score is what one MLP makes of the means plus what one makes of the "
    "maxima. To undo a sigmoid, take the logarithm of the gate over 1 less the gate: a "
    "gate of 0.8 has the score ln 4, for 0.8 / (1 - 0.8) = 4. On a constant map mean "
    "and maximum agree. Let the score of a constant 2 be 6, and that of a constant 8 "
    "be 10. If there is one MLP, it makes 6 / 2 = 3 of the 2 and 10 / 2 = 5 of the 8. "
    "So a map with the mean 2 and the maximum 8 must score 3 + 5 = 8; if it does not, "
    "there are two. Three maps are enough: one that varies, a constant one of its "
    "means, a constant one of its maxima. Sums round: compare with a tolerance.",
)

Gate = Callable[[Tensor], Tensor]


def shares_its_mlp(answer: Callable[[Gate, int], bool], steps: Steps) -> None:
    """Tell one MLP from two."""

    def ask(gate: _WatchedGate) -> bool:
        call = f"shares_its_mlp(gate, {gate.channels})"
        got = steps.call(answer, gate, gate.channels, named=call)
        if isinstance(got, Tensor) and got.numel() != 1:
            raise NotYet(f"{call} returns {tuple(got.shape)}: one verdict is wanted.")
        if got not in (True, False):
            raise NotYet(f"{call} returns {got!r}: True or False is wanted.")
        return bool(got)

    for channels, mlps in _mlps():
        one, other = mlps
        if not ask(_summed(one, one, channels)):
            raise NotYet(_why_refused(ask, channels, one))
        steps.right.append(f"one MLP is told as one, {channels} channels")
        two = _summed(one, other, channels)
        if ask(two):
            if not two.fed:
                raise NotYet("Two MLPs passed for one: the gate was never called.")
            if two.fed_only_constant_maps:
                raise NotYet(
                    "Two MLPs passed for one. On a constant map mean and maximum "
                    "agree, and f + g looks like twice one MLP: feed it a map that "
                    "varies as well."
                )
            raise NotYet(
                "Two MLPs passed for one. Where mean and maximum agree, half the "
                "score belongs to each pooling: what must the score then be where "
                "they differ?"
            )
        steps.right.append(f"two MLPs are told as two, {channels} channels")


@dataclass
class _WatchedGate:
    """A gate that can be called and nothing else, and remembers what it was fed."""

    scores: Callable[[Tensor, Tensor], Tensor]
    channels: int
    fed: list[Tensor] = field(default_factory=list)

    def __call__(self, x: Tensor) -> Tensor:
        """Compute the gate: (B, C, H, W) -> (B, C, 1, 1)."""
        if x.ndim != 4 or x.shape[1] != self.channels:
            raise ValueError(
                f"the gate takes (B, {self.channels}, H, W), got {tuple(x.shape)}"
            )
        self.fed.append(x.detach().clone())
        with torch.no_grad():
            mean, most = x.double().mean(dim=(2, 3)), x.double().amax(dim=(2, 3))
            return self.scores(mean, most).sigmoid()[:, :, None, None].to(x.dtype)

    @property
    def fed_only_constant_maps(self) -> bool:
        """Whether no input ever had a maximum above its mean."""
        return all(
            torch.allclose(x.amax(dim=(2, 3)), x.mean(dim=(2, 3)), atol=1e-5)
            for x in self.fed
        )


def _mlps() -> Iterator[tuple[int, list[nn.Module]]]:
    """Give pairs of MLPs of equal shape and other weights, in double precision."""
    for channels, reduction, bias in ((8, 2, True), (12, 3, False), (5, 1, True)):
        pair: list[nn.Module] = []
        for _ in range(2):
            mlp = ChannelAttention(channels, reduction=reduction, bias=bias).mlp
            for name, parameter in mlp.named_parameters():
                if name.endswith("weight"):
                    nn.init.normal_(parameter, std=0.5)
            pair.append(mlp.double())
        yield channels, pair


def _summed(one: nn.Module, other: nn.Module, channels: int) -> _WatchedGate:
    return _WatchedGate(lambda mean, most: one(mean) + other(most), channels)


def _why_refused(
    ask: Callable[[_WatchedGate], bool], channels: int, mlp: nn.Module
) -> str:
    """Ask again about gates on which only some mistakes show."""
    if not ask(_WatchedGate(lambda a, m: 0 * a, channels)):
        return "You never answer True: even a gate of 1/2 everywhere is told as two."
    # Near a score of 0 the sigmoid is a straight line, so averaged gates agree.
    if ask(_WatchedGate(lambda a, m: 1e-3 * (mlp(a) + mlp(m)), channels)):
        return (
            "One MLP was told as two, unless its scores are tiny: gates do not add, "
            "scores do. Undo the sigmoid (Tensor.logit) before you compare."
        )
    return (
        "One MLP was told as two. Compare with a tolerance (torch.allclose), for sums "
        "round; and feed as constant maps the very mean and maximum of your map."
    )
