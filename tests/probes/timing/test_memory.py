"""The peak memory of calls whose need is known."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from simseg_core.probes.timing import memory
from simseg_core.probes.timing.clock import measure
from simseg_core.probes.timing.memory import peak_memory

MIB = 2**20
CPU = torch.device("cpu")
on_linux = pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(),
    reason="no high-water mark to reset here",
)


def fill(mebibytes: int, device: str = "cpu") -> torch.Tensor:
    return torch.ones(mebibytes * MIB // 4, device=device)


@on_linux
@pytest.mark.parametrize("size", [16, 100])
def test_one_allocation_is_seen_on_its_own(size: int) -> None:
    fill(200)  # an earlier, larger peak may not hide it
    found, counter = peak_memory(lambda: fill(size), CPU)
    assert counter == "process high-water mark"
    assert found == pytest.approx(size * MIB, abs=6 * MIB)


@on_linux
def test_many_small_allocations_are_seen_again_the_second_time() -> None:
    def run() -> list[torch.Tensor]:
        return [torch.ones(64 * 256) for _ in range(1024)]  # 64 KiB each

    run()  # malloc keeps this memory, and would hand it out again unseen
    found, _ = peak_memory(run, CPU)
    assert found == pytest.approx(64 * MIB, abs=6 * MIB)


LIVES = """
import torch
from simseg_core.probes.timing.memory import peak_memory

def fill():
    return torch.ones(40 * 2**18)  # 40 MiB

def in_turn():
    for _ in range(4):
        fill()

def at_once():
    kept = [fill() for _ in range(4)]
    kept.clear()

for run in (in_turn, at_once):
    print(peak_memory(run, torch.device("cpu"))[0])
"""


@on_linux
def test_only_what_lives_at_once_counts() -> None:
    """In a process of its own: other tests leave memory that malloc hands out."""
    out = subprocess.run(
        [sys.executable, "-c", LIVES], capture_output=True, text=True, check=True
    )
    in_turn, at_once = map(int, out.stdout.split())
    assert in_turn == pytest.approx(40 * MIB, abs=6 * MIB)
    assert at_once == pytest.approx(160 * MIB, abs=6 * MIB)


@on_linux
def test_memory_in_use_before_the_call_does_not_count() -> None:
    held = fill(100)
    found, _ = peak_memory(lambda: held.add_(1), CPU)
    assert found < 6 * MIB


@on_linux
def test_measure_reports_it() -> None:
    found = measure(fill, 32, min_run_time=0.001, max_run_time=0.01)
    assert found.peak_bytes == pytest.approx(32 * MIB, abs=6 * MIB)


def test_where_the_mark_cannot_be_reset_no_figure_is_claimed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(memory, "_PROCESS", tmp_path / "nowhere")
    found, counter = peak_memory(lambda: fill(8), CPU)
    assert found is None
    assert counter.startswith("unknown: ")
    measured = measure(fill, 1, min_run_time=0.001, max_run_time=0.01)
    assert "peak memory unknown" in str(measured)


def test_no_figure_is_claimed_for_mps() -> None:
    assert peak_memory(lambda: None, torch.device("mps"))[0] is None


@pytest.mark.gpu
@pytest.mark.parametrize("size", [16, 200])
def test_one_allocation_on_a_gpu(size: int) -> None:
    found, _ = peak_memory(lambda: fill(size, "cuda"), torch.device("cuda"))
    assert found == pytest.approx(size * MIB, abs=2 * MIB)
