"""Figures: each function draws what a probe returns and gives a matplotlib figure.

| module | draws |
|---|---|
| `style` | the colours, fonts and width that all figures share |
| `trace` | the network as a picture, from `trace_shapes` |
| `fields` | receptive fields |
| `cost` | each stage's share of weights, work and traffic |
| `attention` | where a position looks |
| `gates` | attention gates, by channel and over an image |
| `rates` | the rates of an ASPP, and the weights that meet the map |
| `scenes` | samples of a data set, predictions beside labels |
| `timing` | medians with their spread, rooflines |
| `training` | losses, scores of several seeds |
| `wiring` | which layers of a block read which |
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simseg_core.figures.attention import (
        attention_alt_text,
        draw_attention,
    )
    from simseg_core.figures.cost import (
        cost_alt_text,
        draw_cost,
    )
    from simseg_core.figures.fields import (
        draw_effective,
        draw_field_on_image,
        draw_gridding,
        draw_growth,
        draw_phases,
        effective_alt_text,
        field_on_image_alt_text,
        gridding_alt_text,
        growth_alt_text,
        phases_alt_text,
    )
    from simseg_core.figures.gates import (
        channel_gates_alt_text,
        draw_channel_gates,
        draw_spatial_gates,
        spatial_gates_alt_text,
    )
    from simseg_core.figures.rates import (
        draw_rate_sweep,
        rate_sweep_alt_text,
    )
    from simseg_core.figures.scenes import (
        draw_predictions,
        draw_samples,
    )
    from simseg_core.figures.timing import (
        draw_roofline,
        draw_timings,
    )
    from simseg_core.figures.trace import (
        draw_trace,
        trace_alt_text,
    )
    from simseg_core.figures.training import (
        draw_losses,
        draw_seed_spread,
    )
    from simseg_core.figures.wiring import (
        draw_wiring,
        wiring_alt_text,
    )

_HOME = {
    "attention_alt_text": "attention",
    "draw_attention": "attention",
    "draw_trace": "trace",
    "trace_alt_text": "trace",
    "draw_cost": "cost",
    "cost_alt_text": "cost",
    "draw_effective": "fields",
    "draw_field_on_image": "fields",
    "draw_gridding": "fields",
    "draw_growth": "fields",
    "draw_phases": "fields",
    "effective_alt_text": "fields",
    "field_on_image_alt_text": "fields",
    "gridding_alt_text": "fields",
    "growth_alt_text": "fields",
    "phases_alt_text": "fields",
    "channel_gates_alt_text": "gates",
    "draw_channel_gates": "gates",
    "draw_spatial_gates": "gates",
    "spatial_gates_alt_text": "gates",
    "draw_rate_sweep": "rates",
    "rate_sweep_alt_text": "rates",
    "draw_predictions": "scenes",
    "draw_samples": "scenes",
    "draw_roofline": "timing",
    "draw_timings": "timing",
    "draw_losses": "training",
    "draw_seed_spread": "training",
    "draw_wiring": "wiring",
    "wiring_alt_text": "wiring",
}
__all__ = [
    "attention_alt_text",
    "channel_gates_alt_text",
    "cost_alt_text",
    "draw_attention",
    "draw_channel_gates",
    "draw_cost",
    "draw_effective",
    "draw_field_on_image",
    "draw_gridding",
    "draw_growth",
    "draw_losses",
    "draw_phases",
    "draw_predictions",
    "draw_rate_sweep",
    "draw_roofline",
    "draw_samples",
    "draw_seed_spread",
    "draw_spatial_gates",
    "draw_timings",
    "draw_trace",
    "draw_wiring",
    "effective_alt_text",
    "field_on_image_alt_text",
    "gridding_alt_text",
    "growth_alt_text",
    "phases_alt_text",
    "rate_sweep_alt_text",
    "spatial_gates_alt_text",
    "trace_alt_text",
    "wiring_alt_text",
]


def __getattr__(name: str) -> Any:
    """Import a figure's module on first use (PEP 562)."""
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
