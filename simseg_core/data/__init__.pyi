"""What `from simseg_core.data import ...` gives; imported when it is asked for."""

from .blue_marble import (
    BlueMarble as BlueMarble,
)
from .files.mask_values import (
    MaskValues as MaskValues,
)
from .folder import (
    FolderDataset as FolderDataset,
)
from .normalization import (
    denormalize as denormalize,
)
from .normalization import (
    normalize as normalize,
)
from .palettes import (
    OKABE_ITO as OKABE_ITO,
)
from .palettes import (
    colorize as colorize,
)
from .signal import (
    Signal as Signal,
)
from .signs import (
    Signs as Signs,
)
from .signs import (
    depth_from_edge as depth_from_edge,
)
from .street import (
    Street as Street,
)
from .transforms import (
    PairTransform as PairTransform,
)
from .transforms import (
    as_tensors as as_tensors,
)
from .transforms import (
    augment as augment,
)
