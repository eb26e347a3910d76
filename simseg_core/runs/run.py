"""A run between its folder and its processes: steps, validations, what it keeps."""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tqdm.auto import tqdm

from simseg_core.data.transforms import crops
from simseg_core.runs.checkpoint import (
    load_state,
    load_trained,
    save_state,
    save_trained,
    versions,
)
from simseg_core.runs.feed import WORKER_LOST, load_batches, seed_for
from simseg_core.runs.folder import (
    BEST,
    LAST,
    PICTURES,
    RUN,
    STATE,
    alone_in,
    make_folder,
    replacing,
)
from simseg_core.runs.network import Network
from simseg_core.runs.pictures import Pictures
from simseg_core.runs.plan import Plan
from simseg_core.runs.predict import Predictor
from simseg_core.runs.pretrained import load_pretrained, start_from
from simseg_core.runs.processes import Processes
from simseg_core.runs.report import Lines, draw_curves, draw_samples
from simseg_core.runs.signals import stopping
from simseg_core.training.checks import weight_tensor
from simseg_core.training.loop import inverse_sqrt_frequency
from simseg_core.training.losses import SegmentationLoss
from simseg_core.training.metrics import ScoreMeter
from simseg_core.training.randomness import seeded
from simseg_core.training.step import TrainingStep

__all__ = ["Run", "RunResult"]

_LINES = 500  # of the loss, in a run
_SAMPLES = 4  # pictures that are drawn at each validation


