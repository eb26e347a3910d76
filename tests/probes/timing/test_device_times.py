"""Device times: what a file must hold, and which files are refused."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from simseg_core.probes.timing.block_times import BlockTimes
from simseg_core.probes.timing.ceilings import Ceilings
from simseg_core.probes.timing.device_times import FOLDER, DeviceTimes, stored_times
from simseg_core.probes.timing.measurement import Measurement

PEAK = Ceilings(100e9, 10e9, "cpu", "An Example (2 cores)", "float32", threads=2)


def timed(label: str, *times: float, backward: bool = False) -> Measurement:
    return Measurement(
        label, times, 1, backward, 2**20, "process high-water mark", "cpu",
        "An Example (2 cores)", "float32", "contiguous", 2, {"torch": "2.6"},
        "2026-01-31",
    )  # fmt: skip


def block(name: str, seconds: float = 0.2) -> BlockTimes:
    step = timed(name, 3 * seconds, backward=True)
    return BlockTimes((2, 8, 4, 4), 10**9, 10**8, timed(name, seconds), step)


def sample(**changes: Any) -> DeviceTimes:
    blocks = {"conv": block("conv"), "pool": block("pool", 0.1)}
    given = {"modes": {"float32": blocks}, "ceilings": {"float32": PEAK}, **changes}
    return DeviceTimes("small", **given)


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    found = sample(note="shared machine")
    path = tmp_path / found.file_name
    found.save(path)
    assert DeviceTimes.load(path) == found
    assert path.name == "gpu_timing_cpu-an-example-2-cores.json"


def test_the_file_says_all_that_a_reader_must_know(tmp_path: Path) -> None:
    sample(note="shared machine").save(tmp_path / "times.json")
    kept = json.loads((tmp_path / "times.json").read_text())
    assert kept["device"] == "cpu"
    assert kept["device_name"] == PEAK.device_name
    assert kept["date"] == "2026-01-31"
    assert kept["versions"] == {"torch": "2.6"}
    assert kept["note"] == "shared machine"
    conv = kept["modes"]["float32"]["conv"]
    assert conv["step"]["median"] == pytest.approx(0.6)
    assert {"iqr", "peak_bytes", "dtype"} <= set(conv["forward"])


def test_origin_and_table_name_device_day_and_note() -> None:
    found = sample(note="shared machine")
    for text in (found.origin, str(found), found._repr_html_()):
        for part in (PEAK.device_name, "2026-01-31", "torch 2.6", "shared machine"):
            assert part in text
    assert "200 ms" in str(found)
    assert "600 ms" in str(found)


def test_blocks_stand_under_their_modes_roof() -> None:
    roof = sample().roofline("float32")
    conv, _ = roof.blocks
    assert (conv.intensity, conv.flops) == (20, 1e10)
    assert roof.efficiency(conv) == pytest.approx(0.1)
    (pool,) = sample().roofline("float32", ["pool"]).blocks
    assert (pool.name, pool.seconds) == ("pool", 0.1)


def test_times_of_two_devices_are_no_device_times() -> None:
    other = replace(block("conv"), forward=replace(timed("conv", 1), device="cuda:0"))
    with pytest.raises(ValueError, match=r"of one device.*cuda:0"):
        sample(modes={"float32": {"conv": other}})
    with pytest.raises(ValueError, match=r"of one device.*Another"):
        sample(ceilings={"float32": replace(PEAK, device_name="Another")})
    with pytest.raises(ValueError, match="measure both in each mode"):
        sample(ceilings={})
    with pytest.raises(ValueError, match="no block was timed"):
        sample(modes={"float32": {}})


def without(values: dict[str, Any], *path: str) -> None:
    for key in path[:-1]:
        values = values[key]
    del values[path[-1]]


CONV = ("modes", "float32", "conv")


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        (("schema",), "its schema is None"),
        (("device",), "lack device"),
        (("device_name",), "lack device_name"),
        (("modes",), "lack modes"),
        ((*CONV, "macs"), "block 'conv': .*lacks macs"),
        ((*CONV, "step", "device_name"), "block 'conv': .*lacks device_name"),
        (("ceilings", "float32", "bandwidth"), "bandwidth"),
    ],
)
def test_what_is_missing_is_named(
    tmp_path: Path, path: tuple[str, ...], fault: str
) -> None:
    values = sample().to_dict()
    without(values, *path)
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps(values))
    with pytest.raises(ValueError, match=rf"bad\.json: .*{fault}"):
        DeviceTimes.load(bad)


def test_another_schema_or_device_is_refused(tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    for values, fault in [
        ({**sample().to_dict(), "schema": "other 9"}, "schema is 'other 9', not"),
        (timed("conv", 1).to_dict(), r"gpu_timing\.ipynb writes one"),
        ([1, 2], "no file of device times"),
        ({**sample().to_dict(), "device_name": "H100"}, "says 'H100', its times say"),
    ]:
        bad.write_text(json.dumps(values))
        with pytest.raises(ValueError, match=rf"bad\.json: .*{fault}"):
            DeviceTimes.load(bad)


def test_a_file_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cut.json"
    sample().save(path)
    text = path.read_text()
    path.write_text(text[: len(text) // 2])
    with pytest.raises(ValueError, match=r"cut\.json is no whole JSON file"):
        DeviceTimes.load(path)


def test_the_contributed_files_are_whole_and_well_named() -> None:
    found = stored_times()
    assert len(found) == len(list(FOLDER.glob("gpu_timing_*")))
    for times in found:
        assert times.origin
        assert (FOLDER / times.file_name).exists()
        assert any(one.step.date for one in times.modes["float32"].values())
