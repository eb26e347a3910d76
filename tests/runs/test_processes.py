"""Two processes follow one: the same losses and weights, each picture scored once."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from simseg_core.runs.report import read_lines

from .conftest import draw_cells

# The one network of the book without BatchNorm: its least image has 188 pixels a side.
WORDS = [
    "train", "--classes", "background,cell", "--model", "unet", "--preset", "tiny",
    "--crop", "188", "--steps", "4", "--batch-size", "3", "--validate-every", "2",
    "--precision", "float64", "--class-weights", "--loss", "cross-entropy+dice",
    "--augment", "any-way-up", "--device", "cpu",
]  # fmt: skip


def start(processes: int, *words: str) -> subprocess.CompletedProcess[str]:
    launcher = [
        "-m", "torch.distributed.run", "--standalone", "--nproc-per-node",
        str(processes),
    ] if processes > 1 else []  # fmt: skip
    return subprocess.run(
        [sys.executable, *launcher, "-m", "simseg_core", *WORDS, *words],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def large_cells(tmp_path_factory: Any) -> Path:
    return draw_cells(tmp_path_factory.mktemp("large") / "cells", 7, 190, 220)


def test_two_processes_follow_one(large_cells: Path, tmp_path: Path) -> None:
    runs = []
    for processes in (1, 2):  # 3 images a step: 1 and 2; 1 picture to validate: 1 and 0
        out = tmp_path / str(processes)
        ended = start(processes, "--data", f"folder:{large_cells}", "--out", str(out))
        assert ended.returncode == 0, ended.stderr
        assert ended.stdout.count("best mean IoU") == 1
        runs.append((load_file(out / "last.safetensors"), read_lines(out)))
    (alone, lines), (shared, shared_lines) = runs
    assert alone.keys() == shared.keys()
    for name, weight in alone.items():
        torch.testing.assert_close(shared[name], weight, rtol=0, atol=1e-9)
    for one, two in zip(lines, shared_lines, strict=True):
        assert two == pytest.approx(one, abs=1e-9) if "loss" in one else two == one


def test_batchnorm_on_several_cpus_is_refused(
    large_cells: Path, tmp_path: Path
) -> None:
    words = ["--data", f"folder:{large_cells}", "--out", str(tmp_path / "run")]
    ended = start(2, *words, "--model", "unet_residual")
    assert ended.returncode != 0
    assert "run one process, or CUDA devices, or a network without" in ended.stderr
    assert not (tmp_path / "run").exists()
