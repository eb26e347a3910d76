"""Fields as arrays of intervals: the arithmetic beneath the rules.

| module | what is in it |
|---|---|
| `taps.py` | `Window`: which positions of its input each output reads |
| `arrays.py` | the five numbers of an element; arrays of them moved, grouped, shrunk |
| `endless.py` | what a position would see if image and maps had no edges |
| `terms.py` | `Term`: the field of every element of a tensor, along one axis |
| `axis.py` | `AxisField`: the report on one axis: size, stride, offset, phases |

`simseg_core/probes/field/__init__.py` follows one convolution and one pooling through
them.
"""
