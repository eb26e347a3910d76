"""Probes: instruments that take any `nn.Module` or callable and know no paper.

| room | the question it answers |
|---|---|
| `trace/` | what ran, on which shapes (`trace_shapes`), at what cost (`cost`)? |
| `field/` | which pixels can an output depend on (`receptive_field`), how much? |
| `timing/` | how long, how much memory (`measure`), how near the best (`roofline`)? |
| `attention.py` | how many positions does a row of attention amount to? |
| `rates.py` | which weights of an atrous convolution meet the map (`rate_sweep`)? |
| `running/` | shared: how is a network run, and left exactly as it was? |

What is public is listed once, in `__init__.pyi`, and stands on the book's API page.
Importing the package is cheap: a probe's module is imported when it is asked for.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
