"""Train and score a segmentation network: one loop for CPU, CUDA and Apple's MPS.

A run is a number of **steps**, never seconds, so that a slower machine gives the same
network. AdamW, the one-cycle schedule of Smith and Topin (2017, arXiv:1708.07120) and
class weights are what small networks need to learn thin classes in a few hundred steps.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, RandomSampler
from tqdm.auto import tqdm

from simseg_core.data.pairs import (
    Pair,
    check_collection,
    class_names,
    ignored_label,
    label_tensor,
    split_pair,
    stack_pairs,
)
from simseg_core.training.checks import (
    Agreement,
    check_model,
    match_names,
    weight_tensor,
)
from simseg_core.training.losses import SegmentationLoss
from simseg_core.training.metrics import ScoreMeter, Scores, check_labels
from simseg_core.training.randomness import draw_before_order, seeded
from simseg_core.training.seeds import SeedRuns
from simseg_core.training.step import TrainingStep

__all__ = [
    "History",
    "evaluate",
    "fit",
    "inverse_sqrt_frequency",
    "pick_device",
    "run_seeds",
]


@dataclass
class History:
    """What happened at each step of a training.

    Attributes:
        losses: cross-entropy of the step's batch, before its update.
        learning_rates: the rate that the step used.
    """

    losses: list[float] = field(default_factory=list)
    learning_rates: list[float] = field(default_factory=list)


def fit(
    model: nn.Module,
    dataset: Any,
    *,
    steps: int,
    batch_size: int = 8,
    max_lr: float = 6e-3,
    class_weights: Tensor | None = None,
    ignore_index: int | None = None,
    seed: int = 0,
    device: torch.device | str | None = None,
    amp: bool | torch.dtype = False,
    num_workers: int = 0,
    progress: bool = True,
) -> History:
    """Train `model` in place for `steps` batches; it ends in evaluation mode.

    So it does when training ends early, by an error or by Ctrl-C. The exception then
    carries what was recorded until there, as `error.history`; in a notebook it is
    reached by ``import sys; sys.last_value.history``.

    Args:
        model: images ``(B, C, H, W)`` -> logits ``(B, num_classes, h, w)``. Where the
            logits lack a border (valid convolutions), the label's centre is used;
            logits of a lower resolution are refused.
        dataset: indexable pairs of image ``(C, H, W)`` and label ``(H, W)``.
        steps: number of batches; the data set is reshuffled whenever it is used up.
        batch_size: images a step.
        max_lr: peak of the one-cycle schedule.
        class_weights: float, ``(num_classes,)``, see `inverse_sqrt_frequency`.
        ignore_index: label of the pixels that no loss is taken of. None takes
            `dataset.ignore_index`, also of a subset or wrapper of that data set, else
            255; a number given here takes precedence over the data set's.
        seed: of the images' order and dropout; torch's own state stays as it was.
        device: where to train; None picks the accelerator if there is one.
        amp: mixed precision; True picks the type, or give torch.bfloat16 or .float16.
        num_workers: processes that load images.
        progress: show a bar.

    Returns:
        The loss and learning rate of every step.

    Raises:
        ValueError: if images, labels and logits do not fit each other.
        TypeError: if the data set gives no pairs of tensors, or the model no logits.
        FloatingPointError: if the loss is not finite; the error names the step.
        RuntimeError: if no parameter of the model can be trained.
    """
    check_model(model)
    device = pick_device(device)
    batches = _batches(dataset, steps, batch_size, num_workers)
    ignore_index = ignored_label(dataset, ignore_index)
    history = History()
    try:
        model.to(device).train()
        weights = weight_tensor(class_weights)
        criterion = SegmentationLoss(class_weights=weights, ignore_index=ignore_index)
        take_step = TrainingStep(
            model, criterion, steps=steps, max_lr=max_lr, device=device, amp=amp
        )
        progress_bar = tqdm(
            total=steps, disable=not progress, desc="training", unit="step"
        )
        with seeded(seed), progress_bar as bar:
            draw_before_order()
            for step, batch in enumerate(_load(batches)):
                rate = take_step.learning_rate
                loss = take_step(batch, step).item()
                history.losses.append(loss)
                history.learning_rates.append(rate)
                bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
                bar.update()
    except BaseException as error:
        _keep(error, "history", history, f"{len(history.losses)} of {steps} steps")
        raise
    finally:
        model.eval()
    return history


@torch.no_grad()  # not inference_mode: what the model keeps must still train later
def evaluate(
    model: nn.Module,
    dataset: Any,
    *,
    batch_size: int = 8,
    classes: Sequence[str] | None = None,
    ignore_index: int | None = None,
    boundary: bool = True,
    device: torch.device | str | None = None,
    num_workers: int = 0,
) -> Scores:
    """Score `model` on every image of `dataset`; it ends in evaluation mode.

    Args:
        model: images ``(B, C, H, W)`` -> logits ``(B, num_classes, h, w)``.
        dataset: indexable pairs of image ``(C, H, W)`` and label ``(H, W)``.
        batch_size: images at a time; the scores do not depend on it.
        classes: their names; None takes `dataset.classes`, also of a subset or wrapper
            of that data set, else numbers.
        ignore_index: label of the pixels that count nowhere; None as in `fit`.
        boundary: whether to score boundary IoU too.
        device: where to compute; None picks the accelerator if there is one.
        num_workers: processes that load images.

    Raises:
        ValueError: if images, labels, logits and names do not fit each other.
        TypeError: if the data set gives no pairs of tensors, or the model no logits.
        FloatingPointError: if the model gives NaN.
    """
    check_model(model)
    device = pick_device(device)
    model.to(device).eval()
    check_collection(dataset)
    if classes is None:
        classes = class_names(dataset)
    ignore_index = ignored_label(dataset, ignore_index)
    agree = Agreement(model, device, ignore_index)
    meter: ScoreMeter | None = None
    undefined: int | Tensor = 0  # batches; on the device, so that nothing waits for it
    batches = DataLoader(
        dataset, batch_size, num_workers=num_workers, collate_fn=stack_pairs
    )
    for batch in _load(batches):
        logits, labels = agree(batch)
        if meter is None:
            names = match_names(classes, logits)
            meter = ScoreMeter(names, ignore_index=ignore_index, boundary=boundary)
        meter.count(logits.argmax(dim=1), labels)
        undefined = undefined + logits.isnan().any()
    if meter is None:
        raise ValueError("the data set is empty: there is nothing to score")
    if undefined:
        raise FloatingPointError(
            f"the model gives NaN in {int(undefined)} of {len(batches)} batches, which "
            "is no class: look for NaN in the images and in the model's weights"
        )
    return meter.compute()


def run_seeds(
    build: Callable[[], nn.Module],
    train: Any,
    val: Any,
    *,
    seeds: Sequence[int],
    steps: int,
    boundary: bool = True,
    **options: Any,
) -> SeedRuns:
    """Build, train and score one network a seed, from its own random weights.

    It keeps every trained network, on the device that it was trained on. Where it ends
    early, by an error or by Ctrl-C, the exception carries the runs that were complete,
    as `error.runs`; see `fit`.

    Args:
        build: returns a new model; torch is seeded when it is called.
        train: data set to train on.
        val: data set to score on.
        seeds: each seeds the weights, the images' order and dropout.
        steps: batches a run.
        boundary: whether to score boundary IoU too.
        **options: passed to `fit`.

    Returns:
        Scores, losses and trained network of each seed, in the order of `seeds`.
    """
    runs = SeedRuns(scores := {}, losses := {}, models := {})
    shared = ("batch_size", "device", "ignore_index", "num_workers")
    scoring = {name: options[name] for name in shared if name in options}
    try:
        for seed in seeds:
            with seeded(seed):
                model = build()
            history = fit(model, train, steps=steps, seed=seed, **options)
            scores[seed] = evaluate(model, val, boundary=boundary, **scoring)
            losses[seed], models[seed] = history.losses, model
    except BaseException as error:
        _keep(error, "runs", runs, f"{len(scores)} of {len(seeds)} seeds")
        raise
    return runs


def inverse_sqrt_frequency(
    dataset: Any, num_classes: int | None = None, *, ignore_index: int | None = None
) -> Tensor:
    """Weigh each class by one over the square root of its pixel count.

    A class 100 times rarer weighs 10 times more; the classes' mean weight is 1.

    Args:
        dataset: indexable pairs; every label is read once.
        num_classes: None takes the number of `dataset.classes`, also of a subset or
            wrapper of that data set.
        ignore_index: label of the pixels that are not counted; None as in `fit`.

    Returns:
        Float, ``(num_classes,)``.

    Raises:
        ValueError: if the number of classes is not known, a label is wrong, or no pixel
            of the data set counts.
        TypeError: if the data set gives no pairs.

    >>> pairs = [(None, torch.tensor([[0, 0, 0, 0], [1, 255, 255, 255]]))]
    >>> inverse_sqrt_frequency(pairs, num_classes=2)
    tensor([0.6667, 1.3333])
    """
    check_collection(dataset)
    classes = num_classes or len(class_names(dataset) or ())
    if classes == 0:
        raise ValueError("the data set does not name its classes: say num_classes=")
    ignore_index = ignored_label(dataset, ignore_index)
    counts = torch.zeros(classes, dtype=torch.long)
    for index in range(len(dataset)):
        label = label_tensor(split_pair(dataset[index])[1]).cpu()
        check_labels(label, classes, ignore_index=ignore_index)
        counts += label[label != ignore_index].bincount(minlength=classes)
    if not counts.any():
        raise ValueError(
            f"none of the {len(dataset)} labels has a pixel that counts: all are "
            f"{ignore_index}, or there are none"
        )
    weights = counts.clamp(min=1).double().rsqrt()  # an absent class has no target
    return (weights / weights[counts > 0].mean()).float()


def pick_device(device: torch.device | str | None = None) -> torch.device:
    """Return `device`, or this machine's accelerator, or its CPU."""
    if device is not None:
        return torch.device(device)
    found = torch.accelerator.is_available() and torch.accelerator.current_accelerator()
    return found or torch.device("cpu")


