"""What `from simseg_core.figures import ...` gives; imported when it is asked for."""

from .blocks.attention import (
    attention_alt_text as attention_alt_text,
)
from .blocks.attention import (
    draw_attention as draw_attention,
)
from .blocks.gates import (
    channel_gates_alt_text as channel_gates_alt_text,
)
from .blocks.gates import (
    draw_channel_gates as draw_channel_gates,
)
from .blocks.gates import (
    draw_spatial_gates as draw_spatial_gates,
)
from .blocks.gates import (
    spatial_gates_alt_text as spatial_gates_alt_text,
)
from .blocks.rates import (
    draw_rate_sweep as draw_rate_sweep,
)
from .blocks.rates import (
    rate_sweep_alt_text as rate_sweep_alt_text,
)
from .blocks.wiring import (
    draw_wiring as draw_wiring,
)
from .blocks.wiring import (
    wiring_alt_text as wiring_alt_text,
)
from .fields.draw import (
    draw_effective as draw_effective,
)
from .fields.draw import (
    draw_field_on_image as draw_field_on_image,
)
from .fields.draw import (
    draw_gridding as draw_gridding,
)
from .fields.draw import (
    draw_growth as draw_growth,
)
from .fields.draw import (
    draw_phases as draw_phases,
)
from .fields.draw import (
    effective_alt_text as effective_alt_text,
)
from .fields.draw import (
    field_on_image_alt_text as field_on_image_alt_text,
)
from .fields.draw import (
    gridding_alt_text as gridding_alt_text,
)
from .fields.draw import (
    growth_alt_text as growth_alt_text,
)
from .fields.draw import (
    phases_alt_text as phases_alt_text,
)
from .network.draw import (
    draw_trace as draw_trace,
)
from .network.draw import (
    trace_alt_text as trace_alt_text,
)
from .results.cost import (
    cost_alt_text as cost_alt_text,
)
from .results.cost import (
    draw_cost as draw_cost,
)
from .results.device_times import (
    device_times_alt_text as device_times_alt_text,
)
from .results.device_times import (
    draw_device_times as draw_device_times,
)
from .results.scenes import (
    draw_predictions as draw_predictions,
)
from .results.scenes import (
    draw_samples as draw_samples,
)
from .results.timing import (
    draw_roofline as draw_roofline,
)
from .results.timing import (
    draw_timings as draw_timings,
)
from .results.training import (
    draw_losses as draw_losses,
)
from .results.training import (
    draw_seed_spread as draw_seed_spread,
)
