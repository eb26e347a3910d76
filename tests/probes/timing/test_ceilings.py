"""Blocks under ceilings that are given, and ceilings on a fake clock."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from simseg_core.probes import roofline
from simseg_core.probes.timing import ceilings as module
from simseg_core.probes.timing.ceilings import Ceilings, measure_ceilings
from simseg_core.probes.timing.measurement import Measurement

PEAK = Ceilings(100e9, 10e9, "cpu", "an example", "float32", threads=2)


def timed(seconds: float, device: str = "cpu", threads: int = 2) -> Measurement:
    return Measurement(
        "block", (seconds,), 1, False, None, "unknown", device, "an example",
        "float32", "contiguous", threads, {"torch": torch.__version__},
    )  # fmt: skip


def test_the_roof_is_the_lower_of_the_two() -> None:
    assert PEAK.ridge == 10
    assert PEAK.attainable(2) == 20e9
    assert PEAK.attainable(10) == PEAK.attainable(1000) == 100e9


def test_blocks_are_placed_by_intensity_and_rate() -> None:
    # 2e9 FLOP over 1e9 bytes in 0.2 s; then 200e9 over 1e9 bytes in 4 s
    found = roofline(
        {"moves": (1e9, 1e9, timed(0.2)), "computes": (100e9, 1e9, timed(4))},
        ceilings=PEAK,
    )
    moves, computes = found.blocks
    assert (moves.intensity, moves.flops) == (2, 10e9)
    assert (found.limit(moves), found.efficiency(moves)) == ("memory", 0.5)
    assert (found.limit(computes), found.efficiency(computes)) == ("arithmetic", 0.5)
    for text in (str(found), found._repr_html_()):
        assert "50%" in text
        assert "an example" in text


@pytest.mark.parametrize(
    ("macs", "seconds", "passed"),
    [
        (100e9, 2.0, ""),  # at the arithmetic roof
        (100e9, 1.991, ""),  # 0.45 % above, as near as clocks agree
        (100e9, 1.0, "arithmetic"),
        (1e9, 0.1, ""),  # at the memory roof
        (1e9, 0.05, "memory"),
        (1e9, 0.01, "arithmetic"),  # left of the ridge, and above both
    ],
)
def test_a_block_above_a_roof_is_told_so_and_given_no_share(
    macs: float, seconds: float, passed: str
) -> None:
    found = roofline({"block": (macs, 1e9, timed(seconds))}, ceilings=PEAK)
    (block,) = found.blocks
    assert found.passed(block) == passed
    told = f"above the {passed} roof" if passed else "100% of the roof, limited by "
    assert found.standing(block).startswith(told)
    assert [reason.partition(":")[0] for reason in found.reasons] == (
        [f"Above the {passed} roof"] if passed else []
    )
    share = str(found).count("100%"), str(found).count(" above ")
    assert share == ((0, 1) if passed else (1, 0))


def test_it_is_saved_with_its_ceilings(tmp_path: Path) -> None:
    found = roofline({"block": (1e9, 1e9, timed(0.2))}, ceilings=PEAK)
    found.save(tmp_path / "roof.json")
    kept = json.loads((tmp_path / "roof.json").read_text())
    assert kept["ceilings"]["bandwidth"] == 10e9
    assert kept["blocks"][0]["seconds"] == 0.2


@pytest.mark.parametrize("numbers", [(0, 1e9), (1e9, 0)])
def test_a_block_without_products_has_no_place(numbers: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match=r"'pool'.*convolutions or matrix products"):
        roofline({"pool": (*numbers, timed(1))}, ceilings=PEAK)


def test_one_roofline_is_of_one_device() -> None:
    with pytest.raises(ValueError, match="one device"):
        roofline({"a": (1, 1, timed(1, "cuda:0"))}, ceilings=PEAK)
    with pytest.raises(ValueError, match="one device"):
        roofline({"a": (1, 1, timed(1)), "b": (1, 1, timed(1, "cuda:0"))})
    with pytest.raises(ValueError, match=r"1 thread'.*measure blocks and ceilings"):
        roofline({"a": (1, 1, timed(1, threads=1))}, ceilings=PEAK)
    with pytest.raises(ValueError, match="no blocks"):
        roofline({}, ceilings=PEAK)


def test_ceilings_count_products_and_both_ways_of_a_copy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fake_seconds(fn: object, *args: torch.Tensor) -> float:
        if len(args) == 2:  # a product: the smaller one reaches the better rate
            return 1.0 if len(args[0]) == 512 else 100.0
        return 2.0  # a copy

    monkeypatch.setattr(module, "_seconds", fake_seconds)
    monkeypatch.setattr(module, "_COPY_BYTES", 1000)
    found = measure_ceilings("cpu")
    assert found.flops == 2 * 512**3
    assert found.bandwidth == 2 * 1000 / 2
    assert (found.device, found.dtype) == ("cpu", "float32")


def test_ceilings_are_those_of_the_blocks_device(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def fake(device: str, dtype: torch.dtype) -> Ceilings:
        asked.append((device, dtype))
        return replace(PEAK, device=device)

    monkeypatch.setattr(module, "measure_ceilings", fake)
    found = roofline({"a": (1, 1, timed(1, "cuda:0"))}, dtype=torch.bfloat16)
    assert asked == [("cuda:0", torch.bfloat16)]
    assert found.ceilings.device == "cuda:0"


def test_products_round_to_tf32_where_convolutions_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = []

    def seconds(fn, *args) -> float:
        seen.append(torch.get_float32_matmul_precision())
        return 1.0

    monkeypatch.setattr(module, "_seconds", seconds)
    monkeypatch.setattr(module, "_COPY_BYTES", 16)
    monkeypatch.setattr(module, "_CPU_SIZES", (4,))
    before = torch.get_float32_matmul_precision()
    assert measure_ceilings("cpu").dtype == "float32"
    monkeypatch.setattr(module.machine, "tf32", lambda device: True)
    assert measure_ceilings("cpu").dtype == "float32, TF32"
    assert measure_ceilings("cpu", torch.bfloat16).dtype == "bfloat16"
    products = seen[::2]  # each is followed by the copy
    assert products == [before, "high", before]
    assert torch.get_float32_matmul_precision() == before


def test_real_ceilings_are_plausible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_COPY_BYTES", 2**22)
    monkeypatch.setattr(module, "_CPU_SIZES", (64, 128))
    found = measure_ceilings("cpu")
    assert 1e8 < found.flops < 1e15
    assert 1e7 < found.bandwidth < 1e14


@pytest.mark.gpu
def test_ceilings_of_a_gpu() -> None:
    found = measure_ceilings("cuda")
    assert found.device == "cuda:0"
    assert found.flops > 1e11
