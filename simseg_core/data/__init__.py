"""Data sets that need no download, a folder data set, transforms and palettes.

>>> from simseg_core.data import Street
>>> image, label = Street("train", size=64)[0]
>>> image.shape, label.shape
(torch.Size([3, 64, 64]), torch.Size([64, 64]))
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simseg_core.data.blue_marble import BlueMarble
    from simseg_core.data.folder import FolderDataset
    from simseg_core.data.mask_values import MaskValues
    from simseg_core.data.normalization import denormalize, normalize
    from simseg_core.data.palettes import OKABE_ITO, colorize
    from simseg_core.data.signal import Signal
    from simseg_core.data.signs import Signs, depth_from_edge
    from simseg_core.data.street import Street
    from simseg_core.data.transforms import as_tensors, augment

_HOME = {
    "BlueMarble": "blue_marble",
    "FolderDataset": "folder",
    "MaskValues": "mask_values",
    "OKABE_ITO": "palettes",
    "Signal": "signal",
    "Signs": "signs",
    "Street": "street",
    "as_tensors": "transforms",
    "augment": "transforms",
    "colorize": "palettes",
    "denormalize": "normalization",
    "depth_from_edge": "signs",
    "normalize": "normalization",
}
__all__ = [
    "OKABE_ITO",
    "BlueMarble",
    "FolderDataset",
    "MaskValues",
    "Signal",
    "Signs",
    "Street",
    "as_tensors",
    "augment",
    "colorize",
    "denormalize",
    "depth_from_edge",
    "normalize",
]


def __getattr__(name: str) -> Any:
    """Import a name's module on first use (PEP 562)."""
    if name in _HOME:
        return getattr(import_module(f"simseg_core.data.{_HOME[name]}"), name)
    raise AttributeError(f"module 'simseg_core.data' has no attribute {name!r}")
