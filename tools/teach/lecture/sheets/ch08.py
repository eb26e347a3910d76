"""Chapter 08: a split by place, windows over a large picture, mean colours."""

from __future__ import annotations

from random import Random

import torch

from teach.lecture.sheets.parts import Blank, Task, number

PLACES = ("bay_1", "bay_2", "bay_10", "cape", "delta_1", "delta_2", "fjord", "isle")
VOID = "void"
GREY = 100


def tasks(draw: Random) -> list[Task]:
    """Give the tasks of a sheet."""
    return [by_place(draw), windows(draw), mean_colours(draw)]


def by_place(draw: Random) -> Task:
    """Ask on which side of a split each tile stands."""
    places = ["bay_1", "bay_10", *draw.sample(PLACES[3:], 2)]
    held_out = {"bay_1", draw.choice(places[2:])}
    names = [f"{place}_{tile}" for place in places for tile in ("a", "b")]
    draw.shuffle(names)
    rows = []
    for name in names:
        side = "held out" if name.rpartition("_")[0] in held_out else "training"
        rows.append([name, Blank(side)])
    told = " and ".join(sorted(held_out))
    words = (
        f"A tile's name is its place, then _ and a letter. Held out are the places "
        f"{told}. Write for each tile: training, or held out.",
        "Why by place, and not by chance? Write one sentence below.",
    )
    return Task("Split by place", words, ("tile", "side"), rows, lines=2)


def window_starts(length: int, window: int, overlap: int) -> list[int]:
    """Give where windows start along a side; the last one ends with the picture.

    >>> window_starts(150, 64, 16)
    [0, 48, 86]
    """
    last = max(length - window, 0)
    return [*range(0, last, window - overlap), last]


def windows(draw: Random) -> Task:
    """Ask where windows start along a side."""
    rows = []
    for window, overlap in ((64, 16), (96, 32), (128, 32), (64, 0)):
        length = (
            window + draw.randrange(1, 4) * (window - overlap) - draw.randrange(0, 20)
        )
        starts = window_starts(length, window, overlap)
        found = Blank(", ".join(str(one) for one in starts))
        rows.append([str(length), str(window), str(overlap), found])
    words = (
        "Windows over one side of a large picture. The first starts at 0, each next "
        "one a step of window - overlap further, and the last is pulled back until it "
        "ends with the picture. Give all starts.",
    )
    header = ("side (pixels)", "window", "overlap at least", "starts (all, in order)")
    return Task("Windows over a large picture", words, header, rows)


def mean_colours(draw: Random) -> Task:
    """Ask for the mean colour of each class of a few pixels."""
    classes = ["land", "sea"]
    labels = [*(classes * 2), draw.choice(classes), VOID]
    draw.shuffle(labels)
    colours = torch.tensor(
        [[draw.randrange(0, 25) * 10 for _ in "RGB"] for _ in labels]
    )
    rows = [
        [f"pixel {place}", label, *(str(one) for one in colour.tolist())]
        for place, (label, colour) in enumerate(zip(labels, colours), start=1)
    ]
    means: dict[str, torch.Tensor] = {}
    for name in classes:
        mine = torch.tensor([label == name for label in labels])
        means[name] = colours[mine].double().mean(dim=0)
        found = (Blank(number(one)) for one in means[name].tolist())
        rows.append([f"mean of {name}", "", *found])
    nearer = min(means, key=lambda name: float(((means[name] - GREY) ** 2).sum()))
    rows.append([f"nearer to ({GREY}, {GREY}, {GREY})", Blank(nearer), "", "", ""])
    words = (
        "Six pixels and their labels. Void counts nowhere. Write the mean colour of "
        "each class, and then the class whose mean a grey pixel is nearer to, by the "
        "sum of squared differences.",
    )
    header = ("", "label", "red", "green", "blue")
    return Task("Mean colours", words, header, rows, lines=2)
