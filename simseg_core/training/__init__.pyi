"""What `from simseg_core.training import ...` gives; imported when it is asked for."""

from .loop import (
    History as History,
)
from .loop import (
    evaluate as evaluate,
)
from .loop import (
    fit as fit,
)
from .loop import (
    inverse_sqrt_frequency as inverse_sqrt_frequency,
)
from .loop import (
    pick_device as pick_device,
)
from .loop import (
    run_seeds as run_seeds,
)
from .metrics import (
    BoundaryIoU as BoundaryIoU,
)
from .metrics import (
    ScoreMeter as ScoreMeter,
)
from .metrics import (
    Scores as Scores,
)
from .seeds import (
    SeedRuns as SeedRuns,
)
from .seeds import (
    SeedTable as SeedTable,
)
