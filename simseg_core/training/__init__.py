"""Training: the loop, what it checks first, the scores, and runs over several seeds.

| module | what it holds |
|---|---|
| `loop.py` | `fit`, `evaluate`, `run_seeds`: the one loop of all chapters |
| `step.py` | one update of the weights: `fit` and whole runs share it |
| `losses.py` | cross-entropy, focal loss, Dice |
| `checks.py` | do model, labels, loss and weights agree? asked before the first step |
| `metrics.py` | IoU by class, boundary IoU |
| `randomness.py` | torch's random state, the order of the images |
| `seeds.py` | scores of several seeds as a table |
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
