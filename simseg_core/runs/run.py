"""A run between its folder and its processes: steps, validations, what it keeps."""

import json
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from tqdm.auto import tqdm

from simseg_core.data.transforms import crops
from simseg_core.runs.checkpoint import (
    BEST,
    LAST,
    STATE,
    load_state,
    load_trained,
    replacing,
    save_state,
    save_trained,
    versions,
)
from simseg_core.runs.feed import load_batches, seed_for
from simseg_core.runs.network import Network
from simseg_core.runs.pictures import Pictures
from simseg_core.runs.plan import Plan
from simseg_core.runs.predict import Predictor
from simseg_core.runs.pretrained import load_pretrained
from simseg_core.runs.processes import Processes
from simseg_core.runs.report import METRICS, Lines, draw_curves, draw_samples
from simseg_core.training.checks import weight_tensor
from simseg_core.training.loop import inverse_sqrt_frequency
from simseg_core.training.losses import SegmentationLoss
from simseg_core.training.metrics import ScoreMeter, Scores
from simseg_core.training.randomness import seeded
from simseg_core.training.step import TrainingStep

__all__ = ["BEGUN", "RUN", "Run", "RunResult"]

RUN, PICTURES = "run.json", "pictures.json"
BEGUN = {RUN, PICTURES, METRICS}  # what a run's folder holds before it is validated
_LINES = 500  # of the loss, in a run
_SAMPLES = 4  # pictures that are drawn at each validation


@dataclass(frozen=True)
class RunResult:
    """How a run ended.

    Attributes:
        out: its folder.
        step: the last step.
        best_step: when the best weights were saved.
        best: their scores in validation, by name: `miou`, `boundary_miou`,
            `pixel_accuracy`, and `iou`, a number a class.
    """

    out: Path
    step: int
    best_step: int
    best: Mapping[str, Any]

    def __str__(self) -> str:
        return (
            f"best mean IoU {self.best['miou']:.3f} at step {self.best_step} of "
            f"{self.step}: {self.out / BEST}"
        )


