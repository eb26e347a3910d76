"""One look for every figure: drawn for a phone first, legible to the colour-blind.

The colours are those of Okabe and Ito, "Color Universal Design" (2008). Colour never
speaks alone: markers, hatches and line styles change with it, in the same order.

>>> with style():
...     figure, axes = new_figure(height=2.0)
...     line, = axes.plot([0, 1], [0, 1])
>>> float(figure.get_figwidth()) == WIDTH
True
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
from cycler import cycler
from matplotlib.figure import Figure

__all__ = [
    "COLOURS",
    "GREY",
    "HATCHES",
    "LINES",
    "MARKERS",
    "OKABE_ITO",
    "SMALLEST",
    "WIDTH",
    "DescribedFigure",
    "new_figure",
    "style",
]

WIDTH = 5.2  # inches: the text column of the book, and a phone held upright
SMALLEST = 9.0  # points: no text of any figure is smaller

OKABE_ITO = {
    "blue": "#0072B2",
    "vermillion": "#D55E00",
    "bluish green": "#009E73",
    "orange": "#E69F00",
    "reddish purple": "#CC79A7",
    "sky blue": "#56B4E9",
    "black": "#000000",
    "yellow": "#F0E442",  # last: it is faint on white, for areas rather than lines
}
COLOURS = tuple(OKABE_ITO.values())
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
HATCHES = ("", "//", "..", "\\\\", "xx", "--", "++", "oo")
LINES = ("-", "--", "-.", ":", "-", "--", "-.", ":")
GREY = "#595959"  # notes and guides: contrast 7 to 1 on white

_SETTINGS: Any = {  # Any: the stubs list every key, and differ by version
    "figure.figsize": (WIDTH, 3.2),
    "figure.dpi": 200,
    # White and opaque: the dark theme shows a figure as a white card.
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "savefig.facecolor": "white",
    "savefig.transparent": False,
    "figure.constrained_layout.use": True,
    "font.family": "sans-serif",
    "font.size": 10.0,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "figure.titlesize": 11.0,
    "axes.labelsize": 10.0,
    "xtick.labelsize": SMALLEST,
    "ytick.labelsize": SMALLEST,
    "legend.fontsize": SMALLEST,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.prop_cycle": cycler(color=COLOURS) + cycler(linestyle=LINES),
    "grid.color": "#D9D9D9",
    "grid.linewidth": 0.6,
    "image.cmap": "viridis",
    "image.interpolation": "nearest",  # a label map has no colours in between
    "hatch.linewidth": 0.6,
}


@contextmanager
def style() -> Iterator[None]:
    """Apply the book's matplotlib settings inside a `with` block, and only there.

    Fonts and colours are fixed when an artist is made, so the block encloses the
    drawing; the figure keeps its look after it.

    >>> with style():
    ...     mpl.rcParams["xtick.labelsize"]
    9.0
    """
    with mpl.rc_context(_SETTINGS):
        yield


class DescribedFigure(Figure):
    """A figure that says what it shows, to a reader who cannot see it.

    A notebook stores the text with the picture, where `IPython.display.Image` keeps its
    `alt`; the book's pages take it from there.

    Attributes:
        alt_text: written by whoever draws, from the numbers that are drawn.
    """

    alt_text = ""

    def _repr_mimebundle_(
        self, include: Any = None, exclude: Any = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Give IPython no picture, which it has from matplotlib, but the words to it.

        >>> figure, _ = new_figure(height=2.0)
        >>> figure.alt_text = "A line that rises."
        >>> figure._repr_mimebundle_()[1]["image/svg+xml"]
        {'alt': 'A line that rises.'}
        """
        about = {"alt": self.alt_text} if self.alt_text else {}
        return {}, {"image/svg+xml": about, "image/png": about}


def new_figure(height: float, **subplots: Any) -> tuple[DescribedFigure, Any]:
    """Make a figure of the book's width: `plt.subplots` that a notebook shows once.

    Args:
        height: inches.
        **subplots: passed to `matplotlib.pyplot.subplots` (`nrows`, `sharex`, ...).

    Returns:
        The figure, and its axes as `plt.subplots` gives them.

    >>> figure, axes = new_figure(height=4.0, nrows=2)
    >>> len(axes)
    2
    """
    figure, axes = plt.subplots(
        FigureClass=DescribedFigure, figsize=(WIDTH, height), **subplots
    )
    assert isinstance(figure, DescribedFigure)
    # pyplot would show it at the end of the cell, and the cell's last value again.
    plt.close(figure)
    return figure, axes
