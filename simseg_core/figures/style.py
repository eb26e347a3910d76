"""One look for every figure: drawn for a phone first, legible to the colour-blind.

The colours are those of Okabe and Ito, "Color Universal Design" (2008). Colour never
speaks alone: markers, hatches and line styles change with it, in the same order.

Lines, words and paper have colours of their own (`INK`, `GREY`, `GRID`, `PALE`,
`PAPER`), used for nothing else: in a notebook a figure is a white card, and the book's
pages put the colours of their theme, light or dark, in the place of exactly these
(`book/_ext/page_figure.py`). What shows data keeps its colour everywhere.

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
    "GRID",
    "HATCHES",
    "INK",
    "LINES",
    "MARKERS",
    "OKABE_ITO",
    "PALE",
    "PAPER",
    "SMALLEST",
    "TALLEST",
    "WIDTH",
    "DescribedFigure",
    "new_figure",
    "style",
]

WIDTH = 4.0  # inches: a phone held upright, where a point is 1.24 CSS pixels
TALLEST = 9.2  # inches: a phone's screen; on a desk such a figure is made smaller
SMALLEST = 9.0  # points: 11 CSS pixels on a phone; no text of any figure is smaller

INK = "#1B1B1B"  # lines and words
GREY = "#595959"  # notes and guides: contrast 7 to 1 on white
GRID = "#D9D9D9"
PALE = "#F2F2F2"  # an area set off from the paper
PAPER = "#FEFEFE"  # what lies behind all

OKABE_ITO = {
    "blue": "#0072B2",
    "vermillion": "#D55E00",
    "bluish green": "#009E73",
    "orange": "#E69F00",
    "reddish purple": "#CC79A7",
    "sky blue": "#56B4E9",
    "black": INK,
    "yellow": "#F0E442",  # last: it is faint on white, for areas rather than lines
}
COLOURS = tuple(OKABE_ITO.values())
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
HATCHES = ("", "//", "..", "\\\\", "xx", "--", "++", "oo")
LINES = ("-", "--", "-.", ":", "-", "--", "-.", ":")

_SETTINGS: Any = {  # Any: the stubs list every key, and differ by version
    "figure.figsize": (WIDTH, 3.2),
    "figure.dpi": 200,
    "figure.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "savefig.transparent": False,
    "figure.constrained_layout.use": True,
    "font.family": "sans-serif",
    "font.size": 9.5,
    "axes.titlesize": 10.0,
    "axes.titlelocation": "left",
    "figure.titlesize": 10.5,
    "axes.labelsize": 9.5,
    "xtick.labelsize": SMALLEST,
    "ytick.labelsize": SMALLEST,
    "legend.fontsize": SMALLEST,
    "legend.frameon": False,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "patch.edgecolor": INK,
    "hatch.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.prop_cycle": cycler(color=COLOURS) + cycler(linestyle=LINES),
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "image.cmap": "viridis",
    # An image is kept with its own pixels, which the screen makes larger: a label map
    # has no colours in between.
    "image.interpolation": "none",
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

    def draw(self, renderer: Any) -> None:
        """Draw with words that stay words in an SVG: found, selected, read aloud."""
        with mpl.rc_context({"svg.fonttype": "none"}):
            super().draw(renderer)

    def get_tightbbox(self, *args: Any, **kwargs: Any) -> Any:
        """Give the whole figure, in inches, less what a notebook adds around it.

        A notebook cuts a figure's margins, each as it happens to be: figures of one
        width would be shown at several scales, and so their words.
        """
        return self.bbox_inches.padded(-float(mpl.rcParams["savefig.pad_inches"]))

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
