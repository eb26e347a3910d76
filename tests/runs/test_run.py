"""A run: equal to `fit`, bit-identical after any stop, and careful with its folder."""

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor

from simseg_core import create_model
from simseg_core.data import normalize, open_source
from simseg_core.runs import load_trained, train
from simseg_core.runs.folder import alone_in
from simseg_core.runs.report import read_lines
from simseg_core.training import fit
from simseg_core.training.randomness import seeded

# Small and quick, with BatchNorm, void, and a loss of two parts.
SETTINGS: dict[str, Any] = {
    "classes": ("background", "cell"),
    "preset": "tiny",
    "steps": 12,
    "batch_size": 3,
    "crop": 32,
    "validate_every": 4,
    "loss": "cross-entropy+dice",
    "class_weights": True,
    "seed": 3,
}


def run(cells: Path, out: Path, **more: Any) -> Any:
    options = {**SETTINGS, "device": "cpu", "progress": False, **more}
    return train(f"folder:{cells}", out=out, **options)


def resume(out: Path, **more: Any) -> Any:
    return train(out=out, resume=True, device="cpu", progress=False, **more)


@pytest.fixture(scope="module")
def whole(cells: Path, tmp_path_factory: Any) -> Path:
    """A run that nothing stopped."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    run(cells, out)
    return out


def same_weights(one: Path, other: Path) -> bool:
    files = [load_file(folder / "last.safetensors") for folder in (one, other)]
    return files[0].keys() == files[1].keys() and all(
        torch.equal(files[0][name], files[1][name]) for name in files[0]
    )


def test_twenty_steps_are_those_of_fit_bit_for_bit(tmp_path: Path) -> None:
    class Raw:
        """Scenes of one size, from 0 to 1."""

        classes = open_source("street").classes

        def __init__(self) -> None:
            source = open_source("street")
            self.pairs = [source[i] for i in range(10)]

        def __len__(self) -> int:
            return len(self.pairs)

        def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
            return self.pairs[index]

    raw = Raw()
    train(
        raw,
        val=raw,
        out=tmp_path / "run",
        preset="tiny",
        steps=20,
        batch_size=4,
        crop=None,
        scale=1.0,
        augment="none",
        seed=2,
        validate_every=20,
        device="cpu",
        progress=False,
    )
    with seeded(2):
        model = create_model("unet_residual", preset="tiny", num_classes=6)
    pairs = [(normalize(image), label) for image, label in raw.pairs]
    history = fit(
        model, pairs, steps=20, batch_size=4, seed=2, device="cpu", progress=False
    )
    lines = read_lines(tmp_path / "run")
    assert [line["loss"] for line in lines if "loss" in line] == history.losses
    ours = load_file(tmp_path / "run" / "last.safetensors")
    assert all(torch.equal(ours[n], t) for n, t in model.state_dict().items())


# Each kills the process itself, at a moment of its own.
MOMENTS = {
    "in a step": """
from simseg_core.training.step import TrainingStep
step = TrainingStep.__call__
def dying(self, batch, number, **options):
    if number == 7: die()
    return step(self, batch, number, **options)
TrainingStep.__call__ = dying""",
    "before any state": """
from simseg_core.training.step import TrainingStep
step = TrainingStep.__call__
def dying(self, batch, number, **options):
    if number == 3: die()
    return step(self, batch, number, **options)
TrainingStep.__call__ = dying""",
    "in the middle of a state": """
import torch
save = torch.save
def dying(state, file):
    save(state, file)
    if state["step"] == 8:
        os.truncate(file, 1000); die()
torch.save = dying""",
    "between state and weights": """
from simseg_core.runs import run
save = run.save_trained
def dying(path, *given, step, **about):
    if step == 8: die()
    save(path, *given, step=step, **about)
run.save_trained = dying""",
}
SCRIPT = """
import json, os, signal, sys
def die(): os.kill(os.getpid(), signal.SIGKILL)
{moment}
from simseg_core.runs import train
train(sys.argv[1], out=sys.argv[2], device="cpu", progress=False,
      num_workers=2, **json.loads(sys.argv[3]))
