"""How long a block keeps each map: from its layer to the last one that reads it."""

from collections.abc import Collection, Mapping, Sequence

from simseg_core.figures.mechanisms.ink import MADE, READ, WORK, Drawing, Sheet

__all__ = ["draw_lifetimes"]

_LEFT, _RIGHT, _TOP = 48.0, 346.0, 106.0  # units; the exit stands at the right
_ARCS, _STEP, _BAR, _DOT = 62.0, 22.0, 12.0, 4.5


def draw_lifetimes(reads: Sequence[Sequence[int]], leaving: Collection[int]) -> Drawing:
    """Draw the links of a block as arcs, and below them one bar a map.

    Args:
        reads: for each layer, from layer 1 on, the layers it reads; 0 is the input.
        leaving: the layers whose maps leave the block.

    Returns:
        Arcs over the layers; below, from the layer that makes a map, a bar to the last
        layer that reads it, with a dot for each that does; maps that leave wait on.

    Raises:
        ValueError: if a layer reads nothing, or one that is not before it.

    >>> draw_lifetimes([[0], [1, 0]], [2]).alt_text
    'The input is read by 1, 2. Map 1 is read by 2. Map 2 leaves the block.'
    """
    for layer, sources in enumerate(reads, start=1):
        if not sources or not all(0 <= source < layer for source in sources):
            raise ValueError(f"layer {layer} reads {list(sources)}: give earlier ones")
    links = [(i, n) for n, row in enumerate(reads, start=1) for i in row]
    maps = range(len(reads) + 1)
    readers = {n: [layer for source, layer in links if source == n] for n in maps}
    step = (_RIGHT - _LEFT) / len(maps)
    at = [_LEFT + step * n for n in maps]
    foot = _TOP + _STEP * len(maps)

    sheet = Sheet()
    longest = max(layer - source for source, layer in links)
    for source, layer in links:
        tall = _ARCS * ((layer - source) / longest) ** 0.75  # flatter, the longer
        sheet.arc(at[source], at[layer], _TOP - 34, tall, WORK)
    names = ["in", *map(str, maps[1:]), "out"]
    for x, name in zip((*at, _RIGHT), names, strict=True):
        sheet.text(x, _TOP - 21, name, bold=True)
        sheet.line((x, _TOP - 10), (x, foot - _BAR), faint=True)
    for n, middle in ((n, _TOP + _STEP * n + _BAR / 2) for n in maps):
        top, last = middle - _BAR / 2, max(readers[n], default=n)
        sheet.text(0, middle, f"map {n}" if n else "input", anchor="start")
        if n in leaving:
            sheet.box(at[last], top, _RIGHT - at[last], _BAR, MADE, dashed=True)
            sheet.dots([(_RIGHT, middle)], _DOT, MADE)
        if readers[n]:
            sheet.box(at[n], top, at[last] - at[n], _BAR, READ, tint=0.3)
        sheet.dots([(at[layer], middle) for layer in readers[n]], _DOT, WORK)
    return sheet.finish(foot, _alt_text(readers, leaving))


def _alt_text(readers: Mapping[int, Sequence[int]], leaving: Collection[int]) -> str:
    told = []
    for n, layers in readers.items():
        ends = [f"is read by {', '.join(map(str, layers))}"] if layers else []
        ends += ["leaves the block"] if n in leaving else []
        name = f"Map {n}" if n else "The input"
        told.append(f"{name} {' and '.join(ends) or 'is read by none'}.")
    return " ".join(told)
