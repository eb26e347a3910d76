"""How long does a call take, how much memory, and is that near the device's best?

`clock.py` has `measure` and `compare`, `ceilings.py` has `roofline`; `turns.py` runs
one call when its turn comes, `machine.py` knows the device's clock and name,
`memory.py` counts peaks; `measurement.py`, `comparison.py`, `block_times.py` and
`device_times.py` are what was found, kept as JSON by `kept.py`.
"""
