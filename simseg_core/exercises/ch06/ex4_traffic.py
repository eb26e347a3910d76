"""Exercise 06.4: MACs and memory traffic (CIO) of a HarD block, per pixel."""

from collections.abc import Callable, Sequence

from simseg_core.exercises.bench.help import Help
from simseg_core.exercises.bench.steps import NotYet, Steps
from simseg_core.models.hardblock import layer_width, links

HELP = Help(
    read="Version 6: work and traffic by hand",
    ask="For each layer: how many channels does it read, and how many does it write? "
    "Which of the two counts multiplies these, which adds them, and to which of the "
    "two does the 3x3 kernel matter?",
    idea="Let 12 channels come in, growth 20, multiplier 1.7, four layers. The widths "
    "are 20, 34, 20 and 58. The layers read 12, 20 + 12 = 32, 34 and 20 + 34 + 12 = 66 "
    "channels. Products at one pixel: each channel read meets each channel written in "
    "nine taps, 9 · (12 · 20 + 32 · 34 + 34 · 20 + 66 · 58) = 52524. Traffic: what is "
    "read, 12 + 32 + 34 + 66 = 144, and what is written, 20 + 34 + 20 + 58 = 132: 144 "
    "+ 132 = 276 values. A map that two layers read counts twice, a value under nine "
    "taps once. Neither the input by itself nor the stacking at the end is a "
    "convolution, and neither is counted.",
)


def traffic(
    answer: Callable[[int, int, float, int], Sequence[int]], steps: Steps
) -> None:
    """Count a block's work and traffic."""

    def ask(c_in: int, growth: int, layers: int, what: str) -> None:
        call = f"work_and_traffic({c_in}, {growth}, 1.7, {layers})"
        got = steps.call(answer, c_in, growth, 1.7, layers, named=call)
        macs, cio = steps.numbers(
            got,
            f"{call} should return two whole numbers: MACs, then values. (A width is "
            "rounded, too.)",
            count=2,
        )
        widths = [c_in] + [
            layer_width(n, growth=growth, multiplier=1.7) for n in range(1, layers + 1)
        ]
        reads = [sum(widths[i] for i in links(n)) for n in range(1, layers + 1)]
        dense = [sum(widths[:n]) for n in range(1, layers + 1)]
        out = widths[1:]
        products = sum(a * b for a, b in zip(reads, out))
        wanted_macs, wanted_cio = 9 * products, sum(reads) + sum(out)
        if (macs, cio) == (wanted_cio, wanted_macs):
            raise NotYet("MACs first, values second.")
        steps.equal(
            macs,
            wanted_macs,
            f"MACs a pixel of {what}",
            hint=f"{call}: 9 products for each pair of a channel read and a channel "
            "written, added up over the layers.",
            mistakes={
                "Each of the nine taps multiplies: a 3x3 kernel, not a 1x1.": products,
                "Two operations a product are FLOPs; a MAC is both at once.": (
                    18 * products
                ),
                "That is a dense block: which maps does a layer read?": 9
                * sum(a * b for a, b in zip(dense, out)),
                "Each layer reads the one before it alone in yours.": 9
                * sum(a * b for a, b in zip(widths, out)),
                "All layers have the growth's width in yours; wider ones read more.": 9
                * _plain(c_in, growth, layers),
            },
        )
        steps.equal(
            cio,
            wanted_cio,
            f"traffic a pixel of {what}",
            hint=f"{call}: every convolution reads its input once and writes its "
            "output once; add both up.",
            mistakes={
                "Those are the values read: what is written counts too.": sum(reads),
                "That is the traffic of a dense block.": sum(dense) + sum(out),
                "Those are bytes: count values.": 4 * wanted_cio,
                "What is read is read by the layers alone: the block's input counts "
                "where a layer reads it, and not once more.": wanted_cio + c_in,
                "Those are the values written: what is read counts too.": sum(out),
                "A map counts for every convolution that reads it, not once in all.": (
                    sum(widths) + sum(out)
                ),
                "A value that lies under nine taps is still read once in this "
                "measure.": 9 * sum(reads) + sum(out),
                "The concatenation at the end is no convolution and counts nowhere.": (
                    wanted_cio + sum(out[::2]) + (out[-1] if layers % 2 == 0 else 0)
                ),
            },
        )

    ask(64, 16, 4, "the second block of FC-HarDNet-70")
    ask(96, 18, 8, "its third block")
    ask(7, 6, 16, "a block of 16 layers")


def _plain(c_in: int, growth: int, layers: int) -> int:
    """Products of a harmonic block whose layers all have one width."""
    widths = [c_in] + [growth] * layers
    return sum(sum(widths[i] for i in links(n)) * growth for n in range(1, layers + 1))
