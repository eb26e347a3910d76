"""What `from simseg_core.probes import ...` gives; imported when it is asked for."""

from .attention import effective_positions as effective_positions
from .field.arithmetic.axis import AxisField as AxisField
from .field.brute_force import gradient_support as gradient_support
from .field.effective import (
    EffectiveField as EffectiveField,
    effective_receptive_field as effective_receptive_field,
)
from .field.field import (
    ReceptiveField as ReceptiveField,
    receptive_field as receptive_field,
)
from .field.report import LayerField as LayerField
from .field.rules.registry import (
    Call as Call,
    UnknownOperationError as UnknownOperationError,
    rule as rule,
)
from .rates import Branch as Branch, RateSweep as RateSweep, rate_sweep as rate_sweep
from .timing.block_times import BlockTimes as BlockTimes
from .timing.ceilings import (
    Ceilings as Ceilings,
    Roofline as Roofline,
    measure_ceilings as measure_ceilings,
    roofline as roofline,
)
from .timing.clock import compare as compare, measure as measure
from .timing.comparison import Comparison as Comparison
from .timing.device_times import (
    DeviceTimes as DeviceTimes,
    stored_times as stored_times,
)
from .timing.measurement import Measurement as Measurement
from .trace.costs import Cost as Cost, Stage as Stage, cost as cost
from .trace.shapes import (
    Edge as Edge,
    Row as Row,
    Trace as Trace,
    trace_shapes as trace_shapes,
)
