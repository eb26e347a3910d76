"""Probes: instruments that take any `nn.Module` or callable and know no paper.

| probe | the question it answers |
|---|---|
| `trace_shapes` | which operations ran, on which shapes, and what feeds what? |
| `cost` | how many parameters, MACs and bytes does the mathematics need? |
| `receptive_field` | which input pixels can an output pixel depend on? |
| `effective_receptive_field` | which of them does it depend on, and how much? |
| `measure`, `compare` | how long does it take, and how much memory, on this device? |
| `roofline` | is that near what this device can do? |

Importing the package is cheap: a probe's module is imported when it is asked for.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simseg_core.probes.cost import cost
    from simseg_core.probes.effective import effective_receptive_field
    from simseg_core.probes.receptive_field import receptive_field
    from simseg_core.probes.shapes import trace_shapes
    from simseg_core.probes.timing import compare, measure, roofline

_HOME = {
    "trace_shapes": "shapes",
    "cost": "cost",
    "receptive_field": "receptive_field",
    "effective_receptive_field": "effective",
    "measure": "timing",
    "compare": "timing",
    "roofline": "timing",
}
__all__ = [
    "compare",
    "cost",
    "effective_receptive_field",
    "measure",
    "receptive_field",
    "roofline",
    "trace_shapes",
]


class _Probes(ModuleType):
    """A package whose probes may be called like the file they stand in.

    Importing the file `cost.py` would otherwise put the module over the function.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOME and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Probes


def __getattr__(name: str) -> Any:
    """Import a probe on first use (PEP 562)."""
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
