"""Exercise 01.4: the bytes that an attention map takes in float32."""

from collections.abc import Callable

from simseg_core.exercises.bench.help import Help
from simseg_core.exercises.bench.steps import Steps

HELP = Help(
    read="What it costs, and how long it takes",
    ask="How many rows has the map, and how many columns? Which of the two becomes "
    "smaller when keys and values are pooled? What does a 2x2 pooling do with the last "
    "of five columns?",
    idea="Four images of 3 by 5 positions. Not pooled, each of the 15 positions asks "
    "each of the 15: 15 · 15 = 225 values an image, four bytes each, so 4 · 225 · 4 = "
    "3600 bytes. Pooled by 2, the 3 rows become 1 and the 5 columns 2, for half a "
    "window is none: 1 · 2 = 2 keys. All 15 positions still ask, and so there are 15 · "
    "2 = 30 values an image: 4 · 30 · 4 = 480 bytes. Halve and round down each side by "
    "itself; to divide the number of positions by 4 is something else when a side is "
    "odd.",
)


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
        call = f"map_bytes({batch}, {height}, {width}, {pooled})"
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
            steps.call(answer, batch, height, width, pooled, named=call),
            wanted,
            what,
            hint=f"{call}: how many queries are there, how many keys, and how many "
            "bytes has a float32?",
            mistakes=mistakes,
        )
