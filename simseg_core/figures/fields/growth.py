"""How the receptive field grows, operation by operation."""

from typing import Any

from matplotlib.axes import Axes

from simseg_core.figures.fields.facts import growth, growth_alt_text
from simseg_core.figures.style import (
    GREY,
    OKABE_ITO,
    SMALLEST,
    DescribedFigure,
    new_figure,
    style,
)
from simseg_core.figures.text import width
from simseg_core.probes.field.field import ReceptiveField

__all__ = ["draw_growth"]

_HEIGHT = 4.2  # inches
_PLACES = (  # of a label about its marker: points up, and the end it stands at
    *((5, "right"), (-13, "left"), (18, "right"), (-26, "left"), (31, "right")),
    *((-39, "left"), (-52, "left"), (-65, "left")),
)


def draw_growth(field: ReceptiveField) -> DescribedFigure:
    """Draw the size of the field after each operation, and where the stride changes.

    Args:
        field: of a network with local operations.

    Returns:
        A figure: a step an operation that widens the field, sizes in pixels on a
        logarithmic axis, with the longer side of the image as a dashed line.

    Raises:
        ValueError: no operation of the network has a local field.
    """
    steps = growth(field)
    sizes = [size for _, size, _ in steps]
    image = max(field.input_shape[2:])
    count = len(sizes)
    with style():
        figure, axes = new_figure(height=_HEIGHT)
        axes.step(range(1, count + 2), [*sizes, sizes[-1]], where="post", lw=2)
        axes.axhline(image, color=GREY, ls="--", lw=1.2)
        axes.set(xlabel="operations that widen the field", ylabel="pixels a side")
        axes.set_title(f"The field grows to {sizes[-1]} pixels")
        axes.set_yscale("log", base=2)
        axes.yaxis.set_major_formatter("{x:.0f}")
        axes.set_ylim(min(*sizes, image) / 1.5, max(*sizes, image) * 1.3)
        # Labels stand left of their markers: the first needs room.
        axes.set_xlim(min(0.8, 1 - 0.2 * count), count + 1)
        axes.set_xticks(
            [t for t in axes.get_xticks() if 1 <= t <= count and t % 1 == 0]
        )
        axes.grid(axis="y")
        figure.draw_without_rendering()  # to know where things will stand
        taken = [_name_image(axes, sizes, image), *_lines(axes, sizes, image)]
        before: Any = 1
        for place, (_, size, stride) in enumerate(steps, start=1):
            if stride != before and stride is not None:
                axes.plot(place, size, "s", ms=7, color=OKABE_ITO["vermillion"])
                _name_stride(axes, (place, size), f"stride {stride}", taken)
                before = stride
    figure.alt_text = growth_alt_text(steps, image)
    return figure


Box = tuple[float, float, float, float]  # left, bottom, right, top in points


def _name_image(axes: Axes, sizes: list[int], image: int) -> Box:
    """Label the image's line at the end that the staircase is far from."""
    crossing = sum(size < image for size in sizes) / len(sizes)
    is_early = crossing < 0.5  # then the staircase is above the line at the right
    label = f"the image: {image}"
    left, right = axes.get_xlim()
    axes.annotate(
        label,
        (right if is_early else left, image),
        xytext=(-2 if is_early else 4, -4 if is_early else 4),
        textcoords="offset points",
        ha="right" if is_early else "left",
        va="top" if is_early else "bottom",
        fontsize=SMALLEST,
        color=GREY,
    )
    x, y = _points(axes, (right if is_early else left, image))
    long = width(label) * 72
    return (x - long, y - 16, x, y) if is_early else (x, y, x + long + 4, y + 16)


def _lines(axes: Axes, sizes: list[int], image: int) -> list[Box]:
    """Give the staircase and the image's line as boxes that no label may cover."""
    stairs = [_points(axes, (at, size)) for at, size in enumerate(sizes, start=1)]
    end = _points(axes, (len(sizes) + 1, sizes[-1]))
    left, right = (_points(axes, (x, image)) for x in axes.get_xlim())
    return [(*left, *right)] + [
        (x, y, after, y) for (x, y), (after, _) in zip(stairs, [*stairs[1:], end])
    ]


def _name_stride(
    axes: Axes, at: tuple[float, float], label: str, taken: list[Box]
) -> None:
    """Put a label at the place about its marker where it covers least."""
    x, y = _points(axes, at)
    frame = axes.get_window_extent()
    left, right, top = (
        edge * 72 / axes.figure.dpi for edge in (frame.x0, frame.x1, frame.y1)
    )
    long = width(label) * 72
    best: tuple[int, Box] | None = None
    for up, end in _PLACES:
        start = x - 6 - long if end == "right" else min(x + 6, right - long)
        box = (start, y + up, start + long, y + up + 9)
        outside = start < left + 2 or box[3] > top
        covered = sum(_meet(box, other) for other in taken) + 2 * outside
        if best is None or covered < best[0]:
            best = covered, box
    assert best is not None
    box = best[1]
    taken.append(box)
    axes.annotate(
        label,
        at,
        xytext=(box[0] - x, box[1] - y),
        textcoords="offset points",
        fontsize=SMALLEST,
    )


def _points(axes: Axes, at: tuple[float, float]) -> tuple[float, float]:
    x, y = axes.transData.transform(at) * 72 / axes.figure.dpi
    return float(x), float(y)


def _meet(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
