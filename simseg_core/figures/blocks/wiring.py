"""Which layers of a block read which: arcs over a row of layers.

A wiring is what each layer reads, from layer 1 on, as lists of layers; 0 is the block's
input. Chao et al. 2019 (arXiv 1909.00948, figure 2) show dense, log-dense and harmonic
blocks so.
"""

from collections.abc import Collection, Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Arc

from simseg_core.figures.style import (
    COLOURS,
    GREY,
    INK,
    PAPER,
    SMALLEST,
    DescribedFigure,
    new_figure,
    style,
)

__all__ = ["draw_wiring"]

Wiring = Sequence[Sequence[int]]
_FLAT = 0.5  # height of an arc over its half width: long arcs need not be tall
_NODE = 0.26  # where arcs begin above a circle, in distances between layers


def draw_wiring(
    wirings: Mapping[str, Wiring],
    *,
    leaving: Mapping[str, Collection[int]] | None = None,
) -> DescribedFigure:
    """Draw each wiring as a row of layers with an arc for every link.

    Args:
        wirings: a name -> for each layer, from layer 1 on, the layers it reads; 0 is
            the block's input.
        leaving: a name -> the layers whose maps leave the block; they are framed
            twice. A name that is missing has no frames.

    Returns:
        A figure with one row a wiring. What the last layer reads is drawn strongly;
        the number of links stands in the title.

    Raises:
        ValueError: if there is nothing to draw, or a layer reads one that is not
            before it; the error names it.

    >>> figure = draw_wiring({"chain": [[0], [1]], "dense": [[0], [1, 0]]})
    >>> [axes.get_title(loc="left") for axes in figure.axes]
    ['chain: 2 links', 'dense: 3 links']
    """
    _check(wirings, leaving or {})
    spans = [_longest(reads) for reads in wirings.values()]
    heights = [0.6 + 0.29 * _FLAT * span for span in spans]
    with style():
        figure, panels = new_figure(
            height=sum(heights) + 0.35 * len(heights) + 0.3,
            nrows=len(wirings),
            squeeze=False,
            height_ratios=heights,
        )
        for axes, (name, reads) in zip(panels[:, 0], wirings.items()):
            _row(axes, reads, (leaving or {}).get(name, ()))
            axes.set_title(f"{name}: {_links(reads)}")
        handles = _key(bool(leaving))
        figure.legend(
            handles=handles, loc="outside lower center", ncols=3, columnspacing=1.0
        )
    figure.alt_text = _alt_text(wirings, leaving or {})
    return figure


def _alt_text(
    wirings: Mapping[str, Wiring], leaving: Mapping[str, Collection[int]]
) -> str:
    """Say of each wiring how many links it has, what its last layer reads, what leaves.

    >>> _alt_text({"dense": [[0], [1, 0]]}, {"dense": [1, 2]})
    'Dense: 2 layers, 3 links; layer 2 reads 1, 0; 1, 2 leave the block.'
    """
    sentences = []
    for name, reads in wirings.items():
        last = ", ".join(map(str, reads[-1]))
        words = f"{name[:1].upper()}{name[1:]}: {len(reads)} layers, {_links(reads)}"
        words += f"; layer {len(reads)} reads {last}"
        if name in leaving:
            words += f"; {', '.join(map(str, sorted(leaving[name])))} leave the block"
        sentences.append(f"{words}.")
    return " ".join(sentences)


def _row(axes: Axes, reads: Wiring, leaving: Collection[int]) -> None:
    count = len(reads)
    for layer, sources in enumerate(reads, start=1):
        is_last = layer == count
        colour = COLOURS[1] if is_last else COLOURS[0]
        width = 2.0 if is_last else 1.0
        for source in sources:
            span = layer - source
            axes.add_patch(
                Arc(
                    ((layer + source) / 2, _NODE),
                    span,
                    span * _FLAT,
                    theta1=0,
                    theta2=180,
                    color=colour,
                    lw=width,
                    zorder=3 if is_last else 2,
                )
            )
    for layer in range(count + 1):
        is_input = layer == 0
        axes.text(
            layer,
            0,
            "in" if is_input else str(layer),
            ha="center",
            va="center",
            fontsize=SMALLEST,
            zorder=5,
            bbox={
                "boxstyle": "square,pad=0.25" if is_input else "circle,pad=0.25",
                "fc": PAPER,
                "ec": GREY if is_input else INK,
                "lw": 2.4 if layer in leaving else 0.8,
            },
        )
    axes.set_xlim(-0.6, count + 0.6)
    axes.set_ylim(-_NODE - 0.15, _NODE + _longest(reads) * _FLAT / 2 + 0.1)
    axes.set_axis_off()


def _key(leaves: bool) -> list[Line2D]:
    """Say what colours and frames mean."""
    links = [
        Line2D([], [], color=COLOURS[1], lw=2.0, label="into the last"),
        Line2D([], [], color=COLOURS[0], lw=1.0, label="other links"),
    ]
    frame = Line2D(
        [], [], ls="none", marker="o", ms=9, mfc=PAPER, mec=INK, mew=2.4,
        label="leaves the block",
    )  # fmt: skip
    return [*links, frame] if leaves else links


def _longest(reads: Wiring) -> int:
    return max(n - source for n, row in enumerate(reads, 1) for source in row)


def _links(reads: Wiring) -> str:
    count = sum(map(len, reads))
    return f"{count} link{'s' * (count != 1)}"


def _check(
    wirings: Mapping[str, Wiring], leaving: Mapping[str, Collection[int]]
) -> None:
    if not wirings:
        raise ValueError("wirings is empty: give a name and what each layer reads")
    for name, reads in wirings.items():
        if not reads:
            raise ValueError(f"{name!r} has no layers")
        for layer, sources in enumerate(reads, start=1):
            if not sources:
                raise ValueError(f"{name!r}: layer {layer} reads nothing")
            wrong = [source for source in sources if not 0 <= source < layer]
            if wrong:
                raise ValueError(
                    f"{name!r}: layer {layer} reads {wrong[0]}, which is not before "
                    f"it; the first list belongs to layer 1, and 0 is the input"
                )
    unknown = set(leaving) - set(wirings)
    if unknown:
        raise ValueError(f"leaving names {sorted(unknown)}, wirings {list(wirings)}")
