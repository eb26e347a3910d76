"""How fast the composed data sets are made: images a second of one core's time.

    python benchmarks/bench_data.py [--size 96] [--batches 20]

Processor time is counted, not the clock on the wall, so that other work on the
machine does not stretch it; shared caches and hyperthreads still slow it down, and
the load is printed for that reason. Pictures are cached before the first batch.
"""

import argparse
import os
import platform
import statistics
import time

import numpy as np
import torch

from simseg_core.data import Signal, Signs, Street
from simseg_core.data.compose.scenes import SceneDataset

BATCH = 50  # scenes timed together: long enough for the clock, short for the spread


def rates(dataset: SceneDataset, batches: int) -> list[float]:
    """Make `batches` batches of new scenes; give each one's images a CPU second."""
    found = []
    for batch in range(-6, batches):  # the first six fill the caches
        first = (batch + 6) * BATCH
        start = time.process_time()
        for index in range(first, first + BATCH):
            dataset[index]
        if batch >= 0:
            found.append(BATCH / (time.process_time() - start))
    return found


def machine() -> str:
    """Describe what this runs on."""
    name = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            models = [
                line.split(":")[1].strip() for line in lines if "model name" in line
            ]
        name = models[0] if models else name
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    return (
        f"{name}, {os.cpu_count()} logical cores, load {load}; Python "
        f"{platform.python_version()}, numpy {np.__version__}, "
        f"torch {torch.__version__}"
    )


def main() -> None:
    """Print one line a data set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=96, help="pixels a side")
    parser.add_argument("--batches", type=int, default=20, help=f"of {BATCH} scenes")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(machine())
    print(f"images a CPU second at {options.size} x {options.size}, one process")
    for kind in (Street, Signal, Signs):
        dataset = kind(size=options.size, length=BATCH * (options.batches + 6))
        found = rates(dataset, options.batches)
        low, _, high = statistics.quantiles(found, n=4)
        print(
            f"{kind.__name__:8s} median {statistics.median(found):6.0f}   "
            f"quartiles {low:.0f} to {high:.0f}   best {max(found):.0f}"
        )


if __name__ == "__main__":
    main()