@dataclass(frozen=True)
class RunResult:
    """How a run ended.

    Attributes:
        out: its folder.
        step: the last step.
        best_step: when the best weights were saved.
        best: their scores in validation, as `Scores.to_dict` writes them.
    """

    out: Path
    step: int
    best_step: int
    best: Mapping[str, Any]

    def __str__(self) -> str:
        score = self.best["miou"] or math.nan
        return (
            f"best mean IoU {score:.3f} at step {self.best_step} of {self.step}: "
            f"{self.out / BEST}"
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
        tell: Callable[[str], None],
    ) -> None:
        self.folder, self.plan, self.network = folder, plan, network
        self.pictures, self.processes, self.tell = pictures, processes, tell
        self.step, self.best_step, self.waited, self.saved = 0, 0, 0, 0
        self.best: dict[str, Any] = {}
        dtype = getattr(torch, plan.precision)
        with seeded(plan.seed):
            model = network.build()
        if plan.pretrained:
            load_pretrained(model, network)
        if plan.start_from:
            start_from(model, network, plan.start_from)
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
            skip_void=True,  # a batch without news ends no run of hours
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

    def describe(self, missing: Sequence[str]) -> None:
        """Tell what was chosen, and which classes no picture holds."""
        plan, network, names = self.plan, self.network, self.pictures.names
        weights = sum(p.numel() for p in self.model.parameters())
        cut = f"squares of {plan.crop}" if plan.crop else "whole pictures"
        self.tell(
            f"{len(names['train'])} pictures to train on, {len(names['val'])} to "
            f"validate on; scaled by {network.scale:.3g}, {cut}; {plan.model} "
            f"({plan.preset}, {weights:,} weights) on {self.processes.device}; "
            f"classes: {', '.join(network.classes)}"
        )
        if missing:
            self.tell(f"note: no picture to train on shows {' or '.join(missing)}")
        if plan.compile:
            self.tell("compiling takes a minute or more, once")

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Make the run's folder, and keep other runs out of it.

        Raises:
            BlockingIOError: if another run is at work in it.
            OSError: if it cannot be made.
        """
        if not self.processes.is_first:
            yield
            return
        make_folder(self.folder)
        with alone_in(self.folder):
            yield

    def begin(self) -> None:
        """Write what the run is; the first process does."""
        about = {
            "plan": self.plan.to_dict(),
            "network": self.network.to_dict(),
            "versions": versions(),
        }
        self._write(RUN, about)
        self._write(PICTURES, self.pictures.fingerprint())

    def accept_changes(self) -> None:
        """Take the pictures as they are now for those of the run."""
        if self.processes.is_first:
            self._write(PICTURES, self.pictures.fingerprint())

    def _write(self, name: str, values: Any) -> None:
        with replacing(self.folder / name) as beside:
            beside.write_text(json.dumps(values, indent=1) + "\n", "utf-8")

    def restore(self) -> None:
        """Go back to the last state that was saved.

        Raises:
            FileNotFoundError: if the state is gone and weights are there, or the best
                weights are gone.
            ValueError: if a file is cut off or foreign.
        """
        state_file, best_file = self.folder / STATE, self.folder / BEST
        if not state_file.exists():
            if best_file.exists() or (self.folder / LAST).exists():
                raise FileNotFoundError(
                    f"{state_file} is gone, without which the run cannot go on: "
                    f"--start-from {self.folder}, in a new folder, uses its weights"
                )
            return  # it was stopped before its first one: it begins anew
        state = load_state(state_file)
        try:
            self.model.load_state_dict(state["model"])
            self.take_step.optimizer.load_state_dict(state["optimizer"])
            self.take_step.schedule.load_state_dict(state["schedule"])
            self.take_step.scaler.load_state_dict(state["scaler"])
            self.step, self.best_step = state["step"], state["best_step"]
            self.best, self.waited = state["best"], state["waited"]
        except (KeyError, RuntimeError, ValueError, TypeError) as error:
            raise ValueError(
                f"{state_file} is not of this run: its weights may still be of use, by "
                "--start-from in a new folder"
            ) from error
        self.saved = self.step
        if self.best_step == self.step:  # it may have been killed before it wrote them
            self._save_weights()
        elif self.best_step:
            load_trained(best_file)  # whole? else it says what is wrong
        if self.step == self.plan.steps or self._has_waited_enough():
            self.tell(
                f"the run in {self.folder} has ended already: to train longer, "
                f"--start-from {self.folder} in a new folder"
            )

    def save(self) -> None:
        """Write state and weights; a kill in between leaves the older ones whole.

        The state comes first: from it the weights can be written again.
        """
        if not self.processes.is_first:
            return
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
        self._save_weights()
        self.saved = self.step

    def _save_weights(self) -> None:
        if not self.processes.is_first:
            return
        is_best = self.step == self.best_step
        for name in (BEST, LAST) if is_best else (LAST,):
            save_trained(
                self.folder / name,
                self.model,
                self.network,
                step=self.step,
                scores=self.best if is_best else {},
            )

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
            ignore_index=self.network.ignore_index,
        )
        try:
            with bar, seeded(self.plan.seed), stopping(self.tell) as stop:
                self._steps(batches, lines, bar, stop)
        except (OSError, ValueError):
            # A picture or a worker, before anything reached the weights; on a GPU a
            # loss that is not finite may have reached them unseen.
            finite = all(bool(p.isfinite().all()) for p in self.model.parameters())
            if self.step > self.saved and finite:
                with suppress(OSError):
                    self.save()
            raise
        except RuntimeError as error:
            # By a signal, between any two lines: perhaps amid an update, so not saved.
            if "DataLoader worker" in str(error):
                raise ChildProcessError(WORKER_LOST) from error
            raise
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
            number = self.step + 1
            validates = number % plan.period == 0 or number == plan.steps
            # Looked at before it is saved, too: what is not finite must not be.
            wait = waits or looks or validates
            loss = self.take_step(next(batches), number, wait=wait)
            self.step = number
            bar.update(plan.batch_size)
            if looks:
                bar.set_postfix(loss=f"{float(loss):.3f}", refresh=False)
                if lines is not None:
                    lines.write(number, loss=float(loss), learning_rate=rate)
            if validates:
                predictor = self._validate(lines, float(loss))
                self.save()
                self._draw(predictor)
            if (looks or waits) and self.processes.any(bool(stop)):
                self.save()
                self.processes.wait()
                raise KeyboardInterrupt(
                    f"stopped after step {number} of {plan.steps} and saved: the same "
                    "command with --resume goes on"
                )

    def _has_waited_enough(self) -> bool:
        return self.plan.patience is not None and self.waited >= self.plan.patience

    def _validate(self, lines: Lines | None, loss: float) -> Predictor:
        """Score the network, and remember whether it is the best so far."""
        predictor = Predictor(
            self.network, self.model.eval(), device=self.processes.device
        )
        scores = _scored(predictor, self.pictures.val, self.processes)
        self.waited += 1
        if not self.best or (scores["miou"] or 0) > (self.best["miou"] or 0):
            self.best, self.best_step, self.waited = scores, self.step, 0
        if lines is not None:
            lines.write(self.step, **scores)
        self.tell(
            f"step {self.step} of {self.plan.steps}: loss {loss:.3f}, validation mean "
            f"IoU {scores['miou'] or math.nan:.3f}"
        )
        return predictor

    def _draw(self, predictor: Predictor) -> None:
        """Draw how the run goes; a run does not end for a drawing."""
        if not self.processes.is_first:
            return
        val, names = self.pictures.val, self.pictures.names["val"]
        every = -(-len(val) // _SAMPLES)
        pairs = {names[i]: val[i] for i in range(0, len(val), every)}
        try:
            draw_curves(self.folder)
            draw_samples(self.folder, pairs, lambda x: predictor(x).label, self.network)
        except OSError as error:
            self.tell(f"note: {error}")


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
    return meter.compute().to_dict()  # over all processes
