"""What `from simseg_core.training import ...` gives; imported when it is asked for."""

from .loop import (
    History as History,
    evaluate as evaluate,
    fit as fit,
    inverse_sqrt_frequency as inverse_sqrt_frequency,
    pick_device as pick_device,
    run_seeds as run_seeds,
)
from .losses import SegmentationLoss as SegmentationLoss
from .metrics import (
    BoundaryIoU as BoundaryIoU,
    ScoreMeter as ScoreMeter,
    Scores as Scores,
)
from .seeds import SeedRuns as SeedRuns, SeedTable as SeedTable
