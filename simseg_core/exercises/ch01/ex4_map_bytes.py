"""Exercise 01.4: the bytes that an attention map takes in float32."""

from collections.abc import Callable

from simseg_core.exercises.bench.steps import Steps


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
