"""Figures: each function draws what a probe returns and gives a matplotlib figure.

The figure's `alt_text` tells the same numbers, to a reader who cannot see it.

| room | draws |
|---|---|
| `network/` | a network as a picture, from `trace_shapes` |
| `fields/` | receptive fields: on the image, by layer, by phase, with their holes |
| `blocks/` | what one block does: attention, gates, rates, wiring |
| `mechanisms/` | how a mechanism works: a drawing of few words from a toy's numbers |
| `results/` | what came of it: scenes, training, times, cost |
| `style.py`, `text.py` | (shared) colours, fonts, widths; how wide a text will be |
| `points.py` | (shared) numbers on points that lie close together |

What is public is listed once, in `__init__.pyi`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
