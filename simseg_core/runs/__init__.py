"""Whole runs: from a folder of pictures to a trained network and its predictions.

| module | what it holds |
|---|---|
| `train.py` | `train`: from what was asked for to the run |
| `run.py` | the run: steps, validations, what it keeps |
| `plan.py` | `Plan`: everything that a run was asked for |
| `pictures.py` | both sides of its data set |
| `feed.py` | which picture comes when, and how it is varied |
| `processes.py` | one process or several, on any device |
| `report.py` | what it writes for its reader: lines, curves, samples |
| `predict.py` | `Predictor`: a picture to its classes, shares and overlay |
| `prediction_files.py` | `predict_files`: many pictures to masks, overlays, shares |
| `score.py` | `evaluate_run`, `compare_runs`: how good predictions are |
| `scored_pictures.py` | which pictures these are, and what their masks mean |
| `evaluation.py` | what was found, as tables |
| `export.py` | `export_run`: a network as a file for other programs |
| `tiles.py` | `segment`: an image of any size, by tiles if it is large |
| `pretrained.py` | trained weights to start from: another run's, an encoder's |
| `network.py` | `Network`: what a trained network is besides its weights |
| `checkpoint.py` | trained networks and states as files |
| `folder.py` | a run's folder: its files, how they are written, who may |
| `signals.py` | Ctrl-C and SIGTERM |

They need what ``pip install "simseg-core[train]"`` brings.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
