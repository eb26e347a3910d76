"""Trained networks as files for other programs, run there at other sizes."""

import json
from pathlib import Path

import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from simseg_core.data.normalization import MEAN, STD
from simseg_core.runs import Network, export_run
from simseg_core.runs.checkpoint import BEST, load_trained, save_trained
from tests.models.tiny import shown

CLASSES = ("sky", "road")


def saved(folder: Path, name: str = "unet_padded", **settings: object) -> Path:
    network = Network(name, CLASSES, preset="tiny", **settings)  # type: ignore[arg-type]
    model = shown(network.build())
    save_trained(folder / BEST, model, network, step=1, scores={})
    return folder


def by_hand(run: Path, image: Tensor) -> Tensor:
    """What the network says of an image from 0 to 1."""
    mean, std = (torch.tensor(each).view(1, 3, 1, 1) for each in (MEAN, STD))
    with torch.no_grad():
        return load_trained(run).model((image - mean) / std)


def close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(
        found, expected, rtol=0, atol=1e-4 * float(expected.abs().max())
    )


@pytest.mark.parametrize("name", ["unet_padded", "unet_cbam", "deeplabv3_resnet50"])
def test_onnx_says_what_the_network_says(name: str, tmp_path: Path) -> None:
    run, path = saved(tmp_path, name, scale=0.5), tmp_path / "model.onnx"
    done = export_run(run, path)
    session = onnxruntime.InferenceSession(path)
    for size in [(1, 3, 40, 71), (3, 3, 33, 64)]:
        image = torch.rand(size)
        (logits,) = session.run(["logits"], {"image": image.numpy()})
        close(torch.from_numpy(logits), by_hand(run, image))
    (entry,) = onnx.load(path).metadata_props
    assert entry.key == "simseg"
    contract = json.loads(entry.value)
    assert contract == json.loads(json.dumps(done.contract))
    assert contract["classes"] == list(CLASSES)
    assert contract["scale"] == 0.5
    assert contract["size"] == "height and width from 16 on"
    assert "from 0 to 1" in contract["image"]
    assert done.difference < 1e-4 * done.largest
    assert len(set(done.tried)) == 2
    assert "RGB from 0 to 1, not normalised, resized by 0.5 before" in str(done)


def test_a_valid_unet_names_its_sizes(tmp_path: Path) -> None:
    run, path = saved(tmp_path, "unet"), tmp_path / "model.onnx"
    done = export_run(run, path)
    assert done.contract["size"] == (
        "height and width from 188 on, 12 more than a multiple of 16; the logits are "
        "those of the centre, 92 pixels less on each side"
    )
    image = torch.rand(1, 3, 204, 188)
    (logits,) = onnxruntime.InferenceSession(path).run(None, {"image": image.numpy()})
    close(torch.from_numpy(logits), by_hand(run, image))


def test_a_program_says_what_the_network_says(tmp_path: Path) -> None:
    options = {"widths": (4, 6, 8)}
    run = saved(tmp_path, options=options)
    done = export_run(run, tmp_path / "model.pt2")
    told = {"simseg": ""}
    program = torch.export.load(tmp_path / "model.pt2", extra_files=told)
    assert json.loads(told["simseg"]) == json.loads(json.dumps(done.contract))
    for size in [(1, 3, 9, 15), (3, 3, 38, 27)]:
        image = torch.rand(size)
        with torch.no_grad():
            close(program.module()(image), by_hand(run, image))


# --- what is told -----------------------------------------------------------------


def test_a_file_is_replaced_only_if_that_is_said(tmp_path: Path) -> None:
    run, path = saved(tmp_path), tmp_path / "model.onnx"
    path.write_text("old")
    with pytest.raises(FileExistsError, match="--force"):
        export_run(run, path)
    assert path.read_text() == "old"
    export_run(run, path, force=True)
    onnx.checker.check_model(path)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("model.pb", r"end its name with \.onnx or \.pt2"),
        ("gone/model.onnx", "no folder .*gone: make it first"),
    ],
)
def test_files_that_cannot_be_are_refused(name: str, told: str, tmp_path: Path) -> None:
    with pytest.raises((ValueError, FileNotFoundError), match=told):
        export_run(saved(tmp_path), tmp_path / name)


def test_what_an_exporter_cannot_do_is_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("no such operator\nand a page of advice")

    monkeypatch.setattr(torch.onnx, "export", fails)
    with pytest.raises(
        ValueError, match=r"as \.onnx \(no such operator\): choose"
    ) as e:
        export_run(saved(tmp_path), tmp_path / "model.onnx")
    assert "advice" not in str(e.value)


def test_a_file_that_says_something_else_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = saved(tmp_path)

    class Other(nn.Module):
        def forward(self, image: Tensor) -> Tensor:
            return image[:, :2]

    export = torch.onnx.export
    monkeypatch.setattr(
        torch.onnx, "export", lambda model, *a, **o: export(Other().eval(), *a, **o)
    )
    with pytest.raises(ValueError, match="gives other logits"):
        export_run(run, tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()


def test_what_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(ModuleNotFoundError, match="pip install onnx onnxscript"):
        export_run(saved(tmp_path), tmp_path / "model.onnx")
