"""Exercise 04.4: atrous spatial pyramid pooling (ASPP) as a module, for any rates."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from simseg_core.exercises.bench.help import Help
from simseg_core.exercises.bench.modules import count_weights, fill, require_other_sizes
from simseg_core.exercises.bench.steps import NotYet, Steps
from simseg_core.models.aspp import ASPP

HELP = Help(
    read="Version 4: ASPP, several rates side by side",
    ask="With two rates, how many branches are there, and how many channels does the "
    "mixing 1x1 read? All branches must give maps of one size: what does that ask of a "
    "3x3 at rate 6, and of a mean that has no size?",
    idea="From 8 to 3 channels, rates 3 and 4, a map of 6 x 10. The 1x1 branch makes 3 "
    "x 6 x 10. So do the 3x3 of rate 3, with 3 zeros on each side, and that of rate 4, "
    "with 4. The mean over all 60 places is 8 x 1 x 1; a 1x1 makes it 3 x 1 x 1, laid "
    "out over 6 x 10. Stacked in this order: 4 · 3 = 12 channels, which the last 1x1 "
    "mixes to 3. The weights: 8 · 3 = 24 for the first branch and for the mean's, 9 · "
    "8 · 3 = 216 for each rate, 12 · 3 = 36 for the mix, 2 · 3 = 6 for each of the "
    "five BatchNorms, with a ReLU behind it. Keep the branches, however many, in a "
    "list that PyTorch sees.",
)


def pyramid(answer: type[nn.Module], steps: Steps) -> None:
    """Write atrous spatial pyramid pooling."""
    c_in, c_out, rates = 7, 4, (1, 2, 3)
    call = f"MyASPP({c_in}, {c_out}, {rates})"
    reference = fill(_Misbuilt(c_in, c_out, rates=rates))
    x = torch.randn(2, c_in, 9, 7)
    mine = fill(steps.build(answer, c_in, c_out, rates, named=call))
    got = steps.call(mine, x, named=f"{call}(x) with x of {tuple(x.shape)}")
    steps.require(
        isinstance(got, Tensor) and got.shape == (2, c_out, 9, 7),
        "the shape of the result",
        hint=f"From (2, {c_in}, 9, 7) ASPP makes (2, {c_out}, 9, 7): pad each 3x3 by "
        "its rate, spread the pooled vector over the map, and mix the branches down "
        f"to {c_out} channels.",
    )
    count = count_weights(mine)
    wanted = count_weights(reference)
    without_pooling = ASPP(c_in, c_out, rates=rates, image_pooling=False)
    hints = {
        wanted + (len(rates) + 3) * c_out: "The convolutions need no bias: BatchNorm "
        "adds its own.",
        wanted - (len(rates) + 3) * 2 * c_out: "Each convolution is followed by "
        "BatchNorm, and yours has none.",
        wanted - 2 * c_out: "One BatchNorm is missing: all branches have one, and so "
        "has the mixing convolution.",
        count_weights(without_pooling): "A branch with a 1x1 is "
        "missing: the first, or the one that tells every position about the image as a "
        "whole.",
        wanted - (len(rates) + 1) * c_out * c_out: "The branches are added: "
        "concatenate them, so that the mixing convolution can weigh each.",
    }
    steps.require(
        count == wanted,
        "the number of weights",
        hint=hints.get(
            count,
            f"Yours has {count} weights, the reference {wanted}: a 1x1 convolution, "
            f"{len(rates)} of 3x3, image pooling with its 1x1, and a 1x1 that mixes "
            f"{(len(rates) + 2) * c_out} channels down to {c_out}; BatchNorm after "
            "each, no bias.",
        ),
    )
    for some in (rates, (2, 5), (1, 2, 3, 4)):
        reference = fill(_Misbuilt(c_in, c_out, rates=some))
        call = f"MyASPP({c_in}, {c_out}, {some})"
        mine = fill(steps.build(answer, c_in, c_out, some, named=call))
        count, wanted = (count_weights(m) for m in (mine, reference))
        if count != wanted:
            raise NotYet(
                f"{call} has {count} weights, {wanted} are wanted: is there a 3x3 "
                "branch for every rate, however many?"
            )
        with torch.no_grad():
            _require_numbers(steps, mine, reference, some, x)
    x = torch.randn(3, 5, 8, 10)
    reference = fill(_Misbuilt(5, 6, rates=(1, 2)))
    require_other_sizes(
        steps,
        answer,
        reference,
        reference(x),
        x,
        named="MyASPP(5, 6, (1, 2))",
        sizes=(5, 6, (1, 2)),
    )


class _Misbuilt(ASPP):
    """The reference with its branches combined or computed in another way."""

    def run(
        self,
        x: Tensor,
        order: Sequence[int] | None = None,
        *,
        branch_relu: bool = True,
        last_relu: bool = True,
        conv_first: bool = False,
        pool: str = "mean",
    ) -> Tensor:
        """Return the output, with one thing wrong."""

        def one(index: int) -> Tensor:
            branch: nn.Module = self.branches[index]
            is_pooling = index == len(self.branches) - 1
            layers = branch.project if is_pooling else branch
            assert isinstance(layers, nn.Sequential)
            kept = layers if branch_relu else layers[:2]
            if not is_pooling:
                return kept(x)
            if conv_first:
                y = kept(x).mean(dim=(-2, -1), keepdim=True)
            elif pool == "max":
                y = kept(x.amax(dim=(-2, -1), keepdim=True))
            else:
                y = kept(x.mean(dim=(-2, -1), keepdim=True))
            return y.expand(-1, -1, *x.shape[-2:])

        places = range(len(self.branches)) if order is None else order
        joined = torch.cat([one(index) for index in places], dim=1)
        return (self.project if last_relu else self.project[:2])(joined)


def _require_numbers(
    steps: Steps, mine: nn.Module, reference: _Misbuilt, rates: Sequence[int], x: Tensor
) -> None:
    last = len(rates) + 1
    plain, papers, doubled = (
        fill(_Misbuilt(x.shape[1], 4, rates=other))
        for other in ([1] * len(rates), (6, 12, 18), [2 * rate for rate in rates])
    )
    mistakes = {
        "A ReLU is missing after the mixing convolution.": reference.run(
            x, last_relu=False
        ),
        "The branches have no ReLU after their BatchNorm.": reference.run(
            x, branch_relu=False
        ),
        "Image pooling averages first and convolves the mean; yours convolves the "
        "map.": reference.run(x, conv_first=True),
        "Image pooling takes the mean, not the maximum.": reference.run(x, pool="max"),
        "The pooled branch comes last in the concatenation.": reference.run(
            x, [last, *range(last)]
        ),
        "The branches are concatenated in reverse.": reference.run(
            x, range(last, -1, -1)
        ),
        "The 1x1 branch comes first, the rates after it in their order.": reference.run(
            x, [*range(1, last), 0, last]
        ),
        "Your 3x3 convolutions have no holes: dilation is 1.": plain.run(x),
        "The paper's rates 6, 12, 18 stand in yours: use the argument.": papers.run(x),
        "Your rates are doubled: take them as they are given.": doubled.run(x),
        "No ReLU stands in it: one follows each BatchNorm.": reference.run(
            x, branch_relu=False, last_relu=False
        ),
    }
    wanted = reference(x)
    steps.equal(
        steps.call(mine, x, named=f"MyASPP with rates {rates}, on a map of 9x7"),
        wanted,
        f"the numbers, on random weights, rates {', '.join(map(str, rates))}",
        hint="Sizes and weights fit, the numbers do not: convolution, BatchNorm, ReLU "
        "in every branch; concatenate 1x1, the rates in order, pooling; mix.",
        mistakes=mistakes,
    )
