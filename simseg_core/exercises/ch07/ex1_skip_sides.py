"""Exercise 07.1: the sides of the skips of a U-Net on a ResNet."""

from collections.abc import Callable, Sequence

from simseg_core.exercises.bench.help import Help
from simseg_core.exercises.bench.steps import Steps

HELP = Help(
    read="Version 5: a ResNet as the contracting path",
    ask="The path makes five maps. Which of them climbs, and so is no skip? What does "
    "a stride of 2 make of an odd side: is it rounded up or down, and why?",
    idea="An image of 150 pixels. The stem strides by 2 and leaves 75; the pooling "
    "behind it leaves 38, for a padded stride of 2 answers at pixels 0, 2, 4 and so on "
    "up to 74, and those are 38. The first stage keeps 38, the next leave 19, 10 and "
    "5. So the five maps have 75, 38, 19, 10 and 5 pixels a side. The last is the one "
    "that climbs; the other four wait for it on the way up, the stem's among them. The "
    "image itself is no map of the ResNet.",
)


def skip_sides(answer: Callable[[int], Sequence[int]], steps: Steps) -> None:
    """Name the skips of a ResNet."""

    def ask(side: int, what: str) -> None:
        call = f"skip_sides({side})"
        got = steps.call(answer, side, named=call)
        should = f"{call} should be a list of whole numbers."
        up, down = [side], [side]  # the image, then the ResNet's five maps
        for _ in range(5):
            up.append((up[-1] + 1) // 2)
            down.append(down[-1] // 2)
        steps.equal(
            steps.numbers(got, should),
            up[1:5],
            what,
            hint=f"{call}: the stem halves, the pooling behind it halves, and so does "
            "each stage but the first. Which of these maps are stacked on the way up?",
            mistakes={
                "The lowest map is no skip: it is what climbs.": up[1:],
                "The image is no skip: the first map has half its side.": up[:5],
                "Neither the image nor the lowest map is a skip.": up,
                "The stem strides too, and the last stage but one has a skip.": up[:4],
                "The largest comes first.": up[4:0:-1],
                "The stem's map is a skip too: the pooling comes behind it.": up[2:5],
                "Those are a skip too deep: the first map has half the side.": up[2:],
                "An odd side is rounded up: a padded convolution that strides by 2 "
                "answers at pixels 0, 2, 4 and so on, the last one too.": down[1:5],
            },
        )

    ask(64, "an image of 64 pixels")
    ask(45, "an odd side")
    ask(500, "a side that doubling does not bring back")
    ask(33, "one pixel more than 32")
