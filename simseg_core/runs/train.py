"""Train a network on a reader's own pictures, in a folder that survives what happens.

`fit` is the loop of the chapters: a few hundred steps that nobody will miss. A run lasts
hours: it is validated on the way, keeps its best and its last weights, and goes on after
a stop as if there had been none, to the last bit on a CPU.
"""

import json
import os
import signal
import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Subset
from tqdm.auto import tqdm

from simseg_core.data.pairs import ignored_label
from simseg_core.data.sources import has_parts, open_source
from simseg_core.data.splits import split
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
from simseg_core.runs.plan import Plan
from simseg_core.runs.predict import Predictor
from simseg_core.runs.pretrained import load_pretrained
from simseg_core.runs.processes import Processes
from simseg_core.runs.report import Lines, draw_curves, draw_samples
from simseg_core.training.checks import weight_tensor
from simseg_core.training.loop import inverse_sqrt_frequency
from simseg_core.training.losses import SegmentationLoss
from simseg_core.training.metrics import ScoreMeter, Scores
from simseg_core.training.randomness import seeded
from simseg_core.training.step import TrainingStep

__all__ = ["RunResult", "train"]

RUN, PICTURES = "run.json", "pictures.json"
_LONG_SIDE = 512  # pixels of the median picture's shorter side, at most
_MEASURED = 32  # pictures that tell the median
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


def train(
    data: Any = None,
    *,
    out: str | os.PathLike[str],
    val: Any = None,
    resume: bool = False,
    device: torch.device | str | None = None,
    num_workers: int = 0,
    tensorboard: bool = False,
    progress: bool = True,
    **asked: Any,
) -> RunResult:
    """Train a network in a folder, or go on with the one that stands there.

    Args:
        data: what `simseg_core.data.open_source` opens, such as ``"folder:PATH"``, or a
            data set of raw pairs: images ``(3, H, W)`` from 0 to 1, labels ``(H, W)``.
        out: the run's folder; it must be new or empty, unless `resume`.
        val: a data set of raw pairs to validate on, where `data` is one; None splits.
        resume: whether to go on with the run in `out`. What it was asked for need not be
            said again.
        device: where to compute; None picks the accelerator if there is one.
        num_workers: processes that load pictures; the result does not depend on it.
        tensorboard: whether to write for TensorBoard, too.
        progress: whether to show a bar.
        **asked: fields of `Plan`, such as `model`, `steps` and `classes`.

    Returns:
        Where the run stands, and its best scores.

    Raises:
        FileExistsError: if `out` holds something, and `resume` was not said.
        FileNotFoundError: if there is nothing to resume, or no data.
        ValueError: if what was asked for does not fit: the data, the network, or the
            run that is resumed. The message names the difference.
        TypeError: if a field of `asked` is unknown or of another type.
        OSError: if a file cannot be written; what was saved before stays whole.
        FloatingPointError: if the loss is not finite.
        KeyboardInterrupt: after Ctrl-C or SIGTERM; the run was saved first.
    """
    folder = Path(out).expanduser()
    processes = Processes(device)
    plan = _plan(folder, data, asked, resume)
    pictures = _Pictures.of(plan, data, val)
    network = _network(plan, pictures)
    if plan.batch_size < processes.count:
        raise ValueError(
            f"batch_size={plan.batch_size} leaves some of {processes.count} processes "
            f"without a picture: say {processes.count} or more"
        )
    run = _Run(folder, plan, pictures, network, processes)
    if resume:
        run.restore()
    else:
        run.begin()
    with _quiet_ending(processes):
        return run.go(num_workers, tensorboard, progress)


def _plan(folder: Path, data: Any, asked: Mapping[str, Any], resume: bool) -> Plan:
    unknown = [name for name in asked if name not in Plan.__dataclass_fields__]
    if unknown:
        known = ", ".join(Plan.__dataclass_fields__)
        raise TypeError(f"train has no {unknown[0]!r}: a run's plan has {known}")
    if data is not None:
        said = data if isinstance(data, str) else type(data).__name__
        asked = {"data": said, **asked}
    if resume:
        plan = Plan.read(folder / RUN)
        plan.check_same(asked, folder / RUN)
        if data is None and ":" not in plan.data and not has_parts(plan.data):
            raise ValueError(
                f"the run in {folder} trained on a {plan.data}: give it again, as data="
            )
        return plan
    if data is None:
        raise ValueError('nothing to train on: say data="folder:PATH"')
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(
            f"{folder} is there and holds files: choose a new folder, or resume the "
            "run in it (resume=True, --resume)"
        )
    return Plan(**asked)


