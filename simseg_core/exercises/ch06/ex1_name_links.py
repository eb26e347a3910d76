"""Exercise 06.1: which earlier layers a layer of a HarD block reads."""

from collections.abc import Callable, Sequence

from simseg_core.exercises.bench.help import Help
from simseg_core.exercises.bench.steps import NotYet, Steps
from simseg_core.models.hardblock import links

HELP = Help(
    read="Version 3: harmonic",
    ask="How often can you halve the layer's number before it is odd? What has that to "
    "do with how many layers it reads, and with how far back the farthest lies?",
    idea="Layer 20. Of the powers of 2, these divide it: 1, 2 and 4; 8 does not. So go "
    "back 1, 2 and 4: 20 - 1 = 19, 20 - 2 = 18, 20 - 4 = 16. It reads 19, 18 and 16, "
    "in this order. (5 divides 20 and is no power of 2; 16 is one and does not divide "
    "it.) Layer 21 is odd: 1 alone divides it, and it reads 20. Layer 16 is divided by "
    "1, 2, 4, 8 and 16, itself the last of them: it reads 15, 14, 12, 8 and 16 - 16 = "
    "0, the block's input.",
)


def name_links(answer: Callable[[int], Sequence[int]], steps: Steps) -> None:
    """Name the layers that a layer reads."""

    def ask(layer: int, what: str) -> None:
        call = f"my_links({layer})"
        got = steps.numbers(
            steps.call(answer, layer, named=call),
            f"{call} should return a list of layers' numbers.",
        )
        wanted = links(layer)
        powers = [2**i for i in range(layer.bit_length())]
        mistakes: dict[str, object] = {
            "That is every earlier layer: a dense block.": [*range(layer - 1, -1, -1)],
            "That is every distance 2^i. Here 2^i must also divide the layer's own "
            "number.": [layer - power for power in powers],
            "Those are the distances: subtract them from the layer's number.": [
                power for power in powers if layer % power == 0
            ],
            "The distances are the powers of 2 that divide the number, not all of its "
            "divisors.": [layer - d for d in range(1, layer + 1) if layer % d == 0],
            "Those are the exponents i: the distance is 2^i.": [
                i for i, power in enumerate(powers) if layer % power == 0
            ],
            "One number too high each: 2^0 = 1 leads to the layer before.": [
                i + 1 for i in wanted
            ],
            "That is the layer before alone: which other powers of 2 divide the "
            "number?": wanted[:1],
            "The block's input is missing: it counts as layer 0, and a power of 2 "
            "reads it.": [i for i in wanted if i > 0],
            "The layer right before is missing: 2^0 = 1 divides every number.": (
                wanted[1:]
            ),
        }
        if got == [*range(layer)] != wanted:
            raise NotYet("That is every earlier layer: a dense block.")
        if got != wanted and sorted(got) == sorted(wanted):
            raise NotYet("The layers are right; name the nearest first.")
        steps.equal(
            got,
            wanted,
            what,
            hint=f"{call}: for which i does 2^i divide {layer}? Go back 2^i for each.",
            mistakes=mistakes,
        )

    ask(7, "an odd number")
    ask(6, "an even number that is no power of 2")
    ask(4, "a power of 2")
    ask(1, "the first layer")
    for layer in (12, 40, 64, 1536):
        ask(layer, f"layer {layer}")
