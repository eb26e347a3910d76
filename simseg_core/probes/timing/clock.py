"""How long a call takes: medians with their spread, and fair comparisons.

Built on `torch.utils.benchmark`, which sets the thread count, times short calls in
blocks. Added here: a clock that waits for the device (CUDA events on a GPU), repeating
until the spread is small, the backward pass, peak memory, and the device's name, so
that a figure can be read without guessing what it was measured on.
"""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import torch

from simseg_core.probes.timing import machine
from simseg_core.probes.timing.comparison import Comparison
from simseg_core.probes.timing.measurement import Measurement
from simseg_core.probes.timing.turns import Timed, left_as_found

__all__ = ["compare", "measure"]

_FEWEST_TIMES = 4  # or quartiles say nothing


def measure(
    fn: Callable[..., Any],
    *args: Any,
    label: str | None = None,
    backward: bool = False,
    min_run_time: float = 0.5,
    max_run_time: float = 5.0,
    spread: float = 0.05,
    device: torch.device | str | None = None,
) -> Measurement:
    """Time `fn(*args)` and tell what the time depends on.

    Repeats until the interquartile range is below `spread` of the median, for
    `min_run_time` at least and about `max_run_time` at most (the call in progress is
    finished). Forward calls run without gradients. Modules run in the mode that they
    are in and are left as they were; so are the random states. Caches are as the run
    before left them: nothing is flushed in between. Under autocast each run casts
    weights anew.

    Args:
        fn: a module or function; the device is that of its tensors, or the GPU that it
            allocates memory on. Autocast is seen if it is on around this call.
        *args: its arguments.
        label: what to call it; None takes the function's or module's name.
        backward: also take the gradient of everything that `fn` depends on. Nothing
            is added to any `.grad`.
        min_run_time: seconds.
        max_run_time: seconds.
        spread: interquartile range over median that is small enough.
        device: refuse to measure if it runs elsewhere.

    Returns:
        Median, spread, peak memory, device, types and versions.

    Raises:
        ValueError: if it ran on another device than `device`, or has no gradient.

    >>> from simseg_core.probes import measure
    >>> brief = {"min_run_time": 0.01, "max_run_time": 0.05}
    >>> found = measure(torch.relu, torch.ones(8), label="ReLU", **brief)
    >>> found.label, found.device, found.dtype, found.median > 0
    ('ReLU', 'cpu', 'float32', True)
    """
    with left_as_found(fn, args, backward):
        timed = Timed.prepare(fn, args, label, backward, device)
        times: tuple[float, ...] = ()
        clock = machine.clock_of(timed.device)
        end = clock() + max_run_time
        while True:
            turn = timed.turn(min_run_time)
            times += turn.times
            found = replace(turn, times=times)
            steady = len(times) >= _FEWEST_TIMES and found.iqr <= spread * found.median
            if steady or clock() >= end:
                return found


def compare(
    competitors: Mapping[str, Callable[..., Any]],
    *args: Any,
    rounds: int = 5,
    backward: bool = False,
    turn_time: float = 0.2,
    device: torch.device | str | None = None,
) -> Comparison:
    """Time several callables in turn, A B A B, and give their ratios to the first.

    A machine that gets hotter or busier slows neighbours in time alike, so each round
    gives its own ratio, and their spread says how far to trust it.

    Args:
        competitors: name -> callable; the first is the one compared with.
        *args: passed to each.
        rounds: turns of each competitor.
        backward: also take gradients, as in `measure`.
        turn_time: seconds of one turn, or one call if that takes longer.
        device: refuse to measure if one runs elsewhere.

    Raises:
        ValueError: for fewer than two competitors, or if they run on other devices.
    """
    if len(competitors) < 2 or rounds < 1:
        raise ValueError(
            f"{len(competitors)} competitors in {rounds} rounds are no comparison: "
            "give two or more callables by name, and rounds=1 or more"
        )
    with ExitStack() as stack:
        for fn in competitors.values():
            stack.enter_context(left_as_found(fn, args, backward))
        timed = [
            Timed.prepare(fn, args, name, backward, device)
            for name, fn in competitors.items()
        ]
        devices = {one.device for one in timed}
        if len(devices) > 1:
            where = {one.label: str(one.device) for one in timed}
            raise ValueError(f"the competitors run on different devices: {where}")
        turns = [[one.turn(turn_time) for one in timed] for _ in range(rounds)]
        return Comparison.of_rounds(turns)
