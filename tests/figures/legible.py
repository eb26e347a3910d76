"""What can be read on a phone: texts whole, apart, large enough, dark enough."""

from itertools import combinations

from matplotlib.colors import to_rgb, to_rgba
from matplotlib.text import Text

from simseg_core.figures.style import PAPER

PHONE = 358  # CSS pixels: a screen of 390 less the page's margins
LEAST = 11  # CSS pixels of a font


def assert_legible(figure, *, background="white"):
    """Fail where a text is cut, covered by another, too small, or too faint."""
    figure.draw_without_rendering()
    page = figure.bbox
    texts = [t for t in figure.findobj(Text) if t.get_text().strip()]
    out_of_view = {label for axes in figure.axes for label in _not_drawn(axes)}
    texts = [t for t in texts if t not in out_of_view and t.get_visible()]
    texts = [t for t in texts if t.get_window_extent().width]
    boxes = [t.get_window_extent().padded(-1) for t in texts]
    per_point = PHONE / (figure.get_figwidth() * 72)
    for text, box in zip(texts, boxes):
        told = text.get_text()
        assert text.get_fontsize() * per_point >= LEAST, told
        within = page.x0 <= box.x0, box.x1 <= page.x1, page.y0 <= box.y0
        assert all((*within, box.y1 <= page.y1)), f"{told!r} leaves the figure"
        assert contrast(text.get_color(), _behind(text, background)) >= 4.5, told
    for (a, one), (b, other) in combinations(zip(texts, boxes), 2):
        assert not one.overlaps(other), f"{a.get_text()!r} covers {b.get_text()!r}"
    # A notebook, dark perhaps, shows it as a card: nothing may shine through.
    assert figure.get_facecolor() == to_rgba(PAPER)


def _behind(text, background):
    """The colour that a text stands on: its own, a pixel of an image, the figure's."""
    if text.get_bbox_patch() is not None:
        return text.get_bbox_patch().get_facecolor()
    if text.axes is not None and text in text.axes.texts and text.axes.images:
        (image,), (x, y) = text.axes.images, text.get_position()
        return image.to_rgba(image.get_array())[round(y), round(x)]
    return background


def _not_drawn(axes):
    """Labels of ticks beyond an axis's ends, which matplotlib keeps but leaves out."""
    for axis in (axes.xaxis, axes.yaxis):
        low, high = sorted(axis.get_view_interval())
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
            if not axes.axison or not low <= tick.get_loc() <= high:
                yield from (tick.label1, tick.label2)


def contrast(one, other):
    """Give the contrast ratio of two colours, 1 to 21 (WCAG 2.1, "contrast ratio")."""
    dark, light = sorted(map(_luminance, (one, other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour):
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in to_rgb(colour)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
