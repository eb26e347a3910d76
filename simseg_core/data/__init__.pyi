"""What `from simseg_core.data import ...` gives; imported when it is asked for."""

from .annotations.conversion import convert_annotations as convert_annotations
from .blue_marble import BlueMarble as BlueMarble
from .description import Description as Description, describe as describe
from .files.mask_values import MaskValues as MaskValues
from .folder import FolderDataset as FolderDataset
from .known.ade20k import ade20k as ade20k
from .known.cityscapes import cityscapes as cityscapes
from .known.pets import pets as pets
from .known.voc import voc as voc
from .normalization import denormalize as denormalize, normalize as normalize
from .palettes import OKABE_ITO as OKABE_ITO, colorize as colorize
from .signal import Signal as Signal
from .signs import Signs as Signs, depth_from_edge as depth_from_edge
from .sources import has_parts as has_parts, open_source as open_source
from .splits import split as split
from .street import Street as Street
from .transforms import (
    PairTransform as PairTransform,
    as_tensors as as_tensors,
    augment as augment,
    crops as crops,
)