"""


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_run_goes_on_to_the_same_weights(
    moment: str, cells: Path, whole: Path, tmp_path: Path
) -> None:
    out = tmp_path / "killed"
    words = [f"folder:{cells}", str(out), json.dumps(SETTINGS)]
    script = SCRIPT.format(moment=MOMENTS[moment])
    ended = subprocess.run([sys.executable, "-c", script, *words], check=False)
    assert ended.returncode == -signal.SIGKILL
    result = resume(out)
    assert result.step == SETTINGS["steps"]
    assert same_weights(whole, out)
    assert read_lines(out) == read_lines(whole)
    assert load_trained(out).scores == load_trained(whole).scores
    assert sorted(os.listdir(out)) == sorted(os.listdir(whole))


def test_workers_change_no_bit(cells: Path, whole: Path, tmp_path: Path) -> None:
    run(cells, tmp_path / "loaded", num_workers=2)
    assert same_weights(whole, tmp_path / "loaded")


def test_a_signal_ends_the_run_between_two_steps(
    cells: Path, whole: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    from simseg_core.training.step import TrainingStep

    step = TrainingStep.__call__

    def interrupted(self: Any, batch: Any, number: int, **options: Any) -> Tensor:
        if number == 6:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(self, batch, number, **options)

    monkeypatch.setattr(TrainingStep, "__call__", interrupted)
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt, match="after step 6 of 12 and saved"):
        run(cells, tmp_path / "stopped")
    assert signal.getsignal(signal.SIGTERM) is before
    monkeypatch.undo()
    assert load_trained(tmp_path / "stopped", "last").step == 6
    resume(tmp_path / "stopped")
    assert same_weights(whole, tmp_path / "stopped")


def test_patience_ends_a_run_that_gets_no_better(cells: Path, tmp_path: Path) -> None:
    result = run(cells, tmp_path / "run", validate_every=1, patience=2, max_lr=1e-12)
    assert result.step == result.best_step + 2 < SETTINGS["steps"]
    assert resume(tmp_path / "run").step == result.step


def test_weights_of_another_run_are_a_start(
    cells: Path, whole: Path, tmp_path: Path
) -> None:
    run(cells, tmp_path / "b", start_from=str(whole), max_lr=1e-12, steps=1)
    # One step of next to no size: the weights are those of the other run's best.
    ours = load_file(tmp_path / "b" / "last.safetensors")
    theirs = load_file(whole / "best.safetensors")
    for name, t in ours.items():
        if "running" not in name and "num_batches" not in name:
            torch.testing.assert_close(t, theirs[name], rtol=0, atol=1e-9)
    with pytest.raises(ValueError, match=r"classes=\('background', 'cell'\) there"):
        run(cells, tmp_path / "c", start_from=str(whole), classes=("a", "b"))


def test_what_a_run_writes(whole: Path) -> None:
    wanted = {
        "best.safetensors", "last.safetensors", "state.pt", "run.json",
        "pictures.json", "metrics.jsonl", "curves.png", "samples.png",
    }  # fmt: skip
    assert set(os.listdir(whole)) == wanted
    lines = read_lines(whole)
    assert [line["step"] for line in lines if "loss" in line] == list(range(1, 13))
    assert [line["step"] for line in lines if "miou" in line] == [4, 8, 12]
    trained = load_trained(whole)
    best = max((line for line in lines if "miou" in line), key=lambda x: x["miou"])
    assert trained.step == best["step"]
    assert trained.scores["iou"] == best["iou"]
    pictures = json.loads((whole / "pictures.json").read_text())
    assert not set(pictures["train"]) & set(pictures["val"])
    assert len(pictures["train"]) + len(pictures["val"]) == 10


@pytest.mark.gpu
def test_a_run_on_a_gpu_is_the_same_run(cells: Path, tmp_path: Path) -> None:
    """Mixed precision, workers, pinned memory; saved there, and read on a CPU."""
    out = tmp_path / "gpu"
    run(cells, out, device="cuda", amp=True, num_workers=2, steps=8)
    losses = [line["loss"] for line in read_lines(out) if "loss" in line]
    assert sum(losses[-4:]) < sum(losses[:4])
    trained = load_trained(out)
    assert next(trained.model.parameters()).device.type == "cpu"
    train(out=out, resume=True, device="cuda", progress=False)


def test_tensorboard_gets_the_same_lines(cells: Path, tmp_path: Path) -> None:
    """Also where a class is in no picture, and has no score."""
    out = tmp_path / "run"
    run(cells, out, classes=("background", "cell", "dog"), steps=2, tensorboard=True)
    [board] = (out / "tensorboard").iterdir()
    events = EventAccumulator(str(board)).Reload()
    losses = [line["loss"] for line in read_lines(out) if "loss" in line]
    assert [e.value for e in events.Scalars("loss")] == pytest.approx(losses)
    assert "iou/cell" in events.Tags()["scalars"]


# --- what must lose nothing -----------------------------------------------------------


def test_a_folder_with_files_in_it_is_left_alone(cells: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("dear")
    with pytest.raises(FileExistsError, match="choose a new folder, or resume"):
        run(cells, tmp_path)
    assert os.listdir(tmp_path) == ["mine.txt"]


def test_a_mistake_before_the_first_validation_does_not_block_the_folder(
    cells: Path, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="in one batch"):
        run(cells, tmp_path / "run", crop=None)
    run(cells, tmp_path / "run", steps=1)


def test_a_full_disk_leaves_what_was_saved(
    cells: Path, whole: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    out = tmp_path / "full"
    save = torch.save

    def full(state: Any, file: Any) -> None:
        if state["step"] == 8:
            Path(file).write_bytes(b"half")
            raise OSError(28, "No space left on device")
        save(state, file)

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match=r"No space left.*make room.*is whole"):
        run(cells, out)
    monkeypatch.undo()
    assert not [name for name in os.listdir(out) if name.startswith(".")]
    resume(out)
    assert same_weights(whole, out)


@pytest.mark.parametrize("change", ["is gone", "is new", "has changed"])
def test_other_pictures_are_told_by_name(
    change: str, cells: Path, whole: Path, tmp_path: Path
) -> None:
    out = shutil.copytree(whole, tmp_path / "run")
    folder = shutil.copytree(cells, tmp_path / "cells")
    for kind in ("images", "masks"):
        first = folder / kind / "cell1.png"
        if change == "is gone":
            first.unlink()
        elif change == "is new":
            shutil.copy(first, folder / kind / "cell1b.png")
        else:
            shutil.copy(folder / kind / "cell2.png", first)
    asked = {"data": f"folder:{folder}"}
    with pytest.raises(ValueError, match=rf"pictures are not those.*{change}"):
        resume(out, **asked)
    assert same_weights(whole, out)
    if change == "has changed":
        resume(out, **asked, accept_changes=True)
        resume(out, **asked)  # and from now on they are the run's
    else:
        with pytest.raises(ValueError, match="put them back"):
            resume(out, **asked, accept_changes=True)


def test_a_state_that_is_cut_off_or_foreign_is_told(
    whole: Path, tmp_path: Path
) -> None:
    out = shutil.copytree(whole, tmp_path / "run")
    os.truncate(out / "state.pt", 500)
    with pytest.raises(ValueError, match=r"cut off or foreign.*--start-from"):
        resume(out)
    torch.save({"model": {}}, out / "state.pt")
    with pytest.raises(ValueError, match="is not of this run"):
        resume(out)
    torch.save(Path("/"), out / "state.pt")  # a pickle that would run code
    with pytest.raises(ValueError, match="cut off or foreign"):
        resume(out)


def test_weights_without_a_state_are_not_trained_over(
    whole: Path, tmp_path: Path
) -> None:
    out = shutil.copytree(whole, tmp_path / "run")
    (out / "state.pt").unlink()
    before = (out / "last.safetensors").read_bytes()
    with pytest.raises(FileNotFoundError, match=r"state\.pt is gone.*--start-from"):
        resume(out)
    assert (out / "last.safetensors").read_bytes() == before


def test_best_weights_that_are_gone_or_cut_off_are_told(
    cells: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    run(cells, out, validate_every=1, patience=2, max_lr=1e-12)  # best: an earlier step
    os.truncate(out / "best.safetensors", 100)
    with pytest.raises(ValueError, match="no whole safetensors file"):
        resume(out)
    (out / "best.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match="no run"):
        resume(out)


def test_two_runs_do_not_share_a_folder(cells: Path, whole: Path) -> None:
    with alone_in(whole), pytest.raises(BlockingIOError, match="another run is at"):
        resume(whole)
    resume(whole)


def test_a_drawing_that_cannot_be_written_ends_no_run(
    cells: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    told: list[str] = []
    monkeypatch.setattr("simseg_core.runs.run.draw_curves", full)
    result = run(cells, tmp_path / "run", steps=4, tell=told.append)
    assert result.step == 4
    assert any(line.startswith("note: ") and "No space" in line for line in told)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_picture_that_breaks_late_loses_no_step(
    workers: int, cells: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(cells, tmp_path / "cells")
    broken: list[Path] = []

    def breaks(line: str) -> None:
        if line.startswith("step 4 "):  # after the look at the start
            for image in (folder / "images").iterdir():
                broken.append(image)
                os.truncate(image, 200)

    options = {"steps": 12, "num_workers": workers, "tell": breaks, "batch_size": 1}
    with pytest.raises((OSError, ValueError), match=r"cell\d\.png"):
        run(folder, tmp_path / "run", **options)
    assert load_trained(tmp_path / "run", "last").step >= 4
    for image in broken:
        shutil.copy(cells / "images" / image.name, image)
    resume(tmp_path / "run", data=f"folder:{folder}", accept_changes=True)


def test_a_killed_worker_is_told(cells: Path, tmp_path: Path) -> None:
    def kill_workers(line: str) -> None:
        if line.startswith("step 4 "):
            for child in multiprocessing.active_children():
                os.kill(child.pid, signal.SIGKILL)

    out = tmp_path / "run"
    with pytest.raises(ChildProcessError, match="fewer --workers"):
        run(cells, out, steps=40, num_workers=1, tell=kill_workers)
    resume(out)


def test_a_batch_of_void_is_no_news(cells: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(cells, tmp_path / "cells")
    for number in (1, 4, 5, 7, 8):
        mask = folder / "masks" / f"cell{number}.png"
        Image.new("L", Image.open(mask).size, 255).save(mask)
    run(folder, tmp_path / "run", batch_size=1, loss="cross-entropy")
    losses = [x["loss"] for x in read_lines(tmp_path / "run") if "loss" in x]
    assert losses.count(0.0) > 0
    assert max(losses) > 0


def test_a_resumed_run_that_is_asked_for_otherwise_is_refused(whole: Path) -> None:
    with pytest.raises(ValueError, match="steps=13 and not 12"):
        resume(whole, steps=13)


def test_a_loss_that_is_not_finite_reaches_no_weight(
    cells: Path, tmp_path: Path
) -> None:
    with pytest.raises(FloatingPointError, match="not finite"):
        run(cells, tmp_path / "run", max_lr=1e30, validate_every=12)
    assert not (tmp_path / "run" / "best.safetensors").exists()


def test_unknown_words_are_told(cells: Path, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="train has no 'epochs': a run's plan has data"):
        run(cells, tmp_path / "run", epochs=3)
    with pytest.raises(ValueError, match="nothing to train on"):
        train(out=tmp_path / "run")
    with pytest.raises(FileNotFoundError, match="nothing to resume"):
        resume(tmp_path / "run")
    assert not (tmp_path / "run").exists()
