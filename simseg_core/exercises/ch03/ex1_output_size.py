"""Exercise 03.1: the output's side of a U-Net of valid convolutions."""

from collections.abc import Callable

from simseg_core.exercises.bench.help import Help
from simseg_core.exercises.bench.steps import NotYet, Steps

HELP = Help(
    read="Trace its shapes",
    ask="Follow one side down and up again on paper. What does a stage take off, what "
    "does a pooling do, what a transposed convolution? Right before which of these "
    "steps must the side be even?",
    idea="Take a smaller network, with two poolings in place of four, and 60 pixels. "
    "Down: 60 - 4 = 56, half of it 28; 28 - 4 = 24, half of it 12. The lowest stage: "
    "12 - 4 = 8. Up: 2 · 8 = 16 and 16 - 4 = 12; 2 · 12 = 24 and 24 - 4 = 20. So 60 "
    "pixels give 20. With 58 pixels the second pooling meets 27 - 4 = 23, which is "
    "odd: the size does not fit. With 36 pixels every pooling fits and the lowest "
    "stage leaves 2; but doubled that is 4, and 4 - 4 = 0: nothing is left. The walk "
    "itself tells all three cases; with four poolings it is longer, not different.",
)


def output_size(answer: Callable[[int], int], steps: Steps) -> None:
    """Predict the output's size."""

    def walk(side: int, *, up_trims: bool = True) -> int:
        for _ in range(4):
            side -= 4
            if side <= 0 or side % 2:
                return 0
            side //= 2
        side -= 4
        for _ in range(4):
            side = 2 * side - (4 if up_trims else 0)
        return max(side, 0)

    def ask(side: int) -> float:
        call = f"output_size({side})"
        should = f"{call} should return one number."
        got = [steps.call(answer, side, named=call)]
        return steps.numbers(got, should, whole=False)[0]

    steps.equal(
        ask(572),
        walk(572),
        "the paper's size",
        hint="Follow 572 down: two convolutions take 4 pixels off, a pooling halves.",
        mistakes={
            "The two convolutions of each stage on the way up trim too.": walk(
                572, up_trims=False
            ),
            "Each stage has two 3x3 convolutions, and each takes 2 pixels off.": 480,
        },
    )
    fitting = [side for side in range(188, 800) if walk(side)]
    for side in fitting:
        if ask(side) != walk(side):
            raise NotYet(
                f"{side} fits as well: which part of your sum holds for 572 only?"
            )
    steps.right.append("every other size that fits")
    steps.require(
        ask(140) == 0,
        "a size that reaches the bottleneck and not the output",
        hint="140 survives the four poolings. Follow it up again: what is left?",
    )
    for side in (200, 190, 576, 573):
        steps.require(
            ask(side) == 0,
            f"{side} does not fit",
            hint=f"{side} does not fit: some pooling meets an odd size (or the size "
            "before a pooling is not what you think). A map is trimmed before it is "
            "halved.",
        )
