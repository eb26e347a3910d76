"""What must hold of every figure that stands on a page of the book."""

from matplotlib.figure import Figure

from simseg_core.figures.style import SMALLEST, WIDTH


def check_page(figure: Figure) -> None:
    """No text is small or cut off, and the figure has the page's width and white."""
    figure.draw_without_rendering()
    assert figure.get_figwidth() == WIDTH
    assert figure.get_facecolor() == (1, 1, 1, 1)
    drawn = figure.get_tightbbox()  # inches
    assert -0.01 <= drawn.x0 < drawn.x1 <= WIDTH + 0.01
    assert -0.01 <= drawn.y0 < drawn.y1 <= figure.get_figheight() + 0.01
    for text in figure.findobj(lambda artist: hasattr(artist, "get_fontsize")):
        assert text.get_fontsize() >= SMALLEST
        assert "mathdefault" not in text.get_text()  # exponents are too small
