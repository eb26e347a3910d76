"""Exercise 02.1: the number of weights of a CBAM, for any reduction."""

from collections.abc import Callable

from simseg_core.exercises.bench.help import Help
from simseg_core.exercises.bench.modules import count_weights
from simseg_core.exercises.bench.steps import Steps
from simseg_core.models.cbam import CBAM

HELP = Help(
    read="What it costs, and how long it takes",
    ask="Make a list of all that learns: two linear layers, a convolution, a "
    "BatchNorm. Which of these have biases? How many hidden units are there if the "
    "reduction does not divide the channels, and how many if it exceeds them?",
    idea="Take 50 channels and a reduction of 8. Of 50 / 8 = 6.25 hidden units there "
    "are 6: a layer has whole units. Down: 50 · 6 weights and 6 biases, 50 · 6 + 6 = "
    "306. Up again: 6 · 50 weights and 50 biases, 6 · 50 + 50 = 350. Both poolings use "
    "these same two layers, so they count once. The spatial gate reads two maps with a "
    "7x7 kernel and has no bias: 2 · 7 · 7 = 98. Its BatchNorm learns a scale and a "
    "shift: 2. Together 306 + 350 + 98 + 2 = 756. With 5 channels and a reduction of 8 "
    "rounding would leave no unit; one is kept.",
)


def weights(answer: Callable[[int, int], int], steps: Steps) -> None:
    """Count the weights."""

    def formula(hidden: float, C: int, *, biases: int = 1, gate: int = 100) -> float:
        return 2 * C * hidden + biases * (hidden + C) + gate

    cases = {
        (256, 16): "the paper's reduction, 256 channels",
        (512, 8): "another reduction",
        (110, 16): "a width that 16 does not divide",
        (8, 16): "fewer channels than the reduction",
    }
    for (C, reduction), what in cases.items():
        call = f"cbam_weights({C}, {reduction})"
        got = steps.call(answer, C, reduction, named=call)
        hidden = max(1, C // reduction)
        module = CBAM(C, reduction=reduction)
        mlp = formula(hidden, C, gate=0)
        steps.equal(
            got,
            count_weights(module),
            what,
            hint=f"{call} is something else. Add up: two linear layers with biases, "
            "a convolution over two maps without one, a BatchNorm of one channel.",
            mistakes={
                "One MLP serves both poolings: its weights count once.": 2 * mlp + 100,
                "Both linear layers have biases: one for each unit, hidden and "
                "output.": formula(hidden, C, biases=0),
                "A bias for each hidden unit is missing.": mlp + 100 - hidden,
                "A bias for each output unit is missing.": mlp + 100 - C,
                "The MLP has two layers, down and up again.": C * hidden + hidden + 100,
                "A 7x7 kernel has 49 weights for each map that it reads.": mlp + 14 + 2,
                "The spatial gate's convolution has no bias, and a BatchNorm follows "
                "it.": mlp + 99,
                "The spatial gate's BatchNorm learns two numbers, a scale and a "
                "shift.": mlp + 98,
                "Only what is learned counts: a BatchNorm's running statistics are "
                "measured.": mlp + 102,
                "The 7x7 convolution has no bias: the BatchNorm behind it has a "
                "shift.": mlp + 101,
                "The convolution reads two maps, maximum and mean.": mlp + 49 + 2,
                "The convolution reads the two pooled maps, not all channels.": mlp
                + 49 * C
                + 2,
                "That is the channel gate alone: the spatial gate learns too.": mlp,
                "That is the spatial gate alone: most weights sit in the MLP.": 100,
                "The second argument is the reduction: it need not be 16.": formula(
                    max(1, C // 16), C
                ),
                "A layer has whole units: round C / reduction down.": formula(
                    C / reduction, C
                ),
                "Nothing is left of the hidden layer: it keeps one unit at "
                "least.": formula(0, C),
                "Rounded, but up or to the nearest: the hidden layer rounds "
                "down.": formula(round(C / reduction), C),
            },
        )
