"""Figures: each function draws what a probe returns and gives a matplotlib figure.

| module | draws |
|---|---|
| `style` | the colours, fonts and width that all figures share |
| `trace` | the network as a picture, from `trace_shapes` |
| `fields` | receptive fields |
| `scenes` | samples of a data set, predictions beside labels |
| `timing` | medians with their spread, rooflines |
| `training` | losses, scores of several seeds |
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simseg_core.figures.scenes import draw_predictions, draw_samples
    from simseg_core.figures.timing import draw_roofline, draw_timings
    from simseg_core.figures.trace import draw_trace, trace_alt_text
    from simseg_core.figures.training import draw_losses, draw_seed_spread

_MODULE_OF = {
    "draw_trace": "trace",
    "trace_alt_text": "trace",
    "draw_samples": "scenes",
    "draw_predictions": "scenes",
    "draw_timings": "timing",
    "draw_roofline": "timing",
    "draw_losses": "training",
    "draw_seed_spread": "training",
}
__all__ = [
    "draw_losses",
    "draw_predictions",
    "draw_roofline",
    "draw_samples",
    "draw_seed_spread",
    "draw_timings",
    "draw_trace",
    "trace_alt_text",
]


def __getattr__(name: str) -> Any:
    """Import a figure's module on first use (PEP 562)."""
    if name in _MODULE_OF:
        return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
