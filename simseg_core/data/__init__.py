"""Data sets that need no download, a folder data set, transforms and palettes.

| where | what |
|---|---|
| `street.py`, `signal.py`, `signs.py` | composed scenes, one data set a file |
| `compose/` | the painter behind them: canvas, textures, pictograms, chance |
| `blue_marble.py` | the Earth from space: real images, real labels |
| `folder.py` | your own pictures and masks |
| `known/` | public data sets: VOC, Pets, Cityscapes, ADE20K |
| `sources.py` | any of all these by a text: `folder:PATH`, `voc:PATH`, `street` |
| `splits.py` | which pictures train and which are held out |
| `description.py` | what is in a data set: sizes, classes, doubles, faults |
| `annotations/` | masks in colours, LabelMe and COCO, made into such a folder |
| `files/` | reading those: pictures, masks, what their values mean, what is wrong |
| `pairs.py`, `sizes.py` | (shared) pairs of image and label, and their sizes |
| `transforms.py`, `normalization.py`, `palettes.py` | augmentation, tensors, colours |

>>> from simseg_core.data import Street
>>> image, label = Street("train", size=64)[0]
>>> image.shape, label.shape
(torch.Size([3, 64, 64]), torch.Size([64, 64]))
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
