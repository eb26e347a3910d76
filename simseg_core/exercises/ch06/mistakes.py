"""A mistake that exercises of chapter 06 share: to round after each factor."""

from simseg_core.models.hardblock import links

MULTIPLIER = 1.7  # FC-HarDNet's


def rounded_by_step(layer: int, growth: int, multiplier: float) -> int:
    """Give the width with the fault of rounding after each factor."""
    channels = growth
    for _ in links(layer)[1:]:
        channels = int(int(channels * multiplier + 1) / 2) * 2
    return channels
