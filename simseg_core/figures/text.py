"""How wide a text will be, before it is drawn, and how it is made to fit.

On a phone a name beside its row would take half the width: it stands above it.
"""

from collections.abc import Sequence
from functools import lru_cache

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath

from simseg_core.figures.style import SMALLEST, WIDTH

__all__ = ["ROOM", "fit", "name_row", "note", "width", "wrap"]

ROOM = WIDTH - 0.12  # inches for a line of text

_MEASURE = TextToPath()
_HINTED = 1.05  # letters move to whole pixels, which at 100 dpi widens a text


@lru_cache(maxsize=4096)
def width(text: str, size: float = SMALLEST) -> float:
    """Measure a text in the book's font: points of size -> inches of width."""
    font = FontProperties(family="sans-serif", size=size)
    points = _MEASURE.get_text_width_height_descent(text, font, False)[0]
    return _HINTED * float(points) / 72


def fit(text: str, room: float, size: float = SMALLEST) -> str:
    """Shorten a text to `room` inches; both ends stay, for they tell paths apart.

    >>> fit("encoder.stages.1.0.residual", 10.0)
    'encoder.stages.1.0.residual'
    >>> fit("encoder.stages.1.0.residual", 1.2)
    'encoder…residual'
    """
    if width(text, size) <= room:
        return text
    for kept in range(len(text) - 1, 0, -1):
        head = kept // 2
        shorter = f"{text[:head]}…{text[len(text) - (kept - head) :]}"
        if width(shorter, size) <= room:
            return shorter
    return "…"


def wrap(text: str, room: float, size: float) -> list[str]:
    """Break a text into lines of `room` inches, and a word longer than a line.

    >>> wrap("one two", 0.3, 10.0)
    ['one', 'two']
    """
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if width(longer, size) <= room:
            lines[-1] = longer
            continue
        if lines[-1]:
            lines.append("")
        for letter in word:
            if lines[-1] and width(lines[-1] + letter, size) > room:
                lines.append("")
            lines[-1] += letter
    return lines


def name_row(axes: Axes, y: float, name: str) -> None:
    """Write a row's name above it, from the left edge of its axes on."""
    axes.annotate(
        fit(name, ROOM),
        (0, y),
        xytext=(2, 2),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        fontsize=SMALLEST,
        verticalalignment="bottom",
    )


def note(figure: Figure, lines: Sequence[str]) -> None:
    """Write lines below everything, from the figure's left edge on."""
    figure.supxlabel(
        "\n".join(lines), x=0.01, horizontalalignment="left", fontsize=SMALLEST
    )
