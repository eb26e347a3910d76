"""Files of weights: written whole or not at all, refused where they do not fit."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from simseg_core.data import MaskValues
from simseg_core.runs import Network, load_trained
from simseg_core.runs.checkpoint import replacing, save_trained

NETWORK = Network(
    "unet_residual",
    ("background", "cell"),
    preset="tiny",
    mask_values=MaskValues({0: "background", 255: "cell"}),
    scale=0.25,
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "best.safetensors"
    save_trained(path, NETWORK.build(), NETWORK, step=7, scores={"miou": 0.5})
    return path


def change(file: Path, **about: Any) -> None:
    """Write the same weights with another description."""
    with safe_open(file, framework="pt") as opened:
        kept = json.loads(opened.metadata()["simseg"])
    save_file(load_file(file), file, {"simseg": json.dumps(kept | about)})


def test_a_network_comes_back_as_it_was(file: Path) -> None:
    trained = load_trained(file.parent)
    assert trained.network == NETWORK
    assert (trained.step, trained.scores) == (7, {"miou": 0.5})
    assert not trained.model.training
    weights = load_file(file)
    assert all(
        torch.equal(weights[n], t) for n, t in trained.model.state_dict().items()
    )
    assert load_trained(file).path == file


def test_double_precision_stays(tmp_path: Path) -> None:
    path = tmp_path / "best.safetensors"
    save_trained(path, NETWORK.build().double(), NETWORK, step=1, scores={})
    assert next(load_trained(path).model.parameters()).dtype == torch.float64


def test_a_file_can_be_read_by_those_who_may_read_the_folder(file: Path) -> None:
    other = file.with_name("other")
    other.touch()
    assert file.stat().st_mode == other.stat().st_mode


@pytest.mark.parametrize("kept", [0, 5, 200, 3000])
def test_a_file_that_is_cut_off_is_told(file: Path, kept: int) -> None:
    os.truncate(file, kept)
    with pytest.raises(ValueError, match=r"best\.safetensors is no whole safetensors"):
        load_trained(file)


def test_foreign_weights_are_refused(file: Path) -> None:
    save_file({"a": torch.ones(2)}, file)
    with pytest.raises(ValueError, match="does not say which network"):
        load_trained(file)


def test_what_does_not_fit_is_named(file: Path) -> None:
    wider = NETWORK.to_dict() | {"classes": ["a", "b", "c"]}
    wider["palette"] = [[0, 0, 0]] * 3
    change(file, network=wider)
    with pytest.raises(
        ValueError,
        match=r"classify.* has shape \(2,.*in the file and has shape \(3,.* network",
    ):
        load_trained(file)


def test_a_network_of_another_version_is_told(file: Path) -> None:
    change(file, network=NETWORK.to_dict() | {"model": "unet_of_tomorrow"})
    with pytest.raises(
        ValueError, match=r"unet_of_tomorrow.*was written by simseg-core"
    ):
        load_trained(file)


def test_missing_files_are_told(tmp_path: Path, file: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no run .*nowhere"):
        load_trained(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"no last\.safetensors; there is best"):
        load_trained(tmp_path, "last")
    with pytest.raises(ValueError, match="'best' and 'last'"):
        load_trained(tmp_path, "worst")


def test_an_error_while_writing_leaves_the_old_file(file: Path) -> None:
    before = file.read_bytes()

    def write_on_a_full_disk() -> None:
        with replacing(file) as beside:
            beside.write_bytes(b"half")
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="make room"):
        write_on_a_full_disk()
    assert file.read_bytes() == before
    assert os.listdir(file.parent) == [file.name]
