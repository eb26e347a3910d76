"""Reference implementations and probes of *Simple Segmentation, Block by Block*.

Importing the package is cheap: a model's module is imported when it is asked for.

>>> import simseg_core
>>> "unet" in simseg_core.list_models()
True
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

__version__ = "0.1.0"
