"""Whole runs: from a folder of pictures to a trained network and its predictions.

| module | what it holds |
|---|---|
| `train.py` | `train`: a run from its data to its last checkpoint |
| `plan.py` | `Plan`: everything that a run was asked for |
| `feed.py` | which picture comes when, whatever the number of workers and processes |
| `processes.py` | one process or several, on any device |
| `report.py` | what a run writes for its reader: lines, curves, samples |
| `network.py` | `Network`: what a trained network is besides its weights |
| `checkpoint.py` | weights and states on disk |

They need what ``pip install "simseg-core[train]"`` brings.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