class Run:
    """A run between its folder and its processes."""

    def __init__(
        self,
        folder: Path,
        plan: Plan,
        pictures: Pictures,
        network: Network,
        processes: Processes,
    ) -> None:
        self.folder, self.plan, self.network = folder, plan, network
        self.pictures, self.processes = pictures, processes
        self.step, self.best_step, self.waited = 0, 0, 0
        self.best: dict[str, Any] = {}
        dtype = getattr(torch, plan.precision)
        with seeded(plan.seed):
            model = network.build()
        if plan.pretrained:
            load_pretrained(model, network)
        if plan.start_from:
            _start_from(model, network, plan.start_from)
        model = processes.with_shared_norms(model).to(processes.device, dtype)
        if processes.device.type == "cuda":
            model = model.to(memory_format=torch.channels_last)
        self.model = model
        self.running = processes.share_network(model)
        if plan.compile:
            self.running = torch.compile(self.running)  # type: ignore[assignment]
        weights = None
        if plan.class_weights:
            weights = weight_tensor(
                inverse_sqrt_frequency(
                    pictures.train,
                    len(network.classes),
                    ignore_index=network.ignore_index,
                )
            )
        criterion = SegmentationLoss(
            *plan.losses,
            class_weights=weights,
            ignore_index=network.ignore_index,
            over_processes=processes.add_up,
        )
        self.take_step = TrainingStep(
            self.running,
            criterion,
            steps=plan.steps,
            max_lr=plan.peak,
            device=processes.device,
            amp=plan.amp,
        )

    # --- from and to the disk ---------------------------------------------------

    def begin(self) -> None:
        """Make the folder, and write what the run is."""
        if not self.processes.is_first:
            return
        about = {"plan": self.plan.to_dict(), "versions": versions()}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OSError(
                f"the folder {self.folder} cannot be made ({error.strerror}): choose "
                "another one"
            ) from error
        for name, values in ((RUN, about), (PICTURES, self.pictures.fingerprint())):
            with replacing(self.folder / name) as beside:
                beside.write_text(json.dumps(values, indent=1) + "\n", "utf-8")

    def restore(self) -> None:
        """Go back to the last state that was saved."""
        self.pictures.check_same(self.folder / PICTURES)
        if not (self.folder / STATE).exists():
            return  # it was stopped before its first one: it begins anew
        state = load_state(self.folder / STATE)
        try:
            self.model.load_state_dict(state["model"])
            self.take_step.optimizer.load_state_dict(state["optimizer"])
            self.take_step.schedule.load_state_dict(state["schedule"])
            self.take_step.scaler.load_state_dict(state["scaler"])
            self.step, self.best_step = state["step"], state["best_step"]
            self.best, self.waited = state["best"], state["waited"]
        except (KeyError, RuntimeError, ValueError, TypeError) as error:
            raise ValueError(
                f"{self.folder / STATE} is not of this run ({error}): its weights may "
                "still be of use, by --start-from in a new folder"
            ) from error

    def save(self) -> None:
        """Write weights and state; a kill in between leaves the older ones whole."""
        if not self.processes.is_first:
            return
        save_trained(
            self.folder / LAST,
            self.model,
            self.network,
            step=self.step,
            scores=self.best if self.step == self.best_step else {},
        )
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.take_step.optimizer.state_dict(),
            "schedule": self.take_step.schedule.state_dict(),
            "scaler": self.take_step.scaler.state_dict(),
            "step": self.step,
            "best_step": self.best_step,
            "best": self.best,
            "waited": self.waited,
        }
        save_state(self.folder / STATE, state)

    # --- the run ------------------------------------------------------------------

    def go(self, num_workers: int, tensorboard: bool, progress: bool) -> RunResult:
        """Take the steps that are left."""
        first = self.processes.is_first
        lines = None
        if first:
            lines = Lines(self.folder, after=self.step, tensorboard=tensorboard)
        bar = tqdm(
            total=self.plan.steps * self.plan.batch_size,
            initial=self.step * self.plan.batch_size,
            disable=not (progress and first),
            desc="training",
            unit=" images",
        )
        batches = load_batches(
            self.pictures.train,
            self._transform(),
            steps=range(self.step, self.plan.steps),
            batch_size=self.plan.batch_size,
            seed=self.plan.seed,
            share=(self.processes.rank, self.processes.count),
            num_workers=num_workers,
            pin_memory=self.processes.device.type == "cuda",
        )
        try:
            with bar, seeded(self.plan.seed), _stopping() as stop:
                self._steps(batches, lines, bar, stop)
        finally:
            batches.close()
            self.model.eval()
            if lines is not None:
                lines.close()
        return RunResult(self.folder, self.step, self.best_step, self.best)

    def _transform(self) -> Any:
        return crops(
            self.plan.crop,
            scale=self.network.scale,
            augment=self.plan.augment,
            ignore_index=self.network.ignore_index,
        )

    def _steps(
        self, batches: Iterator[Any], lines: Lines | None, bar: Any, stop: list[int]
    ) -> None:
        plan = self.plan
        every = max(1, plan.steps // _LINES)
        waits = self.processes.device.type == "cpu"  # there it costs nothing
        while self.step < plan.steps and not self._has_waited_enough():
            looks = self.step % every == 0
            # Dropout, too, follows from the step alone.
            torch.manual_seed(seed_for(plan.seed, self.step, self.processes.rank))
            rate = self.take_step.learning_rate
            self.running.train()
            loss = self.take_step(next(batches), self.step, wait=waits or looks)
            self.step += 1
            bar.update(plan.batch_size)
            if looks:
                bar.set_postfix(loss=f"{float(loss):.3f}", refresh=False)
                if lines is not None:
                    lines.write(self.step, loss=float(loss), learning_rate=rate)
            if self.step % plan.period == 0 or self.step == plan.steps:
                self._validate(lines, bar)
                self.save()
            if (looks or waits) and self.processes.any(bool(stop)):
                self.save()
                raise KeyboardInterrupt(
                    f"stopped after step {self.step} of {plan.steps} and saved: the "
                    "same command with --resume goes on"
                )

    def _has_waited_enough(self) -> bool:
        return self.plan.patience is not None and self.waited >= self.plan.patience

    def _validate(self, lines: Lines | None, bar: Any) -> None:
        """Score the network, and keep its weights if they are the best so far."""
        predictor = Predictor(
            self.network, self.model.eval(), device=self.processes.device
        )
        scores = _scored(predictor, self.pictures.val, self.processes)
        self.waited += 1
        if not self.best or scores["miou"] > self.best["miou"]:
            self.best, self.best_step, self.waited = scores, self.step, 0
        if lines is None:
            return
        if self.best_step == self.step:
            save_trained(
                self.folder / BEST,
                self.model,
                self.network,
                step=self.step,
                scores=scores,
            )
        lines.write(self.step, **scores)
        bar.write(f"step {self.step}: validation mean IoU {scores['miou']:.3f}")
        draw_curves(self.folder)
        val = self.pictures.val
        every = -(-len(val) // _SAMPLES)
        names = self.pictures.names["val"]
        pairs = {names[i]: val[i] for i in range(0, len(val), every)}
        draw_samples(self.folder, pairs, lambda x: predictor(x).label, self.network)


def _scored(predictor: Predictor, val: Any, processes: Processes) -> dict[str, Any]:
    """Score each picture once, shared out over the processes, and add up the counts."""
    meter = ScoreMeter(
        predictor.network.classes, ignore_index=predictor.network.ignore_index
    )
    for index in range(processes.rank, len(val), processes.count):
        image, label = val[index]
        guess = predictor(image).label
        both = (each[None].to(processes.device) for each in (guess, label))
        meter.update(*both)
    scores: Scores = meter.compute()  # over all processes
    return {
        "miou": scores.miou,
        "boundary_miou": scores.boundary_miou,
        "pixel_accuracy": scores.pixel_accuracy,
        "iou": scores.iou,
    }


def _start_from(model: nn.Module, network: Network, run: str) -> None:
    """Copy the weights of another run, if it trained the same network."""
    other = load_trained(run)
    for name in ("model", "preset", "options", "classes"):
        mine, its = getattr(network, name), getattr(other.network, name)
        if mine != its:
            raise ValueError(
                f"--start-from {run} trained another network: {name}={its!r} there and "
                f"{mine!r} here; make them alike"
            )
    model.load_state_dict(other.model.state_dict())


@contextmanager
def _stopping() -> Iterator[list[int]]:
    """Let Ctrl-C and SIGTERM end the run between two steps; a second one ends at once.

    Yields:
        A list that holds the signal once it came.
    """
    came: list[int] = []

    def remember(number: int, frame: Any) -> None:
        if came:
            raise KeyboardInterrupt
        came.append(number)

    before = {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, remember)
    except ValueError:
        pass  # not the main thread: signals are another's business
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
