"""What the `bench_*.py` scripts share: check, time in turn, print, keep.

Two implementations are only timed after their outputs were found equal, and only in
turn, A B A B, in one process: so the ratio holds on a machine that is busy, where
neither time alone does. The first competitor is the peer; below 1, ours is faster.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from simseg_core.probes import compare
from simseg_core.probes.timing.comparison import Comparison
from simseg_core.probes.timing.kept import read_json, write_json

SCHEMA = "simseg benchmarks 1"


class UnequalError(AssertionError):
    """Two implementations that were to be timed do not compute the same."""


@contextmanager
def products_in_tf32(allowed: bool) -> Iterator[None]:
    """Let a GPU's convolutions and matrix products round float32 to TF32, or forbid it.

    Not by `torch.backends.cudnn.flags`, which switches cuDNN off if nothing is said.
    """
    before = torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision()
    torch.backends.cudnn.allow_tf32 = allowed
    torch.set_float32_matmul_precision("high" if allowed else "highest")
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before[0]
        torch.set_float32_matmul_precision(before[1])


def largest_difference(competitors: Mapping[str, Callable], *args: Any) -> float:
    """Run each competitor once; give the largest difference to the first's output.

    It is relative to the largest value of the first's output. A GPU's convolutions are
    not rounded to TF32 here: two orders of summing would differ by that much.
    """
    with torch.no_grad(), products_in_tf32(False):
        outputs = {name: run(*args) for name, run in competitors.items()}
    (_, expected), *others = outputs.items()
    if not isinstance(expected, Tensor):
        return 0.0  # no tensors: the script compares them itself
    scale = expected.abs().max().item()
    return max((other - expected).abs().max().item() / scale for _, other in others)


def side_by_side(
    title: str,
    competitors: Mapping[str, Callable],
    *args: Any,
    backward: bool = False,
    rounds: int = 5,
    tolerance: float = 1e-4,
) -> dict[str, Any]:
    """Check that all competitors compute the same, time them in turn, print a table.

    Returns:
        Plain values: title, input, largest difference, load, and the comparison.

    Raises:
        UnequalError: if an output differs by more than `tolerance` of its scale.
    """
    difference = largest_difference(competitors, *args)
    if difference > tolerance:
        raise UnequalError(
            f"{title}: outputs differ by {difference:.1e} of their scale, more than "
            f"{tolerance:.0e}: what does not compute the same is not timed"
        )
    found = compare(competitors, *args, rounds=rounds, backward=backward)
    shapes = ["x".join(map(str, a.shape)) for a in args if isinstance(a, Tensor)]
    print(f"\n{title}{': ' if shapes else ''}{', '.join(shapes)}")
    print(f"outputs equal: they differ by at most {difference:.1e} of their scale")
    print(found)
    return {
        "title": title,
        "input": ", ".join(shapes),
        "largest_difference": difference,
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "comparison": found.to_dict(),
    }


def keep(path: Path, entries: Mapping[str, dict[str, Any]], note: str = "") -> None:
    """Add results to a JSON file, in place of those of the same name.

    A note, such as that the machine was shared, is kept for all of the file.

    Raises:
        ValueError: if the file is no such file, or is another device's.
    """
    first = next(iter(entries.values()))
    one = next(iter(first["comparison"]["measurements"].values()))
    found = {"schema": SCHEMA, "device_name": one["device_name"], "results": {}}
    if path.exists():
        found = read(path)
    if found["device_name"] != one["device_name"]:
        raise ValueError(
            f"{path} holds the results of {found['device_name']!r}, this is "
            f"{one['device_name']!r}: name another file"
        )
    found["results"].update(entries)
    found["note"] = note or found.get("note", "")
    write_json(found, path)


def read(path: Path) -> dict[str, Any]:
    """Read what `keep` wrote.

    Raises:
        ValueError: if it is cut off, of another schema, or lacks a device or result.
    """
    return read_json(path, _checked)


def _checked(found: Any) -> dict[str, Any]:
    if not isinstance(found, dict) or found.get("schema") != SCHEMA:
        raise ValueError(f"this is no file of benchmarks: schema is not {SCHEMA!r}")
    if not found.get("device_name") or not found.get("results"):
        raise ValueError("the file lacks the device's name or any result")
    for name, entry in found["results"].items():
        try:
            Comparison.from_dict(entry["comparison"])
        except (ValueError, KeyError) as error:
            raise ValueError(f"result {name!r}: {error}") from error
    return found


def parser(about: str | None, size: int) -> argparse.ArgumentParser:
    """Make the command line that all scripts have."""
    made = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--size", type=int, default=size, help="pixels a side")
    made.add_argument("--device", default="cpu", help="where to run: cpu, cuda")
    made.add_argument("--rounds", type=int, default=5, help="turns of each competitor")
    made.add_argument("--json", type=Path, help="add the results to this file")
    made.add_argument("--note", default="", help="what a reader of it must know")
    return made


def main(
    about: str | None, size: int, bench: Callable[[int, int], dict[str, dict[str, Any]]]
) -> int:
    """Run one script: read the command line, bench, keep."""
    asked = parser(about, size).parse_args()
    torch.manual_seed(0)
    try:
        with torch.device(asked.device):  # where each script makes its tensors
            entries = bench(asked.size, asked.rounds)
        if asked.json:
            keep(asked.json, entries, asked.note)
            print(f"kept in {asked.json}")
    except (UnequalError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0
