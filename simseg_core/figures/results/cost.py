"""Where a network's cost is: the share of each stage in weights, work and traffic."""

from collections.abc import Callable

from matplotlib.ticker import MaxNLocator

from simseg_core.figures.style import (
    COLOURS,
    HATCHES,
    PAPER,
    SMALLEST,
    DescribedFigure,
    new_figure,
    style,
)
from simseg_core.probes.trace.costs import Cost
from simseg_core.tables.units import binary, si, times

__all__ = ["draw_cost"]

_MOST = 40  # stages that one figure can hold
_PANELS: tuple[tuple[str, str, Callable[[float], str]], ...] = (
    ("parameters", "parameters", si),
    ("MACs", "macs", si),
    ("bytes moved", "moved_bytes", binary),
)


def draw_cost(cost: Cost) -> DescribedFigure:
    r"""Draw each stage's share of parameters, MACs and bytes moved, the first on top.

    Args:
        cost: as `simseg_core.probes.cost` gives it.

    Returns:
        A figure of three bar charts with one row a stage and one scale.

    Raises:
        ValueError: if there are more stages than one figure can hold, or none.

    >>> from torch import nn
    >>> from simseg_core.probes import cost
    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU())
    >>> figure = draw_cost(cost(net, (1, 3, 32, 32)))
    >>> [panel.get_title(loc="left") for panel in figure.axes]
    ['224\nparameters', '194k\nMACs', '97.2 KiB\nbytes moved']
    """
    _check(cost)
    names = [_short(stage.name) for stage in cost.stages]
    with style():
        figure, panels = new_figure(
            height=1.3 + 0.24 * len(names), ncols=3, sharex=True, sharey=True
        )
        for panel, (title, attribute, write), colour, hatch in zip(
            panels, _PANELS, COLOURS, HATCHES
        ):
            shares = _shares(cost, attribute)
            panel.barh(
                range(len(shares)), shares, color=colour, hatch=hatch, edgecolor=PAPER
            )
            for row, share in enumerate(shares):
                panel.annotate(
                    f"{share:.0f}" if share >= 0.5 else "",
                    (share, row),
                    xytext=(3, 0),
                    textcoords="offset points",
                    va="center",
                    fontsize=SMALLEST,
                )
            panel.set_title(f"{write(getattr(cost, attribute))}\n{title}")
            panel.xaxis.set_major_locator(MaxNLocator(2))
        panels[0].set_yticks(range(len(names)), names)
        largest = max(max(_shares(cost, attribute)) for _, attribute, _ in _PANELS)
        panels[0].set_xlim(0, 1.4 * largest or 1)  # room for the number of the longest
        panels[0].set_ylim(len(names) - 0.4, -0.6)
        panels[1].set_xlabel("percent of the whole network")
        figure.suptitle(_title(cost))
    figure.alt_text = _alt_text(cost)
    return figure


def _alt_text(cost: Cost) -> str:
    """Say what each stage's three shares are.

    >>> from torch import nn
    >>> from simseg_core.probes import cost
    >>> print(_alt_text(cost(nn.Conv2d(3, 8, 3), (1, 3, 32, 32))))
    Cost of Conv2d on 1×3×32×32: 224 parameters, 194k MACs, 41.0 KiB bytes moved.
    Percent of each by stage: Conv2d 100, 100, 100.
    """
    whole = ", ".join(
        f"{write(getattr(cost, attribute))} {title}"
        for title, attribute, write in _PANELS
    )
    columns = [_shares(cost, attribute) for _, attribute, _ in _PANELS]
    stages = "; ".join(
        f"{stage.name} " + ", ".join(f"{share:.0f}" for share in shares)
        for stage, *shares in zip(cost.stages, *columns)
    )
    return f"{_title(cost)}: {whole}. Percent of each by stage: {stages}."


def _title(cost: Cost) -> str:
    return f"Cost of {cost.name} on {', '.join(map(times, cost.input_shapes))}"


def _check(cost: Cost) -> None:
    if not 1 <= len(cost.stages) <= _MOST:
        raise ValueError(
            f"{len(cost.stages)} stages do not fit one figure, which holds 1 to "
            f"{_MOST}: fold them with a smaller depth"
        )


def _shares(cost: Cost, attribute: str) -> list[float]:
    whole = getattr(cost, attribute)
    return [100 * getattr(stage, attribute) / (whole or 1) for stage in cost.stages]


def _short(name: str) -> str:
    return name if len(name) <= 18 else "…" + name[-17:]
