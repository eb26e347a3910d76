"""Training: the loop, what it checks first, the scores, and runs over several seeds.

| module | what it holds |
|---|---|
| `loop.py` | `fit`, `evaluate`, `run_seeds`: the one loop of all chapters |
| `checks.py` | do model, labels, loss and weights agree? asked before the first step |
| `metrics.py` | IoU by class, boundary IoU |
| `seeds.py` | scores of several seeds as a table |
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
