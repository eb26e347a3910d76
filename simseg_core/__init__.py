"""Reference implementations and probes of *Simple Segmentation, Block by Block*.

Importing the package is cheap: a model's module is imported when it is asked for.

>>> import simseg_core
>>> "unet" in simseg_core.list_models()
True
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simseg_core.zoo import create_model, list_models

__version__ = "0.1.0"
__all__ = ["create_model", "list_models"]


def __getattr__(name: str) -> Any:
    """Import `create_model` and `list_models` on first use (PEP 562)."""
    if name in __all__:
        return getattr(import_module("simseg_core.zoo"), name)
    raise AttributeError(f"module 'simseg_core' has no attribute {name!r}")