def _batches(
    dataset: Any, steps: int, batch_size: int, num_workers: int
) -> DataLoader[Pair]:
    """Exactly `steps` full batches; the sampler reshuffles after each pass."""
    check_collection(dataset)
    for name, number in {"steps": steps, "batch_size": batch_size}.items():
        if not isinstance(number, int | np.integer):
            raise TypeError(f"{name}={number!r} must be a whole number: int({name})")
    if steps < 1 or batch_size < 1 or len(dataset) < 1:
        raise ValueError(
            f"nothing to train on: steps={steps}, batch_size={batch_size} and a data "
            f"set of {len(dataset)} images must all be 1 or more"
        )
    sampler = RandomSampler(dataset, num_samples=steps * batch_size)
    return DataLoader(
        dataset,
        batch_size,
        sampler=sampler,
        num_workers=num_workers,
        collate_fn=stack_pairs,
    )


def _load(batches: DataLoader[Pair]) -> Iterator[Pair | Exception]:
    """Give every batch, and close the workers however the loop over them ends.

    On their own they live as long as the error's traceback, which a notebook keeps.
    """
    each = iter(batches)
    try:
        yield from each
    finally:
        if batches.num_workers:
            each._shutdown_workers()  # type: ignore[attr-defined]


def _keep(error: BaseException, name: str, record: Any, done: str) -> None:
    """Hang what was recorded on the exception that ends it, and say so in its text."""
    setattr(error, name, record)
    if not done.startswith("0 "):
        error.add_note(f"Stopped after {done}; error.{name} holds what they recorded.")
