"""What `from simseg_core.figures import ...` gives; imported when it is asked for."""

from .blocks.attention import draw_attention as draw_attention
from .blocks.gates import (
    draw_channel_gates as draw_channel_gates,
    draw_spatial_gates as draw_spatial_gates,
)
from .blocks.rates import draw_rate_sweep as draw_rate_sweep
from .blocks.wiring import draw_wiring as draw_wiring
from .fields.draw import (
    draw_effective as draw_effective,
    draw_field_on_image as draw_field_on_image,
    draw_gridding as draw_gridding,
    draw_phases as draw_phases,
)
from .fields.growth import draw_growth as draw_growth
from .mechanisms.attend import draw_query_key_value as draw_query_key_value
from .mechanisms.crop import draw_crop as draw_crop
from .mechanisms.gate import draw_gate as draw_gate
from .mechanisms.ink import Drawing as Drawing
from .mechanisms.join import draw_join as draw_join
from .mechanisms.lifetimes import draw_lifetimes as draw_lifetimes
from .mechanisms.separable import draw_separable as draw_separable
from .mechanisms.surgery import draw_surgery as draw_surgery
from .mechanisms.taps import draw_taps as draw_taps
from .mechanisms.way_up import draw_way_up as draw_way_up
from .network.draw import draw_trace as draw_trace
from .results.confusion import draw_confusion as draw_confusion
from .results.cost import draw_cost as draw_cost
from .results.device_times import draw_device_times as draw_device_times
from .results.scenes import (
    draw_predicted as draw_predicted,
    draw_predictions as draw_predictions,
    draw_samples as draw_samples,
)
from .results.timing import draw_roofline as draw_roofline, draw_timings as draw_timings
from .results.training import (
    draw_losses as draw_losses,
    draw_run as draw_run,
    draw_seed_spread as draw_seed_spread,
)
from .style import DescribedFigure as DescribedFigure
