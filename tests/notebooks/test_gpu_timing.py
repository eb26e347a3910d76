"""The stopwatch that the timing notebook builds: when it waits, and what it counts."""

import importlib
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def names_behind(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run the cells that hold these words, and what they need; give their names."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    part = importlib.import_module("chapter_cells")

    def names(*words: str, device: str = "cpu") -> dict[str, Any]:
        cells = part.code_cells("gpu_timing")
        targets = [i for i, code in enumerate(cells) if any(w in code for w in words)]
        assert len(targets) == len(words)
        chosen = [cells[index] for index in part.needed(cells, targets)]
        return part.run(chosen, settings={"DEVICE": device})

    return names


@pytest.mark.parametrize(
    ("wait", "expected"),
    [(True, ["wait", "call", "wait"]), (False, ["wait", "call"])],
)
def test_the_clock_waits_before_and_after(
    names_behind: Any, wait: bool, expected: list[str]
) -> None:
    names, seen = names_behind("def by_clock"), []
    names["synchronize"] = lambda device: seen.append("wait")
    assert names["by_clock"](lambda: seen.append("call"), wait=wait) >= 0
    assert seen == expected


@pytest.mark.parametrize(("device", "times"), [("cpu", 0), ("mps", 1), ("cuda", 1)])
def test_only_an_accelerator_is_waited_for(
    names_behind: Any, monkeypatch: pytest.MonkeyPatch, device: str, times: int
) -> None:
    names, waited = names_behind("def by_clock"), []
    monkeypatch.setattr(torch.accelerator, "synchronize", lambda: waited.append(device))
    names["synchronize"](device)
    assert len(waited) == times


def test_events_stand_around_the_call_and_tell_milliseconds(
    names_behind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On events that only note what is asked of them: no GPU is needed, or claimed."""
    seen: list[str] = []

    class Event:
        def __init__(self, enable_timing: bool) -> None:
            assert enable_timing

        def record(self) -> None:
            seen.append("mark")

        def synchronize(self) -> None:
            seen.append("wait")

        def elapsed_time(self, end: "Event") -> float:
            assert end is not self
            seen.append("read")
            return 250.0

    monkeypatch.setattr(torch.cuda, "Event", Event)
    timer = names_behind("def timer")["timer"]
    assert timer("cuda")(lambda: seen.append("call")) == 0.25
    assert seen == ["mark", "call", "mark", "wait", "read"]


def test_without_cuda_the_timer_is_the_programs_clock(names_behind: Any) -> None:
    names = names_behind("def timer")
    assert names["timer"]("cpu") is names["by_clock"]
    assert names["timer"]("mps") is names["by_clock"]


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (nn.Flatten(), 0),  # a view
        (nn.ReLU(inplace=True), 1),
        (nn.Sequential(nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4), nn.ReLU()), 3),
    ],
)
def test_kernels_are_counted_and_views_are_not(
    names_behind: Any, block: nn.Module, expected: int
) -> None:
    count = names_behind("class Started")["kernels"]
    assert count(block.eval(), torch.ones(1, 4, 8, 8)) == expected


def test_kept_is_what_was_saved_once_and_without_the_weights(names_behind: Any) -> None:
    """What the first layer read, 2 x 4 numbers, and what ReLU made for the next one.

    The second layer's weights are saved as well.
    """
    kept = names_behind("def kept_bytes")["kept_bytes"]
    block = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 5))
    x = torch.ones(2, 4)
    assert kept(block, x) == 4 * (2 * 4 + 2 * 3)
    with torch.no_grad():
        assert kept(block, x) == 0


def test_without_a_gpu_no_graph_is_told_of(names_behind: Any, capsys: Any) -> None:
    names_behind("together(BLOCKS[name]")
    told = capsys.readouterr().out.splitlines()
    assert told[-1].startswith("No CUDA device here (cpu): no launches to save")
    assert not [line for line in told if "CUDA graph" in line]


@pytest.mark.gpu
def test_a_gpu_runs_what_the_notebook_only_runs_there(
    names_behind: Any, capsys: Any
) -> None:
    """The cells assert that waiting shows more, and that a graph computes the same."""
    names_behind(
        "assert worked > 3 * launched",
        "clock_of(torch.device(DEVICE))",
        "by_measure = measure(",
        "together(BLOCKS[name]",
        device="cuda",
    )
    told = capsys.readouterr().out
    assert told.count("CUDA graph: ") == told.count("compiled: ") == 3
