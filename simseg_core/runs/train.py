"""Train a network on a reader's own pictures, in a folder that survives what happens.

`fit` is the loop of the chapters: a few hundred steps that nobody will miss. A run
lasts hours: it is validated on the way, keeps its best and its last weights, and goes
on after a stop as if there had been none, to the last bit on a CPU.
"""

import dataclasses
import os
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import torch
from tqdm.auto import tqdm

from simseg_core.data.pairs import ignored_label
from simseg_core.data.sources import has_parts
from simseg_core.runs.folder import METRICS, PICTURES, RUN
from simseg_core.runs.network import Network
from simseg_core.runs.pictures import Pictures
from simseg_core.runs.plan import Plan
from simseg_core.runs.processes import Processes
from simseg_core.runs.run import Run, RunResult

__all__ = ["train"]

_BEGUN = {RUN, PICTURES, METRICS}  # what a folder holds before the first validation
_SHORTER_SIDE = 512  # pixels, of the median picture, at most


def train(
    data: Any = None,
    *,
    out: str | os.PathLike[str],
    val: Any = None,
    resume: bool = False,
    accept_changes: bool = False,
    device: torch.device | str | None = None,
    num_workers: int = 0,
    tensorboard: bool = False,
    progress: bool = True,
    tell: Callable[[str], None] | None = None,
    **asked: Any,
) -> RunResult:
    """Train a network in a folder, or go on with the one that stands there.

    Args:
        data: what `simseg_core.data.open_source` opens, such as ``"folder:PATH"``, or a
            data set of raw pairs: images ``(3, H, W)`` from 0 to 1, labels ``(H, W)``.
        out: the run's folder; it must be new or empty, unless `resume`.
        val: a data set of raw pairs to validate on, where `data` is one; None splits.
        resume: whether to go on with the run in `out`. What it was asked for need
            not be said again.
        accept_changes: whether pictures of a resumed run may have been mended.
        device: where to compute; None picks the accelerator if there is one.
        num_workers: processes that load pictures; the result does not depend on it.
        tensorboard: whether to write for TensorBoard, too.
        progress: whether to show a bar.
        tell: is given a line for each thing worth knowing; None prints them where there
            is a bar.
        **asked: fields of `Plan`, such as `model`, `steps` and `classes`.

    Returns:
        Where the run stands, and its best scores.

    Raises:
        FileExistsError: if `out` holds something, and `resume` was not said.
        BlockingIOError: if another run is at work in `out`.
        ChildProcessError: if a process that loads pictures is killed.
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
    if not processes.is_first:
        tell = None
    elif tell is None and progress:
        tell = tqdm.write
    plan = _plan(folder, data, asked, resume)
    pictures = Pictures.of(plan, data, val)
    if resume:
        pictures.check_same(folder / PICTURES, accept_changes=accept_changes)
    network = Plan.read_network(folder / RUN) if resume else _network(plan, pictures)
    if plan.batch_size < processes.count:
        raise ValueError(
            f"batch_size={plan.batch_size} leaves some of {processes.count} processes "
            f"without a picture: say {processes.count} or more"
        )
    look = pictures.look(len(network.classes), network.ignore_index)
    if plan.scale is None and not resume:
        scale = min(1.0, _SHORTER_SIDE / look.shorter_side)
        network = dataclasses.replace(network, scale=scale)
    run = Run(folder, plan, pictures, network, processes, tell or _say_nothing)
    run.describe([network.classes[number] for number in look.missing])
    with closing(processes), run.alone():
        if resume:
            run.restore()
        elif processes.is_first:
            _check_free(folder)  # another run may have ended there meanwhile
            run.begin()
        if accept_changes:
            run.accept_changes()
        return run.go(num_workers, tensorboard, progress)


def _say_nothing(line: str) -> None:
    pass


def _plan(folder: Path, data: Any, asked: Mapping[str, Any], resume: bool) -> Plan:
    unknown = [name for name in asked if name not in Plan.__dataclass_fields__]
    if unknown:
        known = ", ".join(Plan.__dataclass_fields__)
        raise TypeError(f"train has no {unknown[0]!r}: a run's plan has {known}")
    if data is not None:
        said = data if isinstance(data, str) else type(data).__name__
        if said.startswith("folder:"):  # the run may go on from another place
            said = f"folder:{Path(said[7:]).expanduser().absolute()}"
        asked = {"data": said, **asked}
    if resume:
        plan = Plan.read(folder / RUN)
        plan.check_same(asked, folder / RUN)
        if data is None and ":" not in plan.data and not has_parts(plan.data):
            raise ValueError(
                f"the run in {folder} trained on a {plan.data}: give it again, as data="
            )
        return dataclasses.replace(plan, data=asked.get("data", plan.data))
    if data is None:
        raise ValueError('nothing to train on: say data="folder:PATH"')
    _check_free(folder)
    return Plan(**asked)


def _check_free(folder: Path) -> None:
    """Refuse to begin a run where something would be lost.

    One that ended before its first validation, by a mistake in what was asked for, say,
    has left nothing to keep.
    """
    if not folder.exists():
        return
    if not folder.is_dir() or not {f.name for f in folder.iterdir()} <= _BEGUN:
        raise FileExistsError(
            f"{folder} is there and holds files: choose a new folder, or resume the "
            "run in it (resume=True)"
        )


def _network(plan: Plan, pictures: Pictures) -> Network:
    source = pictures.source
    classes = plan.classes or getattr(source, "classes", None)
    if not classes:
        raise ValueError("the data set does not name its classes: say classes=")
    return Network(
        plan.model,
        tuple(classes),
        preset=plan.preset,
        options=plan.options,
        palette=getattr(source, "palette", None),
        ignore_index=ignored_label(source, None),
        mask_values=getattr(source, "mask_values", None),
        scale=plan.scale or 1.0,
    )