@dataclass(frozen=True)
class _Pictures:
    """Both sides of a data set, as raw pairs.

    Attributes:
        train, val: raw pairs.
        names: of both sides' pictures, by side.
        source: what says their classes.
    """

    train: Any
    val: Any
    names: dict[str, list[str]]
    source: Any

    @classmethod
    def of(cls, plan: Plan, data: Any, val: Any) -> "_Pictures":
        if data is not None and not isinstance(data, str):
            return cls._split(plan, data) if val is None else cls._both(data, val)
        if has_parts(plan.data) and plan.lists is None and plan.group is None:
            return cls._both(*(_open(plan, part) for part in ("train", "val")))
        return cls._split(plan, _open(plan, None))

    @classmethod
    def _both(cls, train: Any, val: Any) -> "_Pictures":
        names = {"train": _names(train), "val": _names(val)}
        return cls(train, val, names, train)

    @classmethod
    def _split(cls, plan: Plan, source: Any) -> "_Pictures":
        names = _names(source)
        sides = split(
            names,
            share=plan.val_share,
            seed=plan.seed,
            group=plan.group,
            lists=plan.lists,
        )
        train, val = (Subset(source, side) for side in sides)
        kept = {
            side: [names[i] for i in part]
            for side, part in zip(("train", "val"), sides)
        }
        return cls(train, val, kept, source)

    def fingerprint(self) -> dict[str, dict[str, int]]:
        """Name each picture of both sides, with the bytes of its files."""
        files = getattr(self.source, "files", None)
        sizes: dict[str, int] = {}
        if files is not None:
            for source in {id(s): s for s in (self.source, self.val)}.values():
                for name, pair in zip(_names(source), getattr(source, "files", ())):
                    sizes[name] = sum(file.stat().st_size for file in pair)
        return {
            side: {name: sizes.get(name, 0) for name in names}
            for side, names in self.names.items()
        }


def _open(plan: Plan, part: Any) -> Any:
    options: dict[str, Any] = {}
    for name in ("classes", "mask_values", "mask_suffix", "mask_orientation"):
        if getattr(plan, name):
            options[name] = getattr(plan, name)
    return open_source(plan.data, part=part, **options)


def _names(source: Any) -> list[str]:
    return list(getattr(source, "names", None) or map(str, range(len(source))))


def _network(plan: Plan, pictures: _Pictures) -> Network:
    source = pictures.source
    classes = plan.classes or getattr(source, "classes", None)
    if not classes:
        raise ValueError("the data set does not name its classes: say classes=")
    scale = plan.scale
    if scale is None:
        step = -(-len(pictures.train) // _MEASURED)
        sides = [
            min(pictures.train[i][0].shape[-2:])
            for i in range(0, len(pictures.train), step)
        ]
        scale = min(1.0, _LONG_SIDE / statistics.median(sides))
    return Network(
        plan.model,
        tuple(classes),
        preset=plan.preset,
        options=plan.options,
        palette=getattr(source, "palette", None),
        ignore_index=ignored_label(source, None),
        mask_values=getattr(source, "mask_values", None),
        scale=scale,
    )


class _Run:
    """A run between its folder and its processes."""

    def __init__(
        self,
        folder: Path,
        plan: Plan,
        pictures: _Pictures,
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
        self._check_pictures()
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

    def _check_pictures(self) -> None:
        """Refuse a data set that is not the one that the run began with."""
        file = self.folder / PICTURES
        try:
            before = json.loads(file.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise ValueError(
                f"{file} cannot be read ({error}): whether the pictures are still the "
                "same cannot be told; start a new run, with --start-from"
            ) from error
        now = self.pictures.fingerprint()
        for side, then in before.items():
            for name in [*then, *now[side]]:
                if then.get(name) != now[side].get(name):
                    what = (
                        "has changed"
                        if name in then and name in now[side]
                        else ("is gone" if name in then else "is new")
                    )
                    raise ValueError(
                        f"the {side} pictures are not those that the run in "
                        f"{self.folder} began with ({name!r} {what}): put them back, or "
                        f"start a new run with --start-from {self.folder}"
                    )

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
            with bar, _stopping() as stop:
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
            with seeded(seed_for(plan.seed, self.step, self.processes.rank)):
                self.running.train()
                rate = self.take_step.learning_rate
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
        pairs = [val[i] for i in range(0, len(val), every)]
        draw_samples(self.folder, pairs, lambda x: predictor(x).label, self.network)


def _scored(predictor: Predictor, val: Any, processes: Processes) -> dict[str, Any]:
    """Score each picture once, shared out over the processes, and add up the counts."""
    meter = ScoreMeter(
        predictor.network.classes, ignore_index=predictor.network.ignore_index
    )
    for index in range(processes.rank, len(val), processes.count):
        image, label = val[index]
        meter.update(predictor(image).label[None].cpu(), label[None])
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


@contextmanager
def _quiet_ending(processes: Processes) -> Iterator[None]:
    """Part the processes however the run ends."""
    try:
        yield
    finally:
        processes.end()
