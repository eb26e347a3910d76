"""What `from simseg_core.probes import ...` gives; imported when it is asked for."""

from .attention import (
    effective_positions as effective_positions,
)
from .field.arithmetic.axis import (
    AxisField as AxisField,
)
from .field.brute_force import (
    gradient_support as gradient_support,
)
from .field.effective import (
    EffectiveField as EffectiveField,
)
from .field.effective import (
    effective_receptive_field as effective_receptive_field,
)
from .field.field import (
    ReceptiveField as ReceptiveField,
)
from .field.field import (
    receptive_field as receptive_field,
)
from .field.report import (
    LayerField as LayerField,
)
from .field.rules.registry import (
    Call as Call,
)
from .field.rules.registry import (
    UnknownOperationError as UnknownOperationError,
)
from .field.rules.registry import (
    rule as rule,
)
from .rates import (
    Branch as Branch,
)
from .rates import (
    RateSweep as RateSweep,
)
from .rates import (
    rate_sweep as rate_sweep,
)
from .timing.block_times import (
    BlockTimes as BlockTimes,
)
from .timing.ceilings import (
    Ceilings as Ceilings,
)
from .timing.ceilings import (
    Roofline as Roofline,
)
from .timing.ceilings import (
    measure_ceilings as measure_ceilings,
)
from .timing.ceilings import (
    roofline as roofline,
)
from .timing.clock import (
    compare as compare,
)
from .timing.clock import (
    measure as measure,
)
from .timing.comparison import (
    Comparison as Comparison,
)
from .timing.device_times import (
    DeviceTimes as DeviceTimes,
)
from .timing.device_times import (
    stored_times as stored_times,
)
from .timing.measurement import (
    Measurement as Measurement,
)
from .trace.costs import (
    Cost as Cost,
)
from .trace.costs import (
    Stage as Stage,
)
from .trace.costs import (
    cost as cost,
)
from .trace.shapes import (
    Edge as Edge,
)
from .trace.shapes import (
    Row as Row,
)
from .trace.shapes import (
    Trace as Trace,
)
from .trace.shapes import (
    trace_shapes as trace_shapes,
)
