"""Train and score a segmentation network: one loop for CPU, CUDA and Apple's MPS.

A run is a number of **steps**, never seconds, so that a slower machine gives the same
network. AdamW, the one-cycle schedule of Smith and Topin (2017, arXiv:1708.07120) and
class weights are what small networks need to learn thin classes in a few hundred steps.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, RandomSampler
from tqdm.auto import tqdm

from simseg_core.agreement import check_loss, match_labels, match_names, run_model
from simseg_core.metrics import IGNORE_INDEX, ScoreMeter, Scores, check_labels
from simseg_core.spread import SeedRuns

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
    ignore_index: int = IGNORE_INDEX,
    seed: int = 0,
    device: torch.device | str | None = None,
    amp: bool | torch.dtype = False,
    num_workers: int = 0,
    progress: bool = True,
) -> History:
    """Train `model` in place for `steps` batches; it ends in evaluation mode.

    Args:
        model: images ``(B, C, H, W)`` -> logits ``(B, num_classes, h, w)``. Where the
            logits are smaller (valid convolutions), the label's centre is used.
        dataset: indexable pairs of image ``(C, H, W)`` and label ``(H, W)``.
        steps: number of batches; the data set is reshuffled whenever it is used up.
        batch_size: images a step.
        max_lr: peak of the one-cycle schedule.
        class_weights: float, ``(num_classes,)``, see `inverse_sqrt_frequency`.
        ignore_index: label of the pixels that no loss is taken of.
        seed: of the images' order and dropout; torch's own state stays as it was.
        device: where to train; None picks the accelerator if there is one.
        amp: mixed precision; True picks the type, or give torch.bfloat16 or .float16.
        num_workers: processes that load images.
        progress: show a bar.

    Returns:
        The loss and learning rate of every step.

    Raises:
        ValueError: if images, labels and logits do not fit each other.
        FloatingPointError: if the loss is not finite; the error names the step.
    """
    device = pick_device(device)
    batches = _batches(dataset, steps, batch_size, num_workers)
    model.to(device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=max_lr)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr, total_steps=steps)
    criterion = nn.CrossEntropyLoss(class_weights, ignore_index=ignore_index).to(device)
    dtype = _amp_dtype(amp, device)
    scaler = torch.amp.GradScaler(device.type, enabled=dtype == torch.float16)
    history = History()

    with _seeded(seed):
        bar = tqdm(batches, disable=not progress, desc="training", unit="step")
        for step, (images, labels) in enumerate(bar):
            images, labels = images.to(device), labels.to(device)
            with torch.autocast(device.type, dtype, enabled=dtype is not None):
                logits = run_model(model, images)
                labels = match_labels(labels, logits, ignore_index)
                loss = criterion(logits.float(), labels)
            check_loss(loss, step, labels, ignore_index)

            optimizer.zero_grad(set_to_none=True)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()

            history.losses.append(loss.item())
            history.learning_rates.append(float(schedule.get_last_lr()[0]))
            schedule.step()
            bar.set_postfix(loss=f"{history.losses[-1]:.3f}", refresh=False)
    model.eval()
    return history


@torch.inference_mode()
def evaluate(
    model: nn.Module,
    dataset: Any,
    *,
    batch_size: int = 8,
    classes: Sequence[str] | None = None,
    ignore_index: int = IGNORE_INDEX,
    device: torch.device | str | None = None,
    num_workers: int = 0,
) -> Scores:
    """Score `model` on every image of `dataset`; it ends in evaluation mode.

    Args:
        model: images ``(B, C, H, W)`` -> logits ``(B, num_classes, h, w)``.
        dataset: indexable pairs of image ``(C, H, W)`` and label ``(H, W)``.
        batch_size: images at a time; the scores do not depend on it.
        classes: their names; None takes `dataset.classes`, else numbers.
        ignore_index: label of the pixels that count nowhere.
        device: where to compute; None picks the accelerator if there is one.
        num_workers: processes that load images.

    Raises:
        ValueError: if images, labels, logits and names do not fit each other.
    """
    device = pick_device(device)
    model.to(device).eval()
    classes = classes or getattr(dataset, "classes", None)
    meter: ScoreMeter | None = None
    for images, labels in DataLoader(dataset, batch_size, num_workers=num_workers):
        logits = run_model(model, images.to(device))
        labels = match_labels(labels.to(device), logits, ignore_index)
        if meter is None:
            names = match_names(classes, logits)
            meter = ScoreMeter(names, ignore_index=ignore_index)
        meter.update(logits.argmax(dim=1), labels)
    if meter is None:
        raise ValueError("the data set is empty: there is nothing to score")
    return meter.compute()


def run_seeds(
    build: Callable[[], nn.Module],
    train: Any,
    val: Any,
    *,
    seeds: Sequence[int],
    steps: int,
    **options: Any,
) -> SeedRuns:
    """Build, train and score one network a seed, from its own random weights.

    Args:
        build: returns a new model.
        train: data set to train on.
        val: data set to score on.
        seeds: each seeds the weights, the images' order and dropout.
        steps: batches a run.
        **options: passed to `fit`.
    """
    scores, losses = {}, {}
    shared = ("batch_size", "device", "ignore_index", "num_workers")
    scoring = {name: options[name] for name in shared if name in options}
    for seed in seeds:
        with _seeded(seed):
            model = build()
        losses[seed] = fit(model, train, steps=steps, seed=seed, **options).losses
        scores[seed] = evaluate(model, val, **scoring)
    return SeedRuns(scores, losses)


def inverse_sqrt_frequency(
    dataset: Any, num_classes: int | None = None, *, ignore_index: int = IGNORE_INDEX
) -> Tensor:
    """Weigh each class by one over the square root of its pixel count.

    A class 100 times rarer weighs 10 times more; the classes' mean weight is 1.

    Args:
        dataset: indexable pairs; every label is read once.
        num_classes: None takes the number of `dataset.classes`.
        ignore_index: label of the pixels that are not counted.

    Returns:
        Float, ``(num_classes,)``.

    >>> pairs = [(None, torch.tensor([[0, 0, 0, 0], [1, 255, 255, 255]]))]
    >>> inverse_sqrt_frequency(pairs, num_classes=2)
    tensor([0.6667, 1.3333])
    """
    classes = num_classes or len(dataset.classes)
    counts = torch.zeros(classes, dtype=torch.long)
    for index in range(len(dataset)):
        label = dataset[index][1].long()
        check_labels(label, classes, ignore_index=ignore_index)
        counts += label[label != ignore_index].bincount(minlength=classes)
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
) -> Iterable[tuple[Tensor, Tensor]]:
    """Exactly `steps` full batches; the sampler reshuffles after each pass."""
    if steps < 1 or batch_size < 1 or len(dataset) < 1:
        raise ValueError(
            f"nothing to train on: steps={steps}, batch_size={batch_size} and a data "
            f"set of {len(dataset)} images must all be 1 or more"
        )
    sampler = RandomSampler(dataset, num_samples=steps * batch_size)
    return DataLoader(dataset, batch_size, sampler=sampler, num_workers=num_workers)


def _amp_dtype(amp: bool | torch.dtype, device: torch.device) -> torch.dtype | None:
    if isinstance(amp, torch.dtype):
        return amp
    old_gpu = device.type == "cuda" and not torch.cuda.is_bf16_supported()
    return (torch.float16 if old_gpu else torch.bfloat16) if amp else None


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed torch inside the block, and leave its random state as it was."""
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        yield
