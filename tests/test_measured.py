"""Stored results: what they say can be checked is checked, and the script runs."""

import json
import runpy
from pathlib import Path
from typing import Any

import pytest

from simseg_core.data import Street
from simseg_core.measured import origin, stored
from simseg_core.training.metrics import Scores

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "benchmarks" / "compare_networks.py"))


@pytest.fixture(scope="module")
def result() -> dict[str, Any]:
    return stored("networks")


def test_stored_counts_are_those_of_the_networks_of_today(
    script: dict[str, Any], result: dict[str, Any]
) -> None:
    for name, found in result["networks"].items():
        counted = script["count"](name, result["settings"])
        assert {key: found[key] for key in counted} == counted


def test_every_network_has_every_seed_and_every_class(
    script: dict[str, Any], result: dict[str, Any]
) -> None:
    assert set(result["networks"]) == set(script["NETWORKS"])
    for name, found in result["networks"].items():
        seeds = () if name in script["UNTRAINED"] else script["SEEDS"]
        assert set(found["seeds"]) == set(map(str, seeds)), name
        for scores in found["seeds"].values():
            assert tuple(Scores(**scores).iou) == Street.classes
        assert {"forward", "step"} == set(found["time"])


def test_a_result_says_where_it_comes_from(result: dict[str, Any]) -> None:
    for half in ("trained", "timed"):
        assert str(result[half]["torch"]) in origin(result[half])
        assert result[half]["device"] in origin(result[half])


def test_an_unknown_result_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"'network'; there are: .*networks"):
        stored("network")


def test_script_trains_times_goes_on_and_never_mixes_settings(
    script: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "small.json"
    asked = ["--networks", "deeplabv3_resnet50", "--out", str(out)]
    asked += ["--validation-images", "8"]
    assert script["main"]([*asked, "--steps", "2", "--seeds", "0"]) == 0
    first = json.loads(out.read_text())
    assert first["settings"]["steps"] == 2
    found = first["networks"]["deeplabv3_resnet50"]
    assert found["time"]["forward"]["ratio"] > 0
    capsys.readouterr()
    assert script["main"]([*asked, "--steps", "2", "--seeds", "0", "1", "--train"]) == 0
    again = json.loads(out.read_text())["networks"]["deeplabv3_resnet50"]
    assert again["seeds"]["0"] == found["seeds"]["0"]
    assert "seed 0" not in capsys.readouterr().out
    assert set(again["seeds"]) == {"0", "1"}
    whole = out.read_text()
    assert script["main"]([*asked, "--steps", "3"]) == 2
    assert "other settings" in capsys.readouterr().err
    assert out.read_text() == whole
