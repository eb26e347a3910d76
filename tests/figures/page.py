"""What must hold of every figure that stands on a page of the book."""

from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from simseg_core.figures.style import PAPER, SMALLEST, TALLEST, WIDTH


def check_page(figure: Figure) -> None:
    """No text is small or cut off, the width is the page's, a screen holds it."""
    figure.draw_without_rendering()
    assert figure.get_figwidth() == WIDTH
    assert figure.get_figheight() <= TALLEST
    assert figure.get_facecolor() == to_rgba(PAPER)
    drawn = Figure.get_tightbbox(figure)  # inches
    assert -0.01 <= drawn.x0 < drawn.x1 <= WIDTH + 0.01
    assert -0.01 <= drawn.y0 < drawn.y1 <= figure.get_figheight() + 0.01
    for text in figure.findobj(lambda artist: hasattr(artist, "get_fontsize")):
        assert text.get_fontsize() >= SMALLEST
        assert "mathdefault" not in text.get_text()  # exponents are too small
